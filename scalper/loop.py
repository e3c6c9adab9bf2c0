"""The loop: a row, a whole pass, a heartbeat. It may never send past the gate, nor beat early."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final, assert_never

from msgspec import Struct

from broker_api.protocol import BrokerError, QuoteDriven, Trading
from ipc.clock import NS_PER_MS, Clock
from ipc.messages import CancelIntent, Intent, OrderIntent, ReplaceIntent
from ipc.reasons import Reason
from scalper.desk import BrokerChanged, Desk
from scalper.endings import Ending
from scalper.feed import Feed, FeedBroken, MarketRow, Nothing, QuoteRow, TradeRow
from scalper.gate import Gate
from scalper.logs import Log
from scalper.stops import StopWatch, exit_intent
from scalper.strategy import Strategy
from scalper.tally import Tally

INTENTS_PER_PASS_MAX: Final = 10_000
SETTLE_NS: Final = 100 * NS_PER_MS
"""How far a simulated venue's time goes on with each look after the last quote."""


class StrategyFailed(Exception):
    """The strategy raised, or returned what is no intent. Its text is one line."""


class Bounds(Struct, frozen=True, kw_only=True):
    """What ends a run by itself; None is without end."""

    iterations: int | None = None
    """Passes, one for each row of the feed."""
    max_trades: int | None = None
    """Entries."""
    interval_ms: int = 250
    """The least time between two heartbeats."""


class Parts(Struct, frozen=True, kw_only=True):
    """What the loop is put together from."""

    feed: Feed
    strategy: Strategy
    gate: Gate
    broker: Trading
    desk: Desk
    tally: Tally
    clock: Clock
    log: Log
    new_id: Callable[[], str]
    stop_asked: Callable[[], bool]
    show: Callable[[Tally], None]


