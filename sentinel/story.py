"""The story of one order, found in the journal: what was asked, answered and reported. Pure.

It reads entries in their order and decides nothing; what it cannot know it leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import assert_never

from msgspec import Struct

from ipc.messages import CancelIntent, Intent, OrderIntent, ReplaceIntent
from ipc.numbers import format_decimal, parse_decimal
from sentinel.adapters.journal_format import Record
from sentinel.adapters.journal_names import entry_of, named
from sentinel.core.effects import Reply
from sentinel.core.events import (
    BrokerRead,
    ExecutionReceived,
    FillSeen,
    HelloReceived,
    IntentReceived,
    LimitsLoaded,
    QuoteReceived,
)
from sentinel.core.ledger import Entry
from sentinel.core.steps import OrdersCancelled

Facts = dict[str, object]
Records = Callable[[], Iterable[Record]]
"""Reads the journal from its beginning, as often as it is called."""

LEG_SUFFIXES = ("/sl", "/tp")
CHAIN_MAX = 100
STEP = 1024
SYMBOLS_MAX = 10_000
_CONTEXT = (b"quote", b"hello", b"limits")
_CONTEXT_BYTES = 16
"""An entry's type stands in its first bytes."""


class Chapter(Struct, frozen=True, kw_only=True):
    """One thing that happened to the order: where it is in the journal, when, what, its facts."""

    seq: int
    at_ns: int
    wall_ns: int
    what: str
    """intent, related_intent, report, fill_seen or cancelled_by_sentinel."""
    facts: Facts


class Outcome(Struct, frozen=True, kw_only=True):
    """Where the order stands, by what the journal knows; quantities as texts."""

    state: str
    """vetoed, approved, working, partially_filled, filled, cancelled, replaced, rejected or
    expired."""
    order_qty: str | None
    cum_qty: str
    avg_price: str | None


class Story(Struct, frozen=True, kw_only=True):
    """Everything the journal tells of one client order id."""

    cl_ord_id: str
    chapters: list[Chapter]
    outcome: Outcome


def story_of(records: Records, cl_ord_id: str, progress: Callable[[int], None]) -> Story | None:
    """Return the story; None if no intent, report or fill ever named the id.

    Raises:
        JournalError: the journal cannot be read.
    """
    teller = Teller(cl_ord_id, lambda orig: _symbol_of(records, orig))
    for done, record in enumerate(records(), 1):
        head = record.payload[:_CONTEXT_BYTES]
        if any(kind in head for kind in _CONTEXT) or teller.is_named_in(record.payload):
            teller.take(record.seq, entry_of(record))
        if done % STEP == 0:
            progress(done)
    if not teller.chapters:
        return None
    return Story(cl_ord_id=cl_ord_id, chapters=teller.chapters, outcome=teller.outcome())


def _symbol_of(records: Records, cl_ord_id: str) -> str:
    """Return the symbol of an order, following what it replaces; empty if it is not told."""
    for _ in range(CHAIN_MAX):
        needle = cl_ord_id.encode()
        intents = (
            event.intent
            for record in records()
            if needle in record.payload
            and isinstance(event := entry_of(record).event, IntentReceived)
            and event.intent.cl_ord_id == cl_ord_id
        )
        found = next(intents, None)
        if not isinstance(found, ReplaceIntent):
            return getattr(found, "symbol", "")
        cl_ord_id = found.orig_cl_ord_id
    return ""


