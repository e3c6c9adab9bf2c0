"""What the sentinel remembers: opens the journal and folds it back into a state."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ipc.clock import Clock
from sentinel.adapters.journal_format import JournalDamaged, Position
from sentinel.adapters.journal_reader import read_records
from sentinel.adapters.journal_writer import JournalWriter
from sentinel.adapters.snapshots import Snapshot, load_newest_snapshot
from sentinel.core.ledger import FoldDiverged, decode_entry, refold
from sentinel.core.memento import MementoRefused, load
from sentinel.core.state import State


class Memory:
    """The journal, open for writing, and the state it tells of."""

    def __init__(
        self,
        journal: JournalWriter,
        state: State,
        *,
        truncated_bytes: int | None,
        snapshot_seq: int,
    ) -> None:
        self.journal = journal
        self.state = state
        self.truncated_bytes = truncated_bytes
        """Bytes of a torn last record that were cut off, or None."""
        self.snapshot_seq = snapshot_seq
        """Up to which entry a snapshot spared the folding."""


def remember(directory: Path, *, durability: str, segment_bytes: int, clock: Clock) -> Memory:
    """Open the journal and fold it, from the newest snapshot on.

    Raises:
        JournalDamaged: it cannot be trusted, or tells of decisions this program would not make.
        JournalFailed: it cannot be written.
    """
    journal, recovery = JournalWriter.open(
        directory, durability=durability, segment_bytes=segment_bytes, clock=clock
    )
    try:
        state, position = _from_snapshot(recovery.snapshot)
        fold(directory, state, after=position)
    except BaseException:
        journal.close()
        raise
    return Memory(
        journal,
        state,
        truncated_bytes=recovery.truncated_bytes,
        snapshot_seq=0 if position is None else position.seq,
    )


def _from_snapshot(snapshot: Snapshot | None) -> tuple[State, Position | None]:
    """Return the state to go on from; one of another version is folded anew from the start."""
    if snapshot is not None:
        try:
            return load(snapshot.payload), snapshot.position
        except MementoRefused:
            return State(), None
    return State(), None


def fold(
    directory: Path, state: State, *, after: Position | None = None, last_seq: int | None = None
) -> int:
    """Decide every journaled event again on `state`; return the last seq.

    Raises:
        JournalDamaged: an entry is not one of this version, or its verdict would be another.
    """
    seq = 0
    for record in read_records(directory, after=after):
        seq = record.seq
        try:
            refold(state, decode_entry(record.payload))
        except (FoldDiverged, msgspec.DecodeError) as error:
            what = f"the entry cannot be folded: {error}"
            raise JournalDamaged(file=str(directory), offset=0, seq=seq, what=what) from None
        if seq == last_seq:
            break
    return seq


def fold_up_to(directory: Path, last_seq: int) -> State:
    """Return the state as it was after one entry."""
    snapshot = load_newest_snapshot(directory)
    if snapshot is not None and snapshot.position.seq > last_seq:
        snapshot = None
    state, position = _from_snapshot(snapshot)
    if position is None or position.seq < last_seq:
        fold(directory, state, after=position, last_seq=last_seq)
    return state
