"""The vitals ladder: a whole table, and deadlines that fall just after the last good instant."""

from __future__ import annotations

import pytest

from ipc.config.values import HeartbeatValues
from sentinel.core.vitals import LETHAL, TABLE, Session, Signal, Vitals, deadlines

MS = 1_000_000
TIMING = HeartbeatValues()


def beating():
    session = Session("r", "s", 1, 1, 0)
    session.beat(1, 0, 0)
    return session


def test_every_cell_of_the_table_is_filled():
    assert set(TABLE) == set(Vitals)
    for row in TABLE.values():
        assert set(row) == set(Signal)


@pytest.mark.parametrize("lethal", sorted(LETHAL))
@pytest.mark.parametrize("signal", sorted(set(Signal) - {Signal.ENDED}))
def test_nothing_but_the_end_leaves_a_lethal_state(lethal, signal):
    assert TABLE[lethal][signal] is lethal


@pytest.mark.parametrize("before", sorted(set(Vitals)))
def test_the_end_of_the_process_is_the_end_in_every_state(before):
    assert TABLE[before][Signal.ENDED] is Vitals.GONE


@pytest.mark.parametrize("before", sorted(set(Vitals) - LETHAL))
def test_a_missed_beat_or_no_progress_is_lethal_from_every_living_state(before):
    assert TABLE[before][Signal.BEAT_MISSED] is Vitals.QUIET
    assert TABLE[before][Signal.NO_PROGRESS] is Vitals.STUCK


def test_deadlines_fall_one_nanosecond_after_their_time_out():
    due = {signal: at_ns for at_ns, signal in deadlines(beating(), TIMING)}
    assert due == {
        Signal.BEAT_LATE: 600 * MS + 1,
        Signal.BEAT_MISSED: 1000 * MS + 1,
        Signal.NO_PROGRESS: 5000 * MS + 1,
        Signal.DATA_OLD: 30_000 * MS + 1,
    }


def test_beats_without_progress_move_only_the_beat():
    session = beating()
    session.beat(1, None, 900 * MS)
    due = {signal: at_ns for at_ns, signal in deadlines(session, TIMING)}
    assert due[Signal.BEAT_MISSED] == 1900 * MS + 1
    assert due[Signal.NO_PROGRESS] == 5000 * MS + 1


def test_the_age_of_data_counts_from_its_receipt():
    session = beating()
    session.beat(2, 29_000, 29_500 * MS)
    due = {signal: at_ns for at_ns, signal in deadlines(session, TIMING)}
    assert due[Signal.DATA_OLD] == 30_500 * MS + 1


def test_data_is_never_newer_than_the_beat_that_tells_of_it():
    session = beating()
    session.beat(2, -60_000, 500 * MS)
    assert session.data_at_ns == 500 * MS


def test_a_stall_of_the_sentinel_forgives_one_window_and_approves_nothing():
    session = beating()
    session.forgive(60_000 * MS)
    assert session.stalled
    assert min(at_ns for at_ns, _ in deadlines(session, TIMING)) > 60_000 * MS
    session.beat(2, 0, 60_100 * MS)
    assert not session.stalled


def test_the_dead_have_no_deadlines():
    session = beating()
    session.see(Signal.ENDED)
    assert deadlines(session, TIMING) == []
