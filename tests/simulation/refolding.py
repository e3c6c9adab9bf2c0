"""The journal folded again from nothing: every effect must come out as it was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sentinel.core.decide import decide
from sentinel.core.effects import SendAlert
from sentinel.core.events import HaltRequested
from sentinel.core.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sentinel.core.effects import Effect
    from tests.simulation.history import History


def broken_replay(history: History) -> Iterator[str]:
    """Yield the first entry whose effects are others the second time, and a state that differs.

    What a journal that failed still took into its reserve was decided behind lost entries: its
    effects bear later numbers than they get now, and are not compared.
    """
    state = State()
    for index, written in enumerate(history.entries):
        effects = decide(state, written.event)
        event = written.event
        if isinstance(event, HaltRequested) and event.cause == "JOURNAL_FAILED":
            continue
        if written.entry.effects and _plain(effects) != _plain(written.entry.effects):
            kind = type(written.event).__name__
            yield f"entry {index} ({kind}) is decided otherwise: {effects} {written.entry.effects}"
            return
    if history.last_facts is not None and history.last_facts != facts_of(state):
        pairs = zip(history.last_facts, facts_of(state), strict=True)
        yield f"the state differs: {[pair for pair in pairs if pair[0] != pair[1]]}"


def _plain(effects: Iterable[Effect]) -> list[Effect]:
    """Leave out how many seconds a clock jumped, which is told and never judged by."""
    return [
        msgspec.structs.replace(effect, facts={})
        if isinstance(effect, SendAlert) and effect.code == "CLOCK_JUMPED"
        else effect
        for effect in effects
    ]


def facts_of(state: State) -> list[tuple[str, object]]:
    """Return what later decisions rest on, as plain values."""
    book = state.book
    return [
        ("epoch", state.epoch),
        ("seq", state.seq),
        ("trading", state.trading.state),
        ("halt", None if state.trading.halt is None else state.trading.halt.halt_id),
        ("kill", (state.kill.stage, state.kill.number, state.kill.outcome)),
        ("ids", {k: (v.fingerprint, v.reply) for k, v in state.ids.items()}),
        (
            "working",
            {k: (o.leaves, o.cum, o.exit, len(o.replacing)) for k, o in book.working.items()},
        ),
        ("positions", {s: i.position for s, i in book.instruments.items() if i.position}),
        ("day", (state.day.key, state.day.trades, state.day.orders, state.day.baseline2)),
        ("loss", (state.day.peak2, state.account.known and state.loss_streak)),
        ("tally", (state.tally.approved, state.tally.vetoed, state.tally.cancels)),
        ("alerts", list(state.alerts)),
        ("sessions", sorted(state.sessions)),
        ("hash", None if state.rules is None else state.rules.hash),
    ]
