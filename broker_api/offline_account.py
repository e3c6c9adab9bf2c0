"""What a simulated account is worth and what it can pay for. Reads the book, changes nothing."""

from __future__ import annotations

from broker_api.offline_book import Book, Holding, Order
from broker_api.offline_money import MONEY_PER_UNIT, fee_of, notional
from ipc.numbers import SCALE


def mid_value(book: Book, symbol: str, holding: Holding) -> int:
    """Value a holding at the mid of the last usable quote, else at its average price (10⁵⁴)."""
    multiplier = book.instrument(symbol).multiplier
    top = book.quotes.get(symbol)
    if top is None or top.mark_bid is None or top.mark_ask is None:
        return notional(holding.qty, holding.avg_price, multiplier)
    return notional(holding.qty, top.mark_bid + top.mark_ask, multiplier) // 2


def equity(book: Book) -> int:
    """Cash plus every position at its mid, at scale 10⁵⁴."""
    held = (mid_value(book, symbol, holding) for symbol, holding in book.positions.items())
    return book.cash + sum(held)


def valuation(book: Book, order: Order) -> int | None:
    """The price an order is reserved at (10¹⁸); None where there has been no usable quote.

    A limit price; a market order at the far side; a stop at the worse of its price and that.
    """
    if order.price is not None:
        return order.price
    top = book.quotes.get(order.symbol)
    far = None if top is None else (top.mark_ask if order.sign > 0 else top.mark_bid)
    if order.stop_price is None or far is None:
        return order.stop_price if far is None else far
    return max(order.stop_price, far) if order.sign > 0 else min(order.stop_price, far)


def cost(book: Book, order: Order, qty: int) -> int | None:
    """Notional and fees of `qty` of the order (10⁵⁴), in margin: what they bind of the account."""
    price = valuation(book, order)
    if price is None:
        return None
    value = notional(qty, price, book.instrument(order.symbol).multiplier)
    fixed = book.settings.fee_fixed if order.cum_qty == 0 else 0
    fee = fee_of(value, book.settings.fee_bps, fixed) * MONEY_PER_UNIT
    return _bound(book, value) + fee


def balance_free(book: Book, without: int | None = None) -> int:
    """What is not bound: cash less working buys, or equity less all margin (10⁵⁴).

    `without` leaves out the order of that number, so that it can be judged itself.
    """
    margin = book.settings.kind == "margin"
    free = book.cash
    if margin:
        values = (mid_value(book, symbol, held) for symbol, held in book.positions.items())
        free = equity(book) - sum(_bound(book, abs(value)) for value in values)
    for order in book.orders.values():
        if order.is_exit or order.reduce_only or order.seq == without:
            continue
        if margin or order.sign > 0:
            free -= cost(book, order, order.leaves) or 0
    return free


def buying_power(book: Book) -> int | None:
    """Free margin times leverage (10⁵⁴); None in a cash account."""
    if book.settings.kind != "margin":
        return None
    return balance_free(book) * book.settings.leverage // SCALE


def cannot_carry(book: Book, order: Order) -> str | None:
    """Say why the account cannot carry what the order still has to fill; None if it can."""
    if order.reduce_only:
        return None
    if book.settings.kind == "cash" and order.sign < 0:
        free_qty = book.held(order.symbol) - _sells_reserved(book, order)
        return None if order.leaves <= free_qty else "insufficient position"
    enlarging = order.leaves
    if book.settings.kind == "margin":
        enlarging = max(0, enlarging - book.reducible(order))
        if not enlarging:
            return None
    need = cost(book, order, enlarging)
    if need is None:
        return "no quote to value the order by"
    return None if need <= balance_free(book, without=order.seq) else "insufficient funds"


def _bound(book: Book, value: int) -> int:
    """Return the part of a notional that is bound: all of it, in margin over the leverage."""
    if book.settings.kind == "cash":
        return value
    return -(-value * SCALE // book.settings.leverage)


def _sells_reserved(book: Book, order: Order) -> int:
    """Sum what other working sells hold of the position; a group counts once, at its largest."""
    largest: dict[object, int] = {}
    for other in book.orders.values():
        if other.symbol != order.symbol or other.sign > 0 or other.seq == order.seq:
            continue
        key = other.group if other.group is not None else other.seq
        largest[key] = max(largest.get(key, 0), other.leaves)
    if order.group is not None:
        largest.pop(order.group, None)
    return sum(largest.values())
