"""`decide(state, event) -> effects`: the one door of the core. Equal input, equal effects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ipc.clock import NS_PER_S
from sentinel.core import conduct, executions, judge, readings, sessions
from sentinel.core.conduct import CRITICAL, INFO, WARNING, alert
from sentinel.core.effects import Effect
from sentinel.core.events import (
    AccountRead,
    AlertSettled,
    BrokerRead,
    CommandGuarded,
    ConditionChanged,
    EpochStarted,
    Event,
    ExecutionReceived,
    HaltRequested,
    HeartbeatReceived,
    HelloReceived,
    IntentReceived,
    LimitsLoaded,
    LimitsPended,
    LimitsRejected,
    PeerRefused,
    PositionRead,
    ProcessGone,
    QuoteReceived,
    ReduceRequested,
    ResumeRequested,
    SentinelStalled,
    SessionEnded,
    StopFileGone,
    StopFileSeen,
    TimePassed,
)
from sentinel.core.kill import DONE, KILL_UNVERIFIED, REMIND_NS, Step
from sentinel.core.state import State
from sentinel.core.steps import OrdersCancelled, PositionsHandled, TreeKilled, VenueRead
from sentinel.core.vitals import deadlines

NEVER = 1 << 63
SHORT_DAY_NS = 12 * 3600 * NS_PER_S
"""A trading day that took less ended because a clock was set: no id is forgotten for it."""
PASSING = (QuoteReceived, HeartbeatReceived, TimePassed)
"""Events that the journal may leave out, and on which nothing is valued for that reason."""


def decide(state: State, event: Event) -> list[Effect]:
    """Take an event into the state and say what is to be done. The only way to change a State."""
    state.now_ns = max(state.now_ns, event.at_ns)
    state.wall_ns = event.wall_ns
    if not isinstance(event, PASSING):
        state.revalue()
    effects = _roll_day(state, event) if state.epoch else []
    handler = HANDLERS[type(event)]
    effects += handler(state, event)
    return effects


def _roll_day(state: State, event: Event) -> list[Effect]:
    """Start a new trading day when time that really passed has reached its roll."""
    if isinstance(event, EpochStarted):
        return []
    effects = _follow_clock(state, event)
    if state.day.wall_ns >= state.day.ends_wall_ns:
        _start_day(state)
    return effects


def _follow_clock(state: State, event: Event) -> list[Effect]:
    if not state.day.follow(event.at_ns, event.wall_ns):
        return []
    seconds = str(state.day.jumped_ns // 1_000_000_000)
    return [alert(state, WARNING, "CLOCK_JUMPED", seconds=seconds)]


def _start_day(state: State) -> None:
    state.revalue()
    wall_ns = state.day.wall_ns
    equity2 = state.account.equity2 if state.account.known else None
    state.day.start(state.calendar.day_key(wall_ns), state.calendar.next_roll_ns(wall_ns), equity2)
    early = state.now_ns - state.day.began_ns < SHORT_DAY_NS
    state.ids_before = {**state.ids_before, **state.ids} if early else state.ids
    state.ids = {}
    state.day.began_ns = state.now_ns


def next_deadline_ns(state: State) -> int:
    """Return when `TimePassed` must be decided if nothing comes before."""
    due = [NEVER]
    if state.rules is not None:
        timing = state.rules.risk.heartbeat
        for session in state.sessions.values():
            if session.pid or session.beaten:
                due += [at_ns for at_ns, _ in deadlines(session, timing)]
        due += state.trading.recovery_due_ns(state.rules.recover_ns)
    if state.kill.retry_at_ns:
        due.append(state.kill.retry_at_ns)
    return min(due)


def on_time(state: State, event: TimePassed) -> list[Effect]:
    """Apply every deadline that has come."""
    effects: list[Effect] = []
    if state.rules is not None:
        timing = state.rules.risk.heartbeat
        for session in list(state.sessions.values()):
            for at_ns, signal in sorted(deadlines(session, timing)):
                if at_ns <= event.at_ns:
                    effects += sessions.saw(state, session, signal)
        state.trading.expire(event.at_ns, state.rules.recover_ns)
    if state.kill.retry_at_ns and event.at_ns >= state.kill.retry_at_ns:
        effects += _unverified(state)
        effects += state.kill.again(event.at_ns)
    return effects


def _unverified(state: State) -> list[Effect]:
    """Say at once, and every thirty seconds, that the kill is not verified."""
    kill = state.kill
    if kill.outcome != KILL_UNVERIFIED or state.now_ns < kill.remind_at_ns:
        return []
    kill.remind_at_ns = state.now_ns + REMIND_NS
    return [
        alert(
            state,
            CRITICAL,
            KILL_UNVERIFIED,
            stage=kill.stage,
            problem=kill.problem,
            cause=kill.cause,
        )
    ]


def on_step(state: State, event: Step) -> list[Effect]:
    """A step of the kill sequence came back."""
    running = state.kill.running
    moved = running and event.sequence == state.kill.number
    effects = state.kill.step(event)
    if isinstance(event, TreeKilled) and event.survivors == 0 and moved:
        sessions.bury(state)
    if isinstance(event, OrdersCancelled):
        for cl_ord_id in event.cancelled:
            executions.end_named(state, cl_ord_id)
    effects += _unverified(state)
    if running and state.kill.stage == DONE:
        kill = state.kill
        positions = ", ".join(f"{s} {q}" for s, q in sorted(kill.open_positions.items()))
        effects.append(
            alert(
                state, CRITICAL, kill.outcome or "", cause=kill.cause, positions=positions or "none"
            )
        )
    return effects


def on_epoch(state: State, event: EpochStarted) -> list[Effect]:
    """Void what only a living process knew; everything that was counted or latched stays."""
    first = state.epoch == 0
    state.epoch = event.epoch
    state.account_id, state.mode = event.account_id, event.mode
    rebooted = event.boot_id != state.boot_id
    state.boot_id, state.offset_ns = event.boot_id, event.offset_ns
    state.approval_ttl_ns = event.approval_ttl_ns
    state.former += [(s.pid, s.start_ticks) for s in state.sessions.values() if s.pid > 1]
    state.former += state.guarded
    if rebooted:
        state.former.clear()
        state.kill.forget_processes()
    state.guarded.clear()
    state.sessions.clear()
    for instrument in state.book.instruments.values():
        instrument.bid = instrument.ask = instrument.own_bid = instrument.own_ask = 0
    state.account.known = False
    state.broker_read_ns = 0
    state.trading.stop_paths.clear()
    state.trading.conditions.clear()
    effects: list[Effect] = list(state.alerts.values())
    if rebooted:
        state.day.trust(event.at_ns, event.wall_ns)
    else:
        effects += _follow_clock(state, event)
    if first or state.day.wall_ns >= state.day.ends_wall_ns:
        _start_day(state)
    effects.append(alert(state, INFO, "SENTINEL_STARTED", epoch=str(event.epoch)))
    return effects + state.kill.again(event.at_ns)


def on_limits(state: State, event: LimitsLoaded) -> list[Effect]:
    """A configuration is in force from here."""
    changed = state.rules is not None and state.rules.hash != event.hash
    first = state.rules is None
    state.adopt(event.risk, event.hash)
    state.pending_hash = None
    state.pending_looser = ()
    state.limits_problem = None
    state.limits_at_wall_ns = event.wall_ns
    if first:
        _start_day(state)
    if not changed:
        return []
    return [alert(state, INFO, "LIMITS_CHANGED", hash=event.hash, by=event.by)]


def on_limits_pended(state: State, event: LimitsPended) -> list[Effect]:
    """A looser file waits for a person."""
    state.pending_hash = event.hash
    state.pending_looser = event.looser
    looser = ", ".join(event.looser)
    return [alert(state, WARNING, "LIMITS_PENDING", hash=event.hash, looser=looser)]


def on_limits_rejected(state: State, event: LimitsRejected) -> list[Effect]:
    """The file is not valid: what was in force stays, and a person hears of it once."""
    if state.limits_problem == event.problem:
        return []
    state.limits_problem = event.problem
    return [alert(state, WARNING, "LIMITS_REJECTED", problem=event.problem)]


def on_stop_gone(state: State, _event: StopFileGone) -> list[Effect]:
    """No STOP entry is left; the halt stays."""
    state.trading.stop_paths.clear()
    return []


def on_settled(state: State, event: AlertSettled) -> list[Effect]:
    """A route delivered an alert, or gave it up."""
    if state.alerts.pop(event.alert_id, None) is not None:
        if event.delivered:
            state.tally.alerts_sent += 1
        else:
            state.tally.alerts_failed += 1
    return []


HANDLERS: dict[type[Event], Callable[[State, Any], list[Effect]]] = {
    IntentReceived: judge.on_intent,
    QuoteReceived: readings.on_quote,
    HeartbeatReceived: sessions.on_heartbeat,
    CommandGuarded: sessions.on_guarded,
    ExecutionReceived: executions.on_execution,
    TimePassed: on_time,
    BrokerRead: readings.on_broker,
    AccountRead: readings.on_account,
    PositionRead: readings.on_position,
    HelloReceived: sessions.on_hello,
    SessionEnded: sessions.on_goodbye,
    ProcessGone: sessions.on_gone,
    PeerRefused: sessions.on_peer_refused,
    SentinelStalled: sessions.on_stalled,
    ConditionChanged: conduct.on_condition,
    HaltRequested: conduct.on_halt_requested,
    ReduceRequested: conduct.on_reduce_requested,
    ResumeRequested: conduct.on_resume_requested,
    StopFileSeen: conduct.on_stop_file,
    StopFileGone: on_stop_gone,
    TreeKilled: on_step,
    OrdersCancelled: on_step,
    VenueRead: on_step,
    PositionsHandled: on_step,
    EpochStarted: on_epoch,
    LimitsLoaded: on_limits,
    LimitsPended: on_limits_pended,
    LimitsRejected: on_limits_rejected,
    AlertSettled: on_settled,
}
