"""What one fill does: cash, position, legs, siblings. Exact, and nothing else may move money."""

from __future__ import annotations

from typing import Final

from broker_api.offline_book import WORKING, Book, Holding, Order
from broker_api.offline_money import MONEY_PER_UNIT, fee_of, notional
from broker_api.values import Fill
from ipc.numbers import format_decimal

STOP_LOSS: Final = "stop_loss"
TAKE_PROFIT: Final = "take_profit"
_SUFFIX: Final = {STOP_LOSS: "/sl", TAKE_PROFIT: "/tp"}


def book_fill(book: Book, order: Order, qty: int, price: int) -> None:
    """Book `qty` at `price` for an open order, and everything that follows from it."""
    value = notional(qty, price, book.instrument(order.symbol).multiplier)
    fixed = book.settings.fee_fixed if order.cum_qty == 0 else 0
    fee = fee_of(value, book.settings.fee_bps, fixed)
    book.cash -= order.sign * value + fee * MONEY_PER_UNIT
    holding = book.positions.setdefault(order.symbol, Holding())
    _move(holding, order.sign * qty, price)
    book.changes.positions.add(order.symbol)
    order.cum_qty += qty
    _record(book, order, qty, price, fee)
    book.changed(order)
    if order.is_exit:
        _exit_filled(book, order, qty)
    elif order.stop_loss is not None or order.take_profit is not None:
        _grow_legs(book, order, qty)
    _sweep(book, order.symbol)


def _move(holding: Holding, signed_qty: int, price: int) -> None:
    before, after = holding.qty, holding.qty + signed_qty
    if before == 0 or (before > 0) != (after > 0) or after == 0:
        holding.avg_price = price if after else 0
    elif abs(after) > abs(before):
        total = abs(before) * holding.avg_price + abs(signed_qty) * price
        holding.avg_price = (2 * total + abs(after)) // (2 * abs(after))
    holding.qty = after


def _record(book: Book, order: Order, qty: int, price: int, fee: int) -> None:
    book.last_fill_seq += 1
    order.execs += 1
    if not order.leaves:
        order.status = "filled"
    fill = Fill(
        fill_seq=book.last_fill_seq,
        exec_id=f"{order.cl_ord_id}#{order.execs}",
        cl_ord_id=order.cl_ord_id,
        symbol=order.symbol,
        side=order.side,
        qty=format_decimal(qty),
        price=format_decimal(price),
        fee=format_decimal(fee),
        ts_ns=book.now_ns,
        parent=order.parent,
        origin=order.origin,
    )
    book.changes.fills.append((order.seq, fill))
    book.report(order, "partial_fill" if order.leaves else "fill", fill=fill)


def _grow_legs(book: Book, entry: Order, qty: int) -> None:
    """Protect what the entry just filled: enlarge its open legs, make those that are missing."""
    open_legs = {leg.leg: leg for leg in book.orders.values() if leg.parent_seq == entry.seq}
    made = 0
    for kind, price in ((STOP_LOSS, entry.stop_loss), (TAKE_PROFIT, entry.take_profit)):
        if price is None:
            continue
        leg = open_legs.get(kind)
        if leg is not None:
            leg.order_qty += qty
            book.changed(leg)
            continue
        made = made or entry.legs_made + 1
        _make_leg(book, entry, kind=kind, price=price, qty=qty, generation=made)
    if made:
        entry.legs_made = made
        book.changed(entry)


def _make_leg(
    book: Book, entry: Order, *, kind: str, price: int, qty: int, generation: int
) -> None:
    suffix = _SUFFIX[kind] + (str(generation) if generation > 1 else "")
    stop = kind == STOP_LOSS
    leg = Order(
        seq=book.take_seq(),
        cl_ord_id=entry.cl_ord_id + suffix,
        symbol=entry.symbol,
        side="sell" if entry.side == "buy" else "buy",
        ord_type="stop" if stop else "limit",
        order_qty=qty,
        price=None if stop else price,
        stop_price=price if stop else None,
        reduce_only=True,
        is_exit=True,
        group=entry.group or entry.cl_ord_id,
        parent=entry.cl_ord_id,
        parent_seq=entry.seq,
        leg=kind,
        origin="leg",
        owner=entry.owner,
        status=WORKING,
        effective_ns=book.now_ns,
        increment=entry.increment,
    )
    book.report(leg, "ack")
    book.changed(leg)


def _exit_filled(book: Book, filled: Order, qty: int) -> None:
    """One cancels the other: siblings shrink by `qty`, and the entry's rest is called off."""
    others = [o for o in book.open_in(filled.symbol) if o.seq != filled.seq]
    if filled.parent_seq is not None:
        for other in others:
            if other.parent_seq == filled.parent_seq:
                _shrink(book, other, qty)
            elif other.seq == filled.parent_seq:
                book.end(other, "cancelled", "its protective leg was filled")
    if filled.group is None:
        return
    family = [o for o in others if o.group == filled.group]
    for other in family:
        if other.is_exit and other.side == filled.side and other.parent_seq is None:
            _shrink(book, other, qty)
    if filled.parent_seq is None:
        _shrink_pairs(book, [o for o in family if o.parent_seq is not None], qty)
        for other in family:
            if not other.is_exit and other.seq in book.orders:
                book.end(other, "cancelled", "its group was closed")


def _shrink_pairs(book: Book, legs: list[Order], qty: int) -> None:
    """Spread an exit's `qty` over the group's pairs of legs, the oldest entry first."""
    left = qty
    for parent_seq in dict.fromkeys(leg.parent_seq for leg in legs):
        pair = [leg for leg in legs if leg.parent_seq == parent_seq]
        share = min(left, max(leg.leaves for leg in pair))
        for leg in pair:
            _shrink(book, leg, share)
        left -= share


def _shrink(book: Book, order: Order, qty: int) -> None:
    if order.seq not in book.orders or qty <= 0:
        return
    order.order_qty -= min(qty, order.leaves)
    if order.leaves:
        book.changed(order)
    else:
        book.end(order, "cancelled", "one cancels the other")


def _sweep(book: Book, symbol: str) -> None:
    """End what may only close and has nothing left to close."""
    for order in book.open_in(symbol):
        if order.status == WORKING and book.bounded(order) and not book.reducible(order):
            book.end(order, "cancelled", "nothing left to close")
