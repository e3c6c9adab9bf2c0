"""What a story is, and the sentences that several share. It may hold no number and no secret."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

RESUME: Final = "sentinel status; then sentinel resume --by NAME --why TEXT"
ACCOUNT: Final = "sentinel account; then look at the venue itself"
STATUS: Final = "sentinel status"
CHECK: Final = "sentinel check-config"
DID_KILLED: Final = "The halt is latched and the kill sequence runs; its outcome is told apart."
DID_HALTED: Final = "Every order is vetoed; only cancels pass. The halt outlives a restart."


class Story(Struct, frozen=True, kw_only=True):
    """What happened, what the sentinel already did, what to type, and the runbook's heading."""

    title: str
    what: str
    did: str
    next: str
    page: str


def page_of(code: str) -> str:
    """Return the heading of docs/runbook.md that a code leads to."""
    return re.sub(r"[^a-z0-9]+", "-", code.lower()[:80])


def told(
    *rows: tuple[str, str, str, str, str],
) -> dict[str, Story]:
    """Make stories by code from rows of code, title, what, did and next."""
    return {
        code: Story(title=title, what=what, did=did, next=then, page=page_of(code))
        for code, title, what, did, then in rows
    }
