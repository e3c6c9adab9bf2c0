"""Whether a loop lives: a table of state × signal, fed only by what the loop earned."""

from __future__ import annotations

from enum import StrEnum

from ipc.clock import NS_PER_MS
from ipc.config.values import HeartbeatValues

WARN_NUMERATOR, WARN_DENOMINATOR = 3, 5
"""A beat is late at three fifths of its time-out, as sbd warns before it fences."""


class Vitals(StrEnum):
    """The state of one session's loop."""

    FRESH = "FRESH"
    LATE = "LATE"
    BLIND = "BLIND"
    STUCK = "STUCK"
    QUIET = "QUIET"
    GONE = "GONE"


class Signal(StrEnum):
    """What can be seen of a loop."""

    BEAT = "BEAT"
    BEAT_LATE = "BEAT_LATE"
    BEAT_MISSED = "BEAT_MISSED"
    NO_PROGRESS = "NO_PROGRESS"
    DATA_OLD = "DATA_OLD"
    DATA_NEW = "DATA_NEW"
    ENDED = "ENDED"


_V, _S = Vitals, Signal
_DEADLY = {_S.BEAT_MISSED: _V.QUIET, _S.NO_PROGRESS: _V.STUCK, _S.ENDED: _V.GONE}
TABLE: dict[Vitals, dict[Signal, Vitals]] = {
    _V.FRESH: {
        _S.BEAT: _V.FRESH,
        _S.BEAT_LATE: _V.LATE,
        _S.DATA_OLD: _V.BLIND,
        _S.DATA_NEW: _V.FRESH,
        **_DEADLY,
    },
    _V.LATE: {
        _S.BEAT: _V.FRESH,
        _S.BEAT_LATE: _V.LATE,
        _S.DATA_OLD: _V.BLIND,
        _S.DATA_NEW: _V.LATE,
        **_DEADLY,
    },
    _V.BLIND: {
        _S.BEAT: _V.BLIND,
        _S.BEAT_LATE: _V.BLIND,
        _S.DATA_OLD: _V.BLIND,
        _S.DATA_NEW: _V.FRESH,
        **_DEADLY,
    },
    _V.STUCK: dict.fromkeys(_S, _V.STUCK) | {_S.ENDED: _V.GONE},
    _V.QUIET: dict.fromkeys(_S, _V.QUIET) | {_S.ENDED: _V.GONE},
    _V.GONE: dict.fromkeys(_S, _V.GONE),
}
"""Every cell is filled; STUCK, QUIET and GONE are left only by the end of the session."""

LETHAL = frozenset({_V.QUIET, _V.STUCK, _V.GONE})


class Session:
    """One loop that said hello, and what was seen of it since. Times are `at_ns`."""

    def __init__(self, run_id: str, strategy: str, pid: int, start_ticks: int, at_ns: int) -> None:
        self.run_id = run_id
        self.strategy = strategy
        self.pid = pid
        self.start_ticks = start_ticks
        self.token = b""
        self.max_trades: int | None = None
        self.trades = 0
        self.vitals = Vitals.FRESH
        self.beaten = False
        self.stalled = False
        """True from a stall of the sentinel until the next beat: nothing is approved."""
        self.iteration = -1
        self.last_beat_ns = at_ns
        self.progress_ns = at_ns
        self.data_at_ns = at_ns
        self.approved = 0
        self.vetoed = 0

    def see(self, signal: Signal) -> bool:
        """Apply a signal; True if the state changed."""
        before = self.vitals
        self.vitals = TABLE[before][signal]
        return self.vitals is not before

    def beat(self, iteration: int, data_age_ms: int | None, at_ns: int) -> bool:
        """Take a heartbeat; True if the state changed."""
        self.beaten = True
        self.stalled = False
        self.last_beat_ns = at_ns
        if iteration > self.iteration:
            self.iteration = iteration
            self.progress_ns = at_ns
        changed = self.see(Signal.BEAT)
        if data_age_ms is not None:
            self.data_at_ns = max(self.data_at_ns, at_ns - max(0, data_age_ms) * NS_PER_MS)
        return changed

    def forgive(self, at_ns: int) -> None:
        """Start every window anew: the sentinel itself was not looking."""
        self.last_beat_ns = max(self.last_beat_ns, at_ns)
        self.progress_ns = max(self.progress_ns, at_ns)
        self.data_at_ns = max(self.data_at_ns, at_ns)
        self.stalled = True


def deadlines(session: Session, timing: HeartbeatValues) -> list[tuple[int, Signal]]:
    """Return when each signal falls due; a beat exactly at its time-out is in time."""
    if session.vitals in LETHAL:
        return []
    timeout = timing.heartbeat_timeout_ms * NS_PER_MS
    due = [
        (session.last_beat_ns + timeout + 1, Signal.BEAT_MISSED),
        (session.progress_ns + timing.progress_timeout_ms * NS_PER_MS + 1, Signal.NO_PROGRESS),
    ]
    if session.vitals is Vitals.FRESH:
        warn = timeout * WARN_NUMERATOR // WARN_DENOMINATOR
        due.append((session.last_beat_ns + warn + 1, Signal.BEAT_LATE))
    if session.vitals is not Vitals.BLIND:
        old = session.data_at_ns + timing.data_timeout_ms * NS_PER_MS + 1
        due.append((old, Signal.DATA_OLD))
    return due
