"""Checks on counts and on worst-case exposure: what would be held if everything were filled."""

from __future__ import annotations

from ipc.numbers import SCALE, format_decimal
from sentinel.core.account import MONEY
from sentinel.core.book import Worth
from sentinel.core.case import Case, Refusal
from sentinel.core.order import BUY


def check_repeats(case: Case) -> Refusal | None:
    """The same order again and again (RTS 6 art. 15(1)(d): execution throttle)."""
    limit, state = case.limits.repeat_max, case.state
    if limit is None or case.orig is not None:
        return None
    seen = state.repeats.get(repeat_key(case))
    if seen is None:
        return None
    since = state.now_ns - case.limits.repeat_window_ns
    count = sum(1 for at_ns in seen if at_ns > since) + 1
    return None if count <= limit else Refusal("REPEATED_ORDER", str(limit), str(count))


def repeat_key(case: Case) -> str:
    """What makes two orders the same: symbol, side, quantity and price."""
    order = case.order
    return f"{order.symbol}|{order.side}|{order.qty}|{order.price}"


def check_trades(case: Case) -> Refusal | None:
    """Trades of the day, and of the run (SEC 15c3-5: pre-set thresholds; a budget of entries)."""
    if case.orig is not None:
        return None
    order, trades = case.order, case.state.day.trades
    limits = case.rules.count_limits("trades_max", order.strategy, order.symbol)
    for scope, limit in limits:
        count = trades.get(scope, 0) + 1
        if not count <= limit:
            return Refusal("TRADE_COUNT_EXCEEDS_LIMIT", str(limit), str(count))
    session = case.session
    if session is not None and session.max_trades is not None:
        count = session.trades + 1
        if not count <= session.max_trades:
            return Refusal("TRADE_COUNT_EXCEEDS_LIMIT", str(session.max_trades), str(count))
    return None


def check_working_orders(case: Case) -> Refusal | None:
    """How many orders may work at once (RTS 6 art. 15(1)(d): maximum messages and orders)."""
    order, book = case.order, case.state.book
    limits = case.rules.count_limits("orders_working_max", order.strategy, order.symbol)
    for scope, limit in limits:
        count = book.counts.get(scope, 0) + 1
        if not count <= limit:
            return Refusal("WORKING_ORDERS_EXCEED_LIMIT", str(limit), str(count))
    return None


def check_position_qty(case: Case) -> Refusal | None:
    """The position if all on this side were filled (RTS 6 art. 15(3): position limits)."""
    limit = case.limits.position_qty_max
    if limit is None:
        return None
    worst = case.instrument.worst_qty(case.order.side, case.side_qty)
    if worst <= limit:
        return None
    return Refusal("POSITION_EXCEEDS_LIMIT", format_decimal(limit), format_decimal(worst))


def check_position_notional(case: Case) -> Refusal | None:
    """The same in money: what is held at the mid, each order at its own valuation."""
    limit = case.limits.position_notional_max
    if limit is None:
        return None
    worst2 = _worst_side2(case)
    if worst2 <= 2 * limit * MONEY:
        return None
    return Refusal("POSITION_EXCEEDS_LIMIT", format_decimal(limit), money2_text(worst2))


def money2_text(money2: int) -> str:
    """Doubled money at scale 10⁵⁴ as a decimal."""
    return format_decimal(money2 * 5, 55)


def _worst_side2(case: Case) -> int:
    held2 = case.instrument.position_worth2() * case.order.side
    return held2 + 2 * case.side_notional


def _worth_with(case: Case) -> Worth:
    """The instrument's worth with this order working."""
    instrument = case.instrument
    buys, sells = instrument.buys.notional, instrument.sells.notional
    if case.order.side == BUY:
        buys = case.side_notional
    else:
        sells = case.side_notional
    return Worth.of(instrument, buys, sells)


def _totals_with(case: Case) -> Worth:
    """The sums over all symbols with this order working."""
    totals = Worth()
    totals.move(case.state.book.refreshed_totals(), 1)
    totals.move(case.instrument.worth, -1)
    totals.move(_worth_with(case), 1)
    return totals


def check_gross_exposure(case: Case) -> Refusal | None:
    """All symbols' worst cases, long and short added (SEC 15c3-5(c)(1)(i): capital thresholds)."""
    limit = case.limits.gross_exposure_max
    if limit is None:
        return None
    gross2 = _totals_with(case).gross
    if gross2 <= 2 * limit * MONEY:
        return None
    return Refusal("GROSS_EXPOSURE_EXCEEDS_LIMIT", format_decimal(limit), money2_text(gross2))


def check_net_exposure(case: Case) -> Refusal | None:
    """All symbols' worst case to one side, long against short (SEC 15c3-5(c)(1)(i))."""
    limit = case.limits.net_exposure_max
    if limit is None:
        return None
    net2 = _totals_with(case).net
    if net2 <= 2 * limit * MONEY:
        return None
    return Refusal("NET_EXPOSURE_EXCEEDS_LIMIT", format_decimal(limit), money2_text(net2))


def check_concentration(case: Case) -> Refusal | None:
    """One symbol's share of the equity (FIA: concentration)."""
    limit = case.limits.concentration_max_pct
    if limit is None:
        return None
    return _against_equity(
        case, "CONCENTRATION_EXCEEDS_LIMIT", limit, 100 * _worth_with(case).gross
    )


def check_leverage(case: Case) -> Refusal | None:
    """All symbols' worst cases against the equity (FIA: credit and leverage)."""
    limit = case.limits.leverage_max
    if limit is None:
        return None
    return _against_equity(case, "LEVERAGE_EXCEEDS_LIMIT", limit, _totals_with(case).gross)


def _against_equity(case: Case, reason: str, limit: int, exposure2: int) -> Refusal | None:
    account = case.state.account
    equity2 = account.equity2
    if not account.known or equity2 <= 0:
        return Refusal("ACCOUNT_UNKNOWN")
    if exposure2 * SCALE <= limit * equity2:
        return None
    observed = -(-exposure2 * SCALE // equity2)
    return Refusal(reason, format_decimal(limit), format_decimal(observed))
