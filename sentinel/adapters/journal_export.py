"""Writes the journal out for other programs: JSON lines, or a SQLite file for queries.

It only reads the journal, also while that is written, and never writes over a file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from sentinel.adapters.journal_format import JournalDamaged, Record
from sentinel.adapters.journal_names import entry_document, entry_of, named, type_of
from sentinel.adapters.journal_reader import read_records
from sentinel.core.effects import Halt, Reply, Resume, SendAlert
from sentinel.core.events import AlertSettled, IntentReceived, ResumeRequested
from sentinel.core.ledger import Entry

FILE_MODE: Final = 0o640
STEP: Final = 1024
"""Entries between two calls of `progress`, and in one insert."""
PRAGMAS: Final = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA user_version = 1",
)
"""The file is made whole or not at all and needs no journal; user version is the schema's."""
Progress = Callable[[int], None]
"""Told now and then how many entries are done."""

SCHEMA_SQL: Final = """
CREATE TABLE events (
  seq INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, at_ns INTEGER NOT NULL,
  wall_ns INTEGER NOT NULL, type TEXT NOT NULL, event TEXT NOT NULL, effects TEXT NOT NULL
) STRICT;
CREATE TABLE verdicts (
  seq INTEGER NOT NULL, verdict_seq INTEGER NOT NULL, at_ns INTEGER NOT NULL,
  wall_ns INTEGER NOT NULL, run_id TEXT, cl_ord_id TEXT NOT NULL, orig_cl_ord_id TEXT,
  kind TEXT NOT NULL, symbol TEXT, side TEXT, ord_type TEXT, order_qty TEXT, price TEXT,
  stop_price TEXT, verdict TEXT NOT NULL, reason TEXT, limit_value TEXT, observed TEXT,
  state TEXT NOT NULL, repeated INTEGER NOT NULL
) STRICT;
CREATE TABLE alerts (
  alert_id TEXT PRIMARY KEY, seq INTEGER NOT NULL, wall_ns INTEGER NOT NULL,
  severity TEXT NOT NULL, code TEXT NOT NULL, facts TEXT NOT NULL, settled_seq INTEGER,
  settled_wall_ns INTEGER, route TEXT, delivered INTEGER, detail TEXT
) STRICT;
CREATE TABLE halts (
  halt_id TEXT PRIMARY KEY, seq INTEGER NOT NULL, wall_ns INTEGER NOT NULL, cause TEXT NOT NULL,
  by TEXT NOT NULL, resumed_seq INTEGER, resumed_wall_ns INTEGER, resumed_by TEXT,
  resumed_why TEXT
) STRICT;
"""
INDEX_SQL: Final = """
CREATE INDEX events_by_type ON events (type, seq);
CREATE INDEX verdicts_by_id ON verdicts (cl_ord_id);
CREATE INDEX verdicts_by_reason ON verdicts (reason, seq);
"""

Row = tuple[object, ...]
_INTENT_FIELDS: Final = (
    *("orig_cl_ord_id", "symbol", "side", "ord_type", "order_qty", "price", "stop_price"),
)


class FileExists(ValueError):
    """There is something where the export should go."""


class ExportFailed(OSError):
    """The file cannot be written; nothing of it is left."""


