"""The progress line of long work: on a terminal's standard error only, and gone at the end."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self


class Progress:
    """Shows how far the work is; says nothing where nobody watches."""

    def __init__(self, what: str, unit: str = "entries") -> None:
        self._what = what
        self._unit = unit
        self._watched = sys.stderr.isatty()
        self._width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()

    def __call__(self, done: int) -> None:
        """Show that so many are done."""
        if not self._watched:
            return
        line = f"{self._what}: {done:,} {self._unit}"
        self._width = max(self._width, len(line))
        sys.stderr.write("\r" + line.ljust(self._width))
        sys.stderr.flush()
