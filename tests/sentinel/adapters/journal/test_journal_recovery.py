"""Start: a torn tail is cut and told, any other damage refuses the start."""

from __future__ import annotations

import os

import msgspec
import pytest

from sentinel.adapters.journal_directory import marker_path
from sentinel.adapters.journal_format import (
    FRAME_BYTES,
    HEADER_BYTES,
    SEAL_BYTES,
    JournalDamaged,
    JournalFailed,
    Seal,
    decode_header,
    encode_batch,
    encode_header,
    encode_seal,
)
from sentinel.adapters.journal_recovery import recover
from sentinel.adapters.journal_verify import verify
from sentinel.adapters.snapshots import list_snapshots, save_snapshot, snapshot_name


def _last_frame_begins(bench) -> int:
    writer, _ = bench.open()
    position = writer.position
    writer.close()
    assert position is not None
    return position.offset


@pytest.mark.parametrize("room", [0, 5000])
def test_row_93_a_tail_torn_at_any_byte_is_cut_and_told(bench, room):
    bench.filled([b"one"], [b"two"], [b"\xffthree\xff"])
    start = _last_frame_begins(bench)
    whole = bench.last_segment().read_bytes()
    for cut in range(start, len(whole)):
        bench.last_segment().write_bytes(whole[:cut] + bytes(room))
        writer, recovery = bench.open()
        assert recovery.last_seq == 2
        torn = len(whole[start:cut].rstrip(b"\x00"))
        assert recovery.truncated_bytes == (torn or None)
        assert writer.append([b"again"]) == 3
        writer.close()
        assert bench.payloads() == [b"one", b"two", b"again"]
        assert verify(bench.directory).ok


def test_row_93_a_bit_flipped_anywhere_before_the_last_record_refuses_the_start(bench):
    bench.filled(*[[bytes([n]) * 300] for n in range(20)], segment_bytes=4096)
    bench.filled([b"in one", b"batch"], [b"last"], segment_bytes=4096)
    start = _last_frame_begins(bench)
    *sealed, last = bench.segments()
    assert len(sealed) >= 1
    places = [(last, at) for at in range(start)]
    places += [(path, at) for path in sealed for at in range(0, path.stat().st_size, 17)]
    places += [
        (p, at) for p in sealed for at in range(p.stat().st_size - SEAL_BYTES, p.stat().st_size)
    ]
    for path, at in places:
        path.chmod(0o640)
        good = path.read_bytes()
        bad = bytearray(good)
        bad[at] ^= 1 << (at % 8)
        path.write_bytes(bad)
        with pytest.raises(JournalDamaged):
            recover(bench.directory)
        assert path.read_bytes() == bytes(bad)
        path.write_bytes(good)
    assert recover(bench.directory) is not None


def test_a_bit_flipped_in_the_last_record_cuts_it_and_says_so(bench):
    bench.filled([b"one"], [b"two"])
    start = _last_frame_begins(bench)
    good = bench.last_segment().read_bytes()
    for at in range(start + 4, len(good)):
        bad = bytearray(good)
        bad[at] ^= 0x40
        bench.last_segment().write_bytes(bad)
        _, recovery = bench.open()
        assert (recovery.last_seq, recovery.truncated_bytes) == (1, len(good) - start)


def test_damage_names_file_offset_and_seq(bench):
    bench.filled([b"one"], [b"two"], [b"three"])
    path = bench.last_segment()
    data = bytearray(path.read_bytes())
    offset = HEADER_BYTES + FRAME_BYTES + len(b"one")
    data[offset + FRAME_BYTES] ^= 1
    path.write_bytes(data)
    with pytest.raises(JournalDamaged) as caught:
        bench.open()
    assert (caught.value.file, caught.value.offset, caught.value.seq) == (path.name, offset, 2)
    assert str(caught.value).startswith(f"{path.name}: offset {offset}, seq 2: ")
    assert "\n" not in str(caught.value)


def test_a_hole_of_zeros_before_good_records_refuses_the_start(bench):
    bench.filled([b"one"], [bytes(3000)], [b"three"])
    path = bench.last_segment()
    data = bytearray(path.read_bytes())
    offset = HEADER_BYTES + FRAME_BYTES + len(b"one")
    data[offset : offset + FRAME_BYTES + 3000] = bytes(FRAME_BYTES + 3000)
    path.write_bytes(data)
    with pytest.raises(JournalDamaged):
        bench.open()


