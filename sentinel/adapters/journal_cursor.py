"""Reads the frames of one segment in order, checking each. It may never write or skip a frame.

A frame that is not whole and right is not judged here by itself: at the very end of what was
written it is "not yet" (or torn by a crash), anywhere else it is damage. `judge_tail` tells which.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import Enum
from hashlib import blake2b
from typing import Final
from zlib import crc32

import msgspec

from sentinel.adapters.journal_format import (
    FRAME,
    FRAME_BYTES,
    FRAME_MAX,
    FRONT_BYTES,
    HASH_BYTES,
    RECORD_TAG,
    SEAL_BYTES,
    SEAL_TAG,
    TAG_PREFIX,
    JournalDamaged,
    Record,
    Seal,
    decode_seal,
)

_CHUNK: Final = 1 << 18
_SEARCH_CHUNK: Final = 1 << 20
_SECTOR: Final = 512


class Stop(Enum):
    """Why a cursor stopped."""

    LIMIT = "limit"
    END = "end"
    BAD = "bad"
    SEALED = "sealed"


class FrameCursor:
    """A place in one segment. After END or BAD the same frame is read afresh by the next call."""

    __slots__ = (
        "_base",
        "_buffer",
        "_fd",
        "bytes_read",
        "chain",
        "file",
        "last_offset",
        "next_seq",
        "offset",
        "seal",
    )

    def __init__(self, fd: int, *, file: str, offset: int, next_seq: int, chain: bytes) -> None:
        self._fd = fd
        self._buffer = b""
        self._base = offset
        self.file = file
        self.offset = offset
        self.last_offset = 0
        self.next_seq = next_seq
        self.chain = chain
        self.seal: Seal | None = None
        self.bytes_read = 0

    def take(self, limit: int) -> tuple[list[Record], Stop]:
        """Return up to `limit` records, and why there are no more of them.

        Raises:
            JournalDamaged: the next frame is whole, its checksum right, and does not belong here.
        """
        records: list[Record] = []
        stop = Stop.LIMIT
        try:
            while len(records) < limit:
                step = self._step()
                if isinstance(step, Stop):
                    stop = step
                    break
                records.append(step)
        except JournalDamaged:
            if not records:
                raise
        if stop in {Stop.END, Stop.BAD}:
            self.forget_buffer()
        return records, stop

    def forget_buffer(self) -> None:
        """Read the file again at the next call, in case it has changed."""
        self._buffer = b""
        self._base = self.offset

    def _step(self) -> Record | Stop:
        start = self.offset - self._base
        if len(self._buffer) - start < FRAME_BYTES:
            start = self._fill(_CHUNK)
        if len(self._buffer) < FRAME_BYTES:
            return Stop.BAD if any(self._buffer) else Stop.END
        length, checksum, tag, _, seq, epoch, before = FRAME.unpack_from(self._buffer, start)
        if not FRAME_BYTES <= length <= FRAME_MAX:
            return Stop.BAD if length else Stop.END
        if len(self._buffer) - start < length:
            start = self._fill(max(length, _CHUNK))
        end = start + length
        buffer = self._buffer
        body = memoryview(buffer)[start + FRONT_BYTES : end]
        if len(buffer) < end or crc32(body, length) != checksum:
            return Stop.BAD
        if tag == SEAL_TAG:
            self._accept_seal(buffer[start:end])
            return Stop.SEALED
        if tag != RECORD_TAG or seq != self.next_seq or before != self.chain:
            raise self.damaged(self._mismatch(tag, seq))
        self.chain = blake2b(body, digest_size=HASH_BYTES).digest()
        self.last_offset = self.offset
        self.offset += length
        self.next_seq = seq + 1
        return Record(seq=seq, epoch=epoch, payload=buffer[start + FRAME_BYTES : end])

    def damaged(self, what: str, *, offset: int | None = None) -> JournalDamaged:
        """Return the error for damage at this place."""
        place = self.offset if offset is None else offset
        return JournalDamaged(file=self.file, offset=place, seq=self.next_seq, what=what)

    def _fill(self, size: int) -> int:
        self._buffer = os.pread(self._fd, size, self.offset)
        self._base = self.offset
        self.bytes_read += len(self._buffer)
        return 0

    def _mismatch(self, tag: bytes, seq: int) -> str:
        if tag != RECORD_TAG:
            return "a frame of an unknown kind"
        if seq != self.next_seq:
            return f"record {seq} stands where {self.next_seq} is expected"
        return "the hash chain is broken before this record"

    def _accept_seal(self, frame: bytes) -> None:
        seal = decode_seal(frame)
        if seal is None:
            raise self.damaged("an unreadable seal")
        if seal.last_seq != self.next_seq - 1 or seal.closing_hash != self.chain:
            raise self.damaged("the seal does not match the records before it")
        self.seal = seal


class Tail(msgspec.Struct, frozen=True, kw_only=True):
    """What follows a place where no whole frame stands.

    `garbage_bytes` is the length up to the last byte that is not zero; `good_offset` is where a
    later whole frame begins that was written after this one was complete (so this one is damage).
    """

    garbage_bytes: int
    good_offset: int | None


def judge_tail(fd: int, *, offset: int, next_seq: int) -> Tail:
    """Judge what stands from `offset` on, where a whole frame for `next_seq` was expected.

    One batch is one write, and its sectors reach a disk in any order. So whole frames behind a
    hole of zeroed sectors prove nothing when they are of the very batch that has the hole: that
    batch was never complete, hence never acknowledged. Any other whole frame proves damage.
    """
    zeros = bytes(_SEARCH_CHUNK)
    garbage_end = base = offset
    first_good: int | None = None
    while chunk := os.pread(fd, _SEARCH_CHUNK, base):
        if chunk != zeros and (stripped := chunk.rstrip(b"\x00")):
            garbage_end = base + len(stripped)
            for good, place, seq in _good_frames(fd, base=base, chunk=chunk, after=offset):
                if first_good is None:
                    first_good = good
                    if not _has_zero_sector(fd, offset, good):
                        return Tail(garbage_bytes=garbage_end - offset, good_offset=good)
                if place == 0 or seq - place > next_seq:
                    return Tail(garbage_bytes=garbage_end - offset, good_offset=good)
        if len(chunk) < _SEARCH_CHUNK:
            break
        base += len(chunk) - FRAME_BYTES
    return Tail(garbage_bytes=garbage_end - offset, good_offset=None)


def _good_frames(fd: int, *, base: int, chunk: bytes, after: int) -> Iterator[tuple[int, int, int]]:
    """Yield (offset, place in its batch, seq) of each whole frame that begins in `chunk`."""
    at = chunk.find(TAG_PREFIX, FRONT_BYTES)
    while at >= 0:
        start = base + at - FRONT_BYTES
        front = os.pread(fd, FRAME_BYTES, start)
        if start > after and len(front) == FRAME_BYTES:
            length, checksum, tag, place, seq, _, _ = FRAME.unpack(front)
            if tag in {RECORD_TAG, SEAL_TAG} and FRAME_BYTES <= length <= FRAME_MAX:
                body = os.pread(fd, length, start)[FRONT_BYTES:]
                if len(body) == length - FRONT_BYTES and crc32(body, length) == checksum:
                    yield start, place, seq
        at = chunk.find(TAG_PREFIX, at + 1)


def _has_zero_sector(fd: int, start: int, end: int) -> bool:
    first = -(-start // _SECTOR) * _SECTOR
    zero = bytes(_SECTOR)
    return any(
        os.pread(fd, _SECTOR, sector) == zero for sector in range(first, end - _SECTOR + 1, _SECTOR)
    )


def read_seal(fd: int, size: int) -> Seal | None:
    """Return the seal that ends a file of `size` bytes, or None."""
    if size < SEAL_BYTES:
        return None
    return decode_seal(os.pread(fd, SEAL_BYTES, size - SEAL_BYTES))