class Loop:
    """Runs passes until something ends the run; everything happens in the calling thread."""

    def __init__(self, parts: Parts, bounds: Bounds) -> None:
        """Take the parts; the session at the gate is open."""
        self._parts = parts
        self._bounds = bounds
        self._stops = StopWatch()
        self._watches_stops = not parts.broker.capabilities().protective_stops
        self._beat_ns: int | None = None
        self._data_ns: int | None = None
        self._newest: QuoteRow | None = None
        self._settled_ns = 0
        self.problem: str | None = None
        """What went wrong, in one line, where the ending alone does not say it."""

    def run(self) -> Ending:
        """Run to the end; whatever a part raises becomes an ending."""
        try:
            while True:
                ending = self._turn()
                if ending is not None:
                    return ending
        except FeedBroken as broken:
            return self._ends(Ending.FEED_BROKEN, broken)
        except StrategyFailed as failed:
            self._parts.log.exception("strategy_failed", text=str(failed))
            return self._ends(Ending.STRATEGY_FAILED, failed)
        except BrokerChanged as changed:
            return self._ends(Ending.BROKER_CHANGED, changed)
        except BrokerError as error:
            return self._ends(Ending.BROKER_UNAVAILABLE, error)

    def settle(self) -> None:
        """Let a simulated venue's time go on after the last quote, so that a cancel arrives."""
        broker, newest = self._parts.broker, self._newest
        if newest is None or not isinstance(broker, QuoteDriven):
            return
        self._settled_ns += SETTLE_NS
        broker.on_quote(newest.symbol, newest.bid, newest.ask, newest.ts_ns + self._settled_ns)

    def _ends(self, ending: Ending, error: Exception) -> Ending:
        self.problem = str(error)
        return ending

    def _turn(self) -> Ending | None:
        """One turn: a whole pass if the feed has a row, else only a look at the venue."""
        ending = self._ended()
        if ending is not None:
            return ending
        parts = self._parts
        row = parts.feed.next(max(1, self._bounds.interval_ms // 2))
        match row:
            case Nothing.ENDED:
                return Ending.FEED_ENDED
            case Nothing.NOT_YET:
                parts.desk.take_reports()
            case QuoteRow() | TradeRow():
                ending = self._pass(row)
            case _:
                assert_never(row)
        parts.tally.turns += 1
        self._beat()
        parts.show(parts.tally)
        return ending

    def _ended(self) -> Ending | None:
        parts, bounds = self._parts, self._bounds
        if parts.stop_asked():
            return Ending.STOPPED
        ending = self._gate_closed()
        if ending is not None:
            return ending
        if bounds.iterations is not None and parts.tally.passes >= bounds.iterations:
            return Ending.ITERATIONS_DONE
        if (
            bounds.max_trades is not None
            and parts.tally.entries >= bounds.max_trades
            and parts.desk.flat()
        ):
            return Ending.TRADES_DONE
        return None

    def _gate_closed(self) -> Ending | None:
        gate = self._parts.gate
        if gate.silent:
            return Ending.SENTINEL_SILENT
        refusal = gate.refusal
        if gate.state == "HALTED" or (refusal and refusal.code == "TRADING_HALTED"):
            return Ending.HALTED
        if refusal is not None:
            self.problem = f"{refusal.code}: {refusal.detail}"
            return Ending.SESSION_REFUSED
        return None

    def _pass(self, row: MarketRow) -> Ending | None:
        """Move the market, hear the venue, ask the strategy, and send what it wants."""
        parts = self._parts
        self._data_ns = parts.clock.elapsed_ns()
        if isinstance(row, QuoteRow):
            self._quote(row)
        parts.desk.take_reports()
        parts.desk.refresh()
        if isinstance(row, QuoteRow):
            ending = self._guard_position(row)
            if ending is not None:
                return ending
        for intent in self._wanted(row):
            self._send(intent)
            ending = self._gate_closed()
            if ending is not None:
                return ending
        parts.tally.passes += 1
        return None

    def _quote(self, quote: QuoteRow) -> None:
        parts = self._parts
        self._newest = quote
        if isinstance(parts.broker, QuoteDriven):
            parts.broker.on_quote(
                quote.symbol,
                quote.bid,
                quote.ask,
                quote.ts_ns,
                bid_size=quote.bid_size,
                ask_size=quote.ask_size,
            )
        parts.tally.mark(quote)
        parts.gate.saw(quote)

    def _guard_position(self, quote: QuoteRow) -> Ending | None:
        """Set off the stops that the venue does not keep."""
        if not self._watches_stops or not len(self._stops):
            return None
        parts = self._parts
        if parts.desk.flat():
            self._stops.clear()
            return None
        for protection in self._stops.due(quote, parts.clock.elapsed_ns()):
            intent = exit_intent(protection, parts.tally.position, parts.new_id())
            if intent is not None:
                parts.desk.send(intent)
                ending = self._gate_closed()
                if ending is not None:
                    return ending
        return None

    def _wanted(self, row: MarketRow) -> Sequence[Intent]:
        """Ask the strategy; whatever it does wrong is StrategyFailed."""
        parts = self._parts
        view = parts.desk.view()
        try:
            if isinstance(row, QuoteRow):
                wanted = parts.strategy.on_quote(row, view)
            else:
                wanted = parts.strategy.on_trade(row, view)
            intents = tuple(islice(wanted, INTENTS_PER_PASS_MAX + 1))
        except Exception as error:
            raise StrategyFailed(_one_line(error)) from error
        if len(intents) > INTENTS_PER_PASS_MAX:
            raise StrategyFailed(f"more than {INTENTS_PER_PASS_MAX} intents in one pass")
        for intent in intents:
            if not isinstance(intent, OrderIntent | ReplaceIntent | CancelIntent):
                raise StrategyFailed(f"returned {type(intent).__name__}, which is no intent")
        return intents

    def _send(self, intent: Intent) -> None:
        parts, limit = self._parts, self._bounds.max_trades
        entry = parts.desk.enlarges(intent)
        if limit is not None and entry and parts.tally.entries >= limit:
            self._tell_veto(intent, Reason.TRADE_COUNT_EXCEEDS_LIMIT.value)
            return
        veto = parts.desk.send(intent)
        if veto is not None:
            self._tell_veto(intent, veto.reason)
        elif isinstance(intent, OrderIntent) and entry and self._watches_stops:
            self._stops.add(intent)

    def _tell_veto(self, intent: Intent, reason: str) -> None:
        try:
            self._parts.strategy.on_veto(intent, reason)
        except Exception as error:
            raise StrategyFailed(_one_line(error)) from error

    def _beat(self) -> None:
        """Beat at the end of a whole turn, at most once in the interval."""
        parts = self._parts
        now_ns = parts.clock.elapsed_ns()
        if (
            self._beat_ns is not None
            and now_ns - self._beat_ns < self._bounds.interval_ms * NS_PER_MS
        ):
            return
        self._beat_ns = now_ns
        age_ms = None if self._data_ns is None else (now_ns - self._data_ns) // NS_PER_MS
        parts.gate.beat(parts.tally.turns, age_ms)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
