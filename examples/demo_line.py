"""The demo's voice: steps on standard output, one live line on a terminal. It decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TextIO

from ipc.clock import NS_PER_MS, Clock

TERMINAL_NS: Final = 250 * NS_PER_MS
PLAIN_NS: Final = 2000 * NS_PER_MS
_CLEAR: Final = "\r\x1b[K"
_WIDTH: Final = 79


class Line:
    """Rewrites one line of a terminal; elsewhere it says a plain line every two seconds."""

    def __init__(self, stream: TextIO, clock: Clock, *, terminal: bool) -> None:
        """Write to `stream`; `terminal` allows control characters."""
        self._stream = stream
        self._clock = clock
        self._terminal = terminal
        self._last_ns = clock.elapsed_ns()
        self._written = False

    def step(self, text: str) -> None:
        """Say for good what comes now, or what came of it."""
        self.clear()
        print(text, file=self._stream, flush=True)

    def show(self, text: Callable[[], str]) -> None:
        """Say how far it is, if it is time again; only then is `text` asked."""
        every_ns = TERMINAL_NS if self._terminal else PLAIN_NS
        if self._clock.elapsed_ns() - self._last_ns < every_ns:
            return
        if self._terminal:
            self._stream.write(_CLEAR + f"  {text()}"[:_WIDTH])
            self._stream.flush()
            self._written = True
        else:
            print(f"  {text()}", file=self._stream, flush=True)
        self._last_ns = self._clock.elapsed_ns()

    def clear(self) -> None:
        """Leave the terminal's line empty."""
        if self._written:
            self._stream.write(_CLEAR)
            self._stream.flush()
            self._written = False
