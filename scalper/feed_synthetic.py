"""A deterministic market made from a seed. It may never look at a clock, a file or the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ipc.clock import NS_PER_MS
from ipc.numbers import SCALE, format_decimal
from scalper.feed import QuoteRow

START_NS: Final = 1_767_600_000_000_000_000
"""The first quote's time: Monday 2026-01-05, 08:00 UTC."""
TICK: Final = SCALE // 100_000
"""The price increment, 0.00001, in units."""
CENTRE: Final = 110_000
"""The price in ticks that the market tends back to."""
_MASK: Final = (1 << 64) - 1


class SplitMix:
    """SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every machine and version."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def below(self, bound: int) -> int:
        """Return the next number in 0 … bound - 1."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return (mixed ^ (mixed >> 31)) % bound


def _step_ms(dice: SplitMix, burst_left: int) -> int:
    """Milliseconds to the next quote: bursts are dense, and now and then the market is mute."""
    if burst_left:
        return 1 + dice.below(8)
    if dice.below(400) == 0:
        return 3000 + dice.below(12_000)
    return 40 + dice.below(420)


def _move(dice: SplitMix, ticks: int, *, bursting: bool) -> int:
    """Return the mid's change in ticks: noise, a pull to the centre, and rare jumps."""
    if dice.below(700) == 0:
        jump = 25 + dice.below(60)
        return jump if dice.below(2) else -jump
    width = 6 if bursting else 3
    noise = dice.below(2 * width + 1) - width
    pull = (CENTRE - ticks) // 64 if dice.below(4) == 0 else 0
    return noise + pull


def _text(ticks: int) -> tuple[str, int]:
    units = ticks * TICK
    return format_decimal(units), units


def synthetic(seed: int, symbol: str) -> Iterator[QuoteRow]:
    """Yield quotes for ever: a spread, bursts, gaps, jumps, and now and then a useless quote.

    The same seed gives the same rows everywhere. About one row in forty is locked, crossed or
    lacks a side, as in real feeds.
    """
    dice = SplitMix(seed)
    ts_ns, ticks, burst_left = START_NS, CENTRE, 0
    while True:
        if not burst_left and dice.below(300) == 0:
            burst_left = 20 + dice.below(60)
        ts_ns += (_step_ms(dice, burst_left) * 1000 + dice.below(1000)) * (NS_PER_MS // 1000)
        ticks = max(1000, ticks + _move(dice, ticks, bursting=burst_left > 0))
        spread = 1 + dice.below(3) + (dice.below(4) if burst_left else 0)
        burst_left -= burst_left > 0
        oddity = dice.below(160)
        if oddity < 2:
            spread = -oddity
        (bid, bid_units), (ask, ask_units) = _text(ticks), _text(ticks + spread)
        bid_size, ask_size = (str(1000 * (1 + dice.below(50))) for _ in range(2))
        yield QuoteRow(
            ts_ns=ts_ns,
            symbol=symbol,
            bid=None if oddity == 2 else bid,
            ask=None if oddity == 3 else ask,
            bid_units=None if oddity == 2 else bid_units,
            ask_units=None if oddity == 3 else ask_units,
            bid_size=None if oddity == 2 else bid_size,
            ask_size=None if oddity == 3 else ask_size,
        )
