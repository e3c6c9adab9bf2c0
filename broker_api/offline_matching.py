"""The simulated venue's matching: latency, triggers, limits, partial fills. No file, no clock.

Everything follows from the book, the quotes and the seed, so the same inputs give the same fills.
A crossed, locked or absent quote fills nothing. A fill is never better than the touch and never
worse than the limit: an order that takes is filled at the touch, one that rests at its own price.
"""

from __future__ import annotations

import hashlib
from operator import itemgetter

from broker_api.offline_account import cannot_carry
from broker_api.offline_book import PENDING, WORKING, Action, Book, Order, Top
from broker_api.offline_fills import book_fill


def draw(book: Book, seq: int, what: str, nth: int, below: int) -> int:
    """Draw 0 … `below` - 1 from the seed, the order's number, a purpose and a count."""
    text = f"{book.seed}|{seq}|{what}|{nth}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) % below


def latency_ns(book: Book, seq: int) -> int:
    """Return how long this message takes to reach the venue, in market ns."""
    low, high = book.settings.latency_min_ns, book.settings.latency_max_ns
    return low + draw(book, seq, "latency", 0, high - low + 1)


def is_due(book: Book, symbol: str, top: Top) -> bool:
    """Whether this quote could change anything but the quote itself."""
    ts_ns, usable = top.ts_ns, top.usable
    again = ts_ns < book.now_ns
    if any(again or action.effective_ns <= ts_ns for action in book.actions.values()):
        return True
    for order in book.orders.values():
        if order.status == PENDING and (again or order.effective_ns <= ts_ns):
            return True
        if order.expire_ns is not None and order.expire_ns <= ts_ns:
            return True
        works_here = usable and order.symbol == symbol and order.status == WORKING
        if works_here and _would_trade(order, top):
            return True
    return False


def set_top(book: Book, symbol: str, top: Top) -> None:
    """Make this the present quote and its time the present."""
    top.follow(book.quotes.get(symbol))
    book.quotes[symbol] = top
    book.now_ns = top.ts_ns


def advance(book: Book, symbol: str, top: Top) -> None:
    """Move the market to a new quote, after what reached the venue under the one before."""
    if top.ts_ns < book.now_ns:
        _rebase(book, top.ts_ns - book.now_ns)
    run_due(book, top.ts_ns - 1)
    resting = [order.seq for order in book.open_in(symbol) if order.status == WORKING]
    set_top(book, symbol, top)
    run_due(book, top.ts_ns)
    for seq in resting:
        order = book.orders.get(seq)
        if order is not None:
            _match(book, order, takes=False)


def run_due(book: Book, until_ns: int) -> None:
    """Let everything take effect that reaches the venue by `until_ns`, in its order."""
    events: list[tuple[int, int, Order | Action]] = []
    for order in book.orders.values():
        if order.status == PENDING and order.effective_ns <= until_ns:
            events.append((order.effective_ns, order.seq, order))
        elif order.expire_ns is not None and order.expire_ns <= until_ns:
            events.append((order.expire_ns, order.seq, order))
    events += [
        (a.effective_ns, a.seq, a) for a in book.actions.values() if a.effective_ns <= until_ns
    ]
    for at_ns, _, event in sorted(events, key=itemgetter(0, 1)):
        book.now_ns = max(book.now_ns, at_ns)
        if isinstance(event, Action):
            _act(book, event)
        elif event.seq in book.orders:
            _arrive(book, event)


def _arrive(book: Book, order: Order) -> None:
    """Let an order start to work (and take what it can), or end it when its time is over."""
    if order.expire_ns is not None and order.expire_ns <= book.now_ns:
        book.end(order, "expired", "its good-till time passed")
        return
    if book.bounded(order) and not book.reducible(order):
        book.end(order, "rejected", "there is nothing to close")
        return
    order.status = WORKING
    book.report(order, "ack")
    book.changed(order)
    _match(book, order, takes=True)
    if order.seq in book.orders and order.time_in_force in {"ioc", "fok"}:
        book.end(order, "expired", "not filled at once")