def _with_hole(bench, first_byte_of: int, sectors: int) -> None:
    """Zero whole sectors, beginning in the record after `first_byte_of`."""
    path = bench.last_segment()
    data = bytearray(path.read_bytes())
    begin = -(-first_byte_of // 512) * 512
    data[begin : begin + 512 * sectors] = bytes(512 * sectors)
    path.write_bytes(data)


def test_row_88_a_last_batch_whose_sectors_are_missing_was_never_told_and_is_cut(bench):
    bench.filled([b"told"], [b"\xaa" * 700 for _ in range(6)])
    _with_hole(bench, HEADER_BYTES + 1500, 2)
    _, recovery = bench.open()
    assert 1 <= recovery.last_seq < 7
    assert recovery.truncated_bytes is not None
    assert verify(bench.directory).ok


def test_a_bit_flipped_in_the_middle_of_the_last_batch_refuses_the_start(bench):
    bench.filled([b"told"], [b"\xaa" * 700 for _ in range(4)])
    path = bench.last_segment()
    good = path.read_bytes()
    for at in range(HEADER_BYTES + 60, HEADER_BYTES + 2000, 97):
        bad = bytearray(good)
        bad[at] ^= 2
        path.write_bytes(bad)
        with pytest.raises(JournalDamaged):
            recover(bench.directory)


@pytest.mark.parametrize("what_follows", ["seal", "record"])
def test_missing_sectors_before_a_seal_or_a_displaced_record_refuse_the_start(bench, what_follows):
    bench.filled(*[[b"\xaa" * 1500] for _ in range(3)], segment_bytes=4096)
    bench.last_segment().unlink()
    path = bench.last_segment()
    path.chmod(0o640)
    data = bytearray(path.read_bytes())
    end = len(data) - SEAL_BYTES
    begin = end - FRAME_BYTES - 1500
    if what_follows == "seal":
        data[begin:end] = bytes(end - begin)
    else:
        data[begin:] = bytes(2048) + data[begin:end]
    path.write_bytes(data)
    with pytest.raises(JournalDamaged):
        bench.open(segment_bytes=4096)


def test_missing_sectors_before_another_batch_refuse_the_start(bench):
    bench.filled([b"\xaa" * 700 for _ in range(6)], [b"later"])
    _with_hole(bench, HEADER_BYTES + 1500, 2)
    with pytest.raises(JournalDamaged):
        bench.open()


def test_missing_sectors_that_reach_into_the_batch_before_refuse_the_start(bench):
    bench.filled([b"\xaa" * 700, b"\xbb" * 700], [b"\xcc" * 700 for _ in range(6)])
    _with_hole(bench, HEADER_BYTES + FRAME_BYTES + 700, 4)
    with pytest.raises(JournalDamaged):
        bench.open()


@pytest.mark.parametrize("which", [0, 1, -1])
def test_a_missing_segment_refuses_the_start(bench, which):
    bench.filled(*[[bytes(700)] for _ in range(30)], segment_bytes=4096)
    if which == -1:
        writer, _ = bench.open(segment_bytes=4096)
        assert writer.position is not None
        save_snapshot(bench.directory, writer.position, b"state")
        writer.close()
    bench.segments()[which].unlink()
    with pytest.raises(JournalDamaged, match="missing"):
        bench.open()


def test_row_94_a_marker_without_its_journal_refuses_the_start(bench):
    bench.filled([b"a"])
    for path in bench.directory.iterdir():
        path.unlink()
    with pytest.raises(JournalDamaged, match=r"journal-0000000000000001\.seg.*missing"):
        bench.open()
    bench.directory.rmdir()
    with pytest.raises(JournalDamaged, match="missing"):
        bench.open()


def test_another_journal_in_this_ones_place_refuses_the_start(bench):
    bench.filled([b"a"])
    other = bench.copy("other")
    marker_path(other.directory).unlink()
    other.last_segment().unlink()
    other.filled([b"b"])
    bench.last_segment().write_bytes(other.last_segment().read_bytes())
    with pytest.raises(JournalDamaged, match="another journal"):
        bench.open()


def test_an_unreadable_marker_refuses_the_start(bench):
    bench.filled([b"a"])
    marker_path(bench.directory).write_text("{")
    with pytest.raises(JournalDamaged, match="marker"):
        bench.open()


def test_a_lost_marker_is_made_again(bench):
    bench.filled([b"a"])
    before = marker_path(bench.directory).read_bytes()
    marker_path(bench.directory).unlink()
    bench.filled([b"b"])
    assert marker_path(bench.directory).read_bytes() == before
    assert bench.payloads() == [b"a", b"b"]


def test_whole_records_of_another_chain_refuse_the_start(bench):
    bench.filled([b"one"])
    path = bench.last_segment()
    foreign, *_ = encode_batch([b"forged"], 1, 1, b"f" * 16)
    path.write_bytes(path.read_bytes() + foreign)
    with pytest.raises(JournalDamaged, match="chain is broken"):
        bench.open()


def test_a_record_with_the_wrong_seq_refuses_the_start_even_if_its_chain_is_right(bench):
    bench.filled([b"one"])
    writer, recovery = bench.open()
    writer.close()
    path = bench.last_segment()
    forged, *_ = encode_batch([b"three"], 2, 1, recovery.last_hash)
    path.write_bytes(path.read_bytes() + forged)
    with pytest.raises(JournalDamaged, match="record 3 stands where 2 is expected"):
        bench.open()


def test_a_record_twice_refuses_the_start(bench):
    bench.filled([b"one"])
    path = bench.last_segment()
    data = path.read_bytes()
    path.write_bytes(data + data[HEADER_BYTES:])
    with pytest.raises(JournalDamaged, match="record 1 stands where 2 is expected"):
        bench.open()


@pytest.mark.parametrize(("last_seq", "closing_hash"), [(3, None), (1, None), (2, b"f" * 16)])
def test_a_seal_that_does_not_match_its_records_refuses_the_start(bench, last_seq, closing_hash):
    bench.filled([b"one"], [b"two"])
    writer, recovery = bench.open()
    writer.close()
    seal = Seal(
        records=last_seq,
        first_seq=1,
        last_seq=last_seq,
        closing_hash=closing_hash or recovery.last_hash,
        sealed_wall_ns=1,
    )
    path = bench.last_segment()
    path.write_bytes(path.read_bytes() + encode_seal(seal, epoch=1))
    with pytest.raises(JournalDamaged, match="the seal does not match"):
        bench.open()


def _several_segments(bench) -> None:
    """Several segments and a snapshot at the end, so that a start reads only the last one."""
    writer, _ = bench.open(segment_bytes=4096)
    for _ in range(20):
        writer.append([bytes(700)])
    assert writer.position is not None
    save_snapshot(bench.directory, writer.position, b"state")
    writer.close()


def test_a_segment_of_another_journal_in_the_middle_refuses_a_start_from_a_snapshot(bench):
    other = bench.copy("other")
    for one in (bench, other):
        _several_segments(one)
    middle = bench.segments()[1]
    middle.chmod(0o640)
    middle.write_bytes((other.directory / middle.name).read_bytes())
    with pytest.raises(JournalDamaged, match="another journal than the segment before"):
        bench.open(segment_bytes=4096)
    with pytest.raises(JournalDamaged, match="head does not follow"):
        bench.payloads()


def test_a_segment_that_does_not_go_on_from_the_one_before_refuses_a_start_from_a_snapshot(bench):
    _several_segments(bench)
    middle = bench.segments()[1]
    middle.chmod(0o640)
    data = middle.read_bytes()
    header = decode_header(data, file=middle.name)
    forged = encode_header(msgspec.structs.replace(header, previous_hash=b"f" * 16))
    middle.write_bytes(forged + data[HEADER_BYTES:])
    with pytest.raises(JournalDamaged, match="chain does not go on from"):
        bench.open(segment_bytes=4096)


def test_a_crash_between_seal_and_next_segment_is_mended(bench):
    bench.filled(*[[bytes(700)] for _ in range(12)], segment_bytes=4096)
    count = len(bench.payloads())
    last = bench.last_segment()
    records_in_last = count - int(last.name[8:24]) + 1
    last.unlink()
    writer, recovery = bench.open(segment_bytes=4096)
    assert recovery.last_seq == count - records_in_last
    writer.append([b"next"])
    writer.close()
    assert verify(bench.directory).ok


def test_a_crash_in_mid_seal_is_mended(bench):
    bench.filled(*[[bytes(700)] for _ in range(12)], segment_bytes=4096)
    bench.last_segment().unlink()
    sealed = bench.last_segment()
    sealed.chmod(0o640)
    whole = sealed.read_bytes()
    for kept in range(1, SEAL_BYTES):
        sealed.write_bytes(whole[: len(whole) - SEAL_BYTES + kept])
        writer, recovery = bench.open(segment_bytes=4096)
        assert recovery.truncated_bytes is not None
        writer.append([bytes(700)])
        writer.close()
        assert verify(bench.directory).ok
        for path in bench.segments():
            path.chmod(0o640)
        bench.segments()[-1].unlink()


def test_a_last_segment_left_without_head_and_records_is_made_again(bench):
    bench.filled(*[[bytes(700)] for _ in range(12)], segment_bytes=4096)
    while len(bench.payloads()) and bench.last_segment().stat().st_size > HEADER_BYTES:
        bench.filled([bytes(700)], segment_bytes=4096)
        if len(bench.segments()) > 3:
            break
    bench.last_segment().write_bytes(bytes(HEADER_BYTES))
    writer, recovery = bench.open(segment_bytes=4096)
    assert recovery.truncated_bytes == HEADER_BYTES
    writer.append([b"next"])
    writer.close()
    assert verify(bench.directory).ok


def test_leftovers_of_a_crash_are_cleared_away(bench):
    bench.filled([b"a"])
    (bench.directory / "journal-0000000000000002.seg.tmp").write_bytes(b"half")
    bench.filled([b"b"])
    assert not list(bench.directory.glob("*.tmp"))
    assert bench.payloads() == [b"a", b"b"]


def test_a_refused_start_changes_nothing(bench):
    bench.filled([b"one"], [b"two"], [b"three"])
    path = bench.last_segment()
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES + 9] ^= 1
    path.write_bytes(data)
    before = {p.name: p.read_bytes() for p in bench.directory.iterdir()}
    for _ in range(2):
        with pytest.raises(JournalDamaged):
            bench.open()
    assert {p.name: p.read_bytes() for p in bench.directory.iterdir()} == before


