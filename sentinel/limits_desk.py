"""What becomes of a changed configuration file: in force, pending or rejected. Pure."""

from __future__ import annotations

from msgspec import Struct

from ipc.config.direction import loosenings
from ipc.config.values import RiskConfig
from sentinel.adapters.stamp import Stamp
from sentinel.core.events import Event, LimitsLoaded, LimitsPended, LimitsRejected
from sentinel.core.state import State


class Candidate(Struct, frozen=True, kw_only=True):
    """What was read from the file: a valid configuration and its hash, or what is wrong."""

    risk: RiskConfig | None = None
    hash: str = ""
    problem: str = ""


def limits_event(state: State, candidate: Candidate, stamp: Stamp) -> Event | None:
    """Return what a candidate means now; None if it is in force, or known, already.

    Tighter applies at once. In live, looser waits for `accept-config`; what a restart finds in
    the file is judged against what was accepted last, so a restart lets nothing in.
    """
    at_ns, wall_ns = stamp.at_ns, stamp.wall_ns
    if candidate.risk is None:
        return LimitsRejected(at_ns=at_ns, wall_ns=wall_ns, problem=candidate.problem)
    loaded = LimitsLoaded(at_ns=at_ns, wall_ns=wall_ns, risk=candidate.risk, hash=candidate.hash)
    if state.rules is None:
        return loaded
    if state.rules.hash == candidate.hash:
        clean = state.pending_hash is None and state.limits_problem is None
        return None if clean else loaded
    if state.mode != "live":
        return loaded
    looser = loosenings(state.rules.risk, candidate.risk)
    if not looser:
        return loaded
    if state.pending_hash == candidate.hash:
        return None
    return LimitsPended(at_ns=at_ns, wall_ns=wall_ns, hash=candidate.hash, looser=looser)
