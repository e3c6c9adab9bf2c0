"""The simulated venue's file: its connection, transactions and tables. No rows are read here.

Rollback journal (mode DELETE), because WAL before SQLite 3.51.3 has a reset race with two
connections; every write is one short `BEGIN IMMEDIATE`, every read one short transaction.
`synchronous` is OFF: the account is make-believe, so it must survive any crash of a program (it
does: the pages are with the kernel), not a loss of power, and a sync costs more than all else.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker_api import offline_rows as rows
from broker_api.errors import BrokerUnavailable, OutcomeUnknown
from broker_api.offline_money import MONEY_PER_UNIT, MONEY_PLACES, StoredNumberInvalid
from broker_api.offline_money import stored as text_of
from broker_api.offline_schema import SCHEMA_VERSION, TABLES
from broker_api.offline_settings import OfflineSettings


class OfflineFile:
    """One connection to the file. Every failure is BrokerUnavailable with the path in its line."""

    def __init__(self, path: Path, settings: OfflineSettings) -> None:
        self.path = path
        self._settings = settings
        self._version: int | None = None
        self._closed = False
        with self._guard():
            _make_file(path)
            self._db = sqlite3.connect(
                path, timeout=settings.busy_ms / 1000, isolation_level=None, check_same_thread=False
            )
        try:
            with self._guard():
                self._prepare()
        except BaseException:
            self.close()
            raise

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def close(self) -> None:
        """End the connection. Twice is once."""
        self._closed = True
        self._db.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the file for one short write; all of it happens, or nothing does."""
        with self._guard():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        """See the file as it is at one instant."""
        with self._guard():
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._roll_back()

    def changed(self) -> bool:
        """Whether the other process wrote since the last call (SQLite's data_version)."""
        with self._guard():
            version = rows.read_int(self._one("PRAGMA data_version")[0])
        before, self._version = self._version, version
        return version != before

    def _prepare(self) -> None:
        self._db.execute("PRAGMA synchronous = OFF")
        self._one("PRAGMA journal_mode = DELETE")
        if not self._one("SELECT count(*) FROM sqlite_master")[0]:
            self._create()
        found = self._one("PRAGMA quick_check(1)")[0]
        if found != "ok":
            raise sqlite3.DatabaseError(f"damaged: {found}")
        known = self._one("SELECT count(*) FROM sqlite_master WHERE name IN ('meta', 'account')")
        if known[0] != 2:
            raise sqlite3.DatabaseError("not an offline account")
        row = self._db.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
        version = None if row is None else row[0]
        if version != str(SCHEMA_VERSION):
            raise sqlite3.DatabaseError(
                f"its schema version is {version}, this program knows {SCHEMA_VERSION}"
            )

    def _create(self) -> None:
        """Make the tables, unless the other process was first."""
        with self.writing():
            if self._one("SELECT count(*) FROM sqlite_master")[0]:
                return
            for statement in TABLES:
                self._db.execute(statement)
            seed = self._settings.seed or 0
            meta = [("schema_version", str(SCHEMA_VERSION)), ("seed", str(seed))]
            self._db.executemany("INSERT INTO meta VALUES (?, ?)", meta)
            cash = text_of(self._settings.cash * MONEY_PER_UNIT, MONEY_PLACES)
            self._db.execute("INSERT INTO account VALUES (1, ?, ?, 1, 0, 0)", (cash, cash))

    def _one(self, statement: str) -> tuple[object, ...]:
        row = self._db.execute(statement).fetchone()
        if row is None:
            raise sqlite3.DatabaseError(f"a row is missing ({statement[:40]})")
        return tuple(row)

    def _roll_back(self) -> None:
        """Undo what is open; a failure here leaves the outcome unknown."""
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise OutcomeUnknown(f"offline account {self.path}: {error}") from None

    @contextmanager
    def _guard(self) -> Iterator[None]:
        if self._closed:
            raise BrokerUnavailable(f"offline account {self.path}: the connection is closed")
        try:
            yield
        except (sqlite3.Error, OSError, StoredNumberInvalid, UnicodeError) as error:
            line = " ".join(str(error).split())
            raise BrokerUnavailable(f"offline account {self.path}: {line}") from None


def _make_file(path: Path) -> None:
    """Create the file and its directory (0750) where absent; refuse what is no plain file.

    A file that is there is not opened: closing it would drop this process's locks on it.
    """
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    try:
        found = path.lstat()
    except FileNotFoundError:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            os.close(os.open(path, flags, 0o660))
        except FileExistsError:
            return
        return
    if not stat.S_ISREG(found.st_mode):
        raise OSError("not a plain file")
