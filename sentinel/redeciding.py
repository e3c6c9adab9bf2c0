"""Decides a whole journal again and compares: the proof that its verdicts are this program's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from sentinel.adapters.journal_format import Position
from sentinel.adapters.journal_names import entry_of
from sentinel.adapters.journal_reader import read_records
from sentinel.adapters.snapshots import load_newest_snapshot
from sentinel.core.effects import Reply
from sentinel.core.ledger import FoldDiverged, refold
from sentinel.core.memento import MementoRefused, load
from sentinel.core.state import State

STEP = 1024


class Redecision(Struct, frozen=True, kw_only=True):
    """From which entry the journal was decided again, and the first difference, if there is one.

    `from_seq` None: its beginning is no longer kept, and there is no snapshot to go on from.
    """

    from_seq: int | None
    verdicts: int = 0
    problem: str | None = None


def redecide(
    directory: Path, first_seq: int, last_seq: int, progress: Callable[[int], None]
) -> Redecision:
    """Fold every entry up to `last_seq`, from the first or else from the newest snapshot on.

    Raises:
        JournalError: it cannot be read, or an entry is not of this version of the program.
    """
    start = (State(), None) if first_seq <= 1 else _from_snapshot(directory, first_seq)
    if start is None:
        return Redecision(from_seq=None)
    state, after = start
    from_seq = 1 if after is None else after.seq + 1
    verdicts = 0
    for done, record in enumerate(read_records(directory, after=after), 1):
        if record.seq > last_seq:
            break
        entry = entry_of(record)
        try:
            refold(state, entry)
        except FoldDiverged as error:
            problem = f"entry {record.seq}: {error}"
            return Redecision(from_seq=from_seq, verdicts=verdicts, problem=problem)
        verdicts += sum(isinstance(effect, Reply) for effect in entry.effects)
        if done % STEP == 0:
            progress(done)
    return Redecision(from_seq=from_seq, verdicts=verdicts)


def _from_snapshot(directory: Path, first_seq: int) -> tuple[State, Position] | None:
    """Return a state and the place of its record, if what is kept goes on from there."""
    snapshot = load_newest_snapshot(directory)
    if snapshot is None or snapshot.position.seq < first_seq:
        return None
    try:
        return load(snapshot.payload), snapshot.position
    except MementoRefused:
        return None
