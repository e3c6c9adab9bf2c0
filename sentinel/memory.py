"""What the sentinel remembers: opens the journal and folds it back into a state."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ipc.clock import Clock
from sentinel.adapters.journal_format import JournalDamaged
from sentinel.adapters.journal_reader import read_records
from sentinel.adapters.journal_writer import JournalWriter
from sentinel.core.ledger import FoldDiverged, decode_entry, refold
from sentinel.core.state import State


class Memory:
    """The journal, open for writing, and the state it tells of."""

    def __init__(self, journal: JournalWriter, state: State, truncated_bytes: int | None) -> None:
        self.journal = journal
        self.state = state
        self.truncated_bytes = truncated_bytes
        """Bytes of a torn last record that were cut off, or None."""


def remember(directory: Path, *, durability: str, segment_bytes: int, clock: Clock) -> Memory:
    """Open the journal and fold it.

    Raises:
        JournalDamaged: it cannot be trusted, or tells of decisions this program would not make.
        JournalFailed: it cannot be written.
    """
    journal, recovery = JournalWriter.open(
        directory, durability=durability, segment_bytes=segment_bytes, clock=clock
    )
    state = State()
    try:
        fold(directory, state)
    except BaseException:
        journal.close()
        raise
    return Memory(journal, state, recovery.truncated_bytes)


def fold(directory: Path, state: State) -> int:
    """Decide every journaled event again on `state`; return the last seq."""
    seq = 0
    for record in read_records(directory):
        seq = record.seq
        try:
            refold(state, decode_entry(record.payload))
        except (FoldDiverged, msgspec.DecodeError) as error:
            what = f"the entry cannot be folded: {error}"
            raise JournalDamaged(file=str(directory), offset=0, seq=seq, what=what) from None
    return seq
