"""Old segments go, and nothing that a start could need."""

from __future__ import annotations

import pytest

from sentinel.adapters.journal_directory import marker_path
from sentinel.adapters.journal_format import JournalDamaged, JournalError
from sentinel.adapters.journal_reader import read_records
from sentinel.adapters.journal_retention import drop_expired
from sentinel.adapters.journal_verify import verify
from sentinel.adapters.snapshots import list_snapshots, save_snapshot, snapshot_name


@pytest.fixture
def aged(bench):
    """Forty days of segments, the last snapshots at the end."""
    writer, _ = bench.open(segment_bytes=4096)
    for day in range(40):
        for _ in range(6):
            writer.append([b"%d" % day + bytes(700)])
        bench.clock.pass_days(1)
        if day >= 38:
            save_snapshot(bench.directory, writer.position, b"state")
    writer.close()
    return bench


def dropped(bench, days: int) -> tuple[str, ...]:
    return drop_expired(bench.directory, retain_days=days, now_wall_ns=bench.clock.wall_ns())


def test_what_is_older_goes_and_the_rest_still_verifies(aged):
    before = [record.seq for record in read_records(aged.directory)]
    names = dropped(aged, 30)
    assert len(names) > 5
    checked = verify(aged.directory)
    assert checked.ok
    assert checked.first_seq > 1
    assert [record.seq for record in read_records(aged.directory)] == [
        seq for seq in before if seq >= checked.first_seq
    ]
    oldest_day = int(next(read_records(aged.directory)).payload[:2].rstrip(b"\x00"))
    assert 8 <= oldest_day <= 10
    writer, recovery = aged.open(segment_bytes=4096)
    assert recovery.last_seq == before[-1]
    assert writer.append([b"on"]) == before[-1] + 1
    assert dropped(aged, 30) == ()


def test_nothing_goes_that_is_younger_or_not_covered_by_two_snapshots(aged):
    assert dropped(aged, 41) == ()
    newest = aged.directory / snapshot_name(list_snapshots(aged.directory)[0])
    newest.write_bytes(b"damaged")
    assert dropped(aged, 1) == ()


def test_the_segments_that_the_snapshots_point_into_stay(aged):
    assert dropped(aged, 0)
    assert verify(aged.directory).ok
    newest = aged.directory / snapshot_name(list_snapshots(aged.directory)[0])
    newest.write_bytes(b"damaged")
    assert aged.open(segment_bytes=4096)[1].last_seq == 240


def test_an_interrupted_removal_is_finished_later_and_harms_no_start(aged):
    saved = {path: path.read_bytes() for path in aged.segments()}
    names = dropped(aged, 30)
    for name in names[-2:]:
        (aged.directory / name).write_bytes(saved[aged.directory / name])
    aged.open(segment_bytes=4096)[0].close()
    assert verify(aged.directory).ok
    assert dropped(aged, 30) == names[-2:]


def test_a_removal_by_hand_refuses_the_start(aged):
    dropped(aged, 30)
    aged.segments()[0].unlink()
    with pytest.raises(JournalDamaged, match="missing"):
        aged.open(segment_bytes=4096)


def test_a_shortened_journal_without_a_usable_snapshot_refuses_the_start(aged):
    dropped(aged, 30)
    for seq in list_snapshots(aged.directory):
        (aged.directory / snapshot_name(seq)).unlink()
    with pytest.raises(JournalDamaged, match="there is no usable snapshot"):
        aged.open(segment_bytes=4096)


def test_without_the_marker_nothing_is_removed(aged):
    marker_path(aged.directory).unlink()
    with pytest.raises(JournalError, match="marker"):
        dropped(aged, 1)
    assert aged.segments()
