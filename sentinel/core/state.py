"""Everything the sentinel knows. Owned and changed by the core alone; nobody keeps a reference."""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from ipc.calendar import TradingCalendar
from ipc.config.values import RiskConfig
from ipc.numbers import SCALE
from sentinel.core.account import Account, Day
from sentinel.core.book import Book, Instrument
from sentinel.core.effects import Reply, SendAlert
from sentinel.core.kill import KillSequence
from sentinel.core.limits import Rulebook, exactly
from sentinel.core.order import Order
from sentinel.core.throttle import TokenBucket, exit_bucket
from sentinel.core.trading import Trading
from sentinel.core.vitals import Session

INSTRUMENTS_MAX = 10_000
DONE_ORDERS_MAX = 20_000
FILLS_MAX = 100_000
GROUPS_MAX = 20_000
IDS_A_DAY_MAX = 1_000_000
ALERTS_PENDING_MAX = 1_000


class Known(Struct, frozen=True, gc=False):
    """A client order id that was judged: for what content, and how."""

    fingerprint: bytes
    reply: Reply


class Tally:
    """What is only counted, for status and metrics; no decision reads it."""

    def __init__(self) -> None:
        self.approved = 0
        self.vetoed = 0
        self.cancels = 0
        self.by_reason: dict[str, int] = {}
        self.foreign = 0
        self.alerts_sent = 0
        self.alerts_failed = 0


