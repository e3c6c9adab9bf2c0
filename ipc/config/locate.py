"""Finds the line of each key in a valid TOML text. Never judges the text: tomllib does that."""

from __future__ import annotations

import re
from collections.abc import Iterator

Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r'''
      (?P<long>"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5})
    | (?P<quoted>"(?:[^"\\\n]|\\.)*"|'[^'\n]*')
    | (?P<comment>\#[^\n]*)
    | (?P<newline>\n)
    | (?P<open>[\[{])
    | (?P<close>[\]}])
    | (?P<equals>=)
    | (?P<dot>\.)
    | (?P<bare>[A-Za-z0-9_-]+)
    | (?P<other>[^\n])
    ''',
    re.VERBOSE | re.DOTALL,
)


class Lines:
    """The line of each table and key; keys of an inline table have the line of the table."""

    __slots__ = ("_counts", "_lines", "_table")

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}
        self._table: Path = ()
        for line, opened, key in _statements(text):
            if opened:
                self._enter(key, line, many=opened > 1)
            else:
                self._lines.setdefault((*self._table, *key), line)

    def of(self, path: Path) -> int:
        """The line of the path, else of the nearest table around it, else 1."""
        for end in range(len(path), 0, -1):
            line = self._lines.get(path[:end])
            if line is not None:
                return line
        return 1

    def _enter(self, key: tuple[str, ...], line: int, *, many: bool) -> None:
        path: Path = ()
        for depth, part in enumerate(key, start=1):
            path = (*path, part)
            self._lines.setdefault(path, line)
            if many and depth == len(key):
                self._counts[path] = self._counts.get(path, -1) + 1
            if path in self._counts:
                path = (*path, self._counts[path])
        self._table = path
        self._lines.setdefault(path, line)


def _statements(text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Yield line, number of brackets (0 a key, 1 `[t]`, 2 `[[t]]`) and name of each statement."""
    line = 1
    begun = line
    depth = opened = 0
    key: list[str] = []
    in_key = True
    for token in _TOKEN.finditer(text):
        kind, written = token.lastgroup, token.group()
        if kind == "newline" and depth == 0:
            if opened:
                yield begun, opened, tuple(key)
            key, in_key, opened = [], True, 0
        elif in_key:
            if kind == "open":
                opened += 1
            elif kind == "close":
                in_key = opened == 0
            elif kind == "equals":
                yield begun, 0, tuple(key)
                in_key = False
            elif kind in ("bare", "quoted"):
                begun = line
                key.append(written.strip("\"'") if kind == "quoted" else written)
        elif kind == "open":
            depth += 1
        elif kind == "close" and not opened:
            depth -= 1
        line += written.count("\n")
    if opened:
        yield begun, opened, tuple(key)
