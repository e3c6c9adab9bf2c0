"""How the simulated venue's values lie in table rows and come back. No file is opened here.

What comes back is checked: a text that this program never writes is StoredNumberInvalid.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Final

from broker_api.offline_book import Action, Book, Holding, Instrument, Order, Top
from broker_api.offline_money import (
    MONEY_PLACES,
    StoredNumberInvalid,
    read_stored,
    read_stored_or_none,
    stored,
    stored_or_none,
)
from broker_api.values import Fill

Cell = str | int | None
Row = tuple[Cell, ...]

_DECIMALS: Final = frozenset(
    {"order_qty", "cum_qty", "price", "stop_price", "stop_loss", "take_profit", "increment"}
)
_FLAGS: Final = frozenset({"reduce_only", "is_exit", "triggered"})
ORDER_FIELDS: Final = tuple(f.name for f in fields(Order) if f.name != "origin")
ACTION_FIELDS: Final = tuple(f.name for f in fields(Action))
FILL_FIELDS: Final = Fill.__struct_fields__


def select(names: Iterable[str], table: str, rest: str) -> str:
    """Write a query; names and table are this program's own constants."""
    return " ".join(("SELECT", _columns(names), "FROM", table, rest))


def insert(names: Iterable[str], table: str, *, key: str | None = None) -> str:
    """Write an insertion; with `key`, a row of that key is brought up to date instead."""
    names = tuple(names)
    values = ", ".join("?" for _ in names)
    statement = " ".join(("INSERT INTO", table, "(", _columns(names), ") VALUES (", values, ")"))
    if key is None:
        return statement
    news = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name != key)
    return f"{statement} ON CONFLICT({key}) DO UPDATE SET {news}"


def order_row(order: Order) -> Row:
    """Lay out an order in the order of ORDER_FIELDS."""
    return tuple(_cell(name, getattr(order, name)) for name in ORDER_FIELDS)


def action_row(action: Action) -> Row:
    """Lay out an action in the order of ACTION_FIELDS."""
    return tuple(_cell(name, getattr(action, name)) for name in ACTION_FIELDS)


def fill_row(order_seq: int, fill: Fill) -> Row:
    """Lay out a fill in the order of FILL_FIELDS, its order's number first."""
    return (order_seq, *(getattr(fill, name) for name in FILL_FIELDS))


def read_order(row: tuple[object, ...], origin: str) -> Order:
    """Make the order of one row."""
    values = {name: _value(name, cell) for name, cell in zip(ORDER_FIELDS, row, strict=True)}
    return Order(origin=origin, **values)


def read_action(row: tuple[object, ...]) -> Action:
    """Make the action of one row."""
    values = {name: _value(name, cell) for name, cell in zip(ACTION_FIELDS, row, strict=True)}
    return Action(**values)


def read_top(row: tuple[object, ...]) -> Top:
    """Make a top of book from bid, ask, sizes, time and marks."""
    bid, ask, bid_size, ask_size, ts_ns, mark_bid, mark_ask = row
    return Top(
        bid=read_stored_or_none(bid),
        ask=read_stored_or_none(ask),
        bid_size=read_stored_or_none(bid_size),
        ask_size=read_stored_or_none(ask_size),
        ts_ns=read_int(ts_ns),
        mark_bid=read_stored_or_none(mark_bid),
        mark_ask=read_stored_or_none(mark_ask),
    )


def top_row(symbol: str, top: Top) -> Row:
    """Lay out a symbol's top of book."""
    sides = (top.bid, top.ask, top.bid_size, top.ask_size)
    texts = (stored_or_none(value) for value in sides)
    return (symbol, *texts, top.ts_ns, stored_or_none(top.mark_bid), stored_or_none(top.mark_ask))


def read_instrument(row: tuple[object, ...]) -> Instrument:
    """Make a symbol's facts from multiplier, base and increments."""
    multiplier, base, price_increment, qty_increment = row
    return Instrument(
        multiplier=read_stored(multiplier),
        base=None if base is None else str(base),
        price_increment=read_stored_or_none(price_increment),
        qty_increment=read_stored_or_none(qty_increment),
    )


def account_row(book: Book) -> Row:
    """Lay out what changes of the account: cash, the counters and the market's time."""
    cash = stored(book.cash, MONEY_PLACES)
    return (cash, book.next_seq, book.last_fill_seq, book.now_ns)


def read_holding(qty: object, avg_price: object) -> Holding:
    """Make a position of its two texts."""
    return Holding(qty=read_stored(qty), avg_price=read_stored(avg_price))


def read_int(cell: object) -> int:
    """Take an integer cell; StoredNumberInvalid for anything else."""
    if not isinstance(cell, int):
        raise StoredNumberInvalid(f"{str(cell)[:60]!r} is not a stored integer")
    return cell


def _columns(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _cell(name: str, value: int | str | None) -> Cell:
    if name in _DECIMALS and isinstance(value, int):
        return stored(value)
    return int(value) if name in _FLAGS and isinstance(value, int) else value


def _value(name: str, cell: object) -> Any:  # noqa: ANN401 - a row's cells become fields of several types
    if name in _DECIMALS:
        return read_stored_or_none(cell)
    return bool(cell) if name in _FLAGS else cell
