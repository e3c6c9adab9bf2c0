"""Samples of the core's own sums and sizes, each beside what it is made of. Changes nothing."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from sentinel.core.state import DONE_ORDERS_MAX, FILLS_MAX, GROUPS_MAX

if TYPE_CHECKING:
    from sentinel.core.order import Order
    from sentinel.core.state import State
    from tests.simulation.history import History
    from tests.simulation.shell import Shell

UNIT = 10**18


def _money(order: Order) -> Fraction:
    """What an order would still trade, in rational money."""
    qty = max([order.leaves, *(o.qty - order.cum for o in order.replacing)])
    unit = max([order.unit, *(o.unit for o in order.replacing)])
    return Fraction(qty, UNIT) * Fraction(unit, UNIT * UNIT)


def sample_sums(history: History, state: State) -> None:
    """Record each side's sums, and the same made anew from the working orders."""
    book = state.book
    for instrument in book.instruments.values():
        for side, kept in ((1, instrument.buys), (-1, instrument.sells)):
            orders = [
                o for o in book.working.values() if (o.symbol, o.side) == (instrument.symbol, side)
            ]
            qty = sum(max([o.leaves, *(r.qty - o.cum for r in o.replacing)]) for o in orders)
            history.sums.append(
                {
                    "what": f"{instrument.symbol} {side}",
                    "qty": (kept.qty, qty),
                    "money": (Fraction(kept.notional, UNIT**3), sum(map(_money, orders))),
                }
            )


def sample_sizes(history: History, shell: Shell, *, tight: bool) -> None:
    """Record how large each container is, and how large it may be."""
    state = shell.state
    ids_max, alerts_max, sessions_max = (40, 8, 2) if tight else (10**6, 1000, 64)
    symbols, sessions = len(state.book.instruments), len(state.sessions)
    working = len(state.book.working)
    for name, size, bound in (
        ("ids", len(state.ids), ids_max),
        ("ids_before", len(state.ids_before), 2 * ids_max),
        ("alerts", len(state.alerts), alerts_max),
        ("sessions", sessions, sessions_max),
        ("instruments", symbols, 3 if tight else 10_000),
        ("done", len(state.done), DONE_ORDERS_MAX),
        ("groups", len(state.groups), GROUPS_MAX),
        ("fills_applied", len(state.fills_applied._keys), FILLS_MAX),
        ("kept", len(shell.ledger._kept), 2 * sessions_max + symbols + 1),
        ("counts", len(state.book.counts), 1 + 2 * max(1, working)),
        ("conditions", len(state.trading.conditions), sessions_max + 2),
        ("vetoes", len(state.vetoes), 1 + (_vetoes_max(state) or 0)),
        ("rejects", len(state.rejects), 1 + (_rejects_max(state) or 0)),
    ):
        history.size(name, size, bound)


def _vetoes_max(state: State) -> int | None:
    return None if state.rules is None else state.rules.base_limits.vetoes_max


def _rejects_max(state: State) -> int | None:
    return None if state.rules is None else state.rules.base_limits.venue_rejects_max
