"""Reading while it is written, from anywhere, in bounded memory."""

from __future__ import annotations

import msgspec
import pytest

from sentinel.adapters.journal_format import (
    HEADER_BYTES,
    JournalDamaged,
    JournalError,
    encode_batch,
)
from sentinel.adapters.journal_reader import JournalReader, read_records
from sentinel.adapters.journal_verify import verify


@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_reader_follows_the_writer_through_rotations(bench, durability):
    writer, _ = bench.open(segment_bytes=4096, durability=durability)
    seen: list[int] = []
    with JournalReader(bench.directory) as reader:
        assert reader.read() == []
        for n in range(60):
            writer.append([bytes(n * 10), bytes(300)])
            seen += [record.seq for record in reader.read()]
            assert reader.read() == []
    assert seen == list(range(1, 121))
    assert len(bench.segments()) > 5


def test_a_half_written_last_record_is_not_yet(bench):
    bench.filled([b"one"], [b"two"])
    path = bench.last_segment()
    whole = path.read_bytes()
    first_end = HEADER_BYTES + (len(whole) - HEADER_BYTES) // 2
    for cut in range(first_end, len(whole)):
        path.write_bytes(whole[:cut])
        with JournalReader(bench.directory) as reader:
            assert [record.payload for record in reader.read()] == [b"one"]
            assert reader.read() == []
            path.write_bytes(whole)
            assert [record.payload for record in reader.read()] == [b"two"]


@pytest.mark.parametrize("from_seq", [1, 2, 17, 59, 60, 61])
def test_a_reader_starts_at_any_seq_and_opens_only_what_it_needs(bench, from_seq):
    bench.filled(*[[b"%d" % n + bytes(500)] for n in range(60)], segment_bytes=4096)
    records = list(read_records(bench.directory, from_seq=from_seq))
    assert [record.seq for record in records] == list(range(from_seq, 61))
    assert all(record.payload.startswith(b"%d" % (record.seq - 1)) for record in records)
    with JournalReader(bench.directory, from_seq=from_seq) as reader:
        reader.read(1)
        assert reader.bytes_read <= 4096


def test_a_reader_starts_right_behind_a_known_record(bench):
    writer, _ = bench.open(segment_bytes=4096)
    positions = []
    for n in range(30):
        writer.append([b"%d" % n + bytes(400)])
        positions.append(writer.position)
    for position in positions:
        records = list(read_records(bench.directory, after=position))
        assert [record.seq for record in records] == list(range(position.seq + 1, 31))


def test_at_most_the_limit_is_returned_at_once(bench):
    bench.filled([bytes(10)] * 100)
    with JournalReader(bench.directory) as reader:
        sizes = [len(reader.read(30)) for _ in range(5)]
    assert sizes == [30, 30, 30, 10, 0]


def test_what_is_good_before_damage_is_returned_and_then_the_damage_is_told(bench):
    bench.filled(*[[b"%d" % n] for n in range(10)])
    path = bench.last_segment()
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES + 5 * 49 + 20] ^= 1
    path.write_bytes(data)
    with JournalReader(bench.directory) as reader:
        assert [record.seq for record in reader.read()] == [1, 2, 3, 4, 5]
        for _ in range(2):
            with pytest.raises(JournalDamaged, match="seq 6"):
                reader.read()


def test_what_is_good_before_a_broken_chain_is_returned_and_then_the_break_is_told(bench):
    bench.filled([b"one"], [b"two"])
    path = bench.last_segment()
    forged, *_ = encode_batch([b"three"], 2, 1, b"f" * 16)
    path.write_bytes(path.read_bytes() + forged)
    with JournalReader(bench.directory) as reader:
        assert [record.payload for record in reader.read()] == [b"one", b"two"]
        with pytest.raises(JournalDamaged, match="chain is broken"):
            reader.read()


def test_a_position_that_is_not_of_this_journal_is_refused(bench):
    writer, _ = bench.open()
    writer.append([b"one"])
    writer.append([b"two"])
    position = writer.position
    for wrong in (
        msgspec.structs.replace(position, chain_hash=b"f" * 16),
        msgspec.structs.replace(position, offset=position.offset + 1),
        msgspec.structs.replace(position, offset=10**9),
        msgspec.structs.replace(position, seq=1),
    ):
        with pytest.raises(JournalDamaged):
            list(read_records(bench.directory, after=wrong))


def test_records_that_end_before_a_later_segment_are_damage(bench):
    bench.filled(*[[bytes(700)] for _ in range(12)], segment_bytes=4096)
    first = bench.segments()[0]
    first.chmod(0o640)
    first.write_bytes(first.read_bytes()[: HEADER_BYTES + 748])
    with JournalReader(bench.directory) as reader:
        assert len(reader.read()) == 1
        with pytest.raises(JournalDamaged, match="a later segment exists"):
            reader.read()


def test_no_journal_is_said_in_one_line(bench):
    with pytest.raises(JournalError, match="there is no journal"):
        list(read_records(bench.directory))
    checked = verify(bench.directory)
    assert not checked.ok
    assert checked.problem is not None


def test_an_empty_journal_has_no_records(bench):
    bench.filled()
    assert bench.payloads() == []
    checked = verify(bench.directory)
    assert (checked.ok, checked.records, checked.first_seq, checked.segments) == (True, 0, 0, 1)


def test_verify_counts_what_there_is_and_tells_how_far_it_is(bench):
    bench.filled(*[[bytes(100)] * 50 for _ in range(200)], segment_bytes=1 << 18)
    told: list[tuple[int, int]] = []
    checked = verify(bench.directory, lambda records, size: told.append((records, size)))
    writer, recovery = bench.open()
    assert (checked.ok, checked.problem) == (True, None)
    assert (checked.records, checked.first_seq, checked.last_seq) == (10_000, 1, 10_000)
    assert checked.last_hash == recovery.last_hash == writer.last_hash
    assert checked.segments == len(bench.segments())
    assert told == sorted(told)
    assert told[-1][0] == 10_000


def test_verify_finds_damage_that_a_start_from_a_snapshot_would_not_read(bench):
    bench.filled(*[[b"%d" % n] for n in range(10)])
    path = bench.last_segment()
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES + 60] ^= 1
    path.write_bytes(data)
    checked = verify(bench.directory)
    assert (checked.ok, checked.last_seq) == (False, 1)
    assert checked.problem is not None
    assert "seq 2" in checked.problem


def test_verify_reports_a_torn_tail_but_not_as_a_problem(bench):
    bench.filled([b"one"], [b"two"])
    path = bench.last_segment()
    path.write_bytes(path.read_bytes()[:-1])
    checked = verify(bench.directory)
    assert (checked.ok, checked.records, checked.torn_bytes) == (True, 1, 50)
