"""Walks a parsed document by the tables and gathers values and problems. Opens no file."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final

from ipc.config.keys import Key, Table
from ipc.config.locate import Lines, Path
from ipc.config.problems import PROBLEMS_SHOWN, Problem, shown
from ipc.config.scalars import Unfit, fit
from ipc.config.tables import TABLES

ENTRIES_MAX: Final = 1000
"""Entries of one array of tables."""

_BY_NAME: Final = MappingProxyType({table.name: table for table in TABLES})
_HOMES: Final = MappingProxyType({key.name: table.header for table in TABLES for key in table.keys})
_TOP_TABLES: Final = tuple(table for table in TABLES if "." not in table.name)


def _subtables(table: Table) -> dict[str, Table]:
    prefix = f"{table.name}."
    return {
        other.name.removeprefix(prefix): other for other in TABLES if other.name.startswith(prefix)
    }


def _field_text(path: Path) -> str:
    """Name a path as a person would: `[limits] order_qty_max`, `[[symbol]] #2 fx`."""
    top = _BY_NAME.get(str(path[0]))
    if top is not None and top.many:
        entry = f" #{int(path[1]) + 1}" if len(path) > 1 else ""
        return f"{top.header}{entry} {' '.join(str(part) for part in path[2:])}".rstrip()
    for end in range(len(path), 0, -1):
        table = _BY_NAME.get(".".join(str(part) for part in path[:end]))
        if table is not None:
            return f"{table.header} {'.'.join(str(part) for part in path[end:])}".rstrip()
    return shown(str(path[0]))


class Reading:
    """One file being read: its problems so far, and where they are."""

    __slots__ = ("_kept", "_lines", "_name", "_paths", "_unsaid", "problems")

    def __init__(self, name: str, lines: Lines) -> None:
        self._name = name
        self._lines = lines
        self._paths: set[Path] = set()
        self._kept: dict[str, list[int]] = {}
        self._unsaid = 0
        self.problems: list[Problem] = []

    def report(self, path: Path, expected: str) -> None:
        """Note a problem. A key has one at most, and what a bad table lacks is not said again."""
        around = any(path[:end] in self._paths for end in range(1, len(path) + 1))
        inside = len(path) == 1 and any(known[:1] == path for known in self._paths)
        if around or inside:
            return
        if len(self.problems) == PROBLEMS_SHOWN:
            self._unsaid += 1
            return
        self._paths.add(path)
        self.problems.append(
            Problem(
                file=self._name,
                line=self._lines.of(path),
                field=_field_text(path),
                expected=expected,
            )
        )

    def sorted_problems(self) -> tuple[Problem, ...]:
        """Return the problems by line, and the number of those that were too many to tell."""
        found = sorted(self.problems, key=lambda problem: problem.line or 0)
        if self._unsaid:
            more = f"and {self._unsaid} problems more"
            found.append(Problem(file=self._name, line=None, field="", expected=more))
        return tuple(found)

    def original(self, path: Path) -> Path:
        """Return the path in the file of a path in the values, where bad entries are left out."""
        kept = self._kept.get(str(path[0]))
        if kept is None or len(path) == 1:
            return path
        return (path[0], kept[int(path[1])], *path[2:])

    def document(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Return the values in the shape of `Config`, without those that are bad."""
        values: dict[str, Any] = {}
        self._unknown(raw, {table.name for table in _TOP_TABLES}, ())
        for table in _TOP_TABLES:
            if table.name in raw:
                self._top(table, raw[table.name], values)
        if "limits" not in raw:
            self.report(("limits", "symbols"), "expected the symbols that may be traded")
        return values

    def _top(self, table: Table, raw: object, values: dict[str, Any]) -> None:
        path: Path = (table.name,)
        if table.many:
            _put(values, table.field, self._array(table, raw))
        elif table.flat:
            found = self._table(table, raw, path) or {}
            values.update({f"{table.name}_{name}": value for name, value in found.items()})
        elif isinstance(raw, dict):
            inner = _subtables(table)
            own = {name: value for name, value in raw.items() if name not in inner}
            _put(values, table.field, self._table(table, own, path, inner) or {})
            for name, other in inner.items():
                if name in raw:
                    found = self._table(other, raw[name], (*path, name)) or {}
                    _put(values, other.field, found)
        else:
            self.report(path, f"expected a table, {table.header}, not {shown(raw)}")

    def _array(self, table: Table, raw: object) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        kept = self._kept.setdefault(table.name, [])
        if not isinstance(raw, list) or len(raw) > ENTRIES_MAX:
            expected = f"expected tables, each under {table.header}, {ENTRIES_MAX} at most"
            self.report((table.name,), expected)
            return entries
        for index, entry in enumerate(raw):
            found = self._table(table, entry, (table.name, index))
            if found is not None:
                kept.append(index)
                entries.append(found)
        return entries

    def _table(
        self, table: Table, raw: object, path: Path, inner: Iterable[str] = ()
    ) -> dict[str, Any] | None:
        """Return the good values of one table; None if what it cannot do without is bad."""
        if not isinstance(raw, dict):
            self.report(path, f"expected a table, {table.header}, not {shown(raw)}")
            return None
        self._unknown(raw, {key.name for key in (*table.keys, *table.overrides)} | set(inner), path)
        values = self._fit_all(table.keys, raw, path)
        for key in table.keys:
            if key.required and key.name not in raw:
                self.report((*path, key.name), f"missing: {key.meaning}")
        if table.overrides:
            values["limits"] = self._fit_all(table.overrides, raw, path)
        whole = all(key.name in values for key in table.keys if key.required)
        return values if whole or not table.many else None

    def _fit_all(self, keys: tuple[Key, ...], raw: dict[str, Any], path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key in keys:
            if key.name in raw:
                try:
                    values[key.name] = fit(key, raw[key.name])
                except Unfit as unfit:
                    self.report((*path, key.name), str(unfit))
        return values

    def _unknown(self, raw: dict[str, Any], known: set[str], path: Path) -> None:
        for name in raw:
            if name in known:
                continue
            told = len(self.problems) < PROBLEMS_SHOWN
            self.report((*path, name), f"unknown; {_advice(name, known, path)}" if told else "")


def _advice(name: str, known: set[str], path: Path) -> str:
    near = get_close_matches(name[:64], sorted(known), n=1)
    if near:
        return f"did you mean {near[0]}?"
    home = _HOMES.get(name)
    if home is not None:
        return f"{name} belongs in {home}"
    what = "keys" if path else "tables"
    listed = ", ".join(sorted(known)[:12])
    return f"expected one of the {what} {listed}{', …' if len(known) > 12 else ''}"


def _put(values: dict[str, Any], field: tuple[str, ...], found: object) -> None:
    for part in field[:-1]:
        values = values.setdefault(part, {})
    values[field[-1]] = found
