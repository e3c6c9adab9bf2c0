"""The checker: each invariant is one function over a recorded history. Shares nothing with the core
but the shapes of events; every count and every number is made anew, in the plainest way.
"""

from __future__ import annotations

import re
from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING

from ipc.messages import CancelIntent, OrderIntent, ReplaceIntent
from sentinel.core.effects import Answer, Halt, Reply, Resume
from sentinel.core.events import (
    EpochStarted,
    HeartbeatReceived,
    HelloReceived,
    IntentReceived,
    LimitsLoaded,
    QuoteReceived,
    ResumeRequested,
)
from tests.simulation.recounts import (
    in_force_at,
    intents,
    over_repeats,
    over_throttles,
    over_trades,
    over_worst_cases,
)
from tests.simulation.refolding import broken_replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipc.config.values import RiskConfig
    from tests.simulation.history import History

PLAIN = re.compile(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?", re.ASCII)


def no_unapproved_order(history: History) -> Iterator[str]:
    """I1: every order a loop sent has its one approval, of its session and epoch, and in time."""
    given = defaultdict(list)
    first = defaultdict(int)
    offsets = {
        w.event.epoch: w.event.offset_ns
        for w in history.entries
        if isinstance(w.event, EpochStarted)
    }
    for _, written, event, reply in intents(history):
        if reply.approved:
            given[event.fingerprint, event.run_id, written.epoch].append(reply)
            first[event.fingerprint] += not reply.repeated
    for order in history.emitted:
        replies = given[order.fingerprint, order.run_id, order.epoch]
        if not replies or first[order.fingerprint] != 1:
            yield f"{order.cl_ord_id} was sent with {len(replies)} approvals in its epoch"
        elif order.boot_ns > max(r.expires_ns for r in replies) - offsets[order.epoch]:
            yield f"{order.cl_ord_id} was sent after its approval's expiry"


def durable_before_approve(history: History) -> Iterator[str]:
    """I2: an approval that left was in the journal for good, and is in what survived."""
    survived = {
        (w.approval.cl_ord_id, w.approval.seq) for w in history.entries if w.approval is not None
    }
    for sent in history.sent:
        if not sent.durable:
            yield f"{sent.cl_ord_id} left before it was durable"
        if (sent.cl_ord_id, sent.seq) not in survived:
            yield f"{sent.cl_ord_id} left and is not in the journal"


def at_most_once(history: History) -> Iterator[str]:
    """I3: an id is approved once; the same again gets the same, anything else a veto.

    Where the memory for ids is made tiny, a veto may not have been remembered.
    """
    first: dict[str, tuple[bytes, Reply]] = {}
    for _, _, event, reply in intents(history):
        known = first.get(reply.cl_ord_id)
        if known is None:
            if reply.approved or not history.tight_bounds:
                first[reply.cl_ord_id] = (event.fingerprint, reply)
            continue
        fingerprint, verdict = known
        if history.tight_bounds and not verdict.approved:
            continue
        if fingerprint != event.fingerprint and reply.approved:
            yield f"{reply.cl_ord_id} was approved with other content"
        if fingerprint == event.fingerprint and reply.approved:
            same = ("approved", "seq", "limit", "observed", "expires_ns", "state")
            if any(getattr(reply, name) != getattr(verdict, name) for name in same):
                yield f"{reply.cl_ord_id} got another approval than the first time"
        if reply.approved and not reply.repeated:
            yield f"{reply.cl_ord_id} was approved twice"


def limits_over_history(history: History) -> Iterator[str]:
    """I4: recounted from the history, every window, every day and every worst case holds."""
    yield from over_throttles(history)
    yield from over_repeats(history)
    yield from over_trades(history)
    yield from over_worst_cases(history)


def never_under_counted(history: History) -> Iterator[str]:
    """I5: after every restart at least what loops were told is counted."""
    for recovered in history.recovered:
        if recovered.approved < len(recovered.received):
            yield f"{recovered.approved} counted, {len(recovered.received)} were received"
        for cl_ord_id in recovered.received - recovered.ids:
            yield f"{cl_ord_id} was received and is not known after a restart"


def latch_holds(history: History) -> Iterator[str]:
    """I6: after a halt nothing is approved until a named person resumes that very halt.

    The halt of a journal that failed is written into the reserve behind entries that were lost,
    so that its number is another one after the restart: any of its epoch is taken for it.
    """
    halt_id: str | None = None
    renumbered = ""
    for written in history.entries:
        event = written.event
        for effect in written.entry.effects:
            if isinstance(effect, Halt):
                halt_id = effect.halt_id
                failed = effect.cause == "JOURNAL_FAILED"
                renumbered = halt_id.partition("-")[0] + "-" if failed else ""
            elif isinstance(effect, Resume):
                named = isinstance(event, ResumeRequested) and event.by.strip() and event.why
                same = event.halt_id == (halt_id or "") if named else False
                if named and renumbered:
                    same = event.halt_id.startswith(renumbered)
                if not same:
                    yield f"resumed by {event} while the halt was {halt_id}"
                halt_id, renumbered = None, ""
        approval = written.approval
        if approval is not None and halt_id is not None:
            yield f"{approval.cl_ord_id} was approved under halt {halt_id}"


def closed_start(history: History) -> Iterator[str]:
    """I7: approved only after STOP was looked at, limits, an accepted hello and its first beat."""
    welcome: set[str] = set()
    beaten: set[str] = set()
    limits = False
    for index, written in enumerate(history.entries):
        event = written.event
        match event:
            case EpochStarted():
                welcome, beaten = set(), set()
            case LimitsLoaded():
                limits = True
            case HelloReceived(run_id=run_id):
                answer = next((e for e in written.entry.effects if isinstance(e, Answer)), None)
                if answer is not None and answer.ok:
                    welcome.add(run_id)
            case HeartbeatReceived(run_id=run_id):
                beaten.add(run_id)
            case IntentReceived(run_id=run_id) if written.approval is not None:
                looked = history.looked.get(written.epoch)
                if looked is None or index < looked[0]:
                    yield f"entry {index} approves before STOP was looked at"
                if not limits or run_id not in welcome & beaten:
                    yield f"entry {index} approves for {run_id} before its first beat"
            case _:
                pass


def fresh(history: History) -> Iterator[str]:
    """I9: nothing is approved past its deadline, and no loop acts on an answer it gave up."""
    for sent in history.sent:
        late = sent.deadline_ns is not None and sent.boot_ns > sent.deadline_ns
        if (late or sent.deadline_ns is None) and not sent.repeated:
            yield f"{sent.cl_ord_id} was approved past its deadline"
    for believed in history.believed:
        if believed.boot_ns > believed.patience_ns:
            yield f"{believed.cl_ord_id} was believed after its time-out"


def one_config(history: History) -> Iterator[str]:
    """I10: what is in force is one validated whole, and in live only a person loosens it."""
    for said, real in history.in_force:
        if said != real:
            yield f"the core says {said[:8]} and has {real[:8]}"
    before: RiskConfig | None = None
    for written, risk in in_force_at(history):
        event, reply = written.event, written.approval
        if isinstance(event, LimitsLoaded):
            if before is not None and event.by == "file" and before.account.mode == "live":
                yield from _loosened(before, event.risk)
            before = event.risk
        if reply is None or reply.repeated or risk is None:
            continue
        limit = risk.limits.order_qty_max
        if limit is not None and Fraction(event.intent.order_qty) > Fraction(limit):
            yield f"{reply.cl_ord_id} is over order_qty_max {limit} of the limits in force"


def _loosened(old: RiskConfig, new: RiskConfig) -> Iterator[str]:
    """Compare the numbers that a simulated file changes, one by one."""
    for key in ("order_qty_max", "order_notional_max", "position_qty_max", "trades_max"):
        was, becomes = getattr(old.limits, key), getattr(new.limits, key)
        if was is not None and (becomes is None or Fraction(becomes) > Fraction(was)):
            yield f"{key} went from {was} to {becomes} without a person"
    after = {t.name: t for t in new.throttles}
    for was in old.throttles:
        becomes = after.get(was.name)
        if becomes is None or Fraction(becomes.rate) > Fraction(was.rate):
            yield f"throttle {was.name} was loosened without a person"


def exact_money(history: History) -> Iterator[str]:
    """I15: every number is what fractions make of it, and no odd number is ever approved."""
    quotes: dict[str, tuple[str | None, str | None]] = {}
    for written, risk in in_force_at(history):
        event = written.event
        if isinstance(event, QuoteReceived):
            quotes[event.symbol] = (event.bid, event.ask)
        if not isinstance(event, IntentReceived) or isinstance(event.intent, CancelIntent):
            continue
        reply = next((e for e in written.entry.effects if isinstance(e, Reply)), None)
        if reply is None or reply.repeated or risk is None:
            continue
        if reply.approved:
            yield from _odd_numbers(event.intent)
        if isinstance(event.intent, OrderIntent):
            yield from _notional(event.intent, reply, risk, quotes)
    for sums in history.sums:
        for name in ("qty", "money"):
            kept, made = sums[name]
            if kept != made:
                yield f"{sums['what']} {name}: kept {kept}, made anew {made}"


def _odd_numbers(intent: OrderIntent | ReplaceIntent) -> Iterator[str]:
    for text in (intent.order_qty, intent.price, intent.stop_price):
        if text is not None and (not PLAIN.fullmatch(text) or not Fraction(text) > 0):
            yield f"{intent.cl_ord_id} was approved with the number {text!a}"


def _notional(
    intent: OrderIntent,
    reply: Reply,
    risk: RiskConfig,
    quotes: dict[str, tuple[str | None, str | None]],
) -> Iterator[str]:
    """An order's worth, as judged, is its quantity times its price."""
    limit = risk.limits.order_notional_max
    price = intent.price
    if price is None:
        price = quotes.get(intent.symbol, (None, None))[intent.side == "buy"]
    if limit is None or price is None:
        return
    if not reply.approved and reply.reason != "ORDER_NOTIONAL_EXCEEDS_LIMIT":
        return
    worth = Fraction(intent.order_qty) * Fraction(price)
    if reply.approved and worth > Fraction(limit):
        yield f"{intent.cl_ord_id} is worth {worth}, over {limit}"
    if not reply.approved and Fraction(reply.observed or "0") != worth:
        yield f"{intent.cl_ord_id} is worth {worth}, judged at {reply.observed}"


def bounded(history: History) -> Iterator[str]:
    """I16: no container ever grew over its bound."""
    for name, (size, bound) in history.sizes.items():
        if size > bound:
            yield f"{name} grew to {size}, its bound is {bound}"


def no_false_rogue(history: History) -> Iterator[str]:
    """Every simulated order asks first, so none may be taken for one that did not."""
    for written in history.entries:
        for effect in written.entry.effects:
            if isinstance(effect, Halt) and effect.cause == "ROGUE_ORDER":
                yield f"an approved order was taken for a rogue: {written.event}"


def replayable(history: History) -> Iterator[str]:
    """I17: the journal, folded again from nothing, makes every decision as it was recorded."""
    yield from broken_replay(history)


INVARIANTS: dict[str, Callable[[History], Iterator[str]]] = {
    "I1": no_unapproved_order,
    "I2": durable_before_approve,
    "I3": at_most_once,
    "I4": limits_over_history,
    "I5": never_under_counted,
    "I6": latch_holds,
    "I7": closed_start,
    "I9": fresh,
    "I10": one_config,
    "I15": exact_money,
    "I16": bounded,
    "I17": replayable,
    "rogue": no_false_rogue,
}


def violations(history: History) -> list[tuple[str, str]]:
    """Return every violation as (invariant, what)."""
    found = []
    for name, check in INVARIANTS.items():
        found += [(name, what) for what in check(history)]
    return found
