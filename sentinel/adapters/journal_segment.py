"""The one segment that is written to: the only door to its file. It may never write twice.

Under `power` the whole segment is allocated when it is made, so that a full disk shows then and
not in mid-batch, and room is zeroed ahead in steps of 1 MiB, so that a sync has no metadata to
write. Under `process` nothing is synced, and plainly growing the file is as fast.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from sentinel.adapters.journal_directory import (
    FILE_MODE,
    SEALED_MODE,
    TEMPORARY_SUFFIX,
    sync_directory,
)
from sentinel.adapters.journal_format import (
    HEADER_BYTES,
    SEAL_BYTES,
    Header,
    JournalFailed,
    Seal,
    encode_header,
    encode_seal,
    segment_name,
)

FILL_STEP: Final = 1 << 20
_ZEROS: Final = bytes(FILL_STEP)
_NO_ALLOCATION: Final = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})


class ActiveSegment:
    """An open segment: `offset` is where the next frame goes, `room_end` how far room is made."""

    __slots__ = (
        "_power",
        "_segment_bytes",
        "_size",
        "fd",
        "first_seq",
        "offset",
        "path",
        "room_end",
    )

    def __init__(
        self, fd: int, path: Path, *, first_seq: int, offset: int, power: bool, segment_bytes: int
    ) -> None:
        self.fd = fd
        self.path = path
        self.first_seq = first_seq
        self.offset = offset
        self._power = power
        self._segment_bytes = segment_bytes
        self._size = os.fstat(fd).st_size
        self.room_end = offset if power else max(offset, segment_bytes)

    @classmethod
    def create(
        cls, directory: Path, header: Header, *, power: bool, segment_bytes: int
    ) -> ActiveSegment:
        """Make a segment with its head and first room, under a temporary name; see `publish`."""
        path = directory / segment_name(header.first_seq)
        temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
        temporary.unlink(missing_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(temporary, flags, FILE_MODE)
        try:
            _write_exactly(fd, encode_header(header), 0)
            segment = cls(
                fd,
                path,
                first_seq=header.first_seq,
                offset=HEADER_BYTES,
                power=power,
                segment_bytes=segment_bytes,
            )
            segment.make_room(SEAL_BYTES)
            if power:
                os.fsync(fd)
        except BaseException:
            os.close(fd)
            raise
        return segment

    def publish(self) -> None:
        """Give a created segment its name; now it is part of the journal."""
        self.path.with_name(self.path.name + TEMPORARY_SUFFIX).rename(self.path)
        if self._power:
            sync_directory(self.path.parent)

    @classmethod
    def reopen(
        cls, path: Path, *, first_seq: int, offset: int, power: bool, segment_bytes: int
    ) -> ActiveSegment:
        """Go on with a segment whose records end at `offset` and that is zero behind it."""
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            segment = cls(
                fd,
                path,
                first_seq=first_seq,
                offset=offset,
                power=power,
                segment_bytes=segment_bytes,
            )
            segment.make_room(SEAL_BYTES)
        except BaseException:
            os.close(fd)
            raise
        return segment

    def fits(self, length: int) -> bool:
        """Tell whether `length` bytes and a seal fit into the segment's size."""
        return self.offset + length + SEAL_BYTES <= self._segment_bytes

    def make_room(self, length: int) -> None:
        """Make room ahead for `length` bytes and a seal; OSError if there is none."""
        needed = self.offset + length + SEAL_BYTES
        if not self._power:
            self.room_end = max(self.room_end, needed)
            return
        if needed > self.room_end and self._size < max(needed, self._segment_bytes):
            self._allocate(max(needed, self._segment_bytes))
        while self.room_end < needed:
            self.zero_step()

    def wants_room(self) -> bool:
        """Tell whether a step of zeros may be made ahead of need."""
        return self._power and self.room_end < self._segment_bytes

    def zero_step(self) -> None:
        """Write one step of zeros behind the room there is, durably."""
        end = self.room_end + FILL_STEP
        if self.room_end < self._segment_bytes:
            end = min(end, self._segment_bytes)
        _write_exactly(self.fd, memoryview(_ZEROS)[: end - self.room_end], self.room_end)
        os.fdatasync(self.fd)
        self.room_end = end
        self._size = max(self._size, end)

    def write(self, data: bytes) -> int:
        """Write at `offset` and return how much was written; `offset` is left to the caller."""
        return os.pwrite(self.fd, data, self.offset)

    def took(self, length: int) -> None:
        """Take note of `length` bytes written at `offset`, perhaps beyond the room there was."""
        self.offset += length
        self.room_end = max(self.room_end, self.offset)

    def cut(self) -> None:
        """Remove everything behind `offset`: room, and what is left of a failed write."""
        os.ftruncate(self.fd, self.offset)
        self._size = self.room_end = self.offset

    def write_seal(self, seal: Seal, *, epoch: int) -> None:
        """Write the seal behind the records; `offset` moves only if all of it was written."""
        frame = encode_seal(seal, epoch=epoch)
        _write_exactly(self.fd, frame, self.offset)
        self.offset += len(frame)

    def finish(self) -> None:
        """Cut the sealed segment to its length, and make it read-only for ever."""
        self.cut()
        os.fchmod(self.fd, SEALED_MODE)
        if self._power:
            os.fsync(self.fd)

    def check_identity(self) -> None:
        """Raise JournalFailed unless the path still names this very file, at its full length."""
        held = os.fstat(self.fd)
        try:
            named = self.path.stat(follow_symlinks=False)
        except OSError as error:
            raise JournalFailed(f"{self.path}: the journal is gone: {error.strerror}") from None
        if (held.st_dev, held.st_ino) != (named.st_dev, named.st_ino):
            raise JournalFailed(f"{self.path}: the journal was replaced by another file")
        expected = max(self._size, self.offset)
        if held.st_size != expected:
            raise JournalFailed(
                f"{self.path}: the journal has {held.st_size} bytes instead of {expected}"
            )

    def close(self) -> None:
        """Close the file as it stands."""
        os.close(self.fd)

    def _allocate(self, size: int) -> None:
        try:
            os.posix_fallocate(self.fd, 0, size)
        except OSError as error:
            if error.errno in _NO_ALLOCATION:
                return
            raise
        self._size = size


def _write_exactly(fd: int, data: bytes | memoryview, offset: int) -> None:
    written = os.pwrite(fd, data, offset)
    if written != len(data):
        raise OSError(errno.ENOSPC, f"only {written} of {len(data)} bytes could be written")
