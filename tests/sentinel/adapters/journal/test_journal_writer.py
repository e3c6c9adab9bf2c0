"""The writer: what it wrote is there; what failed is final."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.adapters.journal_format import SEAL_BYTES, JournalFailed
from sentinel.adapters.journal_reader import read_records
from sentinel.adapters.journal_recovery import RESERVE_NAME
from sentinel.adapters.journal_verify import verify
from sentinel.adapters.journal_writer import JournalWriter

DURABILITIES = pytest.mark.parametrize("durability", ["process", "power"])


@settings(max_examples=25, deadline=None)
@given(batches=st.lists(st.lists(st.binary(max_size=900), max_size=6), max_size=12))
@DURABILITIES
def test_what_is_appended_is_read_back(tmp_path_factory, durability, batches):
    state = tmp_path_factory.mktemp("state")
    written: list[bytes] = []
    half = len(batches) // 2
    for part in (batches[:half], batches[half:]):
        writer, recovery = JournalWriter.open(
            state / "journal", durability=durability, segment_bytes=4096, clock=_Still()
        )
        assert recovery.last_seq == len(written)
        for batch in part:
            written += batch
            assert writer.append(batch) == len(written)
        writer.close()
    records = list(read_records(state / "journal"))
    assert [record.payload for record in records] == written
    assert [record.seq for record in records] == list(range(1, len(written) + 1))
    assert verify(state / "journal").ok
    shutil.rmtree(state)


def append_until_it_fails(writer: JournalWriter, payload: bytes, expected: str) -> int:
    """Append up to 10,000 records; return the last seq that was acknowledged before it failed."""
    acknowledged = 0
    try:
        for _ in range(10_000):
            acknowledged = writer.append([payload])
    except JournalFailed as error:
        assert re.search(expected, str(error))  # noqa: PT017 - which append fails is not known
        return acknowledged
    pytest.fail("the writer never failed")


class _Still:
    def elapsed_ns(self) -> int:
        return 0

    def wall_ns(self) -> int:
        return 1

    def sleep_ms(self, duration_ms: float) -> None:
        raise AssertionError


def test_each_start_has_a_later_epoch(bench):
    for expected in (1, 2, 3):
        writer, recovery = bench.open()
        assert (recovery.last_epoch, writer.epoch) == (expected - 1, expected)
        writer.append([b"x"])
        writer.close()
    assert [record.epoch for record in read_records(bench.directory)] == [1, 2, 3]


def test_the_caller_may_set_the_epoch_but_never_back(bench):
    writer, _ = bench.open()
    writer.set_epoch(9)
    writer.append([b"x"])
    with pytest.raises(ValueError, match="epoch 8 is before 9"):
        writer.set_epoch(8)
    writer.close()
    assert bench.open()[1].last_epoch == 9


def test_an_empty_batch_writes_nothing(bench):
    writer, _ = bench.open()
    assert writer.append([b"a"]) == 1
    assert writer.append([]) == 1
    assert bench.payloads() == [b"a"]


@DURABILITIES
def test_full_segments_are_sealed_read_only_and_go_on_in_the_next(bench, durability):
    payloads = [bytes([n]) * 500 for n in range(40)]
    bench.filled(*[[p] for p in payloads], durability=durability, segment_bytes=4096)
    *sealed, last = bench.segments()
    assert len(sealed) >= 4
    assert {path.stat().st_mode & 0o777 for path in sealed} == {0o440}
    assert last.stat().st_mode & 0o777 == 0o640
    assert all(path.stat().st_size <= 4096 for path in sealed)
    assert bench.payloads() == payloads
    assert bench.open(durability=durability)[1].segments == len(sealed) + 1


def test_the_directory_is_not_open_to_others(bench):
    bench.filled([b"a"])
    assert bench.directory.stat().st_mode & 0o027 == 0


def test_a_batch_larger_than_a_segment_is_still_one_write(bench):
    batch = [bytes(1000)] * 20
    bench.filled([b"first"], batch, [b"after"], segment_bytes=4096)
    assert bench.payloads() == [b"first", *batch, b"after"]
    assert len(bench.segments()) == 3


def test_power_allocates_the_whole_segment_and_zeroes_ahead(bench):
    writer, _ = bench.open(durability="power", segment_bytes=4 << 20)
    assert bench.last_segment().stat().st_size == 4 << 20
    for _ in range(10):
        writer.prepare_room()
    assert not writer._segment.wants_room()
    writer.append([b"a"])
    assert bench.payloads() == [b"a"]
    assert bench.last_segment().stat().st_size == 4 << 20


def test_process_grows_the_file_plainly(bench):
    writer, _ = bench.open()
    writer.append([bytes(100)])
    size = bench.last_segment().stat().st_size
    writer.prepare_room()
    assert size < 1000
    assert bench.last_segment().stat().st_size == size


def test_a_record_is_in_the_file_when_append_returns(bench):
    writer, _ = bench.open()
    for n in range(50):
        writer.append([b"%d" % n])
        assert bench.payloads()[-1] == b"%d" % n


def test_power_syncs_each_batch_once_and_process_never(bench, monkeypatch):
    synced: list[int] = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (synced.append(fd), real(fd))[1])
    writer, _ = bench.open()
    writer.append([b"a", b"b"])
    assert synced == []
    writer.close()
    writer, _ = bench.open(durability="power")
    synced.clear()
    writer.append([b"a", b"b"])
    writer.append([b"c"])
    assert len(synced) == 2


def test_a_failed_sync_is_final_and_never_retried(bench, monkeypatch):
    writer, _ = bench.open(durability="power")
    writer.append([b"good"])
    calls: list[int] = []

    def broken(fd: int) -> None:
        calls.append(fd)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", broken)
    with pytest.raises(JournalFailed, match="cannot be synced: Input/output error"):
        writer.append([b"lost"])
    monkeypatch.undo()
    for attempt in (lambda: writer.append([b"x"]), lambda: writer.append_reserved(b"halt")):
        with pytest.raises(JournalFailed, match="cannot be synced"):
            attempt()
    assert len(calls) == 1
    assert writer.failure is not None


def test_a_failed_write_is_final(bench, monkeypatch):
    writer, _ = bench.open()
    writer.append([b"good"])

    def broken(fd: int, data: bytes, offset: int) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "pwrite", broken)
    with pytest.raises(JournalFailed, match="Read-only file system"):
        writer.append([b"lost"])
    monkeypatch.undo()
    with pytest.raises(JournalFailed, match="Read-only file system"):
        writer.append([b"later"])
    writer.close()
    assert bench.payloads() == [b"good"]


@pytest.mark.parametrize("short", range(0, 550, 11))
def test_a_short_write_revokes_no_whole_record_and_leaves_room_for_the_halt(
    bench, monkeypatch, short
):
    writer, _ = bench.open()
    writer.append([b"good"])
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[:short], at))
    with pytest.raises(JournalFailed, match=f"only {short} of"):
        writer.append([b"one", b"\xff" * 200, b"three", b"\xff" * 200])
    monkeypatch.undo()
    seen = bench.payloads()
    assert writer.append_reserved(b"halt") == len(seen) + 1
    assert bench.payloads() == [*seen, b"halt"]
    with pytest.raises(JournalFailed):
        writer.append([b"more"])
    writer.close()
    assert verify(bench.directory).ok
    assert bench.open()[1].truncated_bytes is None


def test_the_file_size_limit_makes_a_short_write_and_a_dead_writer(bench):
    writer, _ = bench.open()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        acknowledged = append_until_it_fails(writer, bytes(300), r"File too large|could be written")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with pytest.raises(JournalFailed):
        writer.append([b"x"])
    writer.close()
    assert acknowledged == len(bench.payloads())
    assert bench.open()[1].last_seq == acknowledged


@pytest.fixture
def small_disk(tmp_path: Path):
    if os.geteuid() != 0:
        pytest.skip("a small tmpfs needs root: run this test as root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1400k", "tmpfs", str(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.root
@DURABILITIES
def test_row_89_on_a_full_disk_the_halt_is_still_recorded(small_disk, bench, durability):
    bench.directory = small_disk / "journal"
    writer, _ = bench.open(durability=durability, segment_bytes=64 << 10)
    acknowledged = append_until_it_fails(writer, bytes(300), r"No space left|could be written")
    with pytest.raises(JournalFailed):
        writer.append([b"never again"])
    assert len(bench.payloads()) >= acknowledged
    seq = writer.append_reserved(b"HALT")
    assert writer.append_reserved(b"ALERT") == seq + 1
    assert bench.payloads()[-2:] == [b"HALT", b"ALERT"]
    assert not (bench.directory / RESERVE_NAME).exists()
    writer.close()
    checked = verify(bench.directory)
    assert (checked.ok, checked.last_seq, checked.torn_bytes) == (True, seq + 1, 0)


def test_where_not_even_the_reserve_helps_that_is_said(bench, monkeypatch):
    writer, _ = bench.open()

    def full(fd: int, data: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(JournalFailed, match="No space left"):
        writer.append([b"x"])
    with pytest.raises(JournalFailed, match="not even the reserve: No space left"):
        writer.append_reserved(b"halt")


def test_a_full_disk_at_rotation_leaves_room_for_the_halt_in_the_old_segment(bench, monkeypatch):
    writer, _ = bench.open(segment_bytes=4096)
    for _ in range(6):
        writer.append([bytes(500)])
    real = os.open

    def full(path: str | Path, flags: int, mode: int = 0o777) -> int:
        if str(path).endswith(".tmp"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", full)
    append_until_it_fails(writer, bytes(500), "No space left")
    assert writer.append_reserved(b"halt") == writer.last_seq
    monkeypatch.undo()
    writer.close()
    assert bench.payloads()[-1] == b"halt"
    writer, recovery = bench.open(segment_bytes=4096)
    assert recovery.truncated_bytes is None
    writer.append([bytes(500)])
    assert verify(bench.directory).ok


def test_a_failed_seal_leaves_room_for_the_halt_in_the_old_segment(bench, monkeypatch):
    writer, _ = bench.open(segment_bytes=4096)
    for _ in range(7):
        writer.append([bytes(500)])
    real = os.pwrite
    monkeypatch.setattr(
        os,
        "pwrite",
        lambda fd, data, at: real(fd, data[:-1] if len(data) == SEAL_BYTES else data, at),
    )
    with pytest.raises(JournalFailed, match="bytes could be written"):
        writer.append([bytes(500)])
    monkeypatch.undo()
    assert writer.append_reserved(b"") == 8
    writer.close()
    assert bench.payloads() == [bytes(500)] * 7 + [b""]
    assert verify(bench.directory).torn_bytes == 0
    assert bench.open(segment_bytes=4096)[1].truncated_bytes is None


@DURABILITIES
@pytest.mark.parametrize("step", ["fchmod", "ftruncate", "rename"])
def test_after_the_seal_nothing_more_is_written_behind_it(bench, monkeypatch, step, durability):
    writer, _ = bench.open(segment_bytes=4096, durability=durability)
    for _ in range(7):
        writer.append([bytes(500)])

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, step, broken)
    with pytest.raises(JournalFailed):
        writer.append([bytes(500)])
    monkeypatch.undo()
    with pytest.raises(JournalFailed):
        writer.append_reserved(b"halt")
    writer.close()
    for seq in (8, 9):
        writer, recovery = bench.open(segment_bytes=4096, durability=durability)
        assert (recovery.last_seq, recovery.truncated_bytes) == (seq - 1, None)
        assert writer.append([b"on"]) == seq
        writer.close()
    assert verify(bench.directory).ok


def test_room_zeroed_later_spares_a_record_in_the_reserve(bench):
    writer, _ = bench.open(durability="power", segment_bytes=8 << 20)
    writer.append([bytes(1_000_000)])
    writer.append_reserved(b"\xff" * 100_000)
    writer.append([b"next"])
    assert [payload[:4] for payload in bench.payloads()] == [bytes(4), b"\xff" * 4, b"next"]


@DURABILITIES
def test_a_record_in_the_reserve_is_not_overwritten_by_later_room(bench, durability):
    writer, _ = bench.open(durability=durability, segment_bytes=4096)
    writer.append([bytes(3800)])
    writer.append_reserved(bytes(2000))
    writer.append([b"next"])
    writer.prepare_room()
    assert bench.payloads() == [bytes(3800), bytes(2000), b"next"]


@pytest.mark.parametrize(
    "harm",
    [
        lambda b: b.last_segment().unlink(),
        lambda b: b.last_segment().rename(b.directory / "elsewhere"),
        lambda b: (
            shutil.copy(b.last_segment(), b.state / "c")
            and (b.state / "c").rename(b.last_segment())
        ),
        lambda b: b.directory.rename(b.state / "moved"),
        lambda b: os.truncate(b.last_segment(), 90),
        lambda b: (
            b.last_segment().open("ab").close()
            or b.last_segment().write_bytes(b.last_segment().read_bytes() + b"x")
        ),
    ],
    ids=["removed", "renamed", "swapped", "directory moved", "shortened", "lengthened"],
)
def test_row_94_a_journal_removed_or_swapped_while_it_runs_is_noticed(bench, harm):
    writer, _ = bench.open()
    writer.append([b"a"])
    writer.check_identity()
    harm(bench)
    with pytest.raises(JournalFailed, match="the journal"):
        writer.check_identity()
    for attempt in (lambda: writer.append([b"x"]), lambda: writer.append_reserved(b"x")):
        with pytest.raises(JournalFailed):
            attempt()


@DURABILITIES
def test_an_untouched_journal_keeps_its_identity_through_rotation(bench, durability):
    writer, _ = bench.open(durability=durability, segment_bytes=4096)
    for _ in range(30):
        writer.append([bytes(700)])
        writer.check_identity()
        writer.prepare_room()
        writer.check_identity()


def test_a_closed_writer_writes_no_more(bench):
    writer, _ = bench.open()
    writer.close()
    with pytest.raises(JournalFailed, match="closed"):
        writer.append([b"x"])
    with pytest.raises(JournalFailed, match="closed"):
        writer.append_reserved(b"x")


def test_an_unknown_durability_or_a_tiny_segment_is_refused(bench):
    with pytest.raises(ValueError, match="maybe"):
        bench.open(durability="maybe")
    with pytest.raises(ValueError, match="segment_bytes 10 is less than 4096"):
        bench.open(segment_bytes=10)


def test_a_directory_that_cannot_be_used_is_one_clear_line(bench):
    bench.directory.write_text("a file")
    with pytest.raises(JournalFailed, match="cannot be opened") as caught:
        bench.open()
    assert "\n" not in str(caught.value)