class Recent:
    """A bounded memory of keys: the oldest is forgotten first."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._keys: set[str] = set()
        self._order: deque[str] = deque()

    def add(self, key: str) -> None:
        """Remember a key."""
        if key in self._keys:
            return
        self._keys.add(key)
        self._order.append(key)
        if len(self._order) > self.most:
            self._keys.discard(self._order.popleft())

    def __contains__(self, key: str) -> bool:
        return key in self._keys


class State:
    """The whole state. `now_ns` and `wall_ns` are those of the event being decided."""

    def __init__(self) -> None:
        self.now_ns = self.wall_ns = 0
        self.epoch = 0
        self.seq = self.alerts_made = 0
        self.approval_ttl_ns = self.offset_ns = 0
        self.boot_id = ""
        self.account_id = ""
        self.mode = "paper"
        self.rules: Rulebook | None = None
        self.pending_hash: str | None = None
        self.pending_looser: tuple[str, ...] = ()
        self.limits_problem: str | None = None
        self.limits_at_wall_ns = 0
        self.calendar = TradingCalendar("UTC", "00:00")
        self.trading = Trading()
        self.kill = KillSequence()
        self.sessions: dict[str, Session] = {}
        self.guarded: list[tuple[int, int]] = []
        """The command that `guard` started: (pid, start ticks)."""
        self.former: list[tuple[int, int]] = []
        """Loops of the epoch before that have not said hello again: a kill includes them."""
        self.book = Book()
        self.account = Account()
        self.day = Day()
        self.loss_streak = 0
        self.buckets: dict[tuple[str, str], TokenBucket] = {}
        self.exits = exit_bucket(100, 0)
        self.ids: dict[str, Known] = {}
        self.ids_before: dict[str, Known] = {}
        """The ids of the trading day before, so that the roll does not open a door."""
        self.replacements: dict[str, Order] = {}
        """Unconfirmed new id → the order it is to replace."""
        self.done: dict[str, Order] = {}
        self._done_order: deque[str] = deque()
        self.groups: dict[str, int] = {}
        """Group → side of its entry: what stands on the other side is a leg."""
        self._groups_order: deque[str] = deque()
        self.repeats: dict[str, deque[int]] = {}
        self.rejects: deque[int] = deque()
        self.vetoes: deque[int] = deque()
        self.fills_applied = Recent(FILLS_MAX)
        self.ahead: dict[str, tuple[str, int, int]] = {}
        """Fills that the loop reported and the broker's record does not show yet: symbol, signed
        quantity and when it was reported."""
        self.fill_seq = -1
        self.broker_read_ns = 0
        self.alerts: dict[str, SendAlert] = {}
        self.tally = Tally()
        self.replaying = False
        """True in `sentinel replay`: a session is taken as present and beating until one beats."""
        self.beats_replayed = False
        """Whether one did: from then on only a session that beats is present."""

    def instrument(self, symbol: str) -> Instrument | None:
        """Return the instrument, made on first use; None when there are too many."""
        found = self.book.instruments.get(symbol)
        if found is None:
            if self.rules is None or len(self.book.instruments) >= INSTRUMENTS_MAX:
                return None
            found = Instrument(symbol, self.rules.terms(symbol))
            self.book.instruments[symbol] = found
            if found.terms.fx is not None and found.terms.fx != symbol:
                found.fx = self.instrument(found.terms.fx)
        return found

    def revalue(self) -> None:
        """Value what is held at the present quotes.

        Not at each quote as it comes: only the newest before a decision is kept in the journal.
        """
        for instrument in self.book.unmarked.values():
            self.account.mark(instrument)
        self.book.unmarked.clear()

    def takes_quote(self, symbol: str) -> bool:
        """Whether a quote of this symbol can matter: the rest is not even remembered."""
        if self.replaying or symbol in self.book.instruments:
            return True
        if self.rules is None:
            return False
        return symbol in self.rules.quotable or (
            self.rules.any_symbol and len(self.book.instruments) < INSTRUMENTS_MAX // 2
        )

    def held(self) -> list[Instrument]:
        """Return the instruments with a position."""
        return list(self.book.held.values())

    def working(self, cl_ord_id: str) -> Order | None:
        """Return the working order with this id, or the one that is to be replaced by it."""
        return self.book.working.get(cl_ord_id) or self.replacements.get(cl_ord_id)

    def finish(self, order: Order) -> None:
        """Remember an ended order for reports that come late."""
        order.ended_ns = self.now_ns
        self.done[order.cl_ord_id] = order
        self._done_order.append(order.cl_ord_id)
        if len(self._done_order) > DONE_ORDERS_MAX:
            self.done.pop(self._done_order.popleft(), None)

    def open_group(self, group: str, side: int) -> None:
        """Remember which side entered under a group."""
        if group in self.groups:
            return
        self.groups[group] = side
        self._groups_order.append(group)
        if len(self._groups_order) > GROUPS_MAX:
            del self.groups[self._groups_order.popleft()]

    def known(self, cl_ord_id: str) -> Known | None:
        """Return how an id was judged today or the trading day before."""
        return self.ids.get(cl_ord_id) or self.ids_before.get(cl_ord_id)

    def adopt(self, risk: RiskConfig, config_hash: str) -> None:
        """Put a configuration in force. What was counted stays counted."""
        self.rules = Rulebook(risk, config_hash)
        self.calendar = TradingCalendar(risk.account.day_zone, risk.account.day_roll)
        for instrument in self.book.instruments.values():
            instrument.terms = self.rules.terms(instrument.symbol)
            instrument.fx = None
        for instrument in list(self.book.instruments.values()):
            if instrument.terms.fx is not None and instrument.terms.fx != instrument.symbol:
                instrument.fx = self.instrument(instrument.terms.fx)
            self.book.touch(instrument)
        self.kill.grace_ms = risk.kill.grace_ms
        self.kill.policy = risk.kill.positions
        self._resize_buckets(risk)

    def _resize_buckets(self, risk: RiskConfig) -> None:
        wanted = {t.name: t for t in risk.throttles}
        for key in [k for k in self.buckets if k[0] not in wanted]:
            del self.buckets[key]
        for (name, _), bucket in self.buckets.items():
            t = wanted[name]
            bucket.resize(exactly(t.rate), t.per_ms * 1_000_000, exactly(t.burst), self.now_ns)
        rate = risk.limits.exit_rate_max or 100
        self.exits.resize(rate * SCALE, 1_000_000_000, rate * SCALE, self.now_ns)
