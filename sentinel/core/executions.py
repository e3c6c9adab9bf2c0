"""What happened at the venue: self reports and the broker's own record, each fill counted once."""

from __future__ import annotations

from ipc.numbers import parse_decimal
from sentinel.core.account import MONEY, Spent
from sentinel.core.book import Instrument
from sentinel.core.checks_account import within
from sentinel.core.conduct import WARNING, act_on, alert
from sentinel.core.effects import Effect
from sentinel.core.events import (
    ExecutionReceived,
)
from sentinel.core.order import Order
from sentinel.core.reserve import needs_of
from sentinel.core.state import State

LEG_SUFFIXES = ("/sl", "/tp")
ENDS = frozenset({"cancelled", "rejected", "expired"})


def on_execution(state: State, event: ExecutionReceived) -> list[Effect]:
    """A self report. Reports that repeat, or that no approved order explains, change nothing."""
    if event.exec_id is not None and event.exec_id in state.fills_applied:
        return []
    order = named(state, event.cl_ord_id, event.exec_type)
    if order is None:
        return [
            alert(
                state,
                WARNING,
                "EXECUTION_UNKNOWN",
                cl_ord_id=event.cl_ord_id,
                exec_type=event.exec_type,
            )
        ]
    match event.exec_type:
        case "fill" | "partial_fill":
            qty = parse_decimal(event.last_qty or "")
            price = parse_decimal(event.last_price or "")
            fee = parse_decimal(event.fee or "0") or 0
            if qty is None or price is None or qty <= 0 or price <= 0:
                return [alert(state, WARNING, "EXECUTION_MALFORMED", cl_ord_id=event.cl_ord_id)]
            if event.exec_id is not None:
                state.ahead[event.exec_id] = (order.symbol, order.side * qty, state.now_ns)
            return fill(
                state, order, qty, price, fee, event.exec_id, last=event.exec_type == "fill"
            )
        case "rejected":
            return _rejected(state, order, event.cl_ord_id)
        case "replaced":
            _confirm(state, event.cl_ord_id)
        case "cancelled" | "expired":
            _end(state, order)
        case _:
            pass
    return []


def named(state: State, cl_ord_id: str, exec_type: str) -> Order | None:
    """Return the order a report is about; a fill under an unconfirmed new id confirms it."""
    if cl_ord_id in state.replacements and exec_type not in ("rejected", "ack"):
        _confirm(state, cl_ord_id)
    return state.working(cl_ord_id) or state.done.get(cl_ord_id) or venue_leg(state, cl_ord_id)


def venue_leg(state: State, cl_ord_id: str) -> Order | None:
    """Return the entry's leg that the venue made, known by the entry's id."""
    for suffix in LEG_SUFFIXES:
        if cl_ord_id.endswith(suffix):
            parent_id = cl_ord_id[: -len(suffix)]
            parent = state.working(parent_id) or state.done.get(parent_id)
            return None if parent is None else _make_leg(state, parent, suffix)
    return None


def _make_leg(state: State, parent: Order, suffix: str) -> Order | None:
    price = parent.stop_loss if suffix == "/sl" else parent.take_profit
    if not price or not parent.cum:
        return None
    ord_type = "stop" if suffix == "/sl" else "limit"
    leg = Order(parent.cl_ord_id + suffix, parent.symbol, -parent.side, ord_type, parent.cum)
    leg.price = price
    leg.group = parent.group or parent.cl_ord_id
    leg.leg = leg.exit = True
    leg.strategy, leg.run_id, leg.parent = parent.strategy, parent.run_id, parent.cl_ord_id
    leg.approved_at_ns, leg.expires_ns = state.now_ns, parent.expires_ns
    leg.unit = price * state.book.instruments[parent.symbol].terms.multiplier
    leg.fx = parent.fx
    state.book.add(leg)
    return leg


def _grow_legs(state: State, parent: Order) -> None:
    """The entry filled: its venue-made legs work for as much as is filled."""
    for suffix in LEG_SUFFIXES:
        leg_id = parent.cl_ord_id + suffix
        leg = state.book.working.get(leg_id)
        if leg is not None:
            state.book.drop(leg)
            leg.qty = parent.cum
            leg.leaves = max(0, leg.qty - leg.cum)
            state.book.add(leg)
        elif leg_id not in state.done:
            _make_leg(state, parent, suffix)


def _confirm(state: State, new_id: str) -> None:
    """The venue replaced the order: the new id names it from here."""
    orig = state.replacements.pop(new_id, None)
    if orig is None:
        return
    replacement = next(o for o in orig.replacing if o.cl_ord_id == new_id)
    others = [o for o in orig.replacing if o is not replacement]
    state.book.drop(orig)
    state.finish(orig)
    orig.replacing = []
    replacement.cum = orig.cum
    replacement.leaves = max(0, replacement.qty - orig.cum)
    replacement.replacing = others
    for other in others:
        state.replacements[other.cl_ord_id] = replacement
    if replacement.leaves:
        state.book.add(replacement)
    else:
        state.finish(replacement)


