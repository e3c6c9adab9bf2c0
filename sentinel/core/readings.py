"""What was read, not reported: quotes, the account and the broker's own record (the drop copy)."""

from __future__ import annotations

from collections.abc import Container

from ipc.clock import NS_PER_S
from ipc.numbers import parse_decimal
from sentinel.core.case import Refusal
from sentinel.core.checks_account import daily_loss_refusal, drawdown_refusal
from sentinel.core.conduct import WARNING, act_on, alert, halt
from sentinel.core.effects import Effect
from sentinel.core.events import AccountRead, BrokerRead, FillSeen, PositionRead, QuoteReceived
from sentinel.core.executions import LEG_SUFFIXES, end_named, fill, named, venue_leg
from sentinel.core.state import State

CONTRADICTED_NS = 5 * NS_PER_S
"""How long the broker's record may lag behind what the loop reported."""
MISSING_NS = 2 * NS_PER_S
"""An order absent from two readings that far apart, after its approval expired, has ended."""


def on_quote(state: State, event: QuoteReceived) -> list[Effect]:
    """Take the newest top of book; what is absent or malformed is no quote."""
    instrument = state.instrument(event.symbol) if state.takes_quote(event.symbol) else None
    if instrument is None:
        return []
    bid = None if event.bid is None else parse_decimal(event.bid)
    ask = None if event.ask is None else parse_decimal(event.ask)
    instrument.bid = bid if bid is not None and bid > 0 else 0
    instrument.ask = ask if ask is not None and ask > 0 else 0
    instrument.quote_at_ns = event.at_ns
    state.book.quoted(instrument)
    return []


def on_account(state: State, event: AccountRead) -> list[Effect]:
    """A reading replaces all of the account, and releases the fills it contains."""
    _read_account(state, event, None)
    return []


def _read_account(state: State, event: AccountRead, ahead: Container[str] | None) -> None:
    account = state.account
    equity, free = parse_decimal(event.equity), parse_decimal(event.balance_free)
    if equity is None or free is None:
        account.known = False
        return
    account.known = True
    account.equity, account.balance_free = equity, free
    power = event.buying_power
    account.buying_power = None if power is None else parse_decimal(power)
    balances = {name: parse_decimal(text) for name, text in event.balances.items()}
    account.balances = {name: value for name, value in balances.items() if value is not None}
    account.read_at_ns = event.read_at_ns
    account.moved2 = 0
    account.settle(event.read_at_ns, ahead)
    state.day.value(account.equity2)


def on_position(state: State, event: PositionRead) -> list[Effect]:
    """A reading replaces quantity and average price."""
    _read_position(state, event, 0)
    return []


def _read_position(state: State, event: PositionRead, ahead: int) -> None:
    qty, avg_price = parse_decimal(event.qty), parse_decimal(event.avg_price)
    instrument = state.instrument(event.symbol)
    if qty is None or avg_price is None or instrument is None:
        return
    if instrument.mark2 == 0 or not instrument.position:
        mid2 = instrument.bid + instrument.ask if instrument.quoted else 2 * avg_price
        instrument.mark2 = mid2
    if not ahead:
        instrument.avg_price = avg_price
    state.book.hold(instrument, qty + ahead)


def on_broker(state: State, event: BrokerRead) -> list[Effect]:
    """One consistent reading of the drop copy: fills first, then positions, then the account."""
    effects: list[Effect] = []
    first = state.fill_seq < 0
    for seen in event.fills:
        state.ahead.pop(seen.exec_id, None)
        if not first and seen.exec_id not in state.fills_applied:
            effects += _fill_seen(state, seen)
        state.fills_applied.add(seen.exec_id)
    state.fill_seq = event.fill_seq
    effects += _unconfirmed_fills(state, event)
    ahead: dict[str, int] = {}
    for symbol, qty, _ in state.ahead.values():
        ahead[symbol] = ahead.get(symbol, 0) + qty
    listed = {p.symbol for p in event.positions}
    for position in event.positions:
        _read_position(state, position, ahead.get(position.symbol, 0))
    for instrument in state.held():
        if instrument.symbol not in listed:
            state.book.hold(instrument, ahead.get(instrument.symbol, 0))
    _read_account(state, event.account, state.ahead)
    state.broker_read_ns = event.read_at_ns
    return effects + _compare_working(state, event) + _standing_limits(state)


