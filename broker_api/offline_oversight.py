"""The offline broker's oversight side: the sentinel's own connection to the simulated venue.

It reads, cancels, flattens and rests protective stops, all at once and without the trading
process, which may be dead. It never enlarges a position and never matches.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from threading import Lock
from typing import Final, TypeVar

from broker_api import offline_account as accounts
from broker_api.errors import VenueReject
from broker_api.offline import CAPABILITIES, offline_facts
from broker_api.offline_book import WORKING, Book, Order, position_of, working_order
from broker_api.offline_fills import book_fill
from broker_api.offline_money import edge_text
from broker_api.offline_settings import OfflineSettings
from broker_api.offline_store import OfflineStore
from broker_api.values import BrokerFacts, Capabilities, Snapshot, SwitchState, VenueQuote
from ipc.clock import Clock
from ipc.numbers import format_decimal, parse_decimal

_WRITER: Final = "oversight:"
_T = TypeVar("_T")


class OfflineOversight:
    """An oversight connection (`broker_api.protocol.Oversight`); calls from threads queue up."""

    def __init__(self, path: Path, clock: Clock, settings: OfflineSettings | None = None) -> None:
        """Open or create the account; BrokerUnavailable says in one line why not."""
        self._settings = settings or OfflineSettings()
        self._clock = clock
        self._lock = Lock()
        self._store = OfflineStore(path, self._settings)

    def facts(self) -> BrokerFacts:
        """Return what this connection talks to."""
        return offline_facts(self._store.path, self._settings)

    def capabilities(self) -> Capabilities:
        """Return what the simulated venue can do by itself."""
        return CAPABILITIES

    def snapshot(self, since_fill: int) -> Snapshot:
        """Read the account at one instant, with at most 10,000 fills above `since_fill`."""
        with self._lock, self._store.reading():
            book = self._store.load()
            fills = self._store.fills(since_fill)
            placed = self._store.orders_placed()
        held = sorted((s, h) for s, h in book.positions.items() if h.qty)
        power = accounts.buying_power(book)
        return Snapshot(
            equity=edge_text(accounts.equity(book)),
            balance_free=edge_text(accounts.balance_free(book)),
            buying_power=None if power is None else edge_text(power),
            balances=_balances(book),
            positions=tuple(position_of(symbol, holding) for symbol, holding in held),
            working=tuple(working_order(order) for order in book.orders.values()),
            fills=fills,
            last_fill_seq=book.last_fill_seq,
            orders_placed=placed,
            quotes=_quotes(book),
        )

    def cancel_all(self, keep: Collection[str] = ()) -> int:
        """Cancel every open order but those whose `cl_ord_id` is in `keep`; return how many."""
        kept = frozenset(keep)

        def send(book: Book) -> int:
            doomed = [order for order in book.orders.values() if order.cl_ord_id not in kept]
            for order in doomed:
                book.end(order, "cancelled", "cancelled by the sentinel")
            return len(doomed)

        return self._write(send)

    def cancel(self, cl_ord_id: str) -> None:
        """Cancel one order; nothing happens if it has ended, VenueReject if never seen."""

        def send(book: Book) -> None:
            seq = self._store.seq_of(cl_ord_id)
            if seq is None:
                raise VenueReject(f"cancel {cl_ord_id}: no such order")
            if seq in book.orders:
                book.end(book.orders[seq], "cancelled", "cancelled by the sentinel")

        self._write(send)

    def flatten(self, symbol: str, qty: str, side: str) -> str:
        """Close up to `qty` at the last usable quote, never more than is held; return the id.

        The fill is whole and at once: the trading process, which moves the market, may be dead.
        """

        def send(book: Book) -> str:
            order = _closing_order(book, symbol=symbol, qty=qty, side=side, ord_type="market")
            top = book.quotes.get(symbol)
            price = None if top is None else (top.mark_ask if order.sign > 0 else top.mark_bid)
            if price is None:
                raise VenueReject(f"flatten {symbol}: there has been no usable quote")
            order.order_qty = min(order.order_qty, book.reducible(order))
            book.report(order, "ack")
            book_fill(book, order, order.order_qty, price)
            return order.cl_ord_id

        return self._write(send)

    def place_stop(self, symbol: str, side: str, qty: str, stop_price: str) -> str:
        """Rest a reduce-only stop; VenueReject if it is for more than is held."""

        def send(book: Book) -> str:
            order = _closing_order(book, symbol=symbol, qty=qty, side=side, ord_type="stop")
            order.stop_price = _positive(stop_price, "stop_price")
            if order.order_qty > book.reducible(order):
                raise VenueReject(f"stop {symbol}: more than is held")
            book.report(order, "ack")
            book.changed(order)
            return order.cl_ord_id

        return self._write(send)

    def dead_mans_switch(self, timeout_ms: int) -> SwitchState:  # noqa: ARG002
        """Return NOT_SUPPORTED: this venue has no timer of its own."""
        return SwitchState.NOT_SUPPORTED

    def close(self) -> None:
        """End the connection. Twice is once."""
        with self._lock:
            self._store.close()

    def _write(self, change: Callable[[Book], _T]) -> _T:
        with self._lock, self._store.writing():
            book = self._store.load()
            result = change(book)
            self._store.save(book, _WRITER)
        return result


def _closing_order(book: Book, *, symbol: str, qty: str, side: str, ord_type: str) -> Order:
    """Make an order that can only close; VenueReject if there is nothing on its other side."""
    if side not in {"buy", "sell"}:
        raise VenueReject(f"bad side {side[:16]!r}: buy or sell")
    amount = _positive(qty, "qty")
    seq = book.take_seq()
    order = Order(
        seq=seq,
        cl_ord_id=f"oversight-{seq}",
        symbol=symbol,
        side=side,
        ord_type=ord_type,
        order_qty=amount,
        reduce_only=True,
        is_exit=True,
        origin="oversight",
        status=WORKING,
        effective_ns=book.now_ns,
    )
    if not book.reducible(order):
        raise VenueReject(f"{side} {symbol}: there is nothing to close")
    return order


def _positive(text: str, name: str) -> int:
    value = parse_decimal(text)
    if value is None or value <= 0:
        raise VenueReject(f"bad {name} {text[:40]!r}: expected a positive decimal")
    return value


def _balances(book: Book) -> dict[str, str]:
    """Holdings by currency: the account's own, and the base of each BASE/QUOTE name held long."""
    currency = book.settings.currency
    bases: dict[str, int] = {}
    for symbol, holding in book.positions.items():
        base = book.instrument(symbol).base
        if base is not None and base != currency and holding.qty > 0:
            bases[base] = bases.get(base, 0) + holding.qty
    held = {base: format_decimal(qty) for base, qty in sorted(bases.items())}
    return {currency: edge_text(book.cash), **held}


def _quotes(book: Book) -> tuple[VenueQuote, ...]:
    def text(value: int | None) -> str | None:
        return None if value is None else format_decimal(value)

    return tuple(
        VenueQuote(symbol=symbol, bid=text(top.bid), ask=text(top.ask), ts_ns=top.ts_ns)
        for symbol, top in sorted(book.quotes.items())
    )
