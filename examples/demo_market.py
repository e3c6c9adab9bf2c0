"""Which market the demo trades: a feed, its symbol, a fitting order size. It only reads."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Final

SYNTHETIC_SYMBOL: Final = "SYN/USD"
SYNTHETIC_PASSES: Final = 12_000
NOTIONAL: Final = Decimal(2000)
"""What one order may be worth at most, in the market's own currency."""
LARGEST_QTY_EXPONENT: Final = 3
SMALLEST_QTY_EXPONENT: Final = -8
_ROWS_MAX: Final = 100_000
_LINE_MAX: Final = 1 << 16
_PLACES_MAX: Final = 18


class FeedRefused(Exception):
    """The feed cannot be used: an exit code, and one line that says why."""

    def __init__(self, code: int, line: str) -> None:
        super().__init__(line)
        self.code = code


@dataclass(frozen=True, kw_only=True, slots=True)
class Market:
    """What the dry run trades."""

    feed: str
    title: str
    """The feed as a person reads it: without the directories of a file."""
    symbol: str
    order_qty: str
    passes: int | None
    """Where the run ends; None is the end of the file."""


def choose_market(feed: str) -> Market:
    """Return the market of a feed; FeedRefused for one that is not `csv:` or `synthetic:`.

    A file's symbol is the one of its first quote that one may trade on.
    """
    kind, _, rest = feed.partition(":")
    argument = rest.rpartition("?")[0] if "?speed=" in rest else rest
    if kind == "synthetic" and argument.isascii() and argument.isdigit():
        return Market(
            feed=feed,
            title=feed,
            symbol=SYNTHETIC_SYMBOL,
            order_qty="1000",
            passes=SYNTHETIC_PASSES,
        )
    if kind != "csv" or not argument:
        raise FeedRefused(64, f"feed {feed!r}: expected csv:PATH or synthetic:SEED")
    path = Path(argument).absolute()
    if not path.is_file():
        raise FeedRefused(65, f"{path}: no such file")
    symbol, price = first_quote(path)
    suffix = rest[len(argument) :]
    return Market(
        feed=f"csv:{path}{suffix}",
        title=f"csv:{path.name}{suffix}",
        symbol=symbol,
        order_qty=order_qty_for(price),
        passes=None,
    )


def order_qty_for(price: Decimal) -> str:
    """Return the largest power of ten, 1,000 at most, that is worth no more than NOTIONAL."""
    exponent = LARGEST_QTY_EXPONENT
    while exponent > SMALLEST_QTY_EXPONENT and Decimal(10) ** exponent * price > NOTIONAL:
        exponent -= 1
    return f"{Decimal(10) ** exponent:f}"


def first_quote(path: Path) -> tuple[str, Decimal]:
    """Return symbol and ask of the first quote that is neither one-sided, locked nor crossed."""
    try:
        with path.open("rb") as raw:
            packed = raw.peek(2)[:2] == b"\x1f\x8b"
            data = gzip.GzipFile(fileobj=raw) if packed else raw
            with io.TextIOWrapper(io.BufferedReader(data), encoding="utf-8", newline="") as text:
                found = _first_of(text)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise FeedRefused(65, f"{path}: cannot be read as a recording: {error}") from None
    if found is None:
        raise FeedRefused(65, f"{path}: no usable quote in the first {_ROWS_MAX} rows")
    return found


def _first_of(text: io.TextIOWrapper) -> tuple[str, Decimal] | None:
    lines = iter(lambda: text.readline(_LINE_MAX), "")
    for row in islice(csv.DictReader(lines), _ROWS_MAX):
        bid, ask = _price(row.get("bid")), _price(row.get("ask"))
        symbol = row.get("symbol")
        if row.get("kind") == "quote" and symbol and bid and ask and bid < ask:
            return symbol, ask
    return None


def _price(text: str | None) -> Decimal | None:
    """Return a positive plain decimal, or None."""
    whole, _, places = (text or "").partition(".")
    if not (whole.isascii() and whole.isdigit() and max(len(whole), len(places)) <= _PLACES_MAX):
        return None
    if places and not (places.isascii() and places.isdigit()):
        return None
    return Decimal(f"{whole}.{places or 0}") or None
