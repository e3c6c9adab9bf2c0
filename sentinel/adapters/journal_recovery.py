"""Brings a journal back at start: verify, cut a torn tail, refuse damage. It may never guess.

Runs under the state's lock, before the writer exists.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from sentinel.adapters.journal_cursor import judge_tail
from sentinel.adapters.journal_directory import (
    DIRECTORY_MODE,
    FILE_MODE,
    SEALED_MODE,
    TEMPORARY_SUFFIX,
    Marker,
    SegmentFacts,
    list_segments,
    marker_path,
    read_marker,
    survey,
    write_whole,
)
from sentinel.adapters.journal_format import (
    HEADER_BYTES,
    JOURNAL_ID_BYTES,
    JournalDamaged,
    Position,
    genesis_hash,
    segment_name,
)
from sentinel.adapters.journal_reader import JournalReader
from sentinel.adapters.snapshots import Snapshot, load_newest_snapshot

RESERVE_NAME: Final = "reserve"
RESERVE_BYTES: Final = 1 << 20
_SCAN_LIMIT: Final = 4096


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """What was found at start. `truncated_bytes` is None unless a torn tail was cut off.

    The state is `snapshot` (None: the empty state) and every record after its seq.
    `bytes_read` and `records_read` say what that took.
    """

    last_seq: int
    last_hash: bytes
    last_epoch: int
    truncated_bytes: int | None
    segments: int
    snapshot: Snapshot | None
    records_read: int
    bytes_read: int


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """A `Recovery` and what the writer needs to go on.

    `open_segment` is the first seq of the segment to go on with and `offset` the end of its
    records; None means that a new one has to be made.
    """

    recovery: Recovery
    journal_id: bytes
    marker: Marker | None
    position: Position | None
    open_segment: int | None
    offset: int


def prepare_directory(directory: Path) -> Recovered:
    """Make or recover the journal's directory, clear what a crash left over, make the reserve.

    Raises:
        JournalDamaged: the journal must not be started on; nothing has been changed.
        OSError: the directory cannot be used, or there is no room for the reserve.
    """
    directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
    recovered = recover(directory)
    for left in directory.glob(f"*{TEMPORARY_SUFFIX}"):
        left.unlink()
    _make_reserve(directory)
    return recovered or _nothing_yet()


def recover(directory: Path) -> Recovered | None:
    """Verify the journal from the newest snapshot on and repair its tail.

    Returns None where there is no journal and nothing says that there should be one.

    Raises:
        JournalDamaged: it must not be started on; nothing has been changed.
        OSError: it cannot be read, or its tail not be cut.
    """
    marker = read_marker(directory)
    if marker is None and not list_segments(directory):
        return None
    facts = survey(directory, marker)
    dropped = _drop_headless(facts)
    if dropped:
        facts = facts[:-1]
    snapshot = load_newest_snapshot(directory)
    first = facts[0]
    if first.first_seq > 1 and (snapshot is None or marker is None):
        missing = "usable snapshot" if snapshot is None else marker_path(directory).name
        raise JournalDamaged(
            file=first.path.name,
            offset=0,
            seq=first.first_seq,
            what=f"the journal begins at seq {first.first_seq} and there is no {missing}",
        )
    after = None if snapshot is None else snapshot.position
    with JournalReader(directory, after=after) as reader:
        records_read = _read_to_end(reader)
        return _conclude(reader, facts, marker, snapshot, records_read, dropped)


def _read_to_end(reader: JournalReader) -> int:
    after = reader.position
    count = 0
    while records := reader.read(_SCAN_LIMIT):
        count += len(records)
    if after is not None and reader.bytes_read == 0:
        raise JournalDamaged(
            file=segment_name(after.segment),
            offset=after.offset,
            seq=after.seq,
            what="missing, although a snapshot was taken of it",
        )
    return count


def _conclude(
    reader: JournalReader,
    facts: list[SegmentFacts],
    marker: Marker | None,
    snapshot: Snapshot | None,
    records_read: int,
    dropped: int,
) -> Recovered:
    header = facts[0].header
    if header is None:
        raise JournalDamaged(
            file=facts[0].path.name, offset=0, seq=facts[0].first_seq, what="its head is unreadable"
        )
    torn = reader.check_end() + dropped
    cursor = reader.cursor
    position = reader.position
    if cursor is not None and torn > dropped:
        _cut(reader.directory / cursor.file, cursor.offset)
    if cursor is None and facts[-1].seal is None:
        _cut(facts[-1].path, reader.seal_end)
        facts[-1].path.chmod(SEALED_MODE)
    recovery = Recovery(
        last_seq=position.seq if position else 0,
        last_hash=position.chain_hash if position else genesis_hash(header.journal_id),
        last_epoch=reader.last_epoch,
        truncated_bytes=torn or None,
        segments=len(facts),
        snapshot=snapshot,
        records_read=records_read,
        bytes_read=reader.bytes_read,
    )
    return Recovered(
        recovery=recovery,
        journal_id=header.journal_id,
        marker=marker,
        position=position,
        open_segment=facts[-1].first_seq if cursor is not None else None,
        offset=cursor.offset if cursor is not None else 0,
    )


def _drop_headless(facts: list[SegmentFacts]) -> int:
    """Remove a last segment that a loss of power left without a head and without records."""
    last = facts[-1]
    if last.header is not None or len(facts) == 1:
        return 0
    fd = os.open(last.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        tail = judge_tail(fd, offset=0, next_seq=last.first_seq)
    finally:
        os.close(fd)
    if tail.good_offset is not None:
        raise JournalDamaged(
            file=last.path.name,
            offset=0,
            seq=last.first_seq,
            what=f"its head is unreadable, but a good record follows at {tail.good_offset}",
        )
    last.path.unlink()
    return max(tail.garbage_bytes, HEADER_BYTES)


def _cut(path: Path, offset: int) -> None:
    path.chmod(FILE_MODE)
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.ftruncate(fd, offset)
        os.fsync(fd)
    finally:
        os.close(fd)


def _nothing_yet() -> Recovered:
    journal_id = os.urandom(JOURNAL_ID_BYTES)
    recovery = Recovery(
        last_seq=0,
        last_hash=genesis_hash(journal_id),
        last_epoch=0,
        truncated_bytes=None,
        segments=0,
        snapshot=None,
        records_read=0,
        bytes_read=0,
    )
    return Recovered(
        recovery=recovery,
        journal_id=journal_id,
        marker=None,
        position=None,
        open_segment=None,
        offset=0,
    )


def _make_reserve(directory: Path) -> None:
    path = directory / RESERVE_NAME
    try:
        if path.stat(follow_symlinks=False).st_size == RESERVE_BYTES:
            return
    except FileNotFoundError:
        pass
    temporary = path.with_name(RESERVE_NAME + TEMPORARY_SUFFIX)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(temporary, flags, FILE_MODE)
    try:
        write_whole(fd, bytes(RESERVE_BYTES))
        os.fsync(fd)
    finally:
        os.close(fd)
    temporary.rename(path)
