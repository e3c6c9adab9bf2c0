"""The sentences behind each alert code, as data. It may hold no number and no secret.

The page of a story is a heading of docs/runbook.md.
"""

from __future__ import annotations

from typing import Final

from alerts.causes import CAUSES
from alerts.story import ACCOUNT, CHECK, DID_HALTED, RESUME, STATUS, Story, page_of, told
from ipc.config.actions import DEFAULT_ACTIONS
from ipc.reasons import Reason

STORIES: Final = told(
    ("HALTED", "trading is halted", "The sentinel latched a halt.", DID_HALTED, RESUME),
    (
        "REDUCING",
        "only exits are allowed",
        "The sentinel went to REDUCING.",
        "Only cancels and orders that reduce exposure pass, until a person resumes.",
        RESUME,
    ),
    (
        "RESUMED",
        "trading goes on",
        "A person lifted the halt.",
        "Orders are judged against the limits again.",
        STATUS,
    ),
    (
        "KILLED_FLAT",
        "loop killed, account flat",
        "The kill sequence ended: no process, no working order, no position.",
        "Working orders and positions were read back from the venue.",
        RESUME,
    ),
    (
        "KILLED_POSITION_OPEN",
        "loop killed, A POSITION IS OPEN",
        "The kill sequence ended with a position left at the venue.",
        "The process tree is dead and only protective stops may still work at the venue.",
        ACCOUNT,
    ),
    (
        "KILL_UNVERIFIED",
        "KILL NOT VERIFIED",
        "The sentinel cannot see that the loop and its orders are gone.",
        "The halt is latched; it tries again and repeats this alert every 30 s.",
        "look at the venue now; sentinel account; sentinel status",
    ),
    (
        "LIMITS_REJECTED",
        "the configuration file is not valid",
        "The configuration on disk cannot be used.",
        "The limits loaded before stay in force.",
        CHECK,
    ),
    (
        "LIMITS_PENDING",
        "looser limits wait for consent",
        "The configuration on disk is looser than what is in force.",
        "Nothing was loosened.",
        "sentinel status --json; then sentinel accept-config HASH",
    ),
    (
        "LIMITS_CHANGED",
        "new limits are in force",
        "The configuration on disk was loaded.",
        "The new limits apply from now on.",
        CHECK,
    ),
    (
        "BLIND",
        "the loop sees no market",
        "No market data has reached the loop for data_timeout_ms.",
        "Only exits pass until data is back; then trading goes on by itself.",
        "look at the feed and the network; sentinel status",
    ),
    (
        "DROP_COPY_LOST",
        "the venue cannot be read",
        "The sentinel's own connection to the broker fails.",
        "Only exits pass until it is back; then trading goes on by itself.",
        ACCOUNT,
    ),
    (
        "HELLO_REFUSED",
        "a loop was refused",
        "A loop asked for a session and does not fit what the sentinel sees.",
        "No session was opened; nothing it asks is approved.",
        "compare the loop's configuration and account with sentinel status",
    ),
    (
        "FOREIGN_MESSAGE",
        "a stranger spoke at the gate",
        "A message came from a process that is not the session's.",
        "It was dropped and counted; nothing else changed.",
        "ps -ef; find out who that process is",
    ),
    (
        "EXECUTION_UNKNOWN",
        "a report about no order of ours",
        "The loop reported an execution that no approved order explains.",
        "It was noted and changed nothing; the broker's own record decides.",
        ACCOUNT,
    ),
    (
        "EXECUTION_MALFORMED",
        "a report without usable numbers",
        "An execution had no positive quantity and price.",
        "It was noted and changed nothing; the broker's own record decides.",
        ACCOUNT,
    ),
    (
        "EXECUTION_OVERFILLS",
        "a fill larger than its order",
        "An execution would fill an order for more than its quantity.",
        "It was noted and changed nothing; the broker's own record decides.",
        ACCOUNT,
    ),
    (
        "CLOCK_JUMPED",
        "the wall clock jumped",
        "The wall clock moved against the time that really passed.",
        "The trading day goes on by elapsed time; no budget was renewed.",
        "timedatectl; then sentinel status",
    ),
    (
        "SENTINEL_STALLED",
        "the sentinel itself was not running",
        "The host slept or the sentinel got no processor.",
        "One window was forgiven to each loop; nothing was approved meanwhile.",
        "look at the host's load and memory",
    ),
    (
        "SENTINEL_STARTED",
        "the sentinel is armed",
        "The sentinel started.",
        "Counters, day and halt were restored from the journal.",
        STATUS,
    ),
    (
        "SESSION_ENDED",
        "a loop said goodbye",
        "A loop ended its session on purpose.",
        "The state stays what it was.",
        "nothing",
    ),
    (
        "ALERT_TEST",
        "this is a test",
        "Somebody asked for a test of the alert routes.",
        "Nothing else.",
        "nothing: it arrived",
    ),
)

_MEANINGS: Final = {reason.value: reason.meaning for reason in Reason}
_STATES: Final = ("HALTED", "REDUCING")
_DRASTIC: Final = frozenset(reason.value for reason in DEFAULT_ACTIONS)
"""Limits that do more than veto unless the file says otherwise: each has a page of its own."""


def story_of(code: str, cause: str = "") -> Story:
    """The story of a code; a halt's is its cause's. A code may name its subject after a colon.

    One that has none of its own speaks through its reason or its name.
    """
    code = code.partition(":")[0]
    story = STORIES.get(code)
    if story is None:
        return _plain(code)
    if code not in _STATES or not cause:
        return story
    if cause in CAUSES:
        return CAUSES[cause]
    if cause in _MEANINGS:
        what = f"{_sentence(_MEANINGS[cause])}."
        return Story(
            title=f"{story.title}: {_MEANINGS[cause]}",
            what=what,
            did=story.did,
            next=story.next,
            page=page_of(cause) if cause in _DRASTIC else "limits",
        )
    return story


def _plain(code: str) -> Story:
    plain = code.replace("_", " ").lower()
    return Story(
        title=plain,
        what=f"{_sentence(_MEANINGS.get(code, plain))}.",
        did="The sentinel acted as its limits say; see the state in status.",
        next=STATUS,
        page=page_of(code),
    )


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
