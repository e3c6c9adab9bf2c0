"""Every control, in the order in which it is checked: one small pure function each.

A check gets the case and says nothing (None) or why not. The first refusal is the reason. A limit
is inclusive: exactly at it passes. What a check that is on needs and cannot have is a refusal.
"""

from __future__ import annotations

from collections.abc import Callable

from sentinel.core.case import Case, Refusal
from sentinel.core.checks_account import (
    check_account,
    check_balance,
    check_balance_min,
    check_daily_loss,
    check_drawdown,
    check_hours,
    check_loss_streak,
    check_order_to_fill,
    check_reject_storm,
    check_throttles,
    check_veto_storm,
)
from sentinel.core.checks_exposure import (
    check_concentration,
    check_gross_exposure,
    check_leverage,
    check_net_exposure,
    check_position_notional,
    check_position_qty,
    check_repeats,
    check_trades,
    check_working_orders,
)
from sentinel.core.checks_order import (
    check_age,
    check_collar,
    check_duplicate,
    check_expiry,
    check_notional,
    check_ord_type,
    check_price_increment,
    check_qty,
    check_qty_increment,
    check_reduce_only,
    check_reference,
    check_shape,
    check_short,
    check_spread,
    check_state,
    check_symbol,
)

Check = Callable[[Case], Refusal | None]

ALL, ENTRIES = "all", "entries"
"""Whom a check concerns: every order, or only those that can enlarge exposure (the way out is
never blocked by a throttle, a count, a loss, a position or a margin)."""

CHECKS: tuple[tuple[Check, str], ...] = (
    (check_state, ALL),
    (check_symbol, ALL),
    (check_shape, ALL),
    (check_expiry, ALL),
    (check_duplicate, ALL),
    (check_age, ALL),
    (check_reduce_only, ALL),
    (check_ord_type, ALL),
    (check_short, ALL),
    (check_price_increment, ALL),
    (check_qty_increment, ALL),
    (check_qty, ALL),
    (check_reference, ALL),
    (check_spread, ENTRIES),
    (check_collar, ALL),
    (check_notional, ALL),
    (check_repeats, ENTRIES),
    (check_trades, ENTRIES),
    (check_working_orders, ENTRIES),
    (check_position_qty, ENTRIES),
    (check_position_notional, ENTRIES),
    (check_gross_exposure, ENTRIES),
    (check_net_exposure, ENTRIES),
    (check_concentration, ENTRIES),
    (check_leverage, ENTRIES),
    (check_account, ENTRIES),
    (check_balance_min, ENTRIES),
    (check_balance, ALL),
    (check_daily_loss, ENTRIES),
    (check_drawdown, ENTRIES),
    (check_loss_streak, ENTRIES),
    (check_hours, ENTRIES),
    (check_order_to_fill, ENTRIES),
    (check_throttles, ALL),
    (check_reject_storm, ENTRIES),
    (check_veto_storm, ENTRIES),
)


def first_refusal(case: Case) -> Refusal | None:
    """Run the checks in order; None is an approval."""
    for check, concerns in CHECKS:
        if concerns == ENTRIES and case.order.exit:
            continue
        refusal = check(case)
        if refusal is not None:
            return refusal
    return None