class Teller:
    """Takes entries in order and keeps what is about one id."""

    def __init__(self, cl_ord_id: str, symbol_of: Callable[[str], str]) -> None:
        self.chapters: list[Chapter] = []
        self._id = cl_ord_id
        self._needles = [cl_ord_id.encode()]
        self._legs = {cl_ord_id + suffix for suffix in LEG_SUFFIXES}
        self._symbol_of = symbol_of
        self._quotes: dict[str, tuple[int, QuoteReceived]] = {}
        self._sessions: dict[str, HelloReceived] = {}
        self._limits_hash: str | None = None
        self._successors: set[str] = set()
        self._intent: Intent | None = None
        self._reply: Reply | None = None
        self._ended: str | None = None
        self._acknowledged = False
        self._fills: dict[str, tuple[int, int]] = {}

    def is_named_in(self, payload: bytes) -> bool:
        """Whether an undecoded entry may be about the id, or one that took its place."""
        return any(needle in payload for needle in self._needles)

    def take(self, seq: int, entry: Entry) -> None:
        """Take one entry."""
        event = entry.event
        match event:
            case QuoteReceived():
                self._quotes[event.symbol] = (seq, event)
                if len(self._quotes) > SYMBOLS_MAX:
                    del self._quotes[next(iter(self._quotes))]
            case HelloReceived():
                self._sessions = {event.run_id: event} | self._recent_sessions()
            case LimitsLoaded():
                self._limits_hash = event.hash
            case IntentReceived():
                self._take_intent(seq, event, entry)
            case ExecutionReceived():
                self._take_report(seq, event)
            case BrokerRead():
                for fill in event.fills:
                    self._take_fill(seq, event, fill)
            case OrdersCancelled() if self._id in event.cancelled:
                self._ended = "cancelled"
                self._tell(seq, event, "cancelled_by_sentinel", {})
            case _:
                pass

    def _recent_sessions(self) -> dict[str, HelloReceived]:
        return dict(list(self._sessions.items())[:CHAIN_MAX])

    def _tell(
        self,
        seq: int,
        event: IntentReceived | ExecutionReceived | BrokerRead | OrdersCancelled,
        what: str,
        facts: Facts,
    ) -> None:
        self.chapters.append(
            Chapter(seq=seq, at_ns=event.at_ns, wall_ns=event.wall_ns, what=what, facts=facts)
        )

    def _take_intent(self, seq: int, event: IntentReceived, entry: Entry) -> None:
        intent = event.intent
        reply = next((e for e in entry.effects if isinstance(e, Reply)), None)
        own = intent.cl_ord_id == self._id
        if not own and getattr(intent, "orig_cl_ord_id", None) != self._id:
            return
        facts: Facts = {
            "intent": named(intent),
            "run_id": event.run_id,
            "age_ns": event.age_ns,
            "late": event.late,
            "verdict": None if reply is None else _verdict(reply, event),
        }
        if not own:
            if isinstance(intent, ReplaceIntent) and reply is not None and reply.approved:
                self._successors.add(intent.cl_ord_id)
                self._needles.append(intent.cl_ord_id.encode())
            self._tell(seq, event, "related_intent", facts)
            return
        if reply is not None and (self._reply is None or not reply.repeated):
            self._intent, self._reply = intent, reply
        hello = self._sessions.get(event.run_id)
        facts["session"] = None if hello is None else {"strategy": hello.strategy, "pid": hello.pid}
        facts["limits_hash"] = self._limits_hash
        facts["reference"] = self._reference(event)
        self._tell(seq, event, "intent", facts)

    def _reference(self, event: IntentReceived) -> Facts | None:
        """Return the quote the verdict could rest on: the newest one before it."""
        match event.intent:
            case OrderIntent():
                symbol = event.intent.symbol
            case ReplaceIntent():
                symbol = self._symbol_of(event.intent.orig_cl_ord_id)
            case CancelIntent():
                return None
            case _:
                assert_never(event.intent)
        seq, quote = self._quotes.get(symbol, (0, None))
        if quote is None:
            return None
        age_ns = max(0, event.at_ns - quote.at_ns)
        return {"seq": seq, "bid": quote.bid, "ask": quote.ask, "age_ns": age_ns}

    def _take_report(self, seq: int, event: ExecutionReceived) -> None:
        if event.cl_ord_id in self._successors and event.exec_type == "replaced":
            self._ended = "replaced"
        if event.cl_ord_id != self._id and event.cl_ord_id not in self._legs:
            return
        facts = named(event)
        for key in ("type", "at_ns", "wall_ns"):
            del facts[key]
        self._tell(seq, event, "report", facts)
        if event.cl_ord_id != self._id:
            return
        match event.exec_type:
            case "fill" | "partial_fill":
                self._fill(event.exec_id or f"entry {seq}", event.last_qty, event.last_price)
            case "cancelled" | "rejected" | "expired":
                self._ended = event.exec_type
            case _:
                self._acknowledged = True

    def _take_fill(self, seq: int, event: BrokerRead, fill: FillSeen) -> None:
        if fill.cl_ord_id == self._id:
            self._fill(fill.exec_id, fill.qty, fill.price)
        elif fill.cl_ord_id not in self._legs:
            return
        self._tell(seq, event, "fill_seen", named(fill))

    def _fill(self, exec_id: str, qty: str | None, price: str | None) -> None:
        """Count a fill once, whoever told of it first."""
        known = parse_decimal(qty or ""), parse_decimal(price or "")
        if known[0] is not None and known[1] is not None:
            self._fills[exec_id] = known[0], known[1]

    def outcome(self) -> Outcome:
        """Return where the order stands after all that was taken."""
        cum = sum(qty for qty, _ in self._fills.values())
        money = sum(qty * price for qty, price in self._fills.values())
        order_qty = getattr(self._intent, "order_qty", None)
        return Outcome(
            state=self._state(cum, parse_decimal(order_qty or "")),
            order_qty=order_qty,
            cum_qty=format_decimal(cum),
            avg_price=format_decimal(money // cum) if cum else None,
        )

    def _state(self, cum: int, whole: int | None) -> str:
        if whole is not None and cum >= whole > 0:
            return "filled"
        if self._ended is not None:
            return self._ended
        if cum:
            return "partially_filled"
        if self._acknowledged:
            return "working"
        return "vetoed" if self._reply is None or not self._reply.approved else "approved"


def _verdict(reply: Reply, event: IntentReceived) -> Facts:
    return {
        "verdict": "approved" if reply.approved else "vetoed",
        "reason": reply.reason,
        "limit": reply.limit,
        "observed": reply.observed,
        "state": reply.state,
        "verdict_seq": reply.seq,
        "repeated": reply.repeated,
        "expires_in_ns": max(0, reply.expires_ns - event.at_ns) if reply.approved else None,
    }


def chapters_document(story: Story) -> Iterator[Facts]:
    """Yield each chapter as a document: its place and time, then its facts."""
    for chapter in story.chapters:
        yield {
            "seq": chapter.seq,
            "at_ns": chapter.at_ns,
            "wall_ns": chapter.wall_ns,
            "what": chapter.what,
            **chapter.facts,
        }
