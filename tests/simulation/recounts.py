"""Naive recounts of a history for the checker: every window, day and worst case made anew."""

from __future__ import annotations

import bisect
from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING

from ipc.messages import CancelIntent, OrderIntent, ReplaceIntent
from sentinel.core.effects import Reply, Resume
from sentinel.core.events import HelloReceived, IntentReceived, LimitsLoaded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipc.config.values import RiskConfig
    from tests.simulation.history import History, Written

SECOND = 1_000_000_000
SLACK = 10 * SECOND


def intents(history: History) -> Iterator[tuple[int, Written, IntentReceived, Reply]]:
    """Yield each order or replace that was judged: index, entry, event and its reply."""
    for index, written in enumerate(history.entries):
        event = written.event
        if isinstance(event, IntentReceived) and not isinstance(event.intent, CancelIntent):
            reply = next((e for e in written.entry.effects if isinstance(e, Reply)), None)
            if reply is not None:
                yield index, written, event, reply


def in_force_at(history: History) -> Iterator[tuple[Written, RiskConfig | None]]:
    """Yield each entry with the configuration that its event was decided under."""
    risk: RiskConfig | None = None
    for written in history.entries:
        event = written.event
        if isinstance(event, LimitsLoaded):
            risk = event.risk
        yield written, risk


def over_throttles(history: History) -> Iterator[str]:
    """No window of true time has more approvals than burst and refill allow.

    A throttle whose numbers change is counted anew from there. Exits have a bucket of their own.
    """
    times: dict[tuple[str, str | None, Fraction, Fraction], list[int]] = defaultdict(list)
    symbols, strategies = symbols_of(history), strategies_of(history)
    for written, risk in in_force_at(history):
        reply = written.approval
        if reply is None or reply.repeated or risk is None:
            continue
        if not written.entering:
            rate = Fraction(risk.limits.exit_rate_max or 100)
            times["exits", "", rate, rate / SECOND].append(written.true_ns)
            continue
        of = {
            "strategy": strategies[written.event.run_id],
            "symbol": symbols[reply.cl_ord_id],
        }
        for t in risk.throttles:
            rate = Fraction(t.rate) / (t.per_ms * 1_000_000)
            key = (t.name, of.get(t.scope), Fraction(t.burst), rate)
            times[key].append(written.true_ns)
    for (name, whose, burst, rate), at in times.items():
        for i, begin in enumerate(at):
            for j in range(i, len(at)):
                if j - i + 1 > burst + rate * (at[j] - begin):
                    yield f"throttle {name} {whose}: {j - i + 1} in {at[j] - begin} ns"
                    return


def strategies_of(history: History) -> dict[str, str]:
    """Return the strategy of every run."""
    events = [written.event for written in history.entries]
    return {e.run_id: e.strategy for e in events if isinstance(e, HelloReceived)}


def symbols_of(history: History) -> dict[str, str]:
    """Return the symbol of every order and, by the order it replaces, every replacement."""
    found: dict[str, str] = {}
    for _, _, event, _ in intents(history):
        intent = event.intent
        if isinstance(intent, OrderIntent):
            found.setdefault(intent.cl_ord_id, intent.symbol)
        elif isinstance(intent, ReplaceIntent):
            found.setdefault(intent.cl_ord_id, found.get(intent.orig_cl_ord_id, ""))
    return found


def over_repeats(history: History) -> Iterator[str]:
    """The same order comes no oftener in its window than allowed, unless a person resumed."""
    times: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for written, risk in in_force_at(history):
        if any(isinstance(e, Resume) for e in written.entry.effects):
            times.clear()
        reply, event = written.approval, written.event
        if reply is None or reply.repeated or risk is None or not written.entering:
            continue
        intent = event.intent
        most = risk.limits.repeat_max
        if most is None or not isinstance(intent, OrderIntent):
            continue
        key = (intent.symbol, intent.side, Fraction(intent.order_qty), intent.price)
        window_ns = (risk.limits.repeat_window_ms or 1000) * 1_000_000
        times[key].append(written.true_ns)
        count = sum(1 for at in times[key] if at > written.true_ns - window_ns)
        if count > most:
            yield f"{intent.cl_ord_id}: {count} times the same"


def over_trades(history: History) -> Iterator[str]:
    """No more entries than allowed from one true roll of the day, or a person's word, to the next.

    Around a true roll the core's may be a few seconds off, as small steps of the clock are
    followed: what falls in there may belong to either day.
    """
    resets = sorted(
        [*_trusted(history), *(at + d for at in history.rolls for d in (-SLACK, SLACK))]
    )
    stretch, count, most = -1, 0, 0
    for written, risk in in_force_at(history):
        limit = None if risk is None else risk.limits.trades_max
        begun = bisect.bisect_right(resets, written.true_ns)
        if begun != stretch or limit is None:
            stretch, count, most = begun, 0, 0
        if limit is None:
            continue
        most = max(most, limit)
        reply, event = written.approval, written.event
        if reply is not None and not reply.repeated and written.entering:
            count += isinstance(event.intent, OrderIntent)
            days = 2 if any(abs(written.true_ns - at) <= SLACK for at in history.rolls) else 1
            if count > most * days:
                yield f"{reply.cl_ord_id} is entry {count} where {most} a day are allowed"
                return


def _trusted(history: History) -> Iterator[int]:
    """Yield when a person resumed after the wall clock had jumped ahead: it is taken as it is."""
    ahead: int | None = None
    for written in history.entries:
        offset = written.event.wall_ns - written.true_ns
        if ahead is None:
            ahead = offset
        if any(isinstance(e, Resume) for e in written.entry.effects) and offset > ahead + SLACK:
            ahead = offset
            yield written.true_ns


def over_worst_cases(history: History) -> Iterator[str]:
    """At the venue itself, all orders on a side filled would not exceed the position limit."""
    changes: list[tuple[int, Fraction | None]] = []
    for written, risk in in_force_at(history):
        limit = None if risk is None else risk.limits.position_qty_max
        if isinstance(written.event, LimitsLoaded):
            changes.append((written.true_ns, None if limit is None else Fraction(limit)))
    for exposed in history.exposed:
        limits = [limit for at, limit in changes if at <= exposed.true_ns]
        if limits and all(limit is not None for limit in limits):
            most = max(limit for limit in limits if limit is not None)
            if Fraction(exposed.qty, 10**18) > most:
                yield f"{exposed.symbol}: {Fraction(exposed.qty, 10**18)} where {most} is allowed"
