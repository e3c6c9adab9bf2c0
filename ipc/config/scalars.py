"""Judges one value against its key, and brings it into its one canonical form."""

from __future__ import annotations

import re
from typing import assert_never

from ipc.calendar import UnknownZone, load_zone, open_minutes, parse_window, window_texts
from ipc.config.keys import INT_MAX, Key, Kind
from ipc.config.problems import shown
from ipc.numbers import SCALE, format_decimal, parse_decimal

ENTRIES_MAX = 10_000
"""Entries of a list, and keys of a table of texts."""

_OPTION_NAME = re.compile(r"[A-Za-z0-9_\-]{1,64}")

Value = str | int | bool | tuple[str, ...] | dict[str, str]


class FloatText(str):
    """A number that the file writes as a float. It is never a value here."""

    __slots__ = ()


class Unfit(Exception):
    """A value that the key does not take; its text says what was expected."""


def fit(key: Key, raw: object) -> Value:
    """Return the value in canonical form; Unfit if the key does not take it.

    Decimals become their shortest text. Windows of hours become windows of single days, in order,
    so that equal hours are equal values. Nothing else is changed.
    """
    match key.kind:
        case Kind.DECIMAL:
            return _decimal(key, raw)
        case Kind.COUNT | Kind.MILLISECONDS:
            return _integer(key, raw)
        case Kind.FLAG:
            if isinstance(raw, bool):
                return raw
            raise _unfit(key, "true or false", raw)
        case Kind.TEXT:
            return _text(key, raw)
        case Kind.CHOICE:
            if isinstance(raw, str) and not isinstance(raw, FloatText) and raw in key.choices:
                return raw
            raise _unfit(key, _one_of(key), raw)
        case Kind.TEXTS | Kind.CHOICES:
            return _texts(key, raw)
        case Kind.HOURS:
            return _hours(key, raw)
        case Kind.ZONE:
            return _zone(key, raw)
        case Kind.OPTIONS:
            return _options(key, raw)
        case _:
            assert_never(key.kind)


def _unfit(key: Key, expected: str, raw: object) -> Unfit:
    if isinstance(raw, FloatText):
        return Unfit(f"expected {expected}, not a float")
    return Unfit(f"expected {expected}, not {shown(raw, secret=key.secret)}")


def _one_of(key: Key) -> str:
    return "one of " + ", ".join(f'"{choice}"' for choice in key.choices)


def bounds(key: Key) -> str:
    """Say in words which numbers the key takes."""
    low = "above 0" if key.positive else f"of at least {key.low}"
    if key.high >= min(INT_MAX, 10**18):
        return low
    return f"{low} and at most {key.high}"


def _decimal(key: Key, raw: object) -> str:
    number: int | None = None
    if isinstance(raw, FloatText):
        raise _unfit(key, f'a decimal {bounds(key)} in quotes, such as "1.5"', raw)
    if isinstance(raw, str):
        number = parse_decimal(raw)
    elif isinstance(raw, int) and not isinstance(raw, bool) and abs(raw) < 10**18:
        number = raw * SCALE
    least = 1 if key.positive else key.low * SCALE
    if number is None or not least <= number <= key.high * SCALE:
        raise _unfit(key, f'a decimal {bounds(key)}, such as "1.5" or 2', raw)
    return format_decimal(number)


def _integer(key: Key, raw: object) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool) and key.low <= raw <= key.high:
        return raw
    what = "milliseconds, an integer" if key.kind is Kind.MILLISECONDS else "an integer"
    raise _unfit(key, f"{what} {bounds(key)}", raw)


def _text(key: Key, raw: object) -> str:
    if isinstance(raw, str) and not isinstance(raw, FloatText) and re.fullmatch(key.pattern, raw):
        return raw
    raise _unfit(key, key.expected, raw)


def _texts(key: Key, raw: object) -> tuple[str, ...]:
    what = _one_of(key) if key.kind is Kind.CHOICES else key.expected
    if not isinstance(raw, list) or len(raw) > ENTRIES_MAX or (not raw and key.default is None):
        raise _unfit(key, f"a list, not empty, each entry {what}", raw)
    entries: dict[str, None] = {}
    for entry in raw:
        fits = entry in key.choices if key.choices else _matches(key, entry)
        if not isinstance(entry, str) or not fits:
            raise _unfit(key, f"each entry to be {what}", entry)
        if entry in entries:
            raise Unfit(f"expected each entry once, {shown(entry, secret=key.secret)} is twice")
        entries[entry] = None
    if "*" in entries and len(entries) > 1:
        raise Unfit('expected "*" alone, it is any symbol')
    return tuple(entries)


def _matches(key: Key, entry: object) -> bool:
    plain = isinstance(entry, str) and not isinstance(entry, FloatText)
    return plain and re.fullmatch(key.pattern, str(entry)) is not None


def _hours(key: Key, raw: object) -> tuple[str, ...]:
    expected = 'a list, not empty, of windows such as "08:00-17:00" or "Mon-Fri 08:00-17:00"'
    windows = [raw] if isinstance(raw, str) else raw
    if not isinstance(windows, list) or not windows or len(windows) > ENTRIES_MAX:
        raise _unfit(key, expected, raw)
    for window in windows:
        if not isinstance(window, str) or parse_window(window) is None:
            raise _unfit(key, expected, window)
    return window_texts(open_minutes(windows))


def _zone(key: Key, raw: object) -> str:
    expected = 'a time zone of this host such as "Europe/Berlin" (package tzdata has them)'
    if not isinstance(raw, str) or isinstance(raw, FloatText):
        raise _unfit(key, expected, raw)
    try:
        load_zone(raw)
    except UnknownZone:
        raise _unfit(key, expected, raw) from None
    return raw


def _options(key: Key, raw: object) -> dict[str, str]:
    if not isinstance(raw, dict) or len(raw) > ENTRIES_MAX:
        raise _unfit(key, "a table of texts", raw)
    options: dict[str, str] = {}
    for name, value in raw.items():
        whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= INT_MAX
        plain = isinstance(value, str) and not isinstance(value, FloatText)
        if _OPTION_NAME.fullmatch(name) is None:
            raise Unfit(f"expected an option's name, not {shown(name)}")
        if not (whole or plain):
            raise _unfit(key, f"a text or an integer as {name}", value)
        options[name] = str(value)
    return options
