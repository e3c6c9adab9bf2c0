"""One order, parsed: the strict shape that every intent must have before it is judged."""

from __future__ import annotations

import re

from ipc.messages import OrderIntent, ReplaceIntent
from ipc.numbers import SCALE, parse_decimal

BUY = 1
SELL = -1
_SIDES = {"buy": BUY, "sell": SELL}
_ORD_TYPES = frozenset({"market", "limit", "stop", "stop_limit"})
_PRICED = frozenset({"limit", "stop_limit"})
_STOPPED = frozenset({"stop", "stop_limit"})
_TIMES_IN_FORCE = frozenset({"day", "gtc", "opg", "cls", "ioc", "fok", "gtd"})
_ID = re.compile(r"[!-~]{1,64}", re.ASCII)
_NAME = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?", re.ASCII)


class Order:
    """An order with exact numbers (scaled by 10¹⁸): first a candidate, then working.

    `side` is +1 or -1. `unit` is the valuation of one unit of quantity in the quote currency at
    scale 10³⁶ (price × multiplier), `fx` the doubled mid that converts it, 0 for none.
    """

    def __init__(self, cl_ord_id: str, symbol: str, side: int, ord_type: str, qty: int) -> None:
        self.cl_ord_id = cl_ord_id
        self.symbol = symbol
        self.side = side
        self.ord_type = ord_type
        self.qty = qty
        self.price = 0
        self.stop_price = 0
        self.expire_at_ms: int | None = None
        self.reduce_only = False
        self.strategy: str | None = None
        self.group: str | None = None
        self.stop_loss = 0
        self.take_profit = 0
        self.run_id = ""
        self.approved_at_ns = 0
        self.expires_ns = 0
        self.leg = False
        self.exit = False
        self.cum = 0
        self.leaves = qty
        self.unit = 0
        self.fx = 0
        self.parent: str | None = None
        """The entry whose venue-made leg this is."""
        self.reserves = False
        """Whether money is held for it (entries; every buy of a cash account)."""
        self.currency = ""
        self.fee_bps = 0
        self.fee_fixed = 0
        self.replacing: list[Order] = []
        """Approved replacements that the venue has neither confirmed nor rejected yet."""
        self.missing_since_ns = 0
        self.ended_ns = 0

    @property
    def held_leaves(self) -> int:
        """What must stay reserved: the largest of the old and the unconfirmed new quantities."""
        if not self.replacing:
            return self.leaves
        return max(self.leaves, max(o.qty for o in self.replacing) - self.cum)

    @property
    def held_unit(self) -> int:
        """The largest of the old and the unconfirmed new valuations."""
        if not self.replacing:
            return self.unit
        return max(self.unit, *(o.unit for o in self.replacing))


def _positive(text: str | None) -> int | None:
    """Scale a positive decimal; 0 for absent, None for wrong."""
    if text is None:
        return 0
    value = parse_decimal(text)
    return value if value is not None and value > 0 else None


def valid_id(text: str) -> bool:
    """Whether a text can be a client order id: 1 to 64 visible ASCII characters."""
    return _ID.fullmatch(text) is not None


def parse_order(intent: OrderIntent) -> Order | None:
    """Return the order, or None if a field is wrong, missing or not positive."""
    side = _SIDES.get(intent.side)
    qty = _positive(intent.order_qty)
    if side is None or not qty or intent.ord_type not in _ORD_TYPES:
        return None
    if not valid_id(intent.cl_ord_id) or _NAME.fullmatch(intent.symbol) is None:
        return None
    order = Order(intent.cl_ord_id, intent.symbol, side, intent.ord_type, qty)
    numbers = (intent.price, intent.stop_price, intent.stop_loss, intent.take_profit)
    price, stop_price, stop_loss, take_profit = (_positive(text) for text in numbers)
    if price is None or stop_price is None or stop_loss is None or take_profit is None:
        return None
    order.price, order.stop_price = price, stop_price
    order.stop_loss, order.take_profit = stop_loss, take_profit
    if not _prices_fit(order) or not _labels_fit(intent):
        return None
    order.expire_at_ms = intent.expire_at_ms
    order.reduce_only = intent.reduce_only
    order.strategy = intent.strategy
    order.group = intent.group
    return order


def _prices_fit(order: Order) -> bool:
    """Whether each order type has its prices and the protective ones stand on their sides."""
    if (order.ord_type in _PRICED and not order.price) or (
        order.ord_type in _STOPPED and not order.stop_price
    ):
        return False
    entry = order.price if order.ord_type in _PRICED else 0
    loss, profit = order.stop_loss * order.side, order.take_profit * order.side
    if loss and profit and loss >= profit:
        return False
    if loss and entry and loss >= entry * order.side:
        return False
    return not (profit and entry and profit <= entry * order.side)


def _labels_fit(intent: OrderIntent) -> bool:
    if intent.time_in_force is not None and intent.time_in_force not in _TIMES_IN_FORCE:
        return False
    if intent.expire_at_ms is not None and not 0 <= intent.expire_at_ms < 1 << 63:
        return False
    if intent.time_in_force == "gtd" and intent.expire_at_ms is None:
        return False
    return all(
        label is None or _NAME.fullmatch(label) is not None
        for label in (intent.strategy, intent.group)
    )


def parse_replace(intent: ReplaceIntent, orig: Order) -> Order | None:
    """Return the order as it would be after the replace, or None if a field is wrong."""
    qty = _positive(intent.order_qty)
    price = _positive(intent.price)
    stop_price = _positive(intent.stop_price)
    if not qty or price is None or stop_price is None or not valid_id(intent.cl_ord_id):
        return None
    if qty <= orig.cum:
        return None
    order = Order(intent.cl_ord_id, orig.symbol, orig.side, orig.ord_type, qty)
    order.price = price or orig.price
    order.stop_price = stop_price or orig.stop_price
    order.stop_loss, order.take_profit = orig.stop_loss, orig.take_profit
    order.reduce_only = orig.reduce_only
    order.strategy, order.group, order.run_id = orig.strategy, orig.group, orig.run_id
    order.expire_at_ms = orig.expire_at_ms
    order.leg, order.exit = orig.leg, orig.exit
    order.cum = orig.cum
    order.leaves = qty - orig.cum
    return order if _prices_fit(order) else None


def notional_of(qty: int, unit: int) -> int:
    """Quantity (10¹⁸) × unit (10³⁶): money at scale 10⁵⁴, never rounded."""
    return qty * unit


def converted(money: int, fx: int) -> int:
    """Money at scale 10⁵⁴ by a doubled mid at 10¹⁸ (0: the same currency), rounded up."""
    return money if fx == 0 else -(-money * fx // (2 * SCALE))
