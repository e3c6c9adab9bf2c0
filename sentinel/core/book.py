"""What works at the venue, symbol by symbol, with its sums kept as orders come and go."""

from __future__ import annotations

from sentinel.core.limits import SymbolTerms
from sentinel.core.order import BUY, Order, converted, notional_of
from sentinel.core.reserve import Reserve, needs_of


class SideBook:
    """The working orders of one symbol on one side, summed.

    A group's stop-loss and take-profit are alternatives: it counts once, at the larger. Legs of
    the same kind are not, and add up, so that no number of orders hides behind one group.
    """

    def __init__(self) -> None:
        self.qty = 0
        self.notional = 0
        """In account currency, scale 10⁵⁴, each order at its own valuation."""
        self.groups: dict[str, dict[str, Order]] = {}
        self.singles: dict[str, Order] = {}

    def add(self, order: Order) -> None:
        """Count an order."""
        if order.leg and order.group is not None:
            qty, notional = self.group_size(order.group)
            self.groups.setdefault(order.group, {})[order.cl_ord_id] = order
            self._move(order.group, qty, notional)
        else:
            self.singles[order.cl_ord_id] = order
            self.qty += order.held_leaves
            self.notional += held_notional(order)

    def remove(self, order: Order) -> None:
        """Count it no more; its numbers must be those it was added with."""
        if order.leg and order.group is not None:
            qty, notional = self.group_size(order.group)
            legs = self.groups[order.group]
            del legs[order.cl_ord_id]
            if not legs:
                del self.groups[order.group]
            self._move(order.group, qty, notional)
        else:
            del self.singles[order.cl_ord_id]
            self.qty -= order.held_leaves
            self.notional -= held_notional(order)

    def group_size(self, group: str | None) -> tuple[int, int]:
        """Return the largest leg's quantity and the largest leg's notional."""
        legs = self.groups.get(group) if group is not None else None
        if not legs:
            return 0, 0
        qty: dict[str, int] = {}
        notional: dict[str, int] = {}
        for order in legs.values():
            kind = kind_of(order.ord_type)
            qty[kind] = qty.get(kind, 0) + order.held_leaves
            notional[kind] = notional.get(kind, 0) + held_notional(order)
        return max(qty.values()), max(notional.values())

    def kind_size(self, group: str | None, kind: str) -> tuple[int, int]:
        """Return the quantity and the notional of a group's legs of one kind."""
        legs = self.groups.get(group) if group is not None else None
        alike = [o for o in (legs or {}).values() if kind_of(o.ord_type) == kind]
        return sum(o.held_leaves for o in alike), sum(map(held_notional, alike))

    def _move(self, group: str, qty_before: int, notional_before: int) -> None:
        qty, notional = self.group_size(group)
        self.qty += qty - qty_before
        self.notional += notional - notional_before

    def with_order(
        self, qty: int, notional: int, leg_group: str | None, kind: str
    ) -> tuple[int, int]:
        """Return (quantity, notional) of this side if one more order worked on it."""
        if leg_group is None:
            return self.qty + qty, self.notional + notional
        group_qty, group_notional = self.group_size(leg_group)
        kind_qty, kind_notional = self.kind_size(leg_group, kind)
        return (
            self.qty + max(0, kind_qty + qty - group_qty),
            self.notional + max(0, kind_notional + notional - group_notional),
        )


def kind_of(ord_type: str) -> str:
    """What a leg is to its group: a stop, a limit or a market order."""
    return "stop" if ord_type in ("stop", "stop_limit") else ord_type


def held_notional(order: Order) -> int:
    """What the order would still trade, in account currency at scale 10⁵⁴."""
    return converted(notional_of(order.held_leaves, order.held_unit), order.fx)


class Instrument:
    """One symbol: its terms, its last quote, its position and its working orders."""

    def __init__(self, symbol: str, terms: SymbolTerms) -> None:
        self.symbol = symbol
        self.terms = terms
        self.bid = 0
        self.ask = 0
        self.quote_at_ns = 0
        self.own_bid = 0
        self.own_ask = 0
        self.own_at_ns = 0
        self.position = 0
        self.avg_price = 0
        self.round_trip = 0
        """Realised result since the position was last flat, scale 10⁵⁴."""
        self.mark2 = 0
        """Twice the price at which the position was last valued; 0 if it never was."""
        self.fx_mark2 = 0
        """Twice the mid that last converted its value; 0 if none ever did."""
        self.buys = SideBook()
        self.sells = SideBook()
        self.fx: Instrument | None = None
        """The instrument whose mid converts this one's money; None if it needs none."""
        self.worth = Worth()

    @property
    def quoted(self) -> bool:
        """Whether there is a usable quote: both sides above zero and not crossed."""
        return 0 < self.bid <= self.ask

    def side(self, side: int) -> SideBook:
        """Return the book of one side."""
        return self.buys if side == BUY else self.sells

    def reducible(self, side: int, leg_group: str | None, kind: str) -> int:
        """Return the largest quantity that an order on `side` may have and only reduce.

        Judged against the position and every order that already works on that side; the legs of
        another kind in the same group are alternatives to the new one.
        """
        held = -self.position * side
        if held <= 0:
            return 0
        book = self.side(side)
        others = book.qty - book.group_size(leg_group)[0] + book.kind_size(leg_group, kind)[0]
        return max(0, held - others)

    @property
    def fx2(self) -> int:
        """Twice the converting mid; 0 where no conversion is needed or none is known."""
        return 0 if self.fx is None or not self.fx.quoted else self.fx.bid + self.fx.ask

    def position_worth2(self) -> int:
        """The position at the mid in account currency, doubled, signed, scale 10⁵⁴."""
        mid2 = self.bid + self.ask if self.quoted else self.mark2
        return converted(self.position * mid2 * self.terms.multiplier, self.fx2)

    def worst_qty(self, side: int, side_qty: int) -> int:
        """Return the position on `side` if all of `side_qty` were filled."""
        return self.position * side + side_qty


