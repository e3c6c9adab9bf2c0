"""The alerts that the journal still owes: those without an acknowledgement. Decides nothing.

It reads entries and folds no state, so that it works where the sentinel itself does not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from sentinel.adapters.journal_format import JournalDamaged
from sentinel.adapters.journal_names import SCHEMA, entry_of
from sentinel.adapters.journal_reader import read_records
from sentinel.core.effects import SendAlert
from sentinel.core.events import AlertSettled

ALERTS_MAX: Final = 10_000
STEP: Final = 1024


class Owed(Struct, frozen=True, kw_only=True):
    """The unsettled alerts, oldest first; how many older ones there are; where damage begins."""

    documents: list[dict[str, object]]
    omitted: int
    problem: str | None


def unsettled(directory: Path, progress: Callable[[int], None]) -> Owed:
    """Return the alerts without an acknowledgement, up to any damage.

    Raises:
        JournalError: there is no journal.
    """
    owed: dict[str, dict[str, object]] = {}
    omitted = done = 0
    problem = None
    try:
        for record in read_records(directory):
            entry = entry_of(record)
            for effect in entry.effects:
                if isinstance(effect, SendAlert) and effect.alert_id not in owed:
                    owed[effect.alert_id] = {
                        "schema": SCHEMA,
                        "seq": record.seq,
                        "wall_ns": entry.event.wall_ns,
                        "alert_id": effect.alert_id,
                        "severity": effect.severity,
                        "code": effect.code,
                        "facts": effect.facts,
                    }
            if isinstance(entry.event, AlertSettled):
                owed.pop(entry.event.alert_id, None)
            if len(owed) > ALERTS_MAX:
                del owed[next(iter(owed))]
                omitted += 1
            done += 1
            if done % STEP == 0:
                progress(done)
    except JournalDamaged as error:
        problem = str(error)
    return Owed(documents=list(owed.values()), omitted=omitted, problem=problem)
