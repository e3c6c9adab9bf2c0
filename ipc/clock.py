"""The only clock. No other module of the project may import `time`."""

from __future__ import annotations

import time
from typing import Protocol

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class Clock(Protocol):
    """What a program asks of time. Tests inject one that they move by hand."""

    def elapsed_ns(self) -> int:
        """Nanoseconds that go on through a suspended host (CLOCK_BOOTTIME)."""
        ...

    def wall_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC; may jump either way."""
        ...

    def sleep_ms(self, duration_ms: float) -> None:
        """Block the calling thread."""
        ...


class SystemClock:
    """The clocks of this host."""

    __slots__ = ()

    def elapsed_ns(self) -> int:
        """CLOCK_BOOTTIME: the same for every process of a boot, and it counts sleep."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def wall_ns(self) -> int:
        """CLOCK_REALTIME: for people, files and the trading day, never for a duration."""
        return time.time_ns()

    def sleep_ms(self, duration_ms: float) -> None:
        """Sleep; a negative duration returns at once."""
        time.sleep(max(0.0, duration_ms) / 1000)
