"""What is paper and what is live, computed from the resolved endpoint; nothing is reached here."""

from __future__ import annotations

from typing import Final

PAPER: Final = "paper"
LIVE: Final = "live"
OFFLINE_SCHEME: Final = "offline:"


def mode_of(endpoint: str) -> str:
    """Return `paper` only for an endpoint that is known to be one; everything else is `live`."""
    return PAPER if endpoint.startswith(OFFLINE_SCHEME) else LIVE
