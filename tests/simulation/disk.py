"""The journal's file as a model: what is written, what is synced, what a crash leaves of either.

Frames are the real ones, and what is left after a crash is read by the real cursor.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

from sentinel.adapters.journal_cursor import FrameCursor, Stop, judge_tail
from sentinel.adapters.journal_format import (
    FRAME_BYTES,
    JournalDamaged,
    JournalFailed,
    encode_batch,
    genesis_hash,
    whole_frames,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.simulation.chance import Draw
    from tests.simulation.history import History

GENESIS = genesis_hash(bytes(16))
TAKE_MAX = 100_000


class Crashed(Exception):
    """The sentinel's process ended here."""


class Snapshot:
    """A state's bytes and the place in the journal up to which they tell it."""

    def __init__(self, payload: bytes, seq: int, chain: bytes, offset: int) -> None:
        self.payload, self.seq, self.chain, self.offset = payload, seq, chain, offset


class Disk:
    """One journal. `append` returns when what `durability` names can no longer undo it."""

    def __init__(
        self,
        drawn: Draw,
        rng: random.Random,
        history: History,
        *,
        crash_here: Callable[[str], bool],
        record: Callable[[bytes], None],
    ) -> None:
        self._drawn, self._rng, self._history = drawn, rng, history
        self._crash_here, self._record = crash_here, record
        self.data = bytearray()
        self.synced = 0
        self.ends: list[int] = []
        self.chain = GENESIS
        self.epoch = 1
        self.failure: str | None = None
        self.snapshot: Snapshot | None = None
        self.marker = False
        """The halt marker outside the journal."""
        self._room_helps = False
        self._garbage_from: int | None = None

    @property
    def durable_records(self) -> int:
        """How many records the named failure cannot take away."""
        if not self._drawn.power:
            return len(self.ends)
        return sum(1 for end in self.ends if end <= self.synced)

    def append(self, payloads: Sequence[bytes]) -> int:
        """Write all in one write; JournalFailed, for ever, if the disk says no."""
        if self.failure is not None:
            raise JournalFailed(self.failure)
        data, seq, _, _ = encode_batch(payloads, len(self.ends), self.epoch, self.chain)
        if not data:
            return seq
        self._fail_perhaps(data)
        if self._crash_here("write"):
            if self._rng.random() < self._drawn.torn:
                self._history.faults["torn_write"] += 1
                self._own(data[: self._rng.randrange(len(data))])
            raise Crashed
        self._own(data)
        if self._crash_here("sync"):
            raise Crashed
        if self._drawn.power:
            if self._rng.random() < self._drawn.write_error:
                self._history.faults["sync_error"] += 1
                self._fail("cannot be synced", room_helps=False)
            self.synced = len(self.data)
        if self._crash_here("reply"):
            raise Crashed
        return seq

    def append_reserved(self, payload: bytes) -> None:
        """Write a last record into the reserve, as after ENOSPC."""
        if not self._room_helps:
            raise JournalFailed(self.failure or "no room")
        if self._garbage_from is not None:
            del self.data[self._garbage_from :]
            self._garbage_from = None
        data, _, _, _ = encode_batch((payload,), len(self.ends), self.epoch, self.chain)
        self._own(data)
        self.synced = len(self.data)

    def _fail_perhaps(self, data: bytes) -> None:
        if self._rng.random() >= self._drawn.write_error:
            return
        if self._rng.random() < 0.5:
            self._history.faults["write_error"] += 1
            self._fail("cannot be written", room_helps=False)
        self._history.faults["disk_full"] += 1
        before = len(self.data)
        self._own(data[: self._rng.randrange(len(data))])
        whole = self.ends[-1] if self.ends else 0
        if len(self.data) > max(whole, before):
            self._garbage_from = max(whole, before)
        self._fail("is full", room_helps=True)

    def _fail(self, problem: str, *, room_helps: bool) -> None:
        self.failure, self._room_helps = problem, room_helps
        raise JournalFailed(problem)

    def _own(self, data: bytes) -> None:
        """Count what is whole in the file; the rest of it is garbage at its end."""
        count, chain, _, _ = whole_frames(data, self.chain)
        at = 0
        base = len(self.data)
        for _ in range(count):
            length = int.from_bytes(data[at : at + 4], "little")
            self.ends.append(base + at + length)
            self._record(data[at + FRAME_BYTES : at + length])
            at += length
        self.chain = chain
        self.data += data

    def lose(self, *, power: bool) -> None:
        """Apply a crash: a process takes nothing that was written, a power cut all unsynced."""
        if not power:
            return
        self._history.faults["power_loss"] += 1
        keep = self.synced + self._rng.randrange(len(self.data) - self.synced + 1)
        if self._rng.random() >= self._drawn.torn:
            keep = max([self.synced, *(end for end in self.ends if end <= keep)])
        del self.data[keep:]

    def recover(self) -> list[bytes]:
        """Read what is left, from the snapshot on; a torn tail is cut.

        Raises:
            JournalDamaged: something is wrong that is no torn tail.
        """
        self.failure, self._room_helps, self._garbage_from = None, False, None
        snapshot = self.snapshot
        offset, seq, chain = 0, 0, GENESIS
        if snapshot is not None:
            offset, seq, chain = snapshot.offset, snapshot.seq, snapshot.chain
        fd = os.memfd_create("journal")
        try:
            os.write(fd, self.data)
            cursor = FrameCursor(fd, file="journal", offset=offset, next_seq=seq + 1, chain=chain)
            records, stop = cursor.take(TAKE_MAX)
            if stop is Stop.BAD:
                tail = judge_tail(fd, offset=cursor.offset, next_seq=cursor.next_seq)
                if tail.good_offset is not None:
                    raise JournalDamaged(
                        file="journal", offset=cursor.offset, seq=cursor.next_seq, what="a hole"
                    )
                self._history.faults["tail_cut"] += 1
        finally:
            os.close(fd)
        del self.data[cursor.offset :]
        self.chain = cursor.chain
        del self.ends[cursor.next_seq - 1 :]
        del self._history.entries[cursor.next_seq - 1 :]
        self.synced = len(self.data)
        self.epoch = self._history.entries[-1].epoch + 1 if self._history.entries else 1
        return [record.payload for record in records]

    def save_snapshot(self, payload: bytes) -> None:
        """Keep a state that tells all of the journal as it is now."""
        self.snapshot = Snapshot(payload, len(self.ends), self.chain, len(self.data))
