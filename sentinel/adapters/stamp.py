"""When something happened, in the core's time. What workers post is stamped by the loop alone."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from ipc.clock import Clock
from sentinel.core.events import Event


class Stamp(Struct, frozen=True, kw_only=True, gc=False):
    """One instant: the core's time, the wall's, and the core's distance to CLOCK_BOOTTIME."""

    at_ns: int
    wall_ns: int
    offset_ns: int


Posted = Callable[[Stamp], Event | None]
"""What a worker hands over: an event but for its time; None if it has become pointless."""


class Stamper:
    """Makes stamps that never go back, over suspends and reboots alike."""

    def __init__(self, clock: Clock, offset_ns: int) -> None:
        self._clock = clock
        self.offset_ns = offset_ns

    def now(self) -> Stamp:
        """Return the present."""
        return Stamp(
            at_ns=self._clock.elapsed_ns() + self.offset_ns,
            wall_ns=self._clock.wall_ns(),
            offset_ns=self.offset_ns,
        )
