"""The kill sequence: each stage takes its own event, and nothing is done before it was seen."""

from __future__ import annotations

import itertools

import pytest

from sentinel.core.effects import CancelOrders, HandlePositions, KillTree, ReadVenue
from sentinel.core.kill import (
    CANCELLING,
    DONE,
    IDLE,
    KILL_UNVERIFIED,
    KILLED_FLAT,
    KILLED_POSITION_OPEN,
    KILLING,
    POSITIONS,
    TABLE,
    VERIFYING,
    KillSequence,
)
from sentinel.core.steps import OrdersCancelled, PositionsHandled, TreeKilled, VenueRead

S = 1_000_000_000
AT = {"at_ns": 5 * S, "wall_ns": 5 * S}


def tree(sequence=1, survivors=0):
    return TreeKilled(**AT, sequence=sequence, killed=1, survivors=survivors, took_ms=1)


def cancelled(sequence=1, problem=None):
    return OrdersCancelled(**AT, sequence=sequence, cancelled=(), problem=problem)


def read(at_ns, sequence=1, working=(), problem=None):
    return VenueRead(
        at_ns=at_ns,
        wall_ns=at_ns,
        sequence=sequence,
        read_at_ns=at_ns,
        working=working,
        positions={},
        problem=problem,
    )


def positions(sequence=1, held=(), problem=None):
    return PositionsHandled(**AT, sequence=sequence, open_positions=dict(held), problem=problem)


GOOD = {
    KILLING: tree,
    CANCELLING: cancelled,
    VERIFYING: lambda: read(9 * S),
    POSITIONS: positions,
}


def at_stage(stage):
    kill = KillSequence()
    if stage == IDLE:
        return kill
    kill.start("CAUSE", [(10, 1)], 0)
    steps = [tree(), cancelled(), (read(6 * S), read(7 * S)), positions()]
    for step in steps:
        if kill.stage == stage:
            return kill
        for one in step if isinstance(step, tuple) else (step,):
            kill.step(one)
    assert kill.stage == stage
    return kill


def test_the_whole_way_ends_flat_after_two_reads_a_second_apart():
    kill = KillSequence()
    assert isinstance(kill.start("CAUSE", [(10, 1)], 0)[0], KillTree)
    assert isinstance(kill.step(tree())[0], CancelOrders)
    assert kill.step(cancelled()) == [ReadVenue(sequence=1, not_before_ns=5 * S)]
    assert kill.step(read(6 * S)) == [ReadVenue(sequence=1, not_before_ns=7 * S)]
    assert isinstance(kill.step(read(7 * S - 1))[0], ReadVenue)
    assert isinstance(kill.step(read(7 * S))[0], HandlePositions)
    assert kill.step(positions()) == []
    assert (kill.stage, kill.outcome) == (DONE, KILLED_FLAT)


@pytest.mark.parametrize(
    ("stage", "event"),
    list(itertools.product([IDLE, KILLING, CANCELLING, VERIFYING, POSITIONS, DONE], GOOD)),
)
def test_only_the_event_of_its_own_stage_moves_the_sequence(stage, event):
    kill = at_stage(stage)
    before = kill.number
    effects = kill.step(GOOD[event]())
    if stage == event:
        assert (stage, type(GOOD[event]()).__name__) in TABLE
        assert effects or kill.stage == DONE
    else:
        assert (effects, kill.stage, kill.number) == ([], stage, before)


@pytest.mark.parametrize("stage", [KILLING, CANCELLING, VERIFYING, POSITIONS])
def test_a_step_of_another_sequence_changes_nothing(stage):
    kill = at_stage(stage)
    other = {KILLING: tree(2), CANCELLING: cancelled(2), VERIFYING: read(9 * S, 2)}
    assert kill.step(other.get(stage, positions(2))) == []
    assert kill.stage == stage


@pytest.mark.parametrize(
    ("stage", "failure"),
    [
        (KILLING, tree(survivors=1)),
        (CANCELLING, cancelled(problem="down")),
        (VERIFYING, read(9 * S, problem="down")),
        (VERIFYING, read(9 * S, working=("a",))),
        (POSITIONS, positions(problem="down")),
    ],
)
def test_a_failure_is_unverified_and_tried_again_in_a_second(stage, failure):
    kill = at_stage(stage)
    kill.step(failure)
    assert kill.outcome == KILL_UNVERIFIED
    assert kill.problem
    assert kill.running
    assert kill.retry_at_ns == failure.at_ns + S
    assert kill.again(kill.retry_at_ns)


def test_a_dirty_read_starts_the_two_clean_reads_anew():
    kill = at_stage(VERIFYING)
    kill.step(read(6 * S))
    kill.step(read(7 * S, working=("a",)))
    assert kill.stage == CANCELLING
    kill.again(8 * S)
    kill.step(cancelled())
    kill.step(read(9 * S))
    assert kill.stage == VERIFYING


def test_an_open_position_is_named_in_the_outcome():
    kill = at_stage(POSITIONS)
    kill.step(positions(held={"A": "5"}))
    assert kill.outcome == KILLED_POSITION_OPEN
    assert kill.open_positions == {"A": "5"}


def test_twice_triggered_is_once_done_and_new_processes_widen_it():
    kill = at_stage(CANCELLING)
    assert kill.start("AGAIN", [(10, 1)], 0) == []
    widened = kill.start("AGAIN", [(11, 2)], 0)
    assert widened[0].processes == ((10, 1), (11, 2))
    assert kill.number == 1


def test_a_person_who_takes_over_ends_it():
    kill = at_stage(CANCELLING)
    kill.abandon()
    assert not kill.running
    assert kill.again(0) == []