class Book:
    """All working orders and all instruments; the only place that changes either.

    The sums over all symbols are refreshed only for instruments that changed since they were
    last asked for, so that their cost does not grow with the number of symbols.
    """

    def __init__(self) -> None:
        self.instruments: dict[str, Instrument] = {}
        self.working: dict[str, Order] = {}
        self.counts: dict[str, int] = {}
        """Working orders by scope ("" is all, `symbol:…`, `strategy:…`), venue-made legs not."""
        self.traded: dict[str, int] = {}
        """Symbol → how many orders work in it, venue-made legs included."""
        self.reserved: dict[str, Reserve] = {}
        self.held: dict[str, Instrument] = {}
        """The instruments with a position."""
        self.totals = Worth()
        self.unmarked: dict[str, Instrument] = {}
        """Held instruments that were not valued since a quote concerned them."""
        self._dirty: dict[str, Instrument] = {}

    def quoted(self, instrument: Instrument) -> None:
        """Note whose worth a quote changes: its own instrument's, and what that one converts."""
        for held in self.held.values():
            if held is instrument or held.fx is instrument:
                self.unmarked[held.symbol] = held
                self.touch(held)

    def touch(self, instrument: Instrument) -> None:
        """Note that an instrument's worth may have changed."""
        self._dirty[instrument.symbol] = instrument

    def hold(self, instrument: Instrument, qty: int) -> None:
        """Set a position."""
        instrument.position = qty
        if qty:
            self.held[instrument.symbol] = instrument
            self.unmarked[instrument.symbol] = instrument
        else:
            self.held.pop(instrument.symbol, None)
        self.touch(instrument)

    def refreshed_totals(self) -> Worth:
        """Return the sums over all symbols, up to date."""
        for instrument in self._dirty.values():
            self.totals.move(instrument.worth, -1)
            instrument.worth = Worth.of(
                instrument, instrument.buys.notional, instrument.sells.notional
            )
            self.totals.move(instrument.worth, 1)
        self._dirty.clear()
        return self.totals

    def add(self, order: Order) -> None:
        """Let an order work, or work again after a change."""
        self.working[order.cl_ord_id] = order
        self._count(order, 1)

    def drop(self, order: Order) -> None:
        """Take an order out, for good or to change it."""
        del self.working[order.cl_ord_id]
        self._count(order, -1)

    def _count(self, order: Order, sign: int) -> None:
        instrument = self.instruments[order.symbol]
        side = instrument.side(order.side)
        if sign > 0:
            side.add(order)
        else:
            side.remove(order)
        self.traded[order.symbol] = self.traded.get(order.symbol, 0) + sign
        if not self.traded[order.symbol]:
            del self.traded[order.symbol]
        if order.parent is None:
            for scope in ("", f"symbol:{order.symbol}", f"strategy:{order.strategy}"):
                self.counts[scope] = self.counts.get(scope, 0) + sign
                if not self.counts[scope]:
                    del self.counts[scope]
        own, notional, fees = needs_of(order, order.held_leaves)
        if own:
            self.reserve(order.currency).move(sign * own, sign * notional, sign * fees)
        self.touch(instrument)

    def reserve(self, currency: str) -> Reserve:
        """Return the reserve of one currency."""
        if currency not in self.reserved:
            self.reserved[currency] = Reserve()
        return self.reserved[currency]


class Worth:
    """What a symbol, or all of them, is worth in account currency, doubled, scale 10⁵⁴."""

    def __init__(self) -> None:
        self.position = 0
        self.buys = 0
        self.sells = 0
        self.gross = 0

    @classmethod
    def of(cls, instrument: Instrument, buys: int, sells: int) -> Worth:
        """Value a position at the mid and each side's orders at their own valuation."""
        worth = cls()
        worth.position = instrument.position_worth2()
        worth.buys = 2 * buys
        worth.sells = 2 * sells
        worth.gross = max(abs(worth.position + worth.buys), abs(worth.position - worth.sells))
        return worth

    @property
    def net(self) -> int:
        """The larger of the two worst cases: all buys filled, or all sells."""
        return max(abs(self.position + self.buys), abs(self.position - self.sells))

    def move(self, other: Worth, sign: int) -> None:
        """Add (+1) or take away (-1)."""
        self.position += sign * other.position
        self.buys += sign * other.buys
        self.sells += sign * other.sells
        self.gross += sign * other.gross
