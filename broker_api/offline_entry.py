"""The simulated venue's front door: an approved intent becomes an order, or a reject with a text.

Nothing is matched here, and no id is checked: who holds the file knows the used ones.
"""

from __future__ import annotations

import re
from typing import Final

from broker_api.errors import VenueReject
from broker_api.offline_account import cannot_carry
from broker_api.offline_book import Action, Book, Order
from broker_api.offline_matching import latency_ns, run_due
from ipc.clock import NS_PER_MS
from ipc.messages import CancelIntent, OrderIntent, ReplaceIntent
from ipc.numbers import SCALE, parse_decimal

OPEN_ORDERS_MAX: Final = 1000
ACTIONS_MAX: Final = 2000
TIME_MAX_NS: Final = 2**63 - 1
_ID: Final = re.compile(r"[\x21-\x7e]{1,64}", re.ASCII)
_LEG_ID: Final = re.compile(r".*/(?:sl|tp)[0-9]*", re.ASCII)
_PRICED: Final = {
    "limit": (True, False),
    "market": (False, False),
    "stop": (False, True),
    "stop_limit": (True, True),
}
_TIMES: Final = frozenset({"day", "fok", "gtc", "gtd", "ioc"})


def accept(book: Book, intent: OrderIntent) -> None:
    """Give the order its number and send it on its way, or reject it with a report."""
    order = _order(book, intent)
    problem = _shape(book, order, intent) or cannot_carry(book, order)
    if problem is not None:
        book.end(order, "rejected", problem)
        return
    order.effective_ns = book.now_ns + latency_ns(book, order.seq)
    book.changed(order)
    run_due(book, book.now_ns)


def accept_replace(book: Book, intent: ReplaceIntent, target_seq: int) -> None:
    """Send a replace on its way; numbers that cannot be one are VenueReject."""
    qty = _positive(intent.order_qty)
    if qty is None:
        raise VenueReject(f"replace {intent.cl_ord_id}: order_qty is not a positive decimal")
    for name, text in (("price", intent.price), ("stop_price", intent.stop_price)):
        if text is not None and _positive(text) is None:
            raise VenueReject(f"replace {intent.cl_ord_id}: {name} is not a positive decimal")
    if _ID.fullmatch(intent.cl_ord_id) is None or _LEG_ID.fullmatch(intent.cl_ord_id):
        raise VenueReject("replace: cl_ord_id is not one a client may use")
    action = _action(book, "replace", intent.cl_ord_id, target_seq)
    action.order_qty = qty
    action.price, action.stop_price = _positive(intent.price), _positive(intent.stop_price)
    run_due(book, book.now_ns)


def accept_cancel(book: Book, intent: CancelIntent, target_seq: int) -> None:
    """Send a cancel on its way."""
    if any(a.kind == "cancel" and a.target_seq == target_seq for a in book.actions.values()):
        return
    _action(book, "cancel", intent.cl_ord_id, target_seq)
    run_due(book, book.now_ns)


def _action(book: Book, kind: str, cl_ord_id: str, target_seq: int) -> Action:
    if len(book.actions) >= ACTIONS_MAX and kind != "cancel":
        raise VenueReject("too many requests are on their way")
    seq = book.take_seq()
    target = book.orders[target_seq]
    action = Action(
        seq=seq,
        kind=kind,
        target_seq=target_seq,
        cl_ord_id=cl_ord_id,
        effective_ns=max(target.effective_ns, book.now_ns + latency_ns(book, seq)),
        owner=target.owner,
    )
    book.actions[seq] = action
    book.changes.actions_new.append(action)
    return action


def _positive(text: str | None) -> int | None:
    value = None if text is None else parse_decimal(text)
    return value if value is not None and value > 0 else None


def _order(book: Book, intent: OrderIntent) -> Order:
    """Read the fields; what cannot be read becomes zero or None, and `_shape` says so."""
    held = book.held(intent.symbol)
    opposite = held < 0 if intent.side == "buy" else held > 0
    priced, stopped = _PRICED.get(intent.ord_type, (False, False))
    expire = intent.expire_at_ms
    return Order(
        seq=book.take_seq(),
        cl_ord_id=intent.cl_ord_id,
        symbol=intent.symbol,
        side=intent.side,
        ord_type=intent.ord_type,
        order_qty=_positive(intent.order_qty) or 0,
        price=_positive(intent.price) if priced else None,
        stop_price=_positive(intent.stop_price) if stopped else None,
        time_in_force=intent.time_in_force or "gtc",
        expire_ns=None if expire is None else max(0, min(expire * NS_PER_MS, TIME_MAX_NS)),
        reduce_only=intent.reduce_only,
        is_exit=intent.reduce_only or (intent.group is not None and opposite),
        group=intent.group,
        stop_loss=_positive(intent.stop_loss),
        take_profit=_positive(intent.take_profit),
        owner=book.settings.owner,
        increment=_increment(book, intent),
    )


def _increment(book: Book, intent: OrderIntent) -> int:
    """Take the symbol's quantity step, else one unit of the quantity's last written place."""
    known = book.instrument(intent.symbol).qty_increment
    places = min(18, len(intent.order_qty.partition(".")[2]))
    return known or SCALE // 10**places


def _shape(book: Book, order: Order, intent: OrderIntent) -> str | None:
    """Say what is wrong with the order in itself; None for nothing."""
    priced, stopped = _PRICED.get(order.ord_type, (False, False))
    given = (intent.stop_loss, order.stop_loss), (intent.take_profit, order.take_profit)
    steps = book.instrument(order.symbol)
    prices = (order.price, order.stop_price, order.stop_loss, order.take_profit)
    checks = (
        (_ID.fullmatch(order.cl_ord_id) is None, "bad cl_ord_id: 1 to 64 printable characters"),
        (_LEG_ID.fullmatch(order.cl_ord_id) is not None, "bad cl_ord_id: it is a leg's name"),
        (
            order.symbol not in book.quotes and order.symbol not in book.instruments,
            "unknown symbol",
        ),
        (order.side not in {"buy", "sell"}, "bad side: buy or sell"),
        (order.ord_type not in _PRICED, "bad ord_type"),
        (order.time_in_force not in _TIMES, "bad time_in_force"),
        (not order.order_qty, "bad qty: not a positive decimal"),
        (_off(order.order_qty, steps.qty_increment), "bad qty: off the increment"),
        (priced and order.price is None, "bad price: not a positive decimal"),
        (stopped and order.stop_price is None, "bad stop_price: not a positive decimal"),
        (
            any(text is not None and value is None for text, value in given),
            "bad stop_loss or take_profit: not a positive decimal",
        ),
        (
            any(_off(price or 0, steps.price_increment) for price in prices),
            "bad price: off the increment",
        ),
        (_legs_crossed(order), "bad stop_loss or take_profit: they cross"),
        (len(book.orders) >= OPEN_ORDERS_MAX, "too many working orders"),
    )
    return next((text for wrong, text in checks if wrong), None)


def _off(value: int, increment: int | None) -> bool:
    return increment is not None and value % increment != 0


def _legs_crossed(order: Order) -> bool:
    if order.stop_loss is None or order.take_profit is None:
        return False
    return order.sign * (order.take_profit - order.stop_loss) <= 0
