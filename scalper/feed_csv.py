"""Recorded market data from a CSV file, plain or gzip. It may never guess at a malformed row."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

from ipc.numbers import parse_decimal
from scalper.feed import FeedBroken, MarketRow, QuoteRow, Source, TradeRow

HEADER: Final = "ts_ns,symbol,kind,bid,ask,bid_size,ask_size,last,last_size,venue,flags"
FIELDS: Final = tuple(HEADER.split(","))
LINE_BYTES_MAX: Final = 4096
TS_DIGITS_MAX: Final = 19
SYMBOL_CHARS_MAX: Final = 64
STRETCH: Final = 2000
"""Rows of other symbols passed over before the loop gets its turn again."""
SYMBOLS_NAMED: Final = 8


def _broken(path: Path, line: int, field: str, expected: str) -> FeedBroken:
    return FeedBroken(f"{path}:{line}: {field}: expected {expected}")


def _open(path: Path) -> BinaryIO:
    try:
        with path.open("rb") as probe:
            packed = probe.read(2) == b"\x1f\x8b"
        return cast("BinaryIO", gzip.open(path, "rb")) if packed else path.open("rb")
    except OSError as error:
        raise FeedBroken(f"{path}: cannot be read: {error.strerror}") from None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each line with its number, bounded in length whatever the file holds."""
    number = 0
    with _open(path) as stream:
        while True:
            number += 1
            try:
                raw = stream.readline(LINE_BYTES_MAX + 1)
                text = raw.decode("utf-8")
            except UnicodeDecodeError:
                raise _broken(path, number, "line", "UTF-8 text") from None
            except (EOFError, zlib.error, gzip.BadGzipFile):
                raise _broken(path, number, "line", "intact gzip data") from None
            except OSError as error:
                raise FeedBroken(f"{path}:{number}: cannot be read: {error.strerror}") from None
            if not raw:
                return
            if len(raw) > LINE_BYTES_MAX:
                raise _broken(path, number, "line", f"at most {LINE_BYTES_MAX} bytes")
            yield number, text.rstrip("\r\n")


def _units(path: Path, line: int, field: str, text: str, least: int) -> int | None:
    """Return the field × 10¹⁸, or None if it is empty."""
    if not text:
        return None
    units = parse_decimal(text)
    if units is None or units < least:
        raise _broken(path, line, field, f"a plain decimal not below zero, or nothing ({text!r})")
    return units


def _row(path: Path, line: int, text: str) -> MarketRow:
    values = text.split(",")
    if len(values) != len(FIELDS):
        raise _broken(path, line, "row", f"{len(FIELDS)} fields, not {len(values)}")
    ts, symbol, kind, bid, ask, bid_size, ask_size, last, last_size, _, _ = values
    if not (ts.isascii() and ts.isdigit() and len(ts) <= TS_DIGITS_MAX and int(ts) < 1 << 63):
        raise _broken(path, line, "ts_ns", f"nanoseconds since 1970 as an integer ({ts[:40]!r})")
    if not 0 < len(symbol) <= SYMBOL_CHARS_MAX or not symbol.isprintable() or " " in symbol:
        raise _broken(path, line, "symbol", f"1 to {SYMBOL_CHARS_MAX} characters ({symbol[:40]!r})")
    bid_units = _units(path, line, "bid", bid, 0)
    ask_units = _units(path, line, "ask", ask, 0)
    _units(path, line, "bid_size", bid_size, 0)
    _units(path, line, "ask_size", ask_size, 0)
    last_units = _units(path, line, "last", last, 0)
    _units(path, line, "last_size", last_size, 0)
    if kind == "quote":
        return QuoteRow(
            ts_ns=int(ts),
            symbol=symbol,
            bid=bid or None,
            ask=ask or None,
            bid_units=bid_units,
            ask_units=ask_units,
            bid_size=bid_size or None,
            ask_size=ask_size or None,
        )
    if kind != "trade":
        raise _broken(path, line, "kind", f"quote or trade ({kind[:40]!r})")
    if not last_units:
        raise _broken(path, line, "last", f"a price above zero for a trade ({last!r})")
    return TradeRow(
        ts_ns=int(ts), symbol=symbol, last=last, last_units=last_units, last_size=last_size or None
    )


def read_rows(path: Path) -> Iterator[MarketRow]:
    """Yield every row of the file in order.

    Raises:
        FeedBroken: At the first row that is malformed or earlier than the one before it.
    """
    lines = _lines(path)
    number, header = next(lines, (1, ""))
    if header != HEADER:
        raise _broken(path, number, "header", HEADER)
    newest_ns = 0
    for number, text in lines:
        row = _row(path, number, text)
        if row.ts_ns < newest_ns:
            raise _broken(path, number, "ts_ns", f"not before the row above ({row.ts_ns})")
        newest_ns = row.ts_ns
        yield row


def check_recording(path: Path, symbol: str) -> int:
    """Read the whole file once, before anything is traded on it; return the symbol's row count.

    Raises:
        FeedBroken: If any row is malformed, or the file has none of `symbol`.
    """
    seen: dict[str, int] = {}
    for row in read_rows(path):
        if row.symbol in seen or len(seen) < STRETCH or row.symbol == symbol:
            seen[row.symbol] = seen.get(row.symbol, 0) + 1
    if symbol not in seen:
        names = ", ".join(sorted(seen)[:SYMBOLS_NAMED]) or "no rows at all"
        raise FeedBroken(f"{path}: symbol: expected rows of {symbol}, the file has {names}")
    return seen[symbol]


def recorded(path: Path, symbol: str) -> Source:
    """Yield the rows of one symbol, and a None for every stretch of others."""
    passed_over = 0
    for row in read_rows(path):
        if row.symbol == symbol:
            passed_over = 0
            yield row
            continue
        passed_over += 1
        if passed_over % STRETCH == 0:
            yield None
