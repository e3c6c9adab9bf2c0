"""Exact numbers at the edge: a strict text becomes an integer at a fixed scale.

Nothing here is ever a float. The pattern is matched before any conversion, so no text,
however long its value would be, can make the process work on it (`1e6000000`).
"""

from __future__ import annotations

import re

PLACES = 18
SCALE: int = 10**PLACES
MAX_TEXT = 38
_DECIMAL = re.compile(r"(-?)(0|[1-9][0-9]{0,17})(?:\.([0-9]{1,18}))?", re.ASCII)


def parse_decimal(text: str) -> int | None:
    """Return `text` × 10¹⁸ as an integer, or None if it is not a plain decimal.

    At most 18 digits before and after the point. No exponent, NaN, infinity, plus sign, leading
    zeros, spaces, underscores, digits of another script, or minus zero.
    """
    if len(text) > MAX_TEXT:
        return None
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return None
    sign, whole, fraction = match.groups()
    value = int(whole) * SCALE
    if fraction is not None:
        value += int(fraction.ljust(PLACES, "0"))
    if sign:
        return -value if value else None
    return value


def format_decimal(value: int, places: int = PLACES) -> str:
    """Write an integer at scale 10^`places` as the shortest plain decimal: `100`, `-0.5`."""
    sign = "-" if value < 0 else ""
    whole, fraction = divmod(abs(value), 10**places)
    if not fraction:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{fraction:0{places}d}".rstrip("0")