def _act(book: Book, action: Action) -> None:
    """Let a cancel or a replace take effect; a cancel that comes too late changes nothing."""
    book.actions.pop(action.seq)
    book.changes.actions_done.append(action.seq)
    order = book.orders.get(action.target_seq)
    if action.kind == "cancel":
        if order is not None:
            book.end(order, "cancelled")
        return
    problem = "the order has ended" if order is None else _replace(book, order, action)
    if order is None or problem is not None:
        _reject_replace(book, action, problem)
        return
    book.changes.renamed.append((order.cl_ord_id, order.seq))
    order.cl_ord_id = action.cl_ord_id
    book.report(order, "replaced")
    book.changed(order)
    _match(book, order, takes=True)


def _replace(book: Book, order: Order, action: Action) -> str | None:
    """Apply a replace's numbers; say why they cannot be, and leave the old ones."""
    qty = action.order_qty or 0
    if qty <= order.cum_qty:
        return "the new quantity is not above what is filled"
    before = (order.order_qty, order.price, order.stop_price)
    price = order.price if action.price is None else action.price
    stop = order.stop_price if action.stop_price is None else action.stop_price
    order.order_qty, order.price, order.stop_price = qty, price, stop
    if qty <= before[0] and (price, stop) == before[1:]:
        return None
    problem = cannot_carry(book, order)
    if problem is not None:
        order.order_qty, order.price, order.stop_price = before
    return problem


def _reject_replace(book: Book, action: Action, text: str | None) -> None:
    """Report the no under the id that did not come to be; the order stays as it was."""
    ghost = Order(
        seq=action.seq,
        cl_ord_id=action.cl_ord_id,
        symbol="",
        side="",
        ord_type="",
        order_qty=0,
        owner=action.owner,
    )
    book.report(ghost, "rejected", text=text)


def _would_trade(order: Order, top: Top) -> bool:
    if top.bid is None or top.ask is None:
        return False
    if order.ord_type in {"stop", "stop_limit"} and not order.triggered:
        stop = order.stop_price or 0
        return top.ask >= stop if order.sign > 0 else top.bid <= stop
    if order.ord_type in {"market", "stop"}:
        return True
    price = order.price or 0
    return top.ask <= price if order.sign > 0 else top.bid >= price


def _match(book: Book, order: Order, *, takes: bool) -> None:
    """Fill what the present quote gives this order."""
    top = book.quotes.get(order.symbol)
    if top is None or not top.usable or not _would_trade(order, top):
        return
    if order.ord_type in {"stop", "stop_limit"} and not order.triggered:
        order.triggered = takes = True
        book.changed(order)
        if not _would_trade(order, top):
            return
    touch = (top.ask if order.sign > 0 else top.bid) or 0
    rests = order.ord_type in {"limit", "stop_limit"} and not takes
    price = order.price if rests and order.price is not None else touch
    qty = _quantity(book, order, top)
    if qty <= 0:
        return
    if order.sign > 0:
        top.ask_size = None if top.ask_size is None else top.ask_size - qty
    else:
        top.bid_size = None if top.bid_size is None else top.bid_size - qty
    book_fill(book, order, qty, price)


def _quantity(book: Book, order: Order, top: Top) -> int:
    """Return what is filled now: bounded by a known size, else drawn, and never through zero."""
    want = order.leaves
    if book.bounded(order):
        want = min(want, book.reducible(order))
    size = top.ask_size if order.sign > 0 else top.bid_size
    got = want
    if size is not None:
        got = min(want, size)
        if got < want:
            got -= got % order.increment
    elif draw(book, order.seq, "partial", order.execs, 100) < book.settings.partial_pct:
        part = want * (1 + draw(book, order.seq, "part", order.execs, 3)) // 4
        got = max(part - part % order.increment, min(want, order.increment))
    return 0 if order.time_in_force == "fok" and got < order.leaves else got


def _rebase(book: Book, delta_ns: int) -> None:
    """A market that starts again earlier takes along what is still on its way."""
    for order in book.orders.values():
        if order.status == PENDING:
            order.effective_ns += delta_ns
            book.changed(order)
    for action in book.actions.values():
        action.effective_ns += delta_ns
        book.changes.actions_new.append(action)
