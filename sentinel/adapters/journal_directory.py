"""What stands in the journal's directory and beside it. It may never change a record.

The marker `<directory>.marker` lies outside the directory and says that a journal exists, which
one, and with which segment it begins: an empty or shortened directory is seen for what it is.
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from sentinel.adapters.journal_cursor import read_seal
from sentinel.adapters.journal_format import (
    HEADER_BYTES,
    SEAL_BYTES,
    Header,
    JournalDamaged,
    JournalVersion,
    Seal,
    decode_header,
    genesis_hash,
    segment_first_seq,
    segment_name,
)

DIRECTORY_MODE: Final = 0o750
FILE_MODE: Final = 0o640
SEALED_MODE: Final = 0o440
TEMPORARY_SUFFIX: Final = ".tmp"
_MARKER_MAX: Final = 4096


class Marker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the state remembers of its journal; `journal_id` in hexadecimal digits."""

    journal_id: str
    first_seq: int


class SegmentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the two ends of one segment say; no `seal` means that it is still written to.

    `header` is None if the head is unreadable, which only the last segment may be.
    """

    path: Path
    first_seq: int
    size: int
    header: Header | None
    seal: Seal | None


def marker_path(directory: Path) -> Path:
    """Return the path of the marker that belongs to the journal in `directory`."""
    return directory.with_name(directory.name + ".marker")


def sync_directory(directory: Path) -> None:
    """Make creations, renames and removals in `directory` durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_whole(fd: int, data: bytes) -> None:
    """Write all of `data`; an OSError if not even one byte more can be written."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def replace_file(path: Path, data: bytes) -> None:
    """Replace a small file durably: a temporary one, fsync, rename, fsync of the directory."""
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(temporary, flags, FILE_MODE)
    try:
        write_whole(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)
    temporary.rename(path)
    sync_directory(path.parent)


def read_marker(directory: Path) -> Marker | None:
    """Return the marker, None if there is none, JournalDamaged if it cannot be understood."""
    path = marker_path(directory)
    try:
        data = path.read_bytes()[:_MARKER_MAX]
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(data, type=Marker)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise JournalDamaged(
            file=path.name, offset=0, seq=0, what="the marker of the journal is unreadable"
        ) from None


def write_marker(directory: Path, marker: Marker) -> None:
    """Replace the marker durably."""
    replace_file(marker_path(directory), msgspec.json.encode(marker) + b"\n")


def list_segments(directory: Path) -> list[int]:
    """Return the first seqs of the segments present, ascending; other files are not looked at."""
    firsts = (segment_first_seq(name) for name in os.listdir(directory))  # noqa: PTH208 - names only
    return sorted(first for first in firsts if first is not None)


def open_segment(directory: Path, first_seq: int) -> int:
    """Open a segment for reading; FileNotFoundError if there is none."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.open(directory / segment_name(first_seq), flags)


def read_facts(directory: Path, first_seq: int, *, is_last: bool) -> SegmentFacts:
    """Read both ends of one segment, a few bytes each.

    Raises:
        JournalDamaged: the head is unreadable (unless `is_last`) or names another first seq.
        JournalVersion: it was written in another format.
    """
    name = segment_name(first_seq)
    fd = open_segment(directory, first_seq)
    try:
        size = os.fstat(fd).st_size
        header: Header | None
        try:
            header = decode_header(os.pread(fd, HEADER_BYTES, 0), file=name)
        except JournalVersion:
            raise
        except JournalDamaged:
            if not is_last:
                raise
            header = None
        seal = read_seal(fd, size)
    finally:
        os.close(fd)
    if header is not None and header.first_seq != first_seq:
        raise JournalDamaged(
            file=name, offset=0, seq=first_seq, what=f"its head says first seq {header.first_seq}"
        )
    return SegmentFacts(
        path=directory / name, first_seq=first_seq, size=size, header=header, seal=seal
    )


def survey(directory: Path, marker: Marker | None) -> list[SegmentFacts]:
    """Read the ends of every segment and check that they join, without reading the records.

    Segments older than the marker's first one are left out: their removal was interrupted.

    Raises:
        JournalDamaged: a segment is missing, does not join, or belongs to another journal.
    """
    firsts = list_segments(directory)
    if marker is not None:
        firsts = [first for first in firsts if first >= marker.first_seq]
        if not firsts or firsts[0] != marker.first_seq:
            raise JournalDamaged(
                file=segment_name(marker.first_seq),
                offset=0,
                seq=marker.first_seq,
                what=f"missing, although {marker_path(directory).name} says that it exists",
            )
    facts = [read_facts(directory, first, is_last=first == firsts[-1]) for first in firsts]
    if facts:
        _check_first(facts[0], marker)
    for before, after in pairwise(facts):
        _check_join(before, after)
    return facts


def _check_first(first: SegmentFacts, marker: Marker | None) -> None:
    header = first.header
    if header is None:
        return
    what = None
    if marker is not None and header.journal_id.hex() != marker.journal_id:
        what = "it belongs to another journal than the marker says"
    elif first.first_seq == 1 and header.previous_hash != genesis_hash(header.journal_id):
        what = "the chain does not begin as the journal's id demands"
    if what is not None:
        raise JournalDamaged(file=first.path.name, offset=0, seq=first.first_seq, what=what)


def _check_join(before: SegmentFacts, after: SegmentFacts) -> None:
    seal = before.seal
    if seal is None:
        raise JournalDamaged(
            file=before.path.name,
            offset=max(0, before.size - SEAL_BYTES),
            seq=before.first_seq,
            what="its seal is missing, although a later segment exists",
        )
    if seal.last_seq + 1 != after.first_seq or seal.first_seq != before.first_seq:
        missing = segment_name(seal.last_seq + 1)
        raise JournalDamaged(
            file=missing,
            offset=0,
            seq=seal.last_seq + 1,
            what=f"missing between {before.path.name} and {after.path.name}",
        )
    if after.header is None or before.header is None:
        return
    if after.header.journal_id != before.header.journal_id:
        what = "it belongs to another journal than the segment before it"
    elif after.header.previous_hash != seal.closing_hash:
        what = f"its chain does not go on from {before.path.name}"
    else:
        return
    raise JournalDamaged(file=after.path.name, offset=0, seq=after.first_seq, what=what)
