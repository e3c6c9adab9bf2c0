"""The sentinel's own log: one event a line, to standard error. It may never block the loop."""

from __future__ import annotations

import os
import queue
import sys
import threading
from typing import TextIO

import structlog

LINES_MAX = 4096


class EventLog:
    """Writes events from a thread of its own; what does not fit is dropped and counted.

    JSON where nobody watches, one readable line on a terminal (without colour if NO_COLOR is set).
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._lines: queue.Queue[str | None] = queue.Queue(LINES_MAX)
        self.dropped = 0
        terminal = self._stream.isatty()
        last = (
            structlog.dev.ConsoleRenderer(colors="NO_COLOR" not in os.environ)
            if terminal
            else structlog.processors.JSONRenderer()
        )
        self._logger = structlog.wrap_logger(
            _Line(self._offer),
            processors=[
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.add_log_level,
                last,
            ],
        )
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, event: str, **facts: object) -> None:
        """Log an event with its facts."""
        self._logger.info(event, **facts)

    def close(self, timeout_ms: int = 300) -> None:
        """Write what waits, for at most the time given."""
        try:
            self._lines.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(timeout_ms / 1000)

    def _offer(self, line: str) -> None:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self.dropped += 1

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                self.dropped += 1


class _Line:
    """The shape structlog wants of a logger: each level takes a finished line."""

    def __init__(self, offer: object) -> None:
        self.info = offer
