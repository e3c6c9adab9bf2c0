"""From intent to verdict: the checks, the reservation, and what is remembered of it."""

from __future__ import annotations

from collections import deque

from ipc.messages import CancelIntent, ReplaceIntent
from sentinel.core.case import Case, Refusal, buckets_for
from sentinel.core.checks import first_refusal
from sentinel.core.checks_account import within
from sentinel.core.checks_exposure import repeat_key
from sentinel.core.checks_order import session_refusal
from sentinel.core.conduct import act_on
from sentinel.core.effects import Effect, Reply
from sentinel.core.events import IntentReceived
from sentinel.core.order import Order, valid_id
from sentinel.core.state import IDS_A_DAY_MAX, Known, State
from sentinel.core.trading import HALTED
from sentinel.core.vitals import Session

REPEAT_KEYS_MAX = 10_000


def on_intent(state: State, event: IntentReceived) -> list[Effect]:
    """Judge one intent. A crossed limit may also lower the state, halt or kill."""
    session = state.sessions.get(event.run_id)
    if isinstance(event.intent, CancelIntent):
        return _on_cancel(state, event, event.intent, session)
    kind = "replace" if isinstance(event.intent, ReplaceIntent) else "order"
    cl_ord_id = event.intent.cl_ord_id
    if state.rules is None:
        return _vetoed(state, cl_ord_id, kind, Refusal("LIMITS_UNAVAILABLE"), session)
    known = state.known(cl_ord_id)
    if known is not None and known.fingerprint == event.fingerprint:
        return _repeated(state, session, known)
    case = Case(state, state.rules, session, event.intent, event.fingerprint)
    case.age_ns, case.late = event.age_ns, event.late
    case.detach()
    refusal = first_refusal(case)
    case.reattach()
    if refusal is None and not _has_room(state):
        refusal = Refusal("JOURNAL_UNAVAILABLE", str(IDS_A_DAY_MAX), str(len(state.ids) + 1))
    if refusal is None:
        return [_approve(state, case, kind)]
    effects = _vetoed(state, cl_ord_id, kind, refusal, session)
    reply = effects[0]
    if known is None and valid_id(cl_ord_id) and isinstance(reply, Reply):
        _remember(state, cl_ord_id, event.fingerprint, reply)
    return effects


def _has_room(state: State) -> bool:
    """Whether one more id can be known; days that a set clock cut short are known together."""
    today, before = len(state.ids), len(state.ids_before)
    return today < IDS_A_DAY_MAX and today + before < 2 * IDS_A_DAY_MAX


def _remember(state: State, cl_ord_id: str, fingerprint: bytes, reply: Reply) -> None:
    if _has_room(state):
        state.ids[cl_ord_id] = Known(fingerprint, reply)


def _repeated(state: State, session: Session | None, known: Known) -> list[Effect]:
    """The same id with the same content: the same verdict, counted once.

    An approval is not said again under a halt, which voids what was approved before it, nor to a
    session that could get none now.
    """
    first = known.reply
    voided = _voided(state, session) if first.approved else None
    if voided is not None:
        return _vetoed(state, first.cl_ord_id, first.kind, voided, session)
    again = Reply(
        cl_ord_id=first.cl_ord_id,
        kind=first.kind,
        approved=first.approved,
        reason=first.reason,
        limit=first.limit,
        observed=first.observed,
        state=first.state,
        seq=first.seq,
        repeated=True,
        expires_ns=first.expires_ns,
    )
    if first.approved:
        return [again]
    return [again, *_storm(state)]


def _voided(state: State, session: Session | None) -> Refusal | None:
    if state.trading.state == HALTED:
        return Refusal("TRADING_HALTED")
    return None if session is None and state.replaying else session_refusal(state, session)


def _on_cancel(
    state: State, event: IntentReceived, intent: CancelIntent, session: Session | None
) -> list[Effect]:
    """Cancels are never vetoed; they are counted, and they draw on message throttles."""
    state.tally.cancels += 1
    order = state.working(intent.orig_cl_ord_id)
    if state.rules is not None:
        strategy = None if session is None else session.strategy
        symbol = ""
        if order is not None:
            strategy, symbol = order.strategy, order.symbol
        for bucket in buckets_for(state, state.rules, strategy, symbol, orders=False):
            bucket.take(state.now_ns)
    state.seq += 1
    return [
        Reply(
            cl_ord_id=intent.cl_ord_id,
            kind="cancel",
            approved=True,
            reason=None,
            limit=None,
            observed=None,
            state=state.trading.state,
            seq=state.seq,
            expires_ns=event.at_ns + state.approval_ttl_ns,
        )
    ]


