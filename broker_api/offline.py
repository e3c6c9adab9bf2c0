"""The offline broker's trading side: a deterministic exchange simulator on one SQLite file.

It matches only against quotes it is given, in market time; it never reaches a network and never
trades for real. It uses one thread. The sentinel's side is `offline_oversight`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from broker_api import offline_entry as entry
from broker_api import offline_matching as matching
from broker_api.endpoints import OFFLINE_SCHEME
from broker_api.errors import BrokerUnavailable, VenueReject
from broker_api.offline_book import Book, Instrument, Top, position_of, working_order
from broker_api.offline_settings import OfflineSettings
from broker_api.offline_store import OfflineStore
from broker_api.values import BrokerFacts, Capabilities, Position, Report, WorkingOrder
from ipc.approved import Approved
from ipc.clock import NS_PER_MS, Clock
from ipc.messages import CancelIntent, OrderIntent, ReplaceIntent
from ipc.numbers import parse_decimal

REPORTS_PER_CALL: Final = 1000
REPORTS_MAX: Final = 100_000
MARKS_EVERY_NS: Final = 250 * NS_PER_MS
CAPABILITIES: Final = Capabilities(
    protective_stops=True, dead_mans_switch=False, account_lock=False
)


def offline_facts(path: Path, settings: OfflineSettings) -> BrokerFacts:
    """State what an offline connection talks to: a file, which is always paper."""
    return BrokerFacts.resolved(
        broker="offline",
        account_id=settings.account_id,
        endpoint=f"{OFFLINE_SCHEME}{path.absolute()}",
    )


class OfflineBroker:
    """A trading connection (`broker_api.protocol.Trading`) whose market its user drives."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        settings: OfflineSettings | None = None,
        instruments: Mapping[str, Instrument] | None = None,
    ) -> None:
        """Open or create the account; BrokerUnavailable says in one line why not."""
        self._settings = settings or OfflineSettings()
        self._clock = clock
        self._store = OfflineStore(path, self._settings)
        self._reports: deque[Report] = deque()
        self._unsaved: set[str] = set()
        self._driven: set[str] = set()
        self._marks_due_ns = 0
        self._stale = False
        try:
            self._book = self._open(dict(instruments or {}))
        except BaseException:
            self._store.close()
            raise

    def facts(self) -> BrokerFacts:
        """Return what this connection talks to."""
        return offline_facts(self._store.path, self._settings)

    def capabilities(self) -> Capabilities:
        """Return what the simulated venue can do by itself."""
        return CAPABILITIES

    def on_quote(
        self,
        symbol: str,
        bid: str | None,
        ask: str | None,
        ts_ns: int,
        bid_size: str | None = None,
        ask_size: str | None = None,
    ) -> None:
        """Set the top of book at market time `ts_ns` (Unix epoch) and match against it.

        A text that is no plain decimal counts as absent. BrokerUnavailable also if the reports
        of a hundred thousand events were never fetched.
        """
        if not 0 <= ts_ns <= entry.TIME_MAX_NS:
            raise ValueError(f"ts_ns {ts_ns} is not a time in nanoseconds")
        top = Top(_side(bid), _side(ask), _side(bid_size), _side(ask_size), ts_ns)
        self._unsaved.add(symbol)
        self._driven.add(symbol)
        book = self._current()
        if matching.is_due(book, symbol, top):
            if len(self._reports) > REPORTS_MAX:
                raise BrokerUnavailable("offline account: execution reports are not being fetched")
            self._write(lambda now: matching.advance(now, symbol, top))
            return
        matching.set_top(book, symbol, top)
        if self._clock.elapsed_ns() >= self._marks_due_ns:
            self._save_marks()

    def place(self, approved: Approved) -> None:
        """Spend the approval and send the order; a no comes as a `rejected` report."""

        def send(book: Book) -> None:
            intent = approved.spend(self._clock.elapsed_ns())
            if not isinstance(intent, OrderIntent):
                raise TypeError("place takes a new order; a replace goes to replace")
            self._refuse_used(intent.cl_ord_id)
            entry.accept(book, intent)

        self._write(send)

    def replace(self, approved: Approved) -> None:
        """Spend the approval and send the replace; VenueReject if there is nothing to replace."""

        def send(book: Book) -> None:
            intent = approved.spend(self._clock.elapsed_ns())
            if not isinstance(intent, ReplaceIntent):
                raise TypeError("replace takes a replace; a new order goes to place")
            self._refuse_used(intent.cl_ord_id)
            seq = self._store.seq_of(intent.orig_cl_ord_id)
            if seq is None or seq not in book.orders:
                raise VenueReject(f"replace {intent.cl_ord_id}: no such working order")
            entry.accept_replace(book, intent, seq)

        self._write(send)

    def cancel(self, intent: CancelIntent) -> None:
        """Ask to cancel; nothing happens if the order has ended, VenueReject if never seen."""

        def send(book: Book) -> None:
            seq = self._store.seq_of(intent.orig_cl_ord_id)
            if seq is None:
                raise VenueReject(f"cancel {intent.orig_cl_ord_id}: no such order")
            if seq in book.orders:
                entry.accept_cancel(book, intent, seq)

        self._write(send)

    def reports(self) -> list[Report]:
        """Return the execution reports since the last call, oldest first, at most 1,000."""
        if self._unsaved and self._clock.elapsed_ns() >= self._marks_due_ns:
            self._save_marks()
        count = min(len(self._reports), REPORTS_PER_CALL)
        return [self._reports.popleft() for _ in range(count)]

    def working(self) -> tuple[WorkingOrder, ...]:
        """Return every open order of the account, legs and the other connection's included."""
        return tuple(working_order(order) for order in self._current().orders.values())

    def position(self, symbol: str) -> Position:
        """Return what is held in a symbol, zero included."""
        return position_of(symbol, self._current().positions.get(symbol))

    def close(self) -> None:
        """Write the last quotes and end the connection; orders stay as they are."""
        if self._store.closed:
            return
        try:
            if self._unsaved:
                self._save_marks()
        finally:
            self._store.close()

    def _open(self, instruments: dict[str, Instrument]) -> Book:
        with self._store.writing():
            if self._settings.seed is not None:
                self._store.save_seed(self._settings.seed)
            self._store.save_instruments(instruments)
            self._store.take_notices(self._settings.owner)
            self._store.changed()
            return self._store.load()

    def _current(self) -> Book:
        """Return the book, read anew if the other process wrote while it could matter here."""
        book = self._book
        if self._stale or (_busy(book) and self._store.changed()):
            with self._store.writing():
                self._reload()
        return self._book

    def _write(self, change: Callable[[Book], None]) -> None:
        """Run one change on the newest book inside one transaction; all of it, or nothing."""
        trusted, self._stale = not self._stale, True
        with self._store.writing():
            if self._store.changed() or not trusted:
                self._reload()
            change(self._book)
            mine = self._store.save(self._book, self._settings.owner)
            self._store.save_quotes([(s, self._book.quotes[s]) for s in self._saveable()])
        self._stale = False
        self._reports.extend(mine)
        self._marks_saved()

    def _reload(self) -> None:
        """Take the file's word for everything but the market, which is driven from here."""
        self._reports.extend(self._store.take_notices(self._settings.owner))
        before, self._book = self._book, self._store.load()
        self._store.changed()
        self._book.now_ns = before.now_ns
        for symbol in self._driven & before.quotes.keys():
            self._book.quotes[symbol] = before.quotes[symbol]

    def _save_marks(self) -> None:
        with self._store.writing():
            self._store.save_quotes([(s, self._book.quotes[s]) for s in self._saveable()])
        self._marks_saved()

    def _marks_saved(self) -> None:
        self._unsaved.clear()
        self._marks_due_ns = self._clock.elapsed_ns() + MARKS_EVERY_NS

    def _saveable(self) -> list[str]:
        return sorted(self._unsaved & self._book.quotes.keys())

    def _refuse_used(self, cl_ord_id: str) -> None:
        if self._store.seq_of(cl_ord_id) is not None:
            raise VenueReject(f"{cl_ord_id}: duplicate cl_ord_id")


def _busy(book: Book) -> bool:
    """Whether the other process could have something to change: an order, or a position."""
    return bool(book.orders) or any(held.qty for held in book.positions.values())


def _side(text: str | None) -> int | None:
    return None if text is None else parse_decimal(text)
