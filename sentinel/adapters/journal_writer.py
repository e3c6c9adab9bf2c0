"""The journal's only writer. It may never go on after a failed write or sync, nor retry one.

What `append` returned survives what `durability` names; before it returns, nobody may be answered.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn, Self

from ipc.clock import Clock
from sentinel.adapters.journal_directory import Marker, sync_directory, write_marker
from sentinel.adapters.journal_format import (
    HEADER_BYTES,
    SEAL_BYTES,
    Durability,
    Header,
    JournalFailed,
    Position,
    Seal,
    encode_batch,
    segment_name,
    whole_frames,
)
from sentinel.adapters.journal_recovery import (
    RESERVE_NAME,
    Recovered,
    Recovery,
    prepare_directory,
)
from sentinel.adapters.journal_segment import ActiveSegment

SEGMENT_BYTES_MIN: Final = 4096


class JournalWriter:
    """Appends records. One per journal, under the state's lock, used from one thread."""

    def __init__(
        self,
        directory: Path,
        recovered: Recovered,
        *,
        power: bool,
        segment_bytes: int,
        clock: Clock,
    ) -> None:
        recovery = recovered.recovery
        position = recovered.position
        self.directory = directory
        self._clock = clock
        self._power = power
        self._segment_bytes = segment_bytes
        self._journal_id = recovered.journal_id
        self._seq = recovery.last_seq
        self._chain = recovery.last_hash
        self._epoch = recovery.last_epoch + 1
        self._last_offset = position.offset if position else 0
        self._last_segment = position.segment if position else 0
        self._failure: str | None = None
        self._room_may_help = True
        self._garbage = False
        if recovered.open_segment is None:
            self._segment = self._create_segment()
            self._segment.publish()
        else:
            self._segment = ActiveSegment.reopen(
                directory / segment_name(recovered.open_segment),
                first_seq=recovered.open_segment,
                offset=recovered.offset,
                power=self._power,
                segment_bytes=segment_bytes,
            )

    @classmethod
    def open(
        cls, directory: Path, *, durability: Durability | str, segment_bytes: int, clock: Clock
    ) -> tuple[Self, Recovery]:
        """Recover the journal in `directory` (made if there never was one) and go on with it.

        The caller holds the state's lock. The epoch is one more than the last record's; see
        `set_epoch`.

        Raises:
            JournalDamaged: the journal cannot be trusted; nothing may start on it.
            JournalFailed: it cannot be written to, or there is no room for the reserve.
            ValueError: `segment_bytes` or `durability` is out of range.
        """
        durability = Durability(durability)
        if segment_bytes < SEGMENT_BYTES_MIN:
            raise ValueError(f"segment_bytes {segment_bytes} is less than {SEGMENT_BYTES_MIN}")
        try:
            recovered = prepare_directory(directory)
            power = durability is Durability.POWER
            writer = cls(
                directory, recovered, power=power, segment_bytes=segment_bytes, clock=clock
            )
            if recovered.marker is None:
                os.fsync(writer._segment.fd)
                sync_directory(directory)
                write_marker(directory, Marker(journal_id=recovered.journal_id.hex(), first_seq=1))
        except OSError as error:
            raise JournalFailed(
                f"{error.filename or directory}: the journal cannot be opened: {error.strerror}"
            ) from error
        return writer, recovered.recovery

    @property
    def last_seq(self) -> int:
        """The seq of the last record; 0 if there is none."""
        return self._seq

    @property
    def last_hash(self) -> bytes:
        """The chain hash after the last record."""
        return self._chain

    @property
    def epoch(self) -> int:
        """The epoch that the next record will carry."""
        return self._epoch

    @property
    def failure(self) -> str | None:
        """Why this writer is dead, or None."""
        return self._failure

    @property
    def position(self) -> Position | None:
        """Where the last record stands, for a snapshot; None if there is no record."""
        if self._seq == 0:
            return None
        return Position(
            seq=self._seq,
            chain_hash=self._chain,
            segment=self._last_segment,
            offset=self._last_offset,
        )

    def set_epoch(self, epoch: int) -> None:
        """Let the next records carry `epoch`; ValueError if that would go back."""
        if epoch < self._epoch:
            raise ValueError(f"epoch {epoch} is before {self._epoch}")
        self._epoch = epoch

    def append(self, payloads: Sequence[bytes]) -> int:
        """Write all `payloads` as records in one write and return the last seq.

        Raises:
            JournalFailed: it is not known what of it is on disk; this writer is dead for ever.
            ValueError: a payload or the batch is too large; nothing was written.
        """
        if self._failure is not None:
            raise JournalFailed(self._failure)
        data, seq, chain, last = encode_batch(payloads, self._seq, self._epoch, self._chain)
        if not data:
            return seq
        segment = self._segment
        length = len(data)
        try:
            if segment.offset + length + SEAL_BYTES > segment.room_end:
                segment = self._make_room(length)
            written = segment.write(data)
        except OSError as error:
            self._fail(f"cannot be written: {error.strerror}", error)
        if written != length:
            self._own_up(data[:written])
            self._fail(f"only {written} of {length} bytes could be written")
        self._last_segment = segment.first_seq
        self._last_offset = segment.offset + last
        segment.offset += length
        self._seq = seq
        self._chain = chain
        if self._power:
            self._sync()
        return seq

    def append_reserved(self, payload: bytes) -> int:
        """Write one record in the room of the reserve, also after `append` failed for want of it.

        For the record of a halt on a full disk. It does not bring the writer back to life.

        Raises:
            JournalFailed: even that was not possible, or what failed was not for want of room.
        """
        if not self._room_may_help:
            raise JournalFailed(self._failure or "the journal cannot be written")
        data, seq, chain, _ = encode_batch((payload,), self._seq, self._epoch, self._chain)
        segment = self._segment
        try:
            (self.directory / RESERVE_NAME).unlink(missing_ok=True)
            if self._garbage:
                segment.cut()
                self._garbage = False
            written = segment.write(data)
        except OSError as error:
            self._fail(f"cannot be written, not even the reserve: {error.strerror}", error)
        if written != len(data):
            self._garbage = True
            self._fail("cannot be written, not even the reserve")
        self._last_segment = segment.first_seq
        self._last_offset = segment.offset
        segment.took(written)
        self._seq = seq
        self._chain = chain
        if self._power:
            self._sync()
        return seq

    def check_identity(self) -> None:
        """Raise JournalFailed, and be dead, if the journal's path is no longer this journal."""
        self._check_alive()
        try:
            self._segment.check_identity()
        except JournalFailed as error:
            self._room_may_help, self._failure = False, str(error)
            raise

    def prepare_room(self) -> None:
        """Make one step of room ahead of need, if any is wanted; for an idle moment.

        Raises:
            JournalFailed: there is none; this writer is dead.
        """
        self._check_alive()
        try:
            if self._segment.wants_room():
                self._segment.zero_step()
        except OSError as error:
            self._fail(f"no room can be made: {error.strerror}", error)

    def close(self) -> None:
        """Close the file; the segment stays open for the next start."""
        if self._failure is None:
            self._failure = f"{self._segment.path}: the journal is closed"
            self._room_may_help = False
        self._segment.close()

    def _make_room(self, length: int) -> ActiveSegment:
        segment = self._segment
        if not segment.fits(length) and segment.offset > HEADER_BYTES:
            following = self._create_segment()
            seal = Seal(
                records=self._seq - segment.first_seq + 1,
                first_seq=segment.first_seq,
                last_seq=self._seq,
                closing_hash=self._chain,
                sealed_wall_ns=self._clock.wall_ns(),
            )
            self._garbage = True
            segment.write_seal(seal, epoch=self._epoch)
            self._garbage = False
            self._room_may_help = False
            segment.finish()
            following.publish()
            segment.close()
            self._segment = segment = following
            self._room_may_help = True
        segment.make_room(length)
        return segment

    def _create_segment(self) -> ActiveSegment:
        header = Header(
            epoch=self._epoch,
            first_seq=self._seq + 1,
            created_wall_ns=self._clock.wall_ns(),
            journal_id=self._journal_id,
            previous_hash=self._chain,
        )
        return ActiveSegment.create(
            self.directory, header, power=self._power, segment_bytes=self._segment_bytes
        )

    def _own_up(self, written: bytes) -> None:
        """Count the records of a failed batch that are whole in the file: none is revoked."""
        count, self._chain, last, end = whole_frames(written, self._chain)
        if count:
            self._last_segment = self._segment.first_seq
            self._last_offset = self._segment.offset + last
        self._seq += count
        self._segment.offset += end
        self._garbage = len(written) > end

    def _sync(self) -> None:
        try:
            os.fdatasync(self._segment.fd)
        except OSError as error:
            self._room_may_help = False
            self._fail(f"cannot be synced: {error.strerror}", error)

    def _check_alive(self) -> None:
        if self._failure is not None:
            raise JournalFailed(self._failure)

    def _fail(self, what: str, cause: OSError | None = None) -> NoReturn:
        self._failure = f"{self._segment.path}: the journal {what}"
        raise JournalFailed(self._failure) from cause
