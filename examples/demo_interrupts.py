"""Ctrl-C and its kin, so that no process is started and then forgotten. It ends nothing itself."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Turns each of SIGINT, SIGTERM and SIGHUP into KeyboardInterrupt, at once or a little later.

    One per process, made in its main thread.
    """

    def __init__(self) -> None:
        """Take the signals over."""
        self._deferred = False
        self._pending = False
        for number in SIGNALS:
            signal.signal(number, self._on_signal)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Hold an interrupt back while a process is being started and taken note of."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        if self._pending:
            raise KeyboardInterrupt

    def ignore(self) -> None:
        """Hear none of them any more: what is left to do is the cleaning up."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if not self._deferred:
            raise KeyboardInterrupt
        self._pending = True
