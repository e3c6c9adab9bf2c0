"""Exact price arithmetic for the loop, on integers × 10¹⁸. It may never use a float."""

from __future__ import annotations

from typing import Final

from ipc.numbers import PLACES, SCALE, parse_decimal

BPS: Final = 10_000
"""Basis points in the whole."""


def units(text: str, name: str) -> int:
    """Return a positive decimal × 10¹⁸; ValueError, naming it, for anything else."""
    value = parse_decimal(text)
    if value is None or value <= 0:
        raise ValueError(f"{name}: expected a plain decimal above zero ({text!r})")
    return value


def places_of(text: str) -> int:
    """Return the number of digits after the point."""
    return len(text.partition(".")[2])


def increment_of(places: int) -> int:
    """Return the grid with this many places, in units: 2 gives 0.01."""
    return int(10 ** (PLACES - places))


def below(price: int, bps: int, increment: int) -> int:
    """Return the price lower by `bps` (in units), down on the grid, and at least one step lower."""
    target = price - price * bps // (BPS * SCALE)
    return min(target // increment * increment, price - increment)


def above(price: int, bps: int, increment: int) -> int:
    """Return the price higher by `bps` (in units), up on the grid, and at least one step higher."""
    target = price + price * bps // (BPS * SCALE)
    return max(-(-target // increment) * increment, price + increment)
