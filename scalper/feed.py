"""What a market feed is: its rows, its pace and its specification. It may never trade."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import Protocol

from msgspec import Struct

from ipc.clock import NS_PER_MS, Clock
from ipc.numbers import SCALE, parse_decimal

MS_PER_WAIT_MAX = 50
"""The longest single sleep, so that a signal is heeded soon."""


class FeedBroken(Exception):
    """The feed's data cannot be read or is malformed. Its text is one line: file, line, field."""


class FeedSpecInvalid(ValueError):
    """The feed's specification is not one that is understood. Its text is one line."""


class FeedUnsupported(Exception):
    """The feed is one that this version does not have. Its text is one line."""


class QuoteRow(Struct, frozen=True, kw_only=True):
    """One top of book. Texts are as received; units are those × 10¹⁸; None is an absent side."""

    ts_ns: int
    symbol: str
    bid: str | None
    ask: str | None
    bid_units: int | None
    ask_units: int | None
    bid_size: str | None = None
    ask_size: str | None = None


class TradeRow(Struct, frozen=True, kw_only=True):
    """One trade seen in the market."""

    ts_ns: int
    symbol: str
    last: str
    last_units: int
    last_size: str | None = None


MarketRow = QuoteRow | TradeRow

Source = Iterator[MarketRow | None]
"""Rows of one symbol in order; a None says only that a stretch of other rows was passed over."""


def touch(quote: QuoteRow) -> tuple[int, int] | None:
    """Return bid and ask in units, or None for a quote nobody may trade on.

    Absent, zero, locked (bid equal to ask) and crossed (bid above ask) quotes are such.
    """
    bid, ask = quote.bid_units, quote.ask_units
    if bid is None or ask is None or not 0 < bid < ask:
        return None
    return bid, ask


class Nothing(Enum):
    """Why a feed gave no row."""

    NOT_YET = auto()
    ENDED = auto()


class Feed(Protocol):
    """Where rows come from. Each call is bounded in time."""

    def next(self, wait_ms: int) -> MarketRow | Nothing:
        """Return the next row, or NOT_YET after at most about `wait_ms`, or ENDED for good.

        Raises FeedBroken when the data cannot be read.
        """
        ...


class PacedFeed:
    """Gives a source's rows at full speed, or `speed` times as fast as they were recorded."""

    __slots__ = ("_clock", "_first_ns", "_held", "_source", "_speed", "_started_ns")

    def __init__(self, source: Source, clock: Clock, speed: int | None) -> None:
        """Take rows from `source`; `speed` is in units (10¹⁸ is real time), None is full speed."""
        self._source = source
        self._clock = clock
        self._speed = speed
        self._held: MarketRow | None = None
        self._first_ns = 0
        self._started_ns: int | None = None

    def next(self, wait_ms: int) -> MarketRow | Nothing:
        """Return the next row when its time has come."""
        row = self._held
        if row is None:
            try:
                row = next(self._source)
            except StopIteration:
                return Nothing.ENDED
            if row is None:
                return Nothing.NOT_YET
        if self._speed is None:
            return row
        now_ns = self._clock.elapsed_ns()
        if self._started_ns is None:
            self._started_ns, self._first_ns = now_ns, row.ts_ns
        due_ns = self._started_ns + (row.ts_ns - self._first_ns) * SCALE // self._speed
        if now_ns < due_ns:
            self._held = row
            self._clock.sleep_ms(min((due_ns - now_ns) / NS_PER_MS, wait_ms, MS_PER_WAIT_MAX))
            if self._clock.elapsed_ns() < due_ns:
                return Nothing.NOT_YET
        self._held = None
        return row


class FeedSpec(Struct, frozen=True, kw_only=True):
    """A specification taken apart. `speed` is in units, None is as fast as it goes."""

    kind: str
    argument: str
    speed: int | None = None


_FORMS = "csv:PATH[?speed=N], synthetic:SEED[?speed=N], alpaca: or ccxt:EXCHANGE"


def parse_feed_spec(text: str) -> FeedSpec:
    """Take `csv:PATH?speed=N` and its like apart; FeedSpecInvalid for anything else."""
    kind, colon, rest = text.partition(":")
    if not colon or kind not in ("csv", "synthetic", "alpaca", "ccxt"):
        raise FeedSpecInvalid(f"feed {text!r}: expected {_FORMS}")
    argument, speed = rest, None
    if kind in ("csv", "synthetic") and "?" in rest:
        argument, _, query = rest.rpartition("?")
        name, _, value = query.partition("=")
        speed = parse_decimal(value)
        if name != "speed" or speed is None or speed <= 0:
            raise FeedSpecInvalid(f"feed {text!r}: expected ?speed=N with N a number above zero")
    if kind == "csv" and not argument:
        raise FeedSpecInvalid(f"feed {text!r}: expected a path after csv:")
    if kind == "synthetic" and not (
        argument.isascii() and argument.isdigit() and len(argument) <= 18
    ):
        raise FeedSpecInvalid(f"feed {text!r}: expected a seed of 1 to 18 digits after synthetic:")
    if kind == "ccxt" and not argument:
        raise FeedSpecInvalid(f"feed {text!r}: expected an exchange after ccxt:")
    return FeedSpec(kind=kind, argument=argument, speed=speed)
