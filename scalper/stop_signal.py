"""Remembers that the process was told to stop. It may never end a run in the midst of a pass."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any, Self


class StopSignal:
    """Remembers SIGTERM and Ctrl-C while entered; a second Ctrl-C ends the process at once."""

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        """Whether the run was asked to stop."""
        return self._asked

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._asked = True
        signal.signal(signal.SIGINT, signal.SIG_DFL)
