"""One intent on its way through the checks: the parsed order and what is derived from it once."""

from __future__ import annotations

from ipc.clock import NS_PER_MS
from ipc.messages import OrderIntent, ReplaceIntent
from sentinel.core.book import Instrument, kind_of
from sentinel.core.limits import Limits, Rulebook
from sentinel.core.order import (
    BUY,
    Order,
    converted,
    notional_of,
    parse_order,
    parse_replace,
)
from sentinel.core.state import State
from sentinel.core.throttle import TokenBucket
from sentinel.core.vitals import Session


class Refusal:
    """A check's no: the reason's code and its two numbers, as texts."""

    def __init__(self, reason: str, limit: str | None = None, observed: str | None = None) -> None:
        self.reason = reason
        self.limit = limit
        self.observed = observed


class Case:
    """An order or replace intent, its session and, once its shape is good, its exact numbers."""

    def __init__(
        self,
        state: State,
        rules: Rulebook,
        session: Session | None,
        intent: OrderIntent | ReplaceIntent,
        fingerprint: bytes,
    ) -> None:
        self.state = state
        self.rules = rules
        self.session = session
        self.intent = intent
        self.fingerprint = fingerprint
        self.age_ns = 0
        self.late = False
        self.orig: Order | None = None
        if isinstance(intent, ReplaceIntent):
            self.orig = state.working(intent.orig_cl_ord_id)
            self.symbol = self.orig.symbol if self.orig is not None else ""
        else:
            self.symbol = intent.symbol
        self._parsed = False
        self._order: Order | None = None
        self._instrument: Instrument | None = None
        self.limits: Limits = rules.base_limits
        self.held_qty = 0
        self.held_unit = 0
        self.side_qty = 0
        self.side_notional = 0
        self.reducible = 0

    def parse(self) -> bool:
        """Parse the order and derive its numbers; False if a field is wrong."""
        if self._parsed:
            return self._order is not None
        self._parsed = True
        if isinstance(self.intent, OrderIntent):
            order = parse_order(self.intent)
        else:
            order = None if self.orig is None else parse_replace(self.intent, self.orig)
        instrument = None if order is None else self.state.instrument(order.symbol)
        if order is None or instrument is None:
            return False
        if order.strategy is None and self.session is not None:
            order.strategy = self.session.strategy
        self._order, self._instrument = order, instrument
        self.limits = self.rules.limits(order.strategy, order.symbol)
        self._derive(order, instrument)
        return True

    @property
    def order(self) -> Order:
        """The parsed order; only after `parse` returned True."""
        if self._order is None:
            raise RuntimeError("an intent was judged before it was parsed")
        return self._order

    @property
    def instrument(self) -> Instrument:
        """Its instrument; only after `parse` returned True."""
        if self._instrument is None:
            raise RuntimeError("an intent was judged before it was parsed")
        return self._instrument

    def detach(self) -> None:
        """Take the order that is to be replaced out of the sums while its successor is judged."""
        if self.orig is not None:
            self.state.book.drop(self.orig)

    def reattach(self) -> None:
        """Put it back."""
        if self.orig is not None:
            self.state.book.add(self.orig)

    def _derive(self, order: Order, instrument: Instrument) -> None:
        orig = self.orig
        if order.group is not None and orig is None:
            entry = self.state.groups.get(order.group)
            order.leg = entry is not None and entry != order.side
        self.reducible = instrument.reducible(order.side, order.group, kind_of(order.ord_type))
        order.exit = order.leaves <= self.reducible
        order.leg = order.group is not None and (order.leg or order.exit)
        order.unit = self.valuation() * instrument.terms.multiplier
        order.fx = self.fx2()
        self.held_qty = order.leaves if orig is None else max(order.leaves, orig.leaves)
        self.held_unit = order.unit if orig is None else max(order.unit, orig.unit)
        self.side_qty, self.side_notional = instrument.side(order.side).with_order(
            self.held_qty,
            converted(notional_of(self.held_qty, self.held_unit), order.fx),
            order.group if order.leg else None,
            kind_of(order.ord_type),
        )
        order.reserves = order.side == BUY if self.rules.cash else not order.exit
        order.currency = instrument.terms.quote or self.rules.currency
        order.fee_bps, order.fee_fixed = self.rules.fee_bps, self.rules.fee_fixed

    def valuation(self) -> int:
        """The price one unit is valued at, scaled by 10¹⁸; 0 if a needed quote is missing.

        A limit at its price, a market order at the far side, a stop at its stop price or the far
        side, whichever is worse.
        """
        order, quote = self.order, self.instrument
        if order.ord_type in ("limit", "stop_limit"):
            return order.price
        stop_price = order.stop_price if order.ord_type == "stop" else 0
        if not quote.quoted:
            return stop_price
        far = quote.ask if order.side == BUY else quote.bid
        return max(far, stop_price)

    def fx2(self) -> int:
        """Twice the mid that converts the order's money; 0 where it needs none.

        Only an exit may get by with the last usable one: it is not to wait for a quote.
        """
        fx = self.instrument.fx
        if not self.foreign or fx is None:
            return 0
        return self.instrument.fx2 or self.instrument.fx_mark2

    @property
    def foreign(self) -> bool:
        """Whether the symbol is quoted in a currency that is not the account's."""
        quote = self.instrument.terms.quote
        return self.instrument.terms.fx is not None or (
            quote is not None and quote != self.rules.currency
        )

    @property
    def notional(self) -> int:
        """The order's own worth in account currency, scale 10⁵⁴."""
        return converted(notional_of(self.order.qty, self.order.unit), self.order.fx)

    @property
    def expired(self) -> bool:
        """Whether the good-till time has passed."""
        at_ms = self.order.expire_at_ms
        return at_ms is not None and at_ms * NS_PER_MS < self.state.wall_ns

    def buckets(self, *, orders: bool) -> list[TokenBucket]:
        """Return the token buckets that this intent, or any message, draws from."""
        strategy = self.order.strategy if self._order is not None else None
        return buckets_for(self.state, self.rules, strategy, self.symbol, orders=orders)


def buckets_for(
    state: State, rules: Rulebook, strategy: str | None, symbol: str, *, orders: bool
) -> list[TokenBucket]:
    """Return the buckets an order (or, with `orders` False, only a message) draws from."""
    found: list[TokenBucket] = []
    for throttle in rules.throttles:
        if not orders and throttle.counts == "orders":
            continue
        name = {"strategy": strategy or "", "symbol": symbol}.get(throttle.scope, "")
        key = (throttle.name, name)
        bucket = state.buckets.get(key)
        if bucket is None:
            bucket = TokenBucket(
                throttle.name, throttle.rate, throttle.per_ns, throttle.burst, state.now_ns
            )
            state.buckets[key] = bucket
        found.append(bucket)
    return found
