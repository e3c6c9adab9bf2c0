"""What the simulated venue knows while it works: open orders, holdings, cash, tops of book.

It also collects what changed, for the file. No file, no clock and no decision here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from broker_api.offline_settings import OfflineSettings
from broker_api.values import Fill, Position, Report, WorkingOrder
from ipc.numbers import SCALE, format_decimal

PENDING = "pending"
"""On its way to the venue: it takes effect at `effective_ns`."""
WORKING = "working"
OPEN = (PENDING, WORKING)


@dataclass(slots=True, kw_only=True)
class Order:
    """One order; quantities and prices at scale 10¹⁸, times in market ns since the Unix epoch."""

    seq: int
    cl_ord_id: str
    symbol: str
    side: str
    ord_type: str
    order_qty: int
    cum_qty: int = 0
    price: int | None = None
    stop_price: int | None = None
    time_in_force: str = "gtc"
    expire_ns: int | None = None
    reduce_only: bool = False
    is_exit: bool = False
    """Closes what its group opened: it and the legs of the group cancel each other."""
    group: str | None = None
    stop_loss: int | None = None
    take_profit: int | None = None
    parent: str | None = None
    parent_seq: int | None = None
    leg: str | None = None
    legs_made: int = 0
    origin: str = "place"
    owner: str = ""
    status: str = PENDING
    effective_ns: int = 0
    triggered: bool = False
    execs: int = 0
    increment: int = 1
    text: str | None = None

    @property
    def leaves(self) -> int:
        """What is still to be filled."""
        return self.order_qty - self.cum_qty

    @property
    def sign(self) -> int:
        """1 for a buy, -1 for a sell."""
        return 1 if self.side == "buy" else -1


@dataclass(slots=True, kw_only=True)
class Action:
    """A cancel or replace on its way; `kind` is `cancel` or `replace`."""

    seq: int
    kind: str
    target_seq: int
    cl_ord_id: str
    order_qty: int | None = None
    price: int | None = None
    stop_price: int | None = None
    effective_ns: int = 0
    owner: str = ""


@dataclass(slots=True)
class Holding:
    """A position: signed quantity, and the average price of what is held."""

    qty: int = 0
    avg_price: int = 0


@dataclass(slots=True)
class Instrument:
    """One symbol's facts; an increment of None is not known."""

    multiplier: int = SCALE
    base: str | None = None
    price_increment: int | None = None
    qty_increment: int | None = None


@dataclass(slots=True)
class Top:
    """The newest top of book, and the last one that was usable (`mark_…`)."""

    bid: int | None
    ask: int | None
    bid_size: int | None
    ask_size: int | None
    ts_ns: int
    mark_bid: int | None = None
    mark_ask: int | None = None

    @property
    def usable(self) -> bool:
        """Both sides there, positive, and neither crossed nor locked."""
        bid, ask = self.bid, self.ask
        return bid is not None and ask is not None and 0 < bid < ask

    def follow(self, before: Top | None) -> None:
        """Take over the last usable prices: one's own, else those of the quote before."""
        if self.usable:
            self.mark_bid, self.mark_ask = self.bid, self.ask
        elif before is not None:
            self.mark_bid, self.mark_ask = before.mark_bid, before.mark_ask


@dataclass(slots=True)
class Changes:
    """What the file does not know yet."""

    orders: dict[int, Order] = field(default_factory=dict)
    positions: set[str] = field(default_factory=set)
    fills: list[tuple[int, Fill]] = field(default_factory=list)
    reports: list[tuple[Order, Report]] = field(default_factory=list)
    renamed: list[tuple[str, int]] = field(default_factory=list)
    actions_new: list[Action] = field(default_factory=list)
    actions_done: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Book:
    """The whole of one account's present; `cash` at scale 10⁵⁴."""

    settings: OfflineSettings
    seed: int = 0
    cash: int = 0
    next_seq: int = 1
    last_fill_seq: int = 0
    now_ns: int = 0
    orders: dict[int, Order] = field(default_factory=dict)
    actions: dict[int, Action] = field(default_factory=dict)
    positions: dict[str, Holding] = field(default_factory=dict)
    instruments: dict[str, Instrument] = field(default_factory=dict)
    quotes: dict[str, Top] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)

    def take_seq(self) -> int:
        """Give out the next number; it orders everything that happens at the venue."""
        seq = self.next_seq
        self.next_seq += 1
        return seq

    def held(self, symbol: str) -> int:
        """Return the signed quantity held."""
        holding = self.positions.get(symbol)
        return 0 if holding is None else holding.qty

    def reducible(self, order: Order) -> int:
        """How much the order could close at most."""
        return max(0, -order.sign * self.held(order.symbol))

    def bounded(self, order: Order) -> bool:
        """Whether the order may only close: a reduce-only one, or a sale from a cash account."""
        return order.reduce_only or (self.settings.kind == "cash" and order.sign < 0)

    def instrument(self, symbol: str) -> Instrument:
        """Return the symbol's facts, the plain ones where none were given."""
        return self.instruments.get(symbol) or Instrument(base=base_of(symbol))

    def changed(self, order: Order) -> None:
        """Note that the order must be written; an ended one leaves the open orders."""
        self.changes.orders[order.seq] = order
        if order.status in OPEN:
            self.orders[order.seq] = order
        else:
            self.orders.pop(order.seq, None)

    def report(
        self, order: Order, exec_type: str, *, fill: Fill | None = None, text: str | None = None
    ) -> None:
        """Note one execution report for whoever placed the order."""
        if fill is None:
            order.execs += 1
        report = Report(
            exec_id=fill.exec_id if fill else f"{order.cl_ord_id}#{order.execs}",
            cl_ord_id=order.cl_ord_id,
            exec_type=exec_type,
            last_qty=fill.qty if fill else None,
            last_price=fill.price if fill else None,
            fee=fill.fee if fill else None,
            text=text,
        )
        self.changes.reports.append((order, report))

    def end(self, order: Order, status: str, text: str | None = None) -> None:
        """End an open order as `cancelled`, `expired` or `rejected`, with its report."""
        order.status, order.text = status, text
        self.report(order, status, text=text)
        self.changed(order)

    def open_in(self, symbol: str) -> Iterable[Order]:
        """Return the open orders of one symbol, oldest first, safe against changes."""
        return [order for order in self.orders.values() if order.symbol == symbol]


def base_of(symbol: str) -> str | None:
    """Return BASE of a `BASE/QUOTE` name."""
    base, slash, quote = symbol.partition("/")
    return base if slash and base and quote else None


def working_order(order: Order) -> WorkingOrder:
    """Show an open order to the outside."""
    return WorkingOrder(
        cl_ord_id=order.cl_ord_id,
        symbol=order.symbol,
        side=order.side,
        ord_type=order.ord_type,
        order_qty=format_decimal(order.order_qty),
        leaves_qty=format_decimal(order.leaves),
        cum_qty=format_decimal(order.cum_qty),
        price=None if order.price is None else format_decimal(order.price),
        stop_price=None if order.stop_price is None else format_decimal(order.stop_price),
        reduce_only=order.reduce_only,
        group=order.group,
        parent=order.parent,
        leg=order.leg,
        origin=order.origin,
    )


def position_of(symbol: str, holding: Holding | None) -> Position:
    """Show a position to the outside, zero included."""
    shown = holding or Holding()
    return Position(
        symbol=symbol, qty=format_decimal(shown.qty), avg_price=format_decimal(shown.avg_price)
    )
