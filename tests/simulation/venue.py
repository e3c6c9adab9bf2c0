"""A small venue: takes orders, fills, rejects and cancels them by chance, and tells it all."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from ipc.messages import OrderIntent
from ipc.numbers import SCALE, format_decimal, parse_decimal
from sentinel.core.events import AccountRead, BrokerRead, FillSeen, PositionRead
from tests.simulation.chance import MARKETS

if TYPE_CHECKING:
    from ipc.messages import ReplaceIntent as Replace
    from sentinel.adapters.stamp import Posted, Stamp

EQUITY = 1_000_000 * SCALE


def exactly(text: str) -> int:
    """Scale a decimal of our own."""
    value = parse_decimal(text)
    if value is None:
        raise ValueError(text)
    return value


class Resting:
    """An order that works at the venue."""

    def __init__(
        self, cl_ord_id: str, symbol: str, side: int, qty: int, price: int, run_id: str
    ) -> None:
        self.cl_ord_id, self.symbol, self.side = cl_ord_id, symbol, side
        self.qty, self.price, self.run_id = qty, price, run_id
        self.cum = 0

    @property
    def leaves(self) -> int:
        """What is not filled yet."""
        return self.qty - self.cum


class Venue:
    """One account. Reports wait here for the run whose order they are about."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.mids = {symbol: start for symbol, (start, _) in MARKETS.items()}
        self.working: dict[str, Resting] = {}
        self.used: set[str] = set()
        self.positions = dict.fromkeys(MARKETS, 0)
        self.cash = EQUITY
        self.fills: list[FillSeen] = []
        self.reports: dict[str, list[dict[str, str]]] = {}

    # ----- the market

    def move(self) -> None:
        """Let every mid make a step."""
        for symbol in self.mids:
            self.mids[symbol] += self._rng.choice((-3, -1, -1, 0, 0, 1, 1, 3))

    def quote(self, symbol: str) -> tuple[str, str]:
        """Return bid and ask as texts."""
        mid = self.mids[symbol]
        return self.price(symbol, mid - 1), self.price(symbol, mid + 1)

    def price(self, symbol: str, ticks: int) -> str:
        """Return a number of ticks as a price."""
        return format_decimal(ticks, MARKETS[symbol][1])

    # ----- orders

    def place(self, intent: OrderIntent, run_id: str) -> None:
        """Take an order, or reject it: a repeated id always."""
        tell = self.reports.setdefault(run_id, [])
        report = {"cl_ord_id": intent.cl_ord_id}
        if intent.cl_ord_id in self.used:
            return
        self.used.add(intent.cl_ord_id)
        if self._rng.random() < 0.05:
            tell.append({**report, "exec_type": "rejected"})
            return
        side = 1 if intent.side == "buy" else -1
        price = intent.price or self.quote(intent.symbol)[side == 1]
        if parse_decimal(intent.order_qty) is None or parse_decimal(price) is None:
            return
        order = Resting(
            intent.cl_ord_id,
            intent.symbol,
            side,
            exactly(intent.order_qty),
            exactly(price),
            run_id,
        )
        self.working[order.cl_ord_id] = order
        tell.append({**report, "exec_type": "ack"})
        if intent.ord_type == "market":
            self._fill(order, order.leaves)

    def replace(self, intent: Replace, run_id: str) -> None:
        """Replace a working order, or reject that."""
        tell = self.reports.setdefault(run_id, [])
        report = {"cl_ord_id": intent.cl_ord_id}
        old = self.working.get(intent.orig_cl_ord_id)
        if intent.cl_ord_id in self.used:
            return
        self.used.add(intent.cl_ord_id)
        qty = parse_decimal(intent.order_qty) or 0
        if intent.price and parse_decimal(intent.price) is None:
            return
        if old is None or qty <= old.cum or self._rng.random() < 0.2:
            tell.append({**report, "exec_type": "rejected"})
            return
        del self.working[old.cl_ord_id]
        price = exactly(intent.price) if intent.price else old.price
        new = Resting(intent.cl_ord_id, old.symbol, old.side, qty, price, run_id)
        new.cum = old.cum
        self.working[new.cl_ord_id] = new
        tell.append({**report, "exec_type": "replaced"})

    def cancel(self, cl_ord_id: str) -> None:
        """Cancel an order if it works."""
        order = self.working.pop(cl_ord_id, None)
        if order is not None:
            report = {"cl_ord_id": cl_ord_id, "exec_type": "cancelled"}
            self.reports.setdefault(order.run_id, []).append(report)

    def cancel_all(self) -> tuple[str, ...]:
        """Cancel everything that works."""
        ids = tuple(self.working)
        for cl_ord_id in ids:
            self.cancel(cl_ord_id)
        return ids

    def trade(self) -> None:
        """Let some order be filled, partly or wholly, or expire."""
        if not self.working:
            return
        order = self._rng.choice(list(self.working.values()))
        chance = self._rng.random()
        if chance < 0.1:
            del self.working[order.cl_ord_id]
            report = {"cl_ord_id": order.cl_ord_id, "exec_type": "expired"}
            self.reports.setdefault(order.run_id, []).append(report)
        elif chance < 0.5:
            self._fill(order, order.leaves)
        else:
            self._fill(order, max(1, order.leaves // self._rng.choice((2, 3, 10))))

    def _fill(self, order: Resting, qty: int) -> None:
        order.cum += qty
        done = not order.leaves
        if done:
            del self.working[order.cl_ord_id]
        self.positions[order.symbol] += order.side * qty
        self.cash -= order.side * qty * order.price // SCALE
        exec_id = f"x{len(self.fills) + 1}"
        self.fills.append(
            FillSeen(
                exec_id=exec_id,
                cl_ord_id=order.cl_ord_id,
                symbol=order.symbol,
                side="buy" if order.side > 0 else "sell",
                qty=format_decimal(qty),
                price=format_decimal(order.price),
                fee="0",
            )
        )
        report = {
            "cl_ord_id": order.cl_ord_id,
            "exec_type": "fill" if done else "partial_fill",
            "exec_id": exec_id,
            "last_qty": format_decimal(qty),
            "last_price": format_decimal(order.price),
        }
        self.reports.setdefault(order.run_id, []).append(report)

    # ----- what it shows

    def worst(self, symbol: str, side: int) -> int:
        """Return the position on one side if everything that works there were filled."""
        working = sum(
            o.leaves for o in self.working.values() if (o.symbol, o.side) == (symbol, side)
        )
        return self.positions[symbol] * side + working

    def equity(self) -> int:
        """Return cash and positions at their mids."""
        worth = sum(
            qty * self.mids[symbol] // 10 ** MARKETS[symbol][1]
            for symbol, qty in self.positions.items()
        )
        return self.cash + worth

    def open_positions(self) -> dict[str, str]:
        """Return what is held, as texts."""
        return {s: format_decimal(q) for s, q in self.positions.items() if q}

    def reading(self, since: int, read_at_ns: int) -> Posted:
        """Read everything at once, and return what makes the event of it."""
        equity = format_decimal(self.equity())
        positions = {s: (format_decimal(q), self.quote(s)[0]) for s, q in self.positions.items()}
        working = tuple(self.working)
        fills = tuple(self.fills[since:])
        newest = len(self.fills)

        def event(stamp: Stamp) -> BrokerRead:
            at: dict[str, Any] = {"at_ns": stamp.at_ns, "wall_ns": stamp.wall_ns}
            return BrokerRead(
                **at,
                read_at_ns=read_at_ns,
                account=AccountRead(
                    **at,
                    read_at_ns=read_at_ns,
                    equity=equity,
                    balance_free=equity,
                    balances={},
                ),
                positions=tuple(
                    PositionRead(**at, symbol=symbol, qty=qty, avg_price=price)
                    for symbol, (qty, price) in positions.items()
                    if qty != "0"
                ),
                working=working,
                fills=fills,
                fill_seq=newest,
            )

        return event
