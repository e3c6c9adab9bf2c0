"""Reads the journal, also while it is written, without a lock. It may never change a byte of it.

A last record that is only half there is "not yet": a later call finds it whole. Memory is bounded
by the caller's limit and one buffer, however long the journal is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self, assert_never

from sentinel.adapters.journal_cursor import FrameCursor, Stop, judge_tail
from sentinel.adapters.journal_directory import list_segments, open_segment
from sentinel.adapters.journal_format import (
    FRAME,
    FRAME_BYTES,
    HEADER_BYTES,
    SEAL_BYTES,
    JournalDamaged,
    JournalError,
    Position,
    Record,
    decode_header,
    segment_name,
)

READ_LIMIT: Final = 1024


class JournalReader:
    """A place in the journal that only goes forward. Use it from one thread and close it.

    It starts at `from_seq` (or at the oldest record that is kept, if that is later), or, with
    `after`, right behind a known record, whose hash is checked, reading nothing before it.
    """

    __slots__ = (
        "_after",
        "_bytes_before",
        "_chain",
        "_cursor",
        "_fd",
        "_from_seq",
        "_next_segment",
        "directory",
        "last_epoch",
        "position",
        "seal_end",
    )

    def __init__(
        self, directory: Path, *, from_seq: int = 1, after: Position | None = None
    ) -> None:
        if not directory.is_dir():
            raise JournalError(f"{directory}: there is no journal")
        self.directory = directory
        self.position = after
        self.last_epoch = 0
        self.seal_end = 0
        self._after = after
        self._from_seq = from_seq if after is None else after.seq + 1
        self._fd = -1
        self._cursor: FrameCursor | None = None
        self._next_segment: int | None = None
        self._chain: bytes | None = None
        self._bytes_before = 0

    @property
    def bytes_read(self) -> int:
        """How many bytes of records and heads were read so far."""
        return self._bytes_before + (self._cursor.bytes_read if self._cursor else 0)

    @property
    def cursor(self) -> FrameCursor | None:
        """The place in the open segment; None before the first and between two segments."""
        return self._cursor

    def read(self, limit: int = READ_LIMIT) -> list[Record]:
        """Return the next records, at most `limit`; an empty list means that there are none yet.

        Raises:
            JournalDamaged: what stands next is damaged; what was good before it has been returned.
            JournalVersion: a segment was written in another format.
        """
        found: list[Record] = []
        try:
            while len(found) < limit:
                cursor = self._cursor or self._open_next()
                if cursor is None:
                    break
                records, stop = cursor.take(limit - len(found))
                self._note(cursor, records)
                found += [record for record in records if record.seq >= self._from_seq]
                if not self._goes_on(cursor, stop):
                    break
        except JournalDamaged:
            if not found:
                raise
        return found

    def check_end(self) -> int:
        """Judge what stands behind the last record; return the length of a torn one, else 0.

        Raises:
            JournalDamaged: whole records follow a place where none can be read.
        """
        cursor = self._cursor
        if cursor is None:
            return 0
        tail = judge_tail(self._fd, offset=cursor.offset, next_seq=cursor.next_seq)
        if tail.good_offset is None:
            return tail.garbage_bytes
        self._settle(cursor, f"an unreadable record, but a good one at offset {tail.good_offset}")
        return 0

    def close(self) -> None:
        """Close the open segment; a second call does nothing."""
        self._leave_segment()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _note(self, cursor: FrameCursor, records: list[Record]) -> None:
        if records and self._next_segment is not None:
            self.last_epoch = records[-1].epoch
            self.position = Position(
                seq=records[-1].seq,
                chain_hash=cursor.chain,
                segment=self._next_segment,
                offset=cursor.last_offset,
            )

    def _goes_on(self, cursor: FrameCursor, stop: Stop) -> bool:
        match stop:
            case Stop.LIMIT:
                return True
            case Stop.SEALED:
                self.seal_end = cursor.offset + SEAL_BYTES
                self._chain = cursor.chain
                self._next_segment = cursor.next_seq
                self._leave_segment()
                return True
            case Stop.END:
                if not self._has_later_segment():
                    return False
                self._settle(cursor, "the records end here, but a later segment exists")
                return True
            case Stop.BAD:
                tail = judge_tail(self._fd, offset=cursor.offset, next_seq=cursor.next_seq)
                if tail.good_offset is None and not self._has_later_segment():
                    return False
                self._settle(cursor, "an unreadable record, but good ones follow")
                return True
            case _:
                assert_never(stop)

    def _settle(self, cursor: FrameCursor, what: str) -> None:
        """Pass if the writer has meanwhile completed what could not be read, else raise."""
        state = (cursor.offset, cursor.chain, cursor.next_seq)
        records, stop = cursor.take(1)
        if not records and stop is not Stop.SEALED:
            raise cursor.damaged(what)
        cursor.offset, cursor.chain, cursor.next_seq = state
        cursor.forget_buffer()

    def _has_later_segment(self) -> bool:
        current = self._next_segment or 0
        return any(first > current for first in list_segments(self.directory))

    def _leave_segment(self) -> None:
        if self._cursor is not None:
            self._bytes_before += self._cursor.bytes_read
            self._cursor = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open_next(self) -> FrameCursor | None:
        first = self._next_segment
        if first is None:
            first = self._first_segment()
            if first is None:
                return None
        try:
            self._fd = open_segment(self.directory, first)
        except FileNotFoundError:
            self._next_segment = first
            if self._has_later_segment():
                raise JournalDamaged(
                    file=segment_name(first), offset=0, seq=first, what="missing"
                ) from None
            return None
        self._next_segment = first
        self._cursor = self._start_segment(first)
        return self._cursor

    def _first_segment(self) -> int | None:
        if self._after is not None:
            return self._after.segment
        firsts = list_segments(self.directory)
        earlier = [first for first in firsts if first <= self._from_seq]
        return earlier[-1] if earlier else next(iter(firsts), None)

    def _start_segment(self, first: int) -> FrameCursor:
        name = segment_name(first)
        try:
            header = decode_header(os.pread(self._fd, HEADER_BYTES, 0), file=name)
            self._bytes_before += HEADER_BYTES
            if header.first_seq != first or self._chain not in {None, header.previous_hash}:
                raise JournalDamaged(
                    file=name, offset=0, seq=first, what="its head does not follow what is before"
                )
            if self._after is not None:
                return self._start_after(self._after, name)
        except JournalDamaged:
            self._leave_segment()
            raise
        return FrameCursor(
            self._fd,
            file=name,
            offset=HEADER_BYTES,
            next_seq=first,
            chain=header.previous_hash,
        )

    def _start_after(self, after: Position, name: str) -> FrameCursor:
        frame = os.pread(self._fd, FRAME_BYTES, after.offset)
        before = FRAME.unpack(frame)[6] if len(frame) == FRAME_BYTES else b""
        cursor = FrameCursor(
            self._fd, file=name, offset=after.offset, next_seq=after.seq, chain=before
        )
        records, _ = cursor.take(1)
        if not records or cursor.chain != after.chain_hash:
            raise JournalDamaged(
                file=name,
                offset=after.offset,
                seq=after.seq,
                what="the record that a snapshot was taken after is not here",
            )
        self.last_epoch = records[0].epoch
        self._after = None
        return cursor


def read_records(
    directory: Path, *, from_seq: int = 1, after: Position | None = None
) -> Iterator[Record]:
    """Yield every record there is now, then end. A torn last record is left out.

    Raises:
        JournalDamaged: at the place where the journal cannot be trusted.
        JournalError: there is no journal.
    """
    with JournalReader(directory, from_seq=from_seq, after=after) as reader:
        while records := reader.read():
            yield from records
        reader.check_end()
