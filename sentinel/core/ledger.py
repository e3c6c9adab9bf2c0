"""What the journal must hold: `Ledger.take` decides an event and says what is to be written.

Quotes, heartbeats and unchanged readings are kept back, only the newest of each, and written
before the next event that a decision can rest on. Folding the entries gives the same state.
"""

from __future__ import annotations

import msgspec

from ipc.clock import NS_PER_MS
from sentinel.core.decide import decide
from sentinel.core.effects import Effect, Reply
from sentinel.core.events import (
    BrokerRead,
    Event,
    ExecutionReceived,
    HeartbeatReceived,
    IntentReceived,
    PositionRead,
    QuoteReceived,
    TimePassed,
)
from sentinel.core.state import State
from sentinel.core.vitals import Vitals

STEP_NS = 50 * NS_PER_MS
"""How far the followed wall clock may move against elapsed time before an entry tells of it."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One journal entry: what happened, and what was decided."""

    event: Event
    effects: tuple[Effect, ...] = ()


class FoldDiverged(ValueError):
    """A journal whose decisions are not the ones this program would make."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)


def encode_entry(entry: Entry) -> bytes:
    """Encode an entry as the journal's payload."""
    return _encoder.encode(entry)


def decode_entry(payload: bytes) -> Entry:
    """Decode a payload; msgspec.DecodeError if it is not an entry of this version."""
    return _decoder.decode(payload)


class Ledger:
    """Decides events on a state and collects the entries they need."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._kept: dict[tuple[str, str], Event] = {}
        self._last_read: BrokerRead | None = None
        self._day_ends_ns = 0
        self._clock_offset_ns = 0
        self._note_day()

    def take(self, event: Event) -> tuple[list[Entry], list[Effect]]:
        """Decide an event; the entries must be on disk before the effects are performed."""
        if isinstance(event, QuoteReceived) and not self.state.takes_quote(event.symbol):
            return [], []
        if isinstance(event, QuoteReceived):
            return self._kept_back(event, ("quote", event.symbol))
        if isinstance(event, HeartbeatReceived):
            return self._beat(event)
        if isinstance(event, TimePassed):
            return self._time(event)
        if isinstance(event, BrokerRead) and self._is_unchanged(event):
            return self._kept_back(event, ("broker", ""))
        wanted = self._relevant(event)
        effects = decide(self.state, event)
        return self._written(event, effects, wanted), effects

    def _kept_back(self, event: Event, key: tuple[str, str]) -> tuple[list[Entry], list[Effect]]:
        """Keep an event back, unless it had effects or began a trading day."""
        effects = decide(self.state, event)
        if effects or self._day_moved():
            return self._written(event, effects, self._relevant(event) | {key[1]}), effects
        self._keep(key, event)
        return [], []

    def _keep(self, key: tuple[str, str], event: Event) -> None:
        self._kept.pop(key, None)
        self._kept[key] = event

    def _beat(self, event: HeartbeatReceived) -> tuple[list[Entry], list[Effect]]:
        session = self.state.sessions.get(event.run_id)
        before = None if session is None else (session.vitals, session.beaten, session.stalled)
        progressed = session is not None and event.iteration > session.iteration
        effects = decide(self.state, event)
        session = self.state.sessions.get(event.run_id)
        after = None if session is None else (session.vitals, session.beaten, session.stalled)
        late_only = (
            before is not None
            and after is not None
            and before[1:] == after[1:]
            and {before[0], after[0]} <= {Vitals.FRESH, Vitals.LATE}
        )
        if effects or self._day_moved() or (before != after and not late_only):
            return self._written(event, effects, self._relevant(event)), effects
        self._keep(("progress" if progressed else "beat", event.run_id), event)
        if progressed:
            self._kept.pop(("beat", event.run_id), None)
        return [], []

    def _time(self, event: TimePassed) -> tuple[list[Entry], list[Effect]]:
        before = self._standing()
        effects = decide(self.state, event)
        if not effects and before == self._standing() and not self._day_moved():
            return [], []
        return self._written(event, effects, self._relevant(event)), effects

    def _standing(self) -> tuple[object, ...]:
        trading, kill = self.state.trading, self.state.kill
        alarming = tuple(
            (session.run_id, session.vitals)
            for session in self.state.sessions.values()
            if session.vitals not in {Vitals.FRESH, Vitals.LATE}
        )
        conditions = len(trading.conditions)
        return (trading.state, conditions, kill.stage, kill.retry_at_ns, alarming)

    def _day_moved(self) -> bool:
        """Whether a day began or the clock stepped since the last entry, so that it must be told.

        A fold sees the clock at entries alone: two steps between two of them would be one to it.
        """
        day = self.state.day
        stepped_ns = abs(day.wall_ns - day.at_ns - self._clock_offset_ns)
        return day.ends_wall_ns != self._day_ends_ns or stepped_ns > STEP_NS

    def _note_day(self) -> None:
        day = self.state.day
        self._day_ends_ns = day.ends_wall_ns
        self._clock_offset_ns = day.wall_ns - day.at_ns

    def _is_unchanged(self, event: BrokerRead) -> bool:
        """Whether a reading says nothing new while nothing is held and nothing works."""
        last, self._last_read = self._last_read, event
        if last is None or event.fills or self.state.book.held or self.state.book.working:
            return False
        return _content(last) == _content(event)

    def _written(self, event: Event, effects: list[Effect], wanted: set[str]) -> list[Entry]:
        """The kept events that a decision can rest on, then the event itself."""
        self._note_day()
        entries: list[Entry] = []
        for key in list(self._kept):
            if key[0] != "quote" or key[1] in wanted:
                entries.append(Entry(event=self._kept.pop(key)))
        entries.append(Entry(event=event, effects=tuple(effects)))
        return entries

    def _relevant(self, event: Event) -> set[str]:
        """The symbols whose quotes a decision on this event can rest on, asked before it."""
        book, rules = self.state.book, self.state.rules
        symbols = {*book.held, *book.traded, *self._named(event)}
        if rules is None:
            return symbols
        converting = set()
        for symbol in symbols:
            instrument = book.instruments.get(symbol)
            terms = rules.terms(symbol) if instrument is None else instrument.terms
            if terms.fx is not None:
                converting.add(terms.fx)
        return symbols | converting

    def _named(self, event: Event) -> set[str]:
        """The symbols that an event itself is about."""
        match event:
            case IntentReceived():
                return {getattr(event.intent, "symbol", "")}
            case ExecutionReceived():
                order = self.state.done.get(event.cl_ord_id)
                return set() if order is None else {order.symbol}
            case PositionRead():
                return {event.symbol}
            case BrokerRead():
                return {position.symbol for position in event.positions}
            case _:
                return set()


def _content(event: BrokerRead) -> tuple[object, ...]:
    account = event.account
    return (
        account.equity,
        account.balance_free,
        account.buying_power,
        account.balances,
        tuple((p.symbol, p.qty, p.avg_price) for p in event.positions),
        event.working,
    )


def refold(state: State, entry: Entry) -> None:
    """Decide a journaled event again; FoldDiverged if its verdict is not the one recorded."""
    effects = decide(state, entry.event)
    if not entry.effects:
        return
    recorded = [e for e in entry.effects if isinstance(e, Reply)]
    again = [e for e in effects if isinstance(e, Reply)]
    if recorded != again:
        raise FoldDiverged(
            f"recorded {recorded[0] if recorded else None}, decided {again[0] if again else None}"
        )