def _vetoed(
    state: State, cl_ord_id: str, kind: str, refusal: Refusal, session: Session | None
) -> list[Effect]:
    halted_before = state.trading.state == HALTED
    actions = act_on(state, refusal.reason)
    if not halted_before:
        state.vetoes.append(state.now_ns)
        actions += _storm(state, counted=True)
    state.seq += 1
    state.tally.vetoed += 1
    state.tally.by_reason[refusal.reason] = state.tally.by_reason.get(refusal.reason, 0) + 1
    if session is not None:
        session.vetoed += 1
    reply = Reply(
        cl_ord_id=cl_ord_id,
        kind=kind,
        approved=False,
        reason=refusal.reason,
        limit=refusal.limit,
        observed=refusal.observed,
        state=state.trading.state,
        seq=state.seq,
    )
    return [reply, *actions]


def _storm(state: State, *, counted: bool = False) -> list[Effect]:
    """Act when vetoes come too often. Vetoes given while HALTED do not count."""
    limits = None if state.rules is None else state.rules.base_limits
    if limits is None or limits.vetoes_max is None:
        state.vetoes.clear()
        return []
    if not counted and state.trading.state != HALTED:
        state.vetoes.append(state.now_ns)
    count = within(state.vetoes, limits.vetoes_window_ns, state.now_ns)
    if len(state.vetoes) > limits.vetoes_max + 1:
        state.vetoes.popleft()
    return act_on(state, "VETO_STORM") if count > limits.vetoes_max else []


def _approve(state: State, case: Case, kind: str) -> Reply:
    order = case.order
    order.approved_at_ns = state.now_ns
    order.expires_ns = state.now_ns + state.approval_ttl_ns
    _take_tokens(state, case)
    state.day.orders += 1
    if case.orig is None:
        _reserve(state, case)
    else:
        _supersede(state, case.orig, order)
    if case.session is not None:
        order.run_id = case.session.run_id
        case.session.approved += 1
    state.seq += 1
    state.tally.approved += 1
    reply = Reply(
        cl_ord_id=order.cl_ord_id,
        kind=kind,
        approved=True,
        reason=None,
        limit=None,
        observed=None,
        state=state.trading.state,
        seq=state.seq,
        expires_ns=order.expires_ns,
    )
    _remember(state, order.cl_ord_id, case.fingerprint, reply)
    return reply


def _take_tokens(state: State, case: Case) -> None:
    buckets = [state.exits] if case.order.exit else case.buckets(orders=True)
    for bucket in buckets:
        bucket.take(state.now_ns)


def _reserve(state: State, case: Case) -> None:
    """Count what was approved: the book, the day's trades, the repeats."""
    order = case.order
    state.book.add(order)
    if order.group is not None and not order.exit and not order.leg:
        state.open_group(order.group, order.side)
    if not order.exit:
        for scope in ("", f"symbol:{order.symbol}", f"strategy:{order.strategy}"):
            state.day.trades[scope] = state.day.trades.get(scope, 0) + 1
        if case.session is not None:
            case.session.trades += 1
    if case.limits.repeat_max is None:
        return
    seen = state.repeats.setdefault(repeat_key(case), deque())
    within(seen, case.limits.repeat_window_ns, state.now_ns)
    seen.append(state.now_ns)
    if len(state.repeats) > REPEAT_KEYS_MAX:
        _forget_repeats(state, case.limits.repeat_window_ns)


def _forget_repeats(state: State, window_ns: int) -> None:
    for key, seen in list(state.repeats.items()):
        if not within(seen, window_ns, state.now_ns):
            del state.repeats[key]


def _supersede(state: State, orig: Order, replacement: Order) -> None:
    """Hold the larger of old and new until the venue says replaced or rejected."""
    state.book.drop(orig)
    orig.replacing.append(replacement)
    state.book.add(orig)
    state.replacements[replacement.cl_ord_id] = orig
