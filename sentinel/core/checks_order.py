"""Checks on the state, on the order itself and on the price it is judged by."""

from __future__ import annotations

from ipc.numbers import SCALE, format_decimal
from sentinel.core.account import MONEY
from sentinel.core.book import Instrument
from sentinel.core.case import Case, Refusal
from sentinel.core.order import BUY
from sentinel.core.state import State
from sentinel.core.trading import HALTED, REDUCING
from sentinel.core.vitals import LETHAL, Session

BPS = 10_000


def check_state(case: Case) -> Refusal | None:
    """A live session and a state that lets the order pass (RTS 6 art. 12: kill function)."""
    refusal = session_refusal(case.state, case.session)
    if refusal is not None:
        return refusal
    trading = case.state.trading.state
    if trading == HALTED:
        return Refusal("TRADING_HALTED")
    if trading == REDUCING and not (case.parse() and _on_the_way_out(case)):
        return Refusal("TRADING_REDUCING")
    return None


def session_refusal(state: State, session: Session | None) -> Refusal | None:
    """Nothing is approved for a session that has not beaten, or of which too little is known."""
    if session is None:
        present = state.replaying and not state.beats_replayed
        return None if present else Refusal("SESSION_UNKNOWN")
    if not session.beaten:
        return Refusal("SESSION_UNKNOWN")
    if session.stalled or session.vitals in LETHAL:
        return Refusal("HEARTBEAT_QUIET")
    return None


def _on_the_way_out(case: Case) -> bool:
    """Whether the order stands against the position; how much it may have is judged later."""
    return case.instrument.position * case.order.side < 0


def check_symbol(case: Case) -> Refusal | None:
    """Only listed instruments (RTS 6 art. 15(1): permitted instruments; FIX OrdRejReason 1)."""
    if case.rules.any_symbol or case.symbol in case.rules.symbols:
        return None
    return Refusal("ORDER_INVALID" if case.symbol == "" else "SYMBOL_NOT_ALLOWED")


def check_shape(case: Case) -> Refusal | None:
    """Every field present, of its kind and positive (FIX OrdRejReason 11)."""
    if not case.parse():
        return Refusal("ORDER_INVALID")
    session = case.session
    if session is not None and session.strategy not in ("", case.order.strategy):
        return Refusal("ORDER_INVALID")
    return None


def check_expiry(case: Case) -> Refusal | None:
    """A good-till time that has passed (FIX OrdRejReason 4: too late to enter)."""
    return Refusal("ORDER_EXPIRED") if case.expired else None


def check_duplicate(case: Case) -> Refusal | None:
    """An id names one order for ever (FIX OrdRejReason 6; FIA: duplicate order detection)."""
    known = case.state.known(case.order.cl_ord_id)
    if known is not None and known.fingerprint != case.fingerprint:
        return Refusal("CL_ORD_ID_DUPLICATE")
    return None