def export_lines(directory: Path, out: BinaryIO, progress: Progress) -> int:
    """Write every entry as one line of JSON; return how many there were.

    Raises:
        JournalDamaged: where the journal cannot be trusted; what was good before it is written.
        JournalError: there is no journal.
    """
    encoder = msgspec.json.Encoder()
    done = 0
    for record in read_records(directory):
        out.write(encoder.encode(entry_document(record, entry_of(record))) + b"\n")
        done += 1
        if done % STEP == 0:
            progress(done)
    out.flush()
    return done


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which it becomes when it is done.

    It does so too when the journal turns out to be damaged, with what was good before; any other
    failure leaves nothing behind. FileExists if `path` is there already.
    """
    if os.path.lexists(path):
        raise FileExists(f"{path}: exists and is not overwritten")
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
    try:
        try:
            yield part
        except JournalDamaged:
            _publish(part, path)
            raise
        _publish(part, path)
    finally:
        part.unlink(missing_ok=True)


def _publish(part: Path, path: Path) -> None:
    try:
        os.link(part, path)
    except FileExistsError:
        raise FileExists(f"{path}: exists and is not overwritten") from None


def export_sqlite(directory: Path, path: Path, progress: Progress) -> int:
    """Write every entry into the tables of a new SQLite file; return how many there were.

    Raises:
        JournalDamaged: where the journal cannot be trusted; what was good before it is in the file.
        JournalError: there is no journal.
        FileExists: `path` is there already.
        ExportFailed: the file cannot be written.
    """
    with new_file(path) as part:
        try:
            with closing(sqlite3.connect(part, isolation_level=None)) as database:
                return _fill(database, read_records(directory), progress)
        except sqlite3.Error as error:
            raise ExportFailed(f"{path}: cannot be written: {error}") from None


def _fill(database: sqlite3.Connection, records: Iterator[Record], progress: Progress) -> int:
    for statement in (*PRAGMAS, *SCHEMA_SQL.split(";")):
        database.execute(statement)
    tables = _Tables(database)
    done = 0
    database.execute("BEGIN")
    try:
        for record in records:
            entry = entry_of(record)
            tables.add(entry_document(record, entry), entry)
            done += 1
            if done % STEP == 0:
                tables.flush()
                progress(done)
    finally:
        tables.flush()
        database.execute("COMMIT")
        for statement in INDEX_SQL.split(";"):
            database.execute(statement)
    return done


class _Tables:
    """Rows on their way into the file, in the journal's order."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._rows: dict[str, list[Row]] = {}

    def add(self, document: dict[str, object], entry: Entry) -> None:
        """Take one entry apart."""
        text = msgspec.json.Encoder()
        seq, at_ns, wall_ns = document["seq"], document["at_ns"], document["wall_ns"]
        event, effects = (text.encode(document[key]).decode() for key in ("event", "effects"))
        kind = type_of(entry.event)
        self._put(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
            (seq, document["epoch"], at_ns, wall_ns, kind, event, effects),
        )
        for effect in entry.effects:
            match effect:
                case Reply():
                    self._verdict(document, entry, effect)
                case SendAlert():
                    facts = text.encode(effect.facts).decode()
                    self._put(
                        "INSERT OR IGNORE INTO alerts (alert_id, seq, wall_ns, severity, code,"
                        " facts) VALUES (?, ?, ?, ?, ?, ?)",
                        (effect.alert_id, seq, wall_ns, effect.severity, effect.code, facts),
                    )
                case Halt():
                    self._put(
                        "INSERT OR IGNORE INTO halts (halt_id, seq, wall_ns, cause, by)"
                        " VALUES (?, ?, ?, ?, ?)",
                        (effect.halt_id, seq, wall_ns, effect.cause, effect.by),
                    )
                case Resume() if isinstance(entry.event, ResumeRequested):
                    self._put(
                        "UPDATE halts SET resumed_seq = ?, resumed_wall_ns = ?, resumed_by = ?,"
                        " resumed_why = ? WHERE resumed_seq IS NULL AND seq < ?",
                        (seq, wall_ns, entry.event.by, entry.event.why, seq),
                    )
                case _:
                    pass
        if isinstance(entry.event, AlertSettled):
            settled = entry.event
            self._put(
                "UPDATE alerts SET settled_seq = ?, settled_wall_ns = ?, route = ?, delivered = ?,"
                " detail = ? WHERE alert_id = ? AND settled_seq IS NULL",
                (
                    *(seq, wall_ns, settled.route, settled.delivered),
                    *(settled.detail, settled.alert_id),
                ),
            )

    def _verdict(self, document: dict[str, object], entry: Entry, reply: Reply) -> None:
        asked = entry.event if isinstance(entry.event, IntentReceived) else None
        intent = {} if asked is None else named(asked.intent)
        self._put(
            "INSERT INTO verdicts VALUES (?" + ", ?" * 19 + ")",
            (
                *(document["seq"], reply.seq, document["at_ns"], document["wall_ns"]),
                None if asked is None else asked.run_id,
                reply.cl_ord_id,
                *(intent.get(field) for field in _INTENT_FIELDS[:1]),
                reply.kind,
                *(intent.get(field) for field in _INTENT_FIELDS[1:]),
                "approved" if reply.approved else "vetoed",
                *(reply.reason, reply.limit, reply.observed, reply.state, reply.repeated),
            ),
        )

    def _put(self, statement: str, row: Row) -> None:
        self._rows.setdefault(statement, []).append(row)

    def flush(self) -> None:
        """Write what is collected: inserts first, since an update may be about one of them."""
        for statement in sorted(self._rows):
            self._database.executemany(statement, self._rows[statement])
        self._rows.clear()
