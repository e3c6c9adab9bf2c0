"""The sentences behind each alert code, as data. It may hold no number and no secret."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from ipc.reasons import Reason


class Story(Struct, frozen=True, kw_only=True):
    """What happened, what the sentinel already did, what to type, and the runbook's page."""

    title: str
    what: str
    did: str
    next: str
    page: str


_RESUME: Final = "sentinel status; then sentinel resume --by NAME --why TEXT"
_ACCOUNT: Final = "sentinel account; then look at the venue itself"
_STATUS: Final = "sentinel status"
_CHECK: Final = "sentinel check-config"


def _story(code: str, title: str, what: str, did: str, next_step: str) -> tuple[str, Story]:
    return code, Story(title=title, what=what, did=did, next=next_step, page=_page(code))


def _page(code: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", code.lower()[:80])


STORIES: Final = dict(
    (
        _story(
            "TRADING_HALTED",
            "trading is halted",
            "The sentinel latched a halt.",
            "Every order is vetoed; only cancels pass. The halt outlives a restart.",
            _RESUME,
        ),
        _story(
            "TRADING_REDUCING",
            "only exits are allowed",
            "The sentinel went to REDUCING.",
            "Only cancels and orders that reduce exposure pass.",
            _STATUS,
        ),
        _story(
            "TRADING_RESUMED",
            "trading goes on",
            "The state is ACTIVE again.",
            "Orders are judged against the limits again.",
            _STATUS,
        ),
        _story(
            "KILL_STARTED",
            "the loop is being killed",
            "The kill sequence began.",
            "The halt is latched, every order is vetoed, the process tree is being killed.",
            _STATUS,
        ),
        _story(
            "KILLED_FLAT",
            "loop killed, account flat",
            "The kill sequence ended: no process, no working order, no position.",
            "Working orders and positions were read back from the venue.",
            _RESUME,
        ),
        _story(
            "KILLED_POSITION_OPEN",
            "loop killed, A POSITION IS OPEN",
            "The kill sequence ended with a position left at the venue.",
            "The process tree is dead and only protective stops may still work at the venue.",
            _ACCOUNT,
        ),
        _story(
            "KILL_UNVERIFIED",
            "KILL NOT VERIFIED",
            "The sentinel cannot see that the loop and its orders are gone.",
            "The halt is latched; it tries again and repeats this alert every 30 s.",
            "look at the venue now; sentinel account; sentinel status",
        ),
        _story(
            "KILL_UNCONFIRMED",
            "processes outlive their kill",
            "A process of the loop is still there a second after SIGKILL.",
            "Every order is vetoed; the kill is repeated.",
            "sentinel status; ps -o pid,stat,cmd on the pids above",
        ),
        _story(
            "CONFIG_INVALID",
            "the configuration file is not valid",
            "The configuration on disk cannot be used.",
            "The limits loaded before stay in force.",
            _CHECK,
        ),
        _story(
            "CONFIG_PENDING",
            "looser limits wait for consent",
            "The configuration on disk is looser than what is in force.",
            "Nothing was loosened.",
            "sentinel status; then sentinel accept-config HASH",
        ),
        _story(
            "CONFIG_LOADED",
            "new limits are in force",
            "The configuration on disk was loaded.",
            "The new limits apply from now on.",
            "sentinel check-config",
        ),
        _story(
            "JOURNAL_FAILED",
            "THE JOURNAL CANNOT BE WRITTEN",
            "Writing to the journal failed.",
            "The halt is latched in memory and the sentinel ends.",
            "look at the disk (df, dmesg); then sentinel journal verify",
        ),
        _story(
            "STOP_FILE_SEEN",
            "a STOP file was found",
            "A STOP file exists.",
            "The halt is latched and the loop is killed; removing the file does not resume.",
            _RESUME,
        ),
        _story(
            "ROGUE_ORDER",
            "an order nobody approved",
            "The venue shows an order that the sentinel did not approve.",
            "The halt is latched and the loop is killed.",
            _ACCOUNT,
        ),
        _story(
            "DROP_COPY_LOST",
            "the venue cannot be read",
            "The sentinel's own connection to the broker fails.",
            "Only exits pass until it is back.",
            _ACCOUNT,
        ),
        _story(
            "SENTINEL_STARTED",
            "the sentinel is armed",
            "The sentinel started.",
            "Counters, day and halt were restored from the journal.",
            _STATUS,
        ),
        _story(
            "SENTINEL_STOPPED",
            "the sentinel ended",
            "The sentinel was told to end.",
            "The gate is closed; loops withdraw.",
            "systemctl status sentinel",
        ),
        _story(
            "ALERT_TEST",
            "this is a test",
            "Somebody asked for a test of the alert routes.",
            "Nothing else.",
            "nothing: it arrived",
        ),
    )
)

_MEANINGS: Final = {reason.value: reason.meaning for reason in Reason}


def story_of(code: str) -> Story:
    """The story of a code; one that has none of its own speaks through its reason or its name."""
    story = STORIES.get(code)
    if story is not None:
        return story
    plain = code.replace("_", " ").lower()
    meaning = _MEANINGS.get(code, plain)
    return Story(
        title=plain,
        what=f"{meaning[:1].upper()}{meaning[1:]}.",
        did="The sentinel acted as its limits say; see the state in status.",
        next=_STATUS,
        page=_page(code),
    )