def test_without_room_for_the_reserve_the_start_is_refused(bench, monkeypatch):
    def full(fd: int, data: bytes) -> int:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(JournalFailed, match="No space left"):
        bench.open()


def test_a_start_reads_only_the_tail_behind_the_snapshot(bench, monkeypatch):
    million = 1_000_000
    writer, _ = bench.open(segment_bytes=1 << 25)
    batch = [b"%16d" % n for n in range(1000)]
    for _ in range(million // len(batch)):
        writer.append(batch)
    assert writer.position is not None
    save_snapshot(bench.directory, writer.position, b"the state")
    for n in range(500):
        writer.append([b"tail %d" % n])
    writer.close()

    read = [0]
    real = os.pread

    def counted(fd: int, size: int, at: int) -> bytes:
        data = real(fd, size, at)
        read[0] += len(data)
        return data

    monkeypatch.setattr(os, "pread", counted)
    writer, recovery = bench.open(segment_bytes=1 << 25)
    monkeypatch.undo()
    assert recovery.last_seq == million + 500
    assert recovery.records_read == 500
    assert recovery.snapshot is not None
    assert recovery.snapshot.payload == b"the state"
    total = sum(path.stat().st_size for path in bench.segments())
    assert total > 64_000_000
    assert read[0] < 1_000_000
    assert writer.append([b"on"]) == million + 501


def test_a_damaged_snapshot_gives_way_to_the_older(bench):
    writer, _ = bench.open()
    for payload in (b"one", b"two", b"three"):
        writer.append([payload])
        assert writer.position is not None
        save_snapshot(bench.directory, writer.position, b"state " + payload)
    writer.close()
    newest = bench.directory / snapshot_name(3)
    newest.write_bytes(newest.read_bytes()[:-1] + b"?")
    _, recovery = bench.open()
    assert recovery.snapshot is not None
    assert recovery.snapshot.payload == b"state two"
    assert recovery.snapshot.passed_over == (newest.name,)
    assert recovery.records_read == 1


def test_a_snapshot_that_knows_more_than_the_journal_refuses_the_start(bench):
    bench.filled([b"one"])
    shorter = bench.last_segment().read_bytes()
    writer, _ = bench.open()
    writer.append([b"two"])
    assert writer.position is not None
    save_snapshot(bench.directory, writer.position, b"state")
    writer.close()
    bench.last_segment().write_bytes(shorter)
    with pytest.raises(JournalDamaged, match="snapshot was taken after is not here"):
        bench.open()


def test_the_epoch_is_known_even_if_nothing_follows_the_snapshot(bench):
    bench.filled([b"one"])
    writer, _ = bench.open()
    writer.append([b"two"])
    assert writer.position is not None
    save_snapshot(bench.directory, writer.position, b"state")
    writer.close()
    assert list_snapshots(bench.directory) == [2]
    writer, recovery = bench.open()
    assert (recovery.last_epoch, writer.epoch, recovery.records_read) == (2, 3, 0)
    assert writer.position is not None
    assert writer.position.seq == 2
