"""One line of events, read strictly: JSON that says each thing once, its time and its fields."""

from __future__ import annotations

import json
from typing import TypeGuard

from ipc.clock import NS_PER_MS
from ipc.numbers import parse_decimal

LATEST_NS = 1 << 62
"""Times from here on are mistakes; deadlines after the last of them still fit in 63 bits."""
LINE_MAX = 65_536
WRONG = "\0"
"""Stands for an order field that was not a text: no pattern matches it, so it is ORDER_INVALID."""


class BadLine(ValueError):
    """A line that is no event; its text names the line's number and what was expected."""

    def __init__(self, number: int, expected: str) -> None:
        super().__init__(f"line {number}: {expected}")
        self.number = number


class Line:
    """One input line: its number, its time as it was given, and its fields."""

    def __init__(self, number: int, text: str) -> None:
        self.number = number
        self.fields = self._parsed(text)
        name = self.fields.get("event")
        if not isinstance(name, str):
            raise self.bad("an `event` was expected")
        self.event = name
        self.unit = "at_ns" if "at_ns" in self.fields else "at_ms"
        at = self.fields.get(self.unit)
        scale = 1 if self.unit == "at_ns" else NS_PER_MS
        if not isinstance(at, int) or isinstance(at, bool) or not 0 <= at * scale < LATEST_NS:
            raise self.bad("`at_ms` or `at_ns`, an integer from 0 to the year 2116, was expected")
        self.at_ns = at * scale

    def _parsed(self, text: str) -> dict[str, object]:
        if len(text) > LINE_MAX:
            raise self.bad(f"at most {LINE_MAX} characters were expected")
        try:
            text.encode()
            fields = json.loads(
                text, parse_constant=_refuse, parse_float=_keep, object_pairs_hook=_once
            )
        except UnicodeEncodeError:
            raise self.bad("UTF-8 was expected") from None
        except _Twice as error:
            raise self.bad(f"each key once was expected, {error} is there twice") from None
        except (ValueError, RecursionError):
            raise self.bad("a JSON object was expected") from None
        if not isinstance(fields, dict):
            raise self.bad("a JSON object was expected")
        return fields

    def bad(self, expected: str) -> BadLine:
        """Make the error that names this line."""
        return BadLine(self.number, expected)

    def shown(self, at_ns: int) -> dict[str, int]:
        """Return a time in the unit that the input used."""
        return {self.unit: at_ns if self.unit == "at_ns" else at_ns // NS_PER_MS}

    def text(self, key: str) -> str:
        """Return a field that must be a text."""
        value = self.fields.get(key)
        if not is_text(value):
            raise self.bad(f"`{key}`, a text, was expected")
        return value

    def decimal(self, key: str, *, optional: bool = False) -> str | None:
        """Return a field that must be a decimal text."""
        value = self.fields.get(key)
        if value is None and optional:
            return None
        if not isinstance(value, str) or parse_decimal(value) is None:
            raise self.bad(f"`{key}`, a decimal in quotes, was expected")
        return value


class _Twice(Exception):
    """An object that says one thing twice."""


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for key, value in pairs:
        if key in fields:
            raise _Twice(ascii(key)[:64])
        fields[key] = value
    return fields


def is_text(value: object) -> TypeGuard[str]:
    """Whether a value is a text; half a surrogate pair, which JSON can spell, is none."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(_: str) -> object:
    raise ValueError("not a JSON number")


def _keep(text: str) -> object:
    return float(text) if len(text) < 400 else WRONG
