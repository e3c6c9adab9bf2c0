"""What the ledger writes is enough: folded, it gives the same state and the same verdicts."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from msgspec.structs import replace

from ipc.config.reader import limits_hash, parse_config
from sentinel.core.decide import decide, next_deadline_ns
from sentinel.core.effects import Reply, SendAlert
from sentinel.core.events import (
    EpochStarted,
    HaltRequested,
    LimitsLoaded,
    QuoteReceived,
    TimePassed,
)
from sentinel.core.ledger import FoldDiverged, Ledger, decode_entry, encode_entry, refold
from sentinel.core.state import State
from sentinel.event_line import Line
from sentinel.replay_lines import BUILDERS
from sentinel.status_document import Surroundings, status_document
from tests.sentinel.naive_histories import History, as_toml, random_config

AROUND = Surroundings(
    version="1",
    started_ns=0,
    journal_seq=0,
    journal_lag_ms=0,
    alerts_state="OK",
    required_routes_down=(),
    degraded=(),
    counters={},
)
SEEDS = 400
LENGTH = 80


def loaded(toml, at_ns):
    risk = parse_config(toml, "test").risk
    return LimitsLoaded(at_ns=at_ns, wall_ns=at_ns, risk=risk, hash=limits_hash(risk))


def started(at_ns, epoch):
    return EpochStarted(
        at_ns=at_ns,
        wall_ns=at_ns,
        epoch=epoch,
        boot_id="b",
        offset_ns=0,
        account_id="a",
        mode="paper",
        version="1",
    )


def fresh():
    state = State()
    state.replaying = True
    return state


def history(seed):
    """The events of a random history, and those of what comes after it."""
    rng = random.Random(seed)
    config = random_config(rng)
    events = [started(0, 1), loaded(as_toml(config), 0)]
    for number, fields in enumerate(History(rng, config).lines(LENGTH)):
        text = json.dumps({key: value for key, value in fields.items() if key != "config"})
        line = Line(number, text)
        toml = fields.get("toml")
        events.append(BUILDERS[line.event](line) if toml is None else loaded(toml, line.at_ns))
    cut = len(events) * 2 // 3
    return events[:cut], events[cut:]


def with_deadlines(state, events):
    """The events with the deadlines that fall due between them."""
    for event in events:
        while next_deadline_ns(state) <= event.at_ns:
            due_ns = next_deadline_ns(state)
            yield TimePassed(at_ns=due_ns, wall_ns=due_ns)
        yield event


def journaled(seed):
    """Live through a history; return the state, its journal, and what comes after."""
    before, after = history(seed)
    ledger = Ledger(fresh())
    payloads = []
    last_ns = before[-1].at_ns
    before.append(HaltRequested(at_ns=last_ns, wall_ns=last_ns, cause="LAST", by="x"))
    for event in with_deadlines(ledger.state, before):
        entries, _ = ledger.take(event)
        payloads += [encode_entry(entry) for entry in entries]
    return ledger.state, payloads, after


def folded(payloads):
    state = fresh()
    for payload in payloads:
        refold(state, decode_entry(payload))
    return state


def shown(state):
    """What can be seen of a state; the ages of a beat that was not written are not part of it."""
    document: Any = status_document(state, AROUND, state.now_ns)
    for session in document["sessions"]:
        session["vitals"] = session["vitals"].replace("LATE", "FRESH")
        del session["heartbeat_age_ms"]
        del session["data_age_ms"]
    counts = sorted(state.book.working), sorted(state.done), sorted(state.replacements)
    tokens = {key: bucket.level for key, bucket in state.buckets.items()}
    reserved = {
        name: (reserve.own, reserve.notional, reserve.fees)
        for name, reserve in state.book.reserved.items()
    }
    return document, counts, tokens, reserved, state.day.trades, state.loss_streak, list(state.ids)


@pytest.mark.parametrize("part", range(5))
def test_folding_the_entries_gives_the_same_state_and_further_verdicts(part):
    for seed in range(part * SEEDS // 5, (part + 1) * SEEDS // 5):
        live, payloads, after = journaled(seed)
        again = folded(payloads)
        assert shown(again) == shown(live), seed
        for state in (live, again):
            decide(state, started(state.now_ns, 2))
        for event in after:
            said = [decide(state, event) for state in (live, again)]
            assert said[0] == said[1], (seed, event)


def test_a_journal_is_shorter_than_its_history_because_quotes_are_kept_back():
    ledger = Ledger(fresh())
    ledger.take(started(0, 1))
    ledger.take(loaded('[limits]\nsymbols = ["*"]\n', 0))
    for at_ns in range(1000):
        quote = QuoteReceived(at_ns=at_ns, wall_ns=at_ns, symbol="A", bid="1", ask="2")
        assert ledger.take(quote) == ([], [])


def test_a_quote_at_which_the_clock_is_seen_to_jump_is_written_with_its_alert():
    ledger = Ledger(fresh())
    ledger.take(started(0, 1))
    ledger.take(loaded('[limits]\nsymbols = ["*"]\n', 0))
    jumped = QuoteReceived(at_ns=1, wall_ns=10**15, symbol="A", bid="1", ask="2")
    entries, effects = ledger.take(jumped)
    assert [effect.code for effect in effects if isinstance(effect, SendAlert)] == ["CLOCK_JUMPED"]
    assert [entry.event for entry in entries] == [jumped]


def test_a_quote_that_begins_a_trading_day_is_written_and_no_elder_one_after_it():
    ledger = Ledger(fresh())
    ledger.take(started(0, 1))
    ledger.take(loaded('[account]\nrequired = false\n[limits]\nsymbols = ["*"]\n', 0))
    day_ns = 86_400 * 10**9
    old, new = (
        QuoteReceived(at_ns=at_ns, wall_ns=at_ns, symbol="A", bid="1", ask="2")
        for at_ns in (1, day_ns)
    )
    assert ledger.take(old) == ([], [])
    entries, _ = ledger.take(new)
    assert entries[-1].event == new
    halt = HaltRequested(at_ns=day_ns, wall_ns=day_ns, cause="C", by="x")
    assert [entry.event for entry in ledger.take(halt)[0]] == [halt]


def test_a_journal_with_another_verdict_than_ours_is_refused():
    _, payloads, _ = journaled(3)
    state = fresh()
    for payload in payloads:
        entry = decode_entry(payload)
        replies = [effect for effect in entry.effects if isinstance(effect, Reply)]
        if replies:
            forged = replace(replies[0], approved=not replies[0].approved)
            with pytest.raises(FoldDiverged):
                refold(state, replace(entry, effects=(forged,)))
            return
        refold(state, entry)
    pytest.fail("a history without a verdict")
