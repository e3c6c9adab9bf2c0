"""Who may ask: hello, heartbeats, the vitals ladder and how a session ends."""

from __future__ import annotations

from ipc.clock import NS_PER_MS
from ipc.config.values import HeartbeatValues
from sentinel.core.conduct import (
    CRITICAL,
    INFO,
    WARNING,
    alert,
    begin_condition,
    end_condition,
    halt,
)
from sentinel.core.effects import Answer, Effect
from sentinel.core.events import (
    CommandGuarded,
    HeartbeatReceived,
    HelloReceived,
    PeerRefused,
    ProcessGone,
    SentinelStalled,
    SessionEnded,
)
from sentinel.core.state import State
from sentinel.core.trading import HALTED
from sentinel.core.vitals import LETHAL, Session, Signal, Vitals

SESSIONS_MAX = 64
CAUSES = {
    Vitals.QUIET: "HEARTBEAT_QUIET",
    Vitals.STUCK: "LOOP_STUCK",
    Vitals.GONE: "LOOP_GONE",
}


def _hello_obstacle(state: State, event: HelloReceived) -> tuple[str, str] | None:
    hashes = {state.pending_hash}
    if state.rules is not None:
        hashes.add(state.rules.hash)
    if event.protocol != event.own_protocol:
        return "PROTOCOL_MISMATCH", f"you speak {event.protocol}, the sentinel {event.own_protocol}"
    if not event.peer_allowed or (event.pid, event.start_ticks) != (
        event.peer_pid,
        event.peer_start_ticks,
    ):
        return "PEER_MISMATCH", f"pid {event.pid} is not who is connected ({event.peer_pid})"
    if event.mode != event.own_mode:
        return "MODE_MISMATCH", f"you say {event.mode}, the sentinel sees {event.own_mode}"
    if event.account_id != event.own_account_id:
        return "ACCOUNT_MISMATCH", f"you say {event.account_id}, the sentinel sees another account"
    if event.limits_hash not in hashes:
        return "LIMITS_MISMATCH", "the configuration you read is not the one in force"
    if state.trading.state == HALTED:
        return "TRADING_HALTED", state.trading.cause
    for other in state.sessions.values():
        if other.strategy == event.strategy and other.run_id != event.run_id:
            return "STRATEGY_TAKEN", f"{event.strategy} runs already as pid {other.pid}"
    if event.run_id not in state.sessions and len(state.sessions) >= SESSIONS_MAX:
        return "SESSION_LIMIT", f"{SESSIONS_MAX} sessions are open"
    return None


def on_hello(state: State, event: HelloReceived) -> list[Effect]:
    """Open a session, or give a running one a new token after it lost its connection."""
    obstacle = _hello_obstacle(state, event)
    if obstacle is not None:
        code, detail = obstacle
        effects: list[Effect] = [Answer(ok=False, code=code, detail=detail)]
        if code != "TRADING_HALTED":
            effects.append(alert(state, WARNING, "HELLO_REFUSED", reason=code, detail=detail))
        return effects
    session = state.sessions.get(event.run_id)
    if session is not None and (session.pid, session.start_ticks) != (
        event.pid,
        event.start_ticks,
    ):
        return [Answer(ok=False, code="PEER_MISMATCH", detail="the run id is another process's")]
    if session is None:
        session = Session(event.run_id, event.strategy, event.pid, event.start_ticks, event.at_ns)
        session.max_trades = event.max_trades
        state.sessions[event.run_id] = session
    session.token = event.session
    process = (event.pid, event.start_ticks)
    state.former = [p for p in state.former if p != process]
    return [Answer(ok=True, code="WELCOME", detail=state.trading.state)]


def on_heartbeat(state: State, event: HeartbeatReceived) -> list[Effect]:
    """The trading thread finished a pass."""
    session = state.sessions.get(event.run_id)
    if session is None:
        if not state.replaying:
            return []
        state.beats_replayed = True
        session = Session(event.run_id, "", 0, 0, event.at_ns)
        state.sessions[event.run_id] = session
    blind = session.vitals is Vitals.BLIND
    session.beat(event.iteration, event.data_age_ms, event.at_ns)
    if not blind:
        return []
    timeout_ms = HeartbeatValues().data_timeout_ms
    if state.rules is not None:
        timeout_ms = state.rules.risk.heartbeat.data_timeout_ms
    if event.at_ns - session.data_at_ns > timeout_ms * NS_PER_MS:
        return []
    session.see(Signal.DATA_NEW)
    return end_condition(state, f"BLIND:{session.run_id}")


def saw(state: State, session: Session, signal: Signal) -> list[Effect]:
    """Apply what a deadline or a process descriptor said of a session."""
    if not session.see(signal):
        return []
    if session.vitals is Vitals.BLIND:
        return begin_condition(state, f"BLIND:{session.run_id}", "no market data")
    if session.vitals not in LETHAL:
        return []
    cause = CAUSES[session.vitals]
    return halt(state, cause, "vitals", f"{session.strategy} ({session.run_id})", kill=True)


def on_gone(state: State, event: ProcessGone) -> list[Effect]:
    """A loop's process ended without goodbye."""
    session = state.sessions.get(event.run_id)
    if session is None:
        return []
    if state.kill.running and (session.pid, session.start_ticks) in state.kill.processes:
        session.see(Signal.ENDED)
        return []
    return saw(state, session, Signal.ENDED)


def on_guarded(state: State, event: CommandGuarded) -> list[Effect]:
    """The command that `guard` started is the loop, even before it says hello."""
    state.guarded = [(event.pid, event.start_ticks)]
    return []


def bury(state: State) -> None:
    """Every tree that the kill named was seen dead: their sessions are over."""
    dead = set(state.kill.processes)
    named = [s.run_id for s in state.sessions.values() if (s.pid, s.start_ticks) in dead]
    end_all(state, named)
    state.guarded = [p for p in state.guarded if p not in dead]
    state.former = [p for p in state.former if p not in dead]


def on_goodbye(state: State, event: SessionEnded) -> list[Effect]:
    """A loop ends its session on purpose: the state stays what it is."""
    session = state.sessions.pop(event.run_id, None)
    if session is None:
        return []
    state.trading.end_condition(f"BLIND:{event.run_id}", event.at_ns)
    return [alert(state, INFO, "SESSION_ENDED", strategy=session.strategy, run_id=event.run_id)]


def end_all(state: State, run_ids: list[str]) -> None:
    """End sessions whose processes are dead; what they alone could not see ends with them."""
    for run_id in run_ids:
        del state.sessions[run_id]
        state.trading.end_condition(f"BLIND:{run_id}", state.now_ns)


def on_stalled(state: State, event: SentinelStalled) -> list[Effect]:
    """The sentinel was not looking: one window is forgiven, and nothing approved meanwhile."""
    for session in state.sessions.values():
        if session.vitals not in LETHAL:
            session.forgive(event.at_ns)
    return [alert(state, WARNING, "SENTINEL_STALLED", gap_ms=str(event.gap_ms))]


def on_peer_refused(state: State, event: PeerRefused) -> list[Effect]:
    """Somebody who is not the session's process spoke: counted and told, nothing else."""
    state.tally.foreign += event.count
    return [alert(state, CRITICAL, "FOREIGN_MESSAGE", count=str(event.count), detail=event.detail)]
