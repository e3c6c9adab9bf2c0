"""What the sentinel does about itself and the loop: latch, lower, kill, resume, tell."""

from __future__ import annotations

from sentinel.core.effects import Answer, Effect, Halt, Reduce, Resume, SendAlert
from sentinel.core.events import (
    ConditionChanged,
    HaltRequested,
    ReduceRequested,
    ResumeRequested,
    StopFileSeen,
)
from sentinel.core.kill import KILL_UNVERIFIED
from sentinel.core.state import ALERTS_PENDING_MAX, State
from sentinel.core.trading import ACTIVE
from sentinel.core.vitals import LETHAL

INFO, WARNING, CRITICAL = "info", "warning", "critical"


def alert(state: State, severity: str, code: str, **facts: str) -> SendAlert:
    """Make an alert and keep it until it is settled; the oldest of too many is given up."""
    state.alerts_made += 1
    made = SendAlert(
        alert_id=f"a{state.epoch}-{state.alerts_made}", severity=severity, code=code, facts=facts
    )
    state.alerts[made.alert_id] = made
    if len(state.alerts) > ALERTS_PENDING_MAX:
        oldest = next(iter(state.alerts))
        del state.alerts[oldest]
        state.tally.alerts_failed += 1
    return made


def halt(state: State, cause: str, by: str, why: str = "", *, kill: bool) -> list[Effect]:
    """Latch a halt and, with `kill`, start the kill sequence. Twice asked is once done."""
    effects: list[Effect] = []
    record = state.trading.latch(state.epoch, cause, by, why, state.wall_ns)
    if record is not None:
        effects.append(Halt(halt_id=record.halt_id, cause=cause, by=by))
        effects.append(
            alert(state, CRITICAL, "HALTED", cause=cause, by=by, why=why, halt_id=record.halt_id)
        )
    if kill and (record is not None or not state.kill.running):
        processes = [(s.pid, s.start_ticks) for s in state.sessions.values() if s.pid > 1]
        processes += [p for p in (*state.guarded, *state.former) if p not in processes]
        if state.replaying:
            processes = [(0, 0)]
        if record is not None or processes:
            effects += state.kill.start(cause, processes, state.now_ns)
    return effects


def reduce(state: State, cause: str, by: str, why: str = "") -> list[Effect]:
    """Latch REDUCING until a person resumes."""
    if state.trading.reduce_cause is not None:
        return []
    state.trading.reduce_cause = cause
    return [
        Reduce(cause=cause),
        alert(state, WARNING, "REDUCING", cause=cause, by=by, why=why),
    ]


def act_on(state: State, reason: str) -> list[Effect]:
    """Do what the configuration says about a crossed limit, beyond the veto."""
    action = "veto" if state.rules is None else state.rules.actions.get(reason, "veto")
    match action:
        case "reduce":
            return reduce(state, reason, "limit")
        case "halt":
            return halt(state, reason, "limit", kill=False)
        case "kill":
            return halt(state, reason, "limit", kill=True)
        case _:
            return []


def on_halt_requested(state: State, event: HaltRequested) -> list[Effect]:
    """An operator, or the shell, wants trading halted."""
    effects = halt(state, event.cause, event.by, event.why, kill=event.kill)
    record = state.trading.halt
    detail = "" if record is None else record.halt_id
    return [*effects, Answer(ok=True, code="DONE", detail=detail)]


def on_reduce_requested(state: State, event: ReduceRequested) -> list[Effect]:
    """An operator wants exits only."""
    effects = reduce(state, event.cause, event.by, event.why)
    return [*effects, Answer(ok=True, code="DONE", detail=state.trading.state)]


def on_stop_file(state: State, event: StopFileSeen) -> list[Effect]:
    """A STOP entry: halt and kill. Taking it away resumes nothing."""
    fresh = event.path not in state.trading.stop_paths
    state.trading.stop_paths[event.path] = event.cause
    if not fresh:
        return []
    return halt(state, event.cause, "file", event.path, kill=True)


def _resume_obstacle(state: State, event: ResumeRequested) -> Answer | None:
    trading = state.trading
    if not event.by.strip() or not event.why.strip():
        return Answer(ok=False, code="NAME_REQUIRED", detail="a name and a reason are required")
    if trading.halt is None and trading.reduce_cause is None:
        return Answer(ok=False, code="NOT_HALTED", detail=f"the state is {trading.state}")
    halt_id = None if trading.halt is None else trading.halt.halt_id
    if event.halt_id is not None and event.halt_id != (halt_id or ""):
        return Answer(ok=False, code="HALT_CHANGED", detail=f"the halt is {halt_id} now")
    if trading.stop_paths:
        path = next(iter(trading.stop_paths))
        return Answer(ok=False, code="STOP_FILE_PRESENT", detail=f"remove {path} first")
    if state.kill.outcome == KILL_UNVERIFIED and not event.unverified:
        return Answer(ok=False, code="KILL_UNVERIFIED", detail=state.kill.problem)
    if state.kill.running and not event.unverified:
        return Answer(ok=False, code="KILL_RUNNING", detail=f"stage {state.kill.stage}")
    return None


def on_resume_requested(state: State, event: ResumeRequested) -> list[Effect]:
    """Lift halt and latched REDUCING, by a named person, for the halt they have seen."""
    obstacle = _resume_obstacle(state, event)
    if obstacle is not None:
        return [obstacle]
    cause = state.trading.lift()
    state.kill.abandon()
    dead = [s.run_id for s in state.sessions.values() if s.vitals in LETHAL]
    for run_id in dead:
        del state.sessions[run_id]
        state.trading.end_condition(f"BLIND:{run_id}", event.at_ns)
    state.rejects.clear()
    state.vetoes.clear()
    state.repeats.clear()
    state.day.trust(event.at_ns, event.wall_ns)
    return [
        Resume(cause=cause),
        alert(state, INFO, "RESUMED", cause=cause, by=event.by, why=event.why),
        Answer(ok=True, code="DONE", detail=state.trading.state),
    ]


def on_condition(state: State, event: ConditionChanged) -> list[Effect]:
    """Something trading depends on is lost or back: REDUCING, and back by itself later."""
    if event.lost:
        return begin_condition(state, event.name, event.detail)
    return end_condition(state, event.name)


def begin_condition(state: State, name: str, detail: str = "") -> list[Effect]:
    """Lower to REDUCING while a condition holds."""
    before = state.trading.state
    if not state.trading.begin_condition(name):
        return []
    effects: list[Effect] = [alert(state, WARNING, name, detail=detail)]
    if before == ACTIVE:
        effects.insert(0, Reduce(cause=name))
    return effects


def end_condition(state: State, name: str) -> list[Effect]:
    """Note that a condition ended; its REDUCING lasts `recover_ms` longer."""
    state.trading.end_condition(name, state.now_ns)
    return []
