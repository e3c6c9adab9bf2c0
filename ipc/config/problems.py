"""What is wrong with a configuration file, one clear line each. Never shows a secret."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

PROBLEMS_SHOWN: Final = 100
"""Problems that are reported of one file; the rest is a number."""


class Problem(Struct, frozen=True, kw_only=True):
    """One thing that is wrong: where, and what was expected there.

    `line` counts from 1 and is None where the file as a whole is meant.
    """

    file: str
    line: int | None
    field: str
    expected: str

    def __str__(self) -> str:
        """`sentinel.toml:12: [limits] order_qty_max: expected …`."""
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return (
            f"{where}: {self.field}: {self.expected}" if self.field else f"{where}: {self.expected}"
        )


class ConfigError(ValueError):
    """A file that cannot be used. `problems` has all of them; the text is a line for each."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


def file_problem(file: str, expected: str, line: int | None = None) -> ConfigError:
    """An error about the file as a whole."""
    return ConfigError((Problem(file=file, line=line, field="", expected=expected),))


def shown(value: object, *, secret: bool = False) -> str:
    """Name a value in an error: short, on one line, and never a secret."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value}" if value.bit_length() < 128 else "a huge integer"
        case str() if secret:
            return f"a text of {len(value)} characters"
        case str():
            cut = ascii(value[:60])
            return cut if len(value) <= 60 else f"{cut}…"
        case list():
            return "a list" if value else "an empty list"
        case dict():
            return "a table"
        case _:
            return "a date or time"