def _rejected(state: State, order: Order, cl_ord_id: str) -> list[Effect]:
    """The venue said no: to a replacement, which then never was, or to the order itself."""
    state.rejects.append(state.now_ns)
    replaced = state.replacements.pop(cl_ord_id, None)
    if replaced is not None:
        state.book.drop(replaced)
        replaced.replacing = [o for o in replaced.replacing if o.cl_ord_id != cl_ord_id]
        state.book.add(replaced)
    else:
        _end(state, order)
    limits = None if state.rules is None else state.rules.base_limits
    if limits is None or limits.venue_rejects_max is None:
        state.rejects.clear()
        return []
    count = within(state.rejects, limits.venue_rejects_window_ns, state.now_ns)
    if count > limits.venue_rejects_max + 1:
        state.rejects.popleft()
    return act_on(state, "REJECT_STORM") if count > limits.venue_rejects_max else []


def _end(state: State, order: Order) -> None:
    """An order ended: what it reserved is free."""
    if order.cl_ord_id in state.book.working:
        state.book.drop(order)
        _finish(state, order)


def _finish(state: State, order: Order) -> None:
    """Remember an order that ended, and what was to replace it: either may have filled before."""
    for replacement in order.replacing:
        state.replacements.pop(replacement.cl_ord_id, None)
        replacement.cum, replacement.leaves = order.cum, 0
        state.finish(replacement)
    order.replacing = []
    order.leaves = 0
    state.finish(order)


def end_named(state: State, cl_ord_id: str) -> None:
    """The sentinel itself cancelled an order and read back that it is gone."""
    order = state.working(cl_ord_id)
    if order is not None:
        _end(state, order)


def fill(
    state: State,
    order: Order,
    qty: int,
    price: int,
    fee: int,
    exec_id: str | None,
    *,
    last: bool,
) -> list[Effect]:
    """Apply a fill: order, position, result, and the money that stays held until it is read."""
    most = max([order.qty, *(o.qty for o in order.replacing)])
    if order.cum + qty > most:
        if exec_id is not None:
            state.ahead.pop(exec_id, None)
        return [alert(state, WARNING, "EXECUTION_OVERFILLS", cl_ord_id=order.cl_ord_id)]
    if exec_id is not None:
        state.fills_applied.add(exec_id)
    works = order.cl_ord_id in state.book.working
    own, notional, fees = needs_of(order, qty)
    if works:
        state.book.drop(order)
    order.cum += qty
    order.leaves = max(0, order.leaves - qty)
    if order.reserves:
        order.fee_fixed = 0
        reserve = state.book.reserve(order.currency)
        state.account.hold(Spent(state.now_ns, exec_id, reserve), own, notional, fees)
    if works and order.held_leaves and not last:
        state.book.add(order)
    elif works:
        _finish(state, order)
    state.day.fills += 1
    _move_position(state, state.book.instruments[order.symbol], order.side * qty, price, fee)
    if order.stop_loss or order.take_profit:
        _grow_legs(state, order)
    if order.parent is not None:
        _shrink_siblings(state, order, qty)
    return []


def _shrink_siblings(state: State, leg: Order, qty: int) -> None:
    """One cancels the other: a filled leg leaves its venue-made sibling that much less."""
    for suffix in LEG_SUFFIXES:
        sibling = state.book.working.get(f"{leg.parent}{suffix}")
        if sibling is None or sibling is leg:
            continue
        state.book.drop(sibling)
        sibling.leaves = max(0, sibling.leaves - qty)
        if sibling.leaves:
            state.book.add(sibling)
        else:
            state.finish(sibling)


def _move_position(
    state: State, instrument: Instrument, signed_qty: int, price: int, fee: int
) -> None:
    """Change a position by a fill; a return to flat (or through it) ends a round trip."""
    before = instrument.position
    state.account.fill(instrument, signed_qty, price, fee)
    multiplier = instrument.terms.multiplier
    instrument.round_trip -= fee * MONEY
    if before * signed_qty >= 0:
        total = abs(before) + abs(signed_qty)
        instrument.avg_price = (
            instrument.avg_price * abs(before) + price * abs(signed_qty)
        ) // total
    else:
        closed = min(abs(before), abs(signed_qty))
        direction = 1 if before > 0 else -1
        instrument.round_trip += direction * closed * (price - instrument.avg_price) * multiplier
        if abs(signed_qty) >= abs(before):
            _end_round_trip(state, instrument)
        if abs(signed_qty) > abs(before):
            instrument.avg_price = price
    after = before + signed_qty
    cash = state.rules is not None and state.rules.cash
    if after < 0 and cash and before >= 0:
        base = instrument.terms.base
        if base is not None:
            state.account.sold[base] = state.account.sold.get(base, 0) - after
            after = 0
    state.book.hold(instrument, after)


def _end_round_trip(state: State, instrument: Instrument) -> None:
    if instrument.round_trip < 0:
        state.loss_streak += 1
    elif instrument.round_trip > 0:
        state.loss_streak = 0
    instrument.round_trip = 0
