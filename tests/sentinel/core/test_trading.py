"""The trading state: down by itself, up by a named person only."""

from __future__ import annotations

import pytest

from sentinel.core.decide import decide
from sentinel.core.events import (
    ConditionChanged,
    HaltRequested,
    ResumeRequested,
    StopFileGone,
    StopFileSeen,
    TimePassed,
)
from sentinel.core.trading import ACTIVE, HALTED, REDUCING

MS = 1_000_000


def resume(state, *, halt_id=None, by="x", why="y", unverified=True):
    event = ResumeRequested(
        at_ns=state.now_ns,
        wall_ns=state.now_ns,
        halt_id=halt_id,
        by=by,
        why=why,
        unverified=unverified,
    )
    return decide(state, event)[-1]


def halt(state, cause):
    return decide(
        state, HaltRequested(at_ns=state.now_ns, wall_ns=state.now_ns, cause=cause, by="x")
    )


def condition(state, *, lost, at_ns, name="DROP_COPY_LOST"):
    return decide(state, ConditionChanged(at_ns=at_ns, wall_ns=at_ns, name=name, lost=lost))


def test_a_halt_stays_until_a_named_person_gives_a_reason(desk):
    state = desk().state
    halt(state, "A")
    assert resume(state, by=" ").code == "NAME_REQUIRED"
    assert resume(state, why="").code == "NAME_REQUIRED"
    assert state.trading.state == HALTED
    assert resume(state).ok
    assert state.trading.state == ACTIVE
    assert resume(state).code == "NOT_HALTED"


def test_an_old_resume_does_not_lift_a_newer_halt(desk):
    state = desk().state
    halt(state, "A")
    seen = state.trading.halt.halt_id
    halt(state, "B")
    assert resume(state, halt_id=seen).code == "HALT_CHANGED"
    assert resume(state, halt_id=state.trading.halt.halt_id).ok


def test_twice_halted_for_one_cause_is_once_told(desk):
    state = desk().state
    first, second = halt(state, "A"), halt(state, "A")
    assert len(first) == 3
    assert len(second) == 1


def test_a_stop_file_must_be_gone_before_a_resume(desk):
    state = desk().state
    at = {"at_ns": 0, "wall_ns": 0}
    decide(state, StopFileSeen(**at, path="/STOP", cause="STOP_FILE"))
    assert resume(state).code == "STOP_FILE_PRESENT"
    decide(state, StopFileGone(**at))
    assert state.trading.state == HALTED
    assert resume(state).ok


def test_reducing_from_a_condition_ends_after_the_recovery_time_and_no_sooner(desk):
    state = desk().state
    condition(state, lost=True, at_ns=0)
    assert state.trading.state == REDUCING
    condition(state, lost=False, at_ns=5 * MS)
    for at_ns, expected in ((10_004 * MS, REDUCING), (10_005 * MS, ACTIVE)):
        decide(state, TimePassed(at_ns=at_ns, wall_ns=at_ns))
        assert state.trading.state == expected


def test_a_condition_that_comes_back_starts_its_recovery_anew(desk):
    state = desk().state
    condition(state, lost=True, at_ns=0)
    condition(state, lost=False, at_ns=1)
    condition(state, lost=True, at_ns=2)
    decide(state, TimePassed(at_ns=60_000 * MS, wall_ns=60_000 * MS))
    assert state.trading.state == REDUCING


def test_reducing_from_a_limit_or_a_person_latches(desk):
    stand = desk()
    stand.say("reduce", cause="operator")
    condition(stand.state, lost=True, at_ns=0)
    condition(stand.state, lost=False, at_ns=0)
    decide(stand.state, TimePassed(at_ns=60_000 * MS, wall_ns=60_000 * MS))
    assert stand.state.trading.state == REDUCING
    assert resume(stand.state).ok
    assert stand.state.trading.state == ACTIVE


@pytest.mark.parametrize("order", [("reduce", "halt"), ("halt", "reduce")])
def test_one_resume_lifts_halt_and_reducing_together(desk, order):
    stand = desk()
    for word in order:
        stand.say(word, cause=word)
    assert stand.state.trading.state == HALTED
    stand.say("resume", by="x", why="y")
    assert stand.state.trading.state == ACTIVE