def _unconfirmed_fills(state: State, event: BrokerRead) -> list[Effect]:
    """A reported fill that the venue does not show is no fill: whoever reported it is not right."""
    effects: list[Effect] = []
    for exec_id, (_, _, at_ns) in list(state.ahead.items()):
        if event.read_at_ns > at_ns + CONTRADICTED_NS:
            del state.ahead[exec_id]
            effects += halt(
                state, "ROGUE_ORDER", "drop copy", f"fill {exec_id} is not at the venue", kill=True
            )
    return effects


def _standing_limits(state: State) -> list[Effect]:
    """A loss acts when it is read, not only when the loop happens to ask for something."""
    if state.rules is None:
        return []
    effects: list[Effect] = []
    for judge in (daily_loss_refusal, drawdown_refusal):
        refusal: Refusal | None = judge(state, state.rules.base_limits)
        if refusal is not None and refusal.reason != "ACCOUNT_UNKNOWN":
            effects += act_on(state, refusal.reason)
    return effects


def _fill_seen(state: State, seen: FillSeen) -> list[Effect]:
    """A fill that the loop has not reported (yet)."""
    order = named(state, seen.cl_ord_id, "fill")
    qty, price = parse_decimal(seen.qty), parse_decimal(seen.price)
    if order is None:
        return _rogue(state, seen.cl_ord_id, "filled")
    if qty is None or price is None or qty <= 0:
        return [alert(state, WARNING, "EXECUTION_MALFORMED", cl_ord_id=seen.cl_ord_id)]
    fee = parse_decimal(seen.fee) or 0
    return fill(state, order, qty, price, fee, seen.exec_id, last=False)


def _rogue(state: State, cl_ord_id: str, doing: str) -> list[Effect]:
    """An order of ours that was never approved: the gate was passed by."""
    prefix = "" if state.rules is None else state.rules.risk.account.order_prefix
    if not cl_ord_id.startswith(prefix):
        return []
    return halt(state, "ROGUE_ORDER", "drop copy", f"{cl_ord_id} {doing}", kill=True)


def _compare_working(state: State, event: BrokerRead) -> list[Effect]:
    """Every working order must be approved; an approved one that is nowhere has ended."""
    effects: list[Effect] = []
    for cl_ord_id in event.working:
        known = state.working(cl_ord_id) or state.done.get(cl_ord_id)
        if (
            known is not None
            and state.working(cl_ord_id) is None
            and known.ended_ns + CONTRADICTED_NS < event.read_at_ns
        ):
            effects += _rogue(state, cl_ord_id, "was reported ended, and works")
        if (
            known is None
            and venue_leg(state, cl_ord_id) is None
            and not _parent_known(state, cl_ord_id)
        ):
            effects += _rogue(state, cl_ord_id, "works")
    listed = set(event.working)
    for order in list(state.book.working.values()):
        if order.cl_ord_id in listed or any(o.cl_ord_id in listed for o in order.replacing):
            order.missing_since_ns = 0
        elif event.read_at_ns > order.expires_ns + MISSING_NS:
            if order.missing_since_ns == 0:
                order.missing_since_ns = event.read_at_ns
            elif event.read_at_ns >= order.missing_since_ns + MISSING_NS:
                end_named(state, order.cl_ord_id)
    return effects


def _parent_known(state: State, cl_ord_id: str) -> bool:
    parent_id, _, suffix = cl_ord_id.rpartition("/")
    return f"/{suffix}" in LEG_SUFFIXES and (
        state.working(parent_id) is not None or parent_id in state.done
    )