def check_age(case: Case) -> Refusal | None:
    """An intent past its deadline, or older than its age limit, is not what the loop wants now."""
    limit = case.limits.intent_age_max_ns
    if limit is not None and case.age_ns > limit:
        return Refusal("INTENT_STALE", str(limit // 1_000_000), str(case.age_ns // 1_000_000))
    return Refusal("INTENT_STALE") if case.late else None


def check_reduce_only(case: Case) -> Refusal | None:
    """An order that may only reduce must not go through zero; the limit is what it may have."""
    must = case.order.reduce_only or case.state.trading.state == REDUCING
    if not must or case.order.leaves <= case.reducible:
        return None
    return Refusal(
        "REDUCE_ONLY_WOULD_FLIP",
        format_decimal(case.reducible),
        format_decimal(case.order.leaves),
    )


def check_ord_type(case: Case) -> Refusal | None:
    """Only order types on the list (RTS 6 art. 15; FIX OrdRejReason 11)."""
    allowed = case.limits.ord_types
    if allowed is None or case.order.ord_type in allowed:
        return None
    return Refusal("ORDER_TYPE_NOT_ALLOWED")


def check_short(case: Case) -> Refusal | None:
    """No sale beyond what is held where short sales are not allowed (Regulation SHO)."""
    if case.limits.short_allowed or case.order.side == BUY or case.order.exit:
        return None
    held = holdings(case)
    if case.side_qty <= held:
        return None
    return Refusal("SHORT_NOT_ALLOWED", format_decimal(held), format_decimal(case.side_qty))


def holdings(case: Case) -> int:
    """What may be sold: the position, else what the balances name of the base currency."""
    instrument, account = case.instrument, case.state.account
    if instrument.position > 0:
        return instrument.position
    base = instrument.terms.base
    if base is None or instrument.position < 0:
        return 0
    return max(0, account.balances.get(base, 0) - account.sold.get(base, 0))


def check_price_increment(case: Case) -> Refusal | None:
    """Every price on the venue's grid (FIX OrdRejReason 18)."""
    step, order = case.instrument.terms.price_increment, case.order
    if step is None:
        return None
    for price in (order.price, order.stop_price, order.stop_loss, order.take_profit):
        if price % step:
            return Refusal("PRICE_INCREMENT_INVALID", format_decimal(step), format_decimal(price))
    return None


def check_qty_increment(case: Case) -> Refusal | None:
    """The quantity on the venue's grid (FIX OrdRejReason 13)."""
    step = case.instrument.terms.qty_increment
    if step is None or case.order.qty % step == 0:
        return None
    return Refusal("QTY_INCREMENT_INVALID", format_decimal(step), format_decimal(case.order.qty))


def check_qty(case: Case) -> Refusal | None:
    """Largest and smallest order (RTS 6 art. 15(1)(c): maximum order volume)."""
    qty, limits = case.order.qty, case.limits
    if limits.order_qty_max is not None and not qty <= limits.order_qty_max:
        return Refusal(
            "ORDER_QTY_EXCEEDS_LIMIT", format_decimal(limits.order_qty_max), format_decimal(qty)
        )
    if limits.order_qty_min is not None and not qty >= limits.order_qty_min:
        return Refusal(
            "ORDER_QTY_BELOW_MINIMUM", format_decimal(limits.order_qty_min), format_decimal(qty)
        )
    return None


def _references(case: Case) -> list[Instrument]:
    """The instruments whose quotes the order's checks need, the order's own first."""
    limits, order, instrument = case.limits, case.order, case.instrument
    needed: dict[str, Instrument] = {}
    entry = not order.exit
    priced = order.ord_type in ("limit", "stop_limit")
    if (
        not priced
        or limits.price_collar_bps is not None
        or limits.reference_age_max_ns is not None
        or (entry and limits.spread_max_bps is not None)
        or (entry and limits.needs_position_value and instrument.position)
    ):
        needed[instrument.symbol] = instrument
    if case.foreign and instrument.fx is not None and _worth_matters(case):
        needed[instrument.fx.symbol] = instrument.fx
    if entry and (limits.needs_marks or limits.needs_portfolio):
        for held in case.state.held():
            needed[held.symbol] = held
            if held.fx is not None:
                needed[held.fx.symbol] = held.fx
    return list(needed.values())


def _worth_matters(case: Case) -> bool:
    """Whether the order's worth in account currency is judged: an exit's mostly is not."""
    limits, order = case.limits, case.order
    return (
        not order.exit
        or order.reserves
        or limits.order_notional_max is not None
        or limits.order_notional_min is not None
    )


def check_reference(case: Case) -> Refusal | None:
    """A usable, fresh and confirmed price to judge by (FIA: price reasonability needs one)."""
    if case.foreign and case.instrument.fx is None and _worth_matters(case):
        return Refusal("REFERENCE_PRICE_MISSING")
    references = _references(case)
    for reference in references:
        if not reference.quoted:
            return Refusal("REFERENCE_PRICE_MISSING")
    limit = case.limits.reference_age_max_ns
    if limit is not None:
        for reference in references:
            age = case.state.now_ns - reference.quote_at_ns
            if not age <= limit:
                return Refusal(
                    "REFERENCE_PRICE_STALE", str(limit // 1_000_000), str(age // 1_000_000)
                )
    return _unconfirmed(case) if references else None


def _unconfirmed(case: Case) -> Refusal | None:
    """In live, the loop's mid must agree with the sentinel's own within a number of bps."""
    limit, quote = case.limits.reference_divergence_max_bps, case.instrument
    if limit is None or case.state.mode != "live":
        return None
    own2 = quote.own_bid + quote.own_ask
    age = case.state.now_ns - quote.own_at_ns
    max_age = case.limits.reference_age_max_ns
    if not 0 < quote.own_bid <= quote.own_ask or (max_age is not None and age > max_age):
        return Refusal("REFERENCE_PRICE_UNCONFIRMED", format_decimal(limit), None)
    apart = abs(quote.bid + quote.ask - own2)
    if apart * BPS * SCALE <= limit * own2:
        return None
    return Refusal("REFERENCE_PRICE_UNCONFIRMED", format_decimal(limit), _ratio(apart * BPS, own2))


def _ratio(part: int, whole: int) -> str:
    """Part ÷ whole to 18 places, rounded up: what is printed, never what is judged."""
    return format_decimal(-(-part * SCALE // whole))


def check_spread(case: Case) -> Refusal | None:
    """A market too wide to trade in (FIA: market-condition check)."""
    limit, quote = case.limits.spread_max_bps, case.instrument
    if limit is None:
        return None
    mid2 = quote.bid + quote.ask
    spread = 2 * (quote.ask - quote.bid)
    if spread * BPS * SCALE <= limit * mid2:
        return None
    return Refusal("SPREAD_EXCEEDS_LIMIT", format_decimal(limit), _ratio(spread * BPS, mid2))


def check_collar(case: Case) -> Refusal | None:
    """A limit price near the mid (RTS 6 art. 15(1)(a) and SEC 15c3-5(c)(1)(ii): price collars)."""
    limit, order, quote = case.limits.price_collar_bps, case.order, case.instrument
    if limit is None or order.ord_type not in ("limit", "stop_limit"):
        return None
    mid2 = quote.bid + quote.ask
    away = (2 * order.price - mid2) * order.side
    if case.limits.price_collar_both_sides:
        away = abs(away)
    if away * BPS * SCALE <= limit * mid2:
        return None
    return Refusal("PRICE_OUTSIDE_COLLAR", format_decimal(limit), _ratio(away * BPS, mid2))


def check_notional(case: Case) -> Refusal | None:
    """Largest and smallest worth (RTS 6 art. 15(1)(b): maximum order value)."""
    most, least = case.limits.order_notional_max, case.limits.order_notional_min
    notional = case.notional
    if most is not None and not notional <= most * MONEY:
        return Refusal(
            "ORDER_NOTIONAL_EXCEEDS_LIMIT", format_decimal(most), format_decimal(notional, 54)
        )
    if least is not None and not notional >= least * MONEY:
        return Refusal(
            "ORDER_NOTIONAL_BELOW_MINIMUM", format_decimal(least), format_decimal(notional, 54)
        )
    return None
