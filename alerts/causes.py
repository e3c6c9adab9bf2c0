"""The stories of what halts or reduces, apart from limits. It may hold no number and no secret."""

from __future__ import annotations

from typing import Final

from alerts.story import ACCOUNT, DID_HALTED, DID_KILLED, RESUME, told

CAUSES: Final = told(
    (
        "HEARTBEAT_QUIET",
        "the loop fell silent",
        "No heartbeat came within heartbeat_timeout_ms.",
        DID_KILLED,
        RESUME,
    ),
    (
        "LOOP_STUCK",
        "the loop is stuck",
        "Heartbeats came, but no pass was finished within progress_timeout_ms.",
        DID_KILLED,
        RESUME,
    ),
    (
        "LOOP_GONE",
        "the loop died",
        "The loop's process ended without goodbye.",
        DID_KILLED,
        RESUME,
    ),
    (
        "STOP_FILE_PRESENT",
        "a STOP file was found",
        "A STOP file exists.",
        f"{DID_KILLED} Removing the file does not resume.",
        "remove the file; then sentinel resume --by NAME --why TEXT",
    ),
    (
        "STOP_DIRECTORY_MISSING",
        "a STOP file's directory is missing",
        "A directory in which a STOP file could appear is not there.",
        DID_KILLED,
        "make the directory again; then sentinel resume --by NAME --why TEXT",
    ),
    (
        "STOP_DIRECTORY_REPLACED",
        "a STOP file's directory was replaced",
        "A directory in which a STOP file could appear is another one now.",
        DID_KILLED,
        "find out who replaced it; then sentinel resume --by NAME --why TEXT",
    ),
    (
        "STOP_PATH_UNREADABLE",
        "a STOP path cannot be looked at",
        "Whether a STOP file exists cannot be told.",
        DID_KILLED,
        "ls -ld on the path's directories; then sentinel resume --by NAME --why TEXT",
    ),
    (
        "STOP_POLL_STALLED",
        "STOP files are not being looked at",
        "Looking for a STOP file hangs, so one could be there.",
        DID_KILLED,
        "look at the disk and its mounts; then sentinel resume --by NAME --why TEXT",
    ),
    (
        "ROGUE_ORDER",
        "AN ORDER NOBODY APPROVED",
        "The venue shows an order that the sentinel did not approve.",
        DID_KILLED,
        ACCOUNT,
    ),
    (
        "SOCKET_REPLACED",
        "the gate's socket was replaced",
        "Another file stands where the sentinel's socket was.",
        DID_KILLED,
        "ls -l in the runtime directory; find out who replaced it",
    ),
    (
        "JOURNAL_FAILED",
        "THE JOURNAL CANNOT BE WRITTEN",
        "Writing to the journal failed.",
        "The halt is latched, the loop is killed and the sentinel ends.",
        "look at the disk (df, dmesg); then sentinel journal verify",
    ),
    (
        "OPERATOR_HALT",
        "a person halted trading",
        "An operator latched a halt.",
        DID_HALTED,
        RESUME,
    ),
    (
        "OPERATOR_KILL",
        "a person had the loop killed",
        "An operator asked for the kill.",
        DID_KILLED,
        RESUME,
    ),
    (
        "OPERATOR_REDUCE",
        "a person allows exits only",
        "An operator latched REDUCING.",
        "Only cancels and orders that reduce exposure pass, until a person resumes.",
        RESUME,
    ),
)
