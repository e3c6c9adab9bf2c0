"""Checks on the account: its age, what it can pay for, what it lost; then pace and storms."""

from __future__ import annotations

from collections import deque

from ipc.clock import NS_PER_MS
from ipc.numbers import SCALE, format_decimal
from sentinel.core.account import MONEY
from sentinel.core.case import Case, Refusal
from sentinel.core.checks_exposure import money2_text
from sentinel.core.checks_order import holdings
from sentinel.core.limits import Limits
from sentinel.core.order import SELL, converted, notional_of
from sentinel.core.reserve import fees_on, in_quote
from sentinel.core.state import State


def check_account(case: Case) -> Refusal | None:
    """A reading of the account by the sentinel itself, and not an old one (SEC 15c3-5(b))."""
    account, limits = case.state.account, case.limits
    if not account.known:
        needed = (
            case.rules.account_required
            or limits.account_age_max_ns is not None
            or limits.balance_min is not None
            or limits.needs_marks
        )
        return Refusal("ACCOUNT_UNKNOWN") if needed else None
    limit = limits.account_age_max_ns
    if limit is None:
        return None
    age = case.state.now_ns - account.read_at_ns
    if age <= limit:
        return None
    return Refusal("ACCOUNT_STALE", str(limit // NS_PER_MS), str(age // NS_PER_MS))


def check_balance_min(case: Case) -> Refusal | None:
    """A floor under the free balance, less what working orders reserve (FIA: credit limit)."""
    limit = case.limits.balance_min
    if limit is None:
        return None
    free = case.state.account.balance_free * MONEY - _reserved_in_account(case)
    if free >= limit * MONEY:
        return None
    return Refusal("BALANCE_BELOW_MINIMUM", format_decimal(limit), format_decimal(free, 54))


def _reserved_in_account(case: Case) -> int:
    """What working orders and fresh fills hold of the account's own currency."""
    leverage = SCALE if case.rules.cash else case.rules.leverage
    return sum(
        -(-reserve.notional * SCALE // leverage) + reserve.fees
        for reserve in case.state.book.reserved.values()
    )


def check_balance(case: Case) -> Refusal | None:
    """The account can pay for the order (FIX OrdRejReason 3; SEC 15c3-5(c)(1)(i))."""
    if not case.state.account.known:
        return None if not case.rules.account_required else _unknown(case)
    if not case.rules.cash:
        return None if case.order.exit else _margin(case)
    return _cash_sale(case) if case.order.side == SELL else _cash_purchase(case)


def _unknown(case: Case) -> Refusal | None:
    return None if case.order.exit else Refusal("ACCOUNT_UNKNOWN")


def _cash_sale(case: Case) -> Refusal | None:
    held = holdings(case)
    if case.side_qty <= held:
        return None
    return Refusal("BALANCE_INSUFFICIENT", format_decimal(held), format_decimal(case.side_qty))


def _fees(case: Case, notional: int) -> int:
    return fees_on(notional, case.rules.fee_bps) + case.rules.fee_fixed * MONEY


def _cash_purchase(case: Case) -> Refusal | None:
    account, reserved = case.state.account, case.state.book.reserved
    notional = notional_of(case.held_qty, case.held_unit)
    currency = case.order.currency
    if currency in account.balances:
        fixed = in_quote(case.rules.fee_fixed * MONEY, case.order.fx)
        need = notional + fees_on(notional, case.rules.fee_bps) + fixed
        own = reserved.get(currency)
        held = account.balances[currency] * MONEY - (0 if own is None else own.own)
    else:
        need = converted(notional, case.order.fx) + _fees(case, converted(notional, case.order.fx))
        elsewhere = (r for name, r in reserved.items() if name not in account.balances)
        held = account.balance_free * MONEY - sum(r.notional + r.fees for r in elsewhere)
    return None if need <= held else _insufficient(held, need)


def _insufficient(held: int, need: int) -> Refusal:
    return Refusal("BALANCE_INSUFFICIENT", format_decimal(held, 54), format_decimal(need, 54))


def _margin(case: Case) -> Refusal | None:
    """Notional ÷ leverage + fees against the free balance, notional against buying power."""
    account, leverage = case.state.account, case.rules.leverage
    reserves = case.state.book.reserved.values()
    notional = converted(notional_of(case.held_qty, case.held_unit), case.order.fx)
    working = sum(r.notional for r in reserves)
    fees = _fees(case, notional)
    free = account.balance_free * MONEY - sum(r.fees for r in reserves)
    if not (notional + working) * SCALE <= (free - fees) * leverage:
        held = free - -(-working * SCALE // leverage)
        return _insufficient(held, -(-notional * SCALE // leverage) + fees)
    power = account.buying_power
    if power is not None and not notional + working <= power * MONEY:
        return _insufficient(power * MONEY - working, notional)
    return None


def check_daily_loss(case: Case) -> Refusal | None:
    """The day's loss, realised and not, from the day's baseline (FIA: loss limit, P&L)."""
    return daily_loss_refusal(case.state, case.limits)


def daily_loss_refusal(state: State, limits: Limits) -> Refusal | None:
    """Judge the day's loss as it stands."""
    limit, day, account = limits.daily_loss_max, state.day, state.account
    if limit is None:
        return None
    if not account.known or day.baseline2 is None:
        return Refusal("ACCOUNT_UNKNOWN")
    loss2 = day.baseline2 - account.equity2
    if loss2 <= 2 * limit * MONEY:
        return None
    return Refusal("DAILY_LOSS_EXCEEDS_LIMIT", format_decimal(limit), money2_text(loss2))


def check_drawdown(case: Case) -> Refusal | None:
    """The fall from the day's peak equity, in per cent of the peak (FIA: loss limit)."""
    return drawdown_refusal(case.state, case.limits)


def drawdown_refusal(state: State, limits: Limits) -> Refusal | None:
    """Judge the fall from the day's peak as it stands."""
    limit, peak2, equity2 = limits.drawdown_max_pct, state.day.peak2, state.account.equity2
    if limit is None:
        return None
    if not state.account.known or peak2 <= 0:
        return Refusal("ACCOUNT_UNKNOWN")
    fall = 100 * (peak2 - equity2) * SCALE
    if fall <= limit * peak2:
        return None
    return Refusal(
        "DRAWDOWN_EXCEEDS_LIMIT", format_decimal(limit), format_decimal(-(-fall // peak2))
    )


def check_loss_streak(case: Case) -> Refusal | None:
    """Closed trades that lost, one after another (FIA: strategy behaviour)."""
    limit, streak = case.limits.losses_in_a_row_max, case.state.loss_streak
    if limit is None or streak <= limit:
        return None
    return Refusal("LOSS_STREAK_EXCEEDS_LIMIT", str(limit), str(streak))


def check_hours(case: Case) -> Refusal | None:
    """Only inside the windows of the named zone (FIX OrdRejReason 2: exchange closed)."""
    hours = case.limits.hours
    if hours is None or hours.is_open(case.state.wall_ns):
        return None
    return Refusal("SESSION_CLOSED")


def check_order_to_fill(case: Case) -> Refusal | None:
    """Orders for each fill of the day (RTS 9: ratio of unexecuted orders)."""
    limit, day = case.limits.order_to_fill_max, case.state.day
    if limit is None:
        return None
    orders, fills = day.orders + 1, max(1, day.fills)
    if orders * SCALE <= limit * fills:
        return None
    observed = format_decimal(-(-orders * SCALE // fills))
    return Refusal("ORDER_TO_FILL_EXCEEDS_LIMIT", format_decimal(limit), observed)


def check_throttles(case: Case) -> Refusal | None:
    """A whole token in every bucket the order draws from (RTS 6 art. 15(1)(d): message throttle).

    Exits have one bucket to themselves.
    """
    now_ns = case.state.now_ns
    buckets = [case.state.exits] if case.order.exit else case.buckets(orders=True)
    for bucket in buckets:
        if not bucket.has_token(now_ns):
            return Refusal(
                "THROTTLE_EXCEEDED",
                format_decimal(bucket.burst),
                format_decimal(bucket.used_with_one_more()),
            )
    return None


def within(times: deque[int], window_ns: int, now_ns: int) -> int:
    """Count the times in the window that ends now, and forget the older ones."""
    since = now_ns - window_ns
    while times and times[0] <= since:
        times.popleft()
    return len(times)


def check_reject_storm(case: Case) -> Refusal | None:
    """The venue keeps saying no (FIA: repeated rejects stop the algorithm)."""
    limits, state = case.rules.base_limits, case.state
    if limits.venue_rejects_max is None:
        return None
    count = within(state.rejects, limits.venue_rejects_window_ns, state.now_ns)
    if count <= limits.venue_rejects_max:
        return None
    return Refusal("REJECT_STORM", str(limits.venue_rejects_max), str(count))


def check_veto_storm(case: Case) -> Refusal | None:
    """A loop that does not listen is a runaway (RTS 6 art. 15(1)(d))."""
    limits, state = case.rules.base_limits, case.state
    if limits.vetoes_max is None:
        return None
    count = within(state.vetoes, limits.vetoes_window_ns, state.now_ns)
    if count <= limits.vetoes_max:
        return None
    return Refusal("VETO_STORM", str(limits.vetoes_max), str(count))
