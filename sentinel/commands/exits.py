"""Exit codes (after sysexits.h), and the error that carries one."""

from __future__ import annotations

DONE = 0
FAILED = 1
USAGE = 64
DATA = 65
UNAVAILABLE = 69
HALTED = 75
GUARD = 77
CONFIG = 78
INTERRUPTED = 130


class Stopped(Exception):
    """A command cannot go on: its exit code, and the lines that say why."""

    def __init__(self, code: int, *lines: str) -> None:
        super().__init__("; ".join(lines))
        self.code = code
        self.lines = lines
