"""Exact money of the simulated venue: integers at fixed scales, decimal texts in its file.

Quantities, prices, fees and multipliers are integers at scale 10¹⁸; a product of quantity, price
and multiplier, and so cash, is one at scale 10⁵⁴, where it is exact. Never a float.
"""

from __future__ import annotations

import re
from typing import Final

from ipc.numbers import PLACES, SCALE, format_decimal

MONEY_PLACES: Final[int] = 3 * PLACES
MONEY_PER_UNIT: Final[int] = 10 ** (MONEY_PLACES - PLACES)
_BPS: Final = 10_000
_STORED: Final = re.compile(r"(-?)([0-9]{1,90})(?:\.([0-9]{1,54}))?", re.ASCII)


class StoredNumberInvalid(ValueError):
    """The file holds a text that this program would never have written there."""


def notional(qty: int, price: int, multiplier: int) -> int:
    """Quantity × price × multiplier, exactly, at scale 10⁵⁴."""
    return qty * price * multiplier


def fee_of(money: int, fee_bps: int, fixed: int) -> int:
    """`fee_bps` of the absolute `money`, rounded up at the 18th place, plus `fixed`: scale 10¹⁸."""
    return -(-abs(money) * fee_bps // (_BPS * SCALE * MONEY_PER_UNIT)) + fixed


def edge_text(money: int) -> str:
    """Write money for the outside: rounded down (towards minus infinity) to 18 places."""
    return format_decimal(money // MONEY_PER_UNIT)


def stored(value: int, places: int = PLACES) -> str:
    """Write an integer at scale 10^`places` for the file, exactly."""
    return format_decimal(value, places)


def stored_or_none(value: int | None) -> str | None:
    """Write a number that may be absent."""
    return None if value is None else format_decimal(value)


def read_stored(text: object, places: int = PLACES) -> int:
    """Read what `stored` wrote; StoredNumberInvalid for anything else."""
    match = _STORED.fullmatch(text) if isinstance(text, str) else None
    if match is None or len(match[3] or "") > places:
        raise StoredNumberInvalid(f"{str(text)[:60]!r} is not a stored decimal")
    sign, whole, fraction = match.groups()
    scale: int = 10**places
    value = int(whole) * scale + int((fraction or "").ljust(places, "0") or "0")
    return -value if sign else value


def read_stored_or_none(text: object) -> int | None:
    """Read a number that may be absent."""
    return None if text is None else read_stored(text)
