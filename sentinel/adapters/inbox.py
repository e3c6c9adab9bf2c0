"""The one way from worker threads into the loop; it never blocks and loses nothing unseen."""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from threading import Lock
from typing import Generic, TypeVar

Event = TypeVar("Event")

CAPACITY = 4096
URGENT_CAPACITY = 64


class Inbox(Generic[Event]):
    """A bounded hand-over: `put` from any thread, `fileno` for the loop's poll set, `drain` there.

    When it is full, `put` refuses, which is counted in `dropped`. Stops and halts go by
    `put_urgent`, whose room is their own: it refuses only when that many urgent events already
    wait to be handled, so at least one always gets through.
    """

    __slots__ = ("_capacity", "_fd", "_lock", "_ordinary", "_urgent", "_urgent_capacity", "dropped")

    def __init__(self, *, capacity: int = CAPACITY, urgent_capacity: int = URGENT_CAPACITY) -> None:
        if capacity < 1 or urgent_capacity < 1:
            raise ValueError("an inbox needs room for at least one event of each kind")
        self._capacity = capacity
        self._urgent_capacity = urgent_capacity
        self._ordinary: deque[Event] = deque()
        self._urgent: deque[Event] = deque()
        self._lock = Lock()
        self._fd: int | None = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.dropped = 0

    def put(self, event: Event) -> bool:
        """Hand over one event; False when there is no room or the loop is gone, and counted."""
        return self._add(self._ordinary, self._capacity, event)

    def put_urgent(self, event: Event) -> bool:
        """Hand over a stop or a halt, which overtakes all others."""
        return self._add(self._urgent, self._urgent_capacity, event)

    def fileno(self) -> int:
        """The descriptor that is readable while events wait.

        Raises:
            ValueError: the inbox is closed.
        """
        if self._fd is None:
            raise ValueError("the inbox is closed")
        return self._fd

    def drain(self, limit: int = CAPACITY) -> list[Event]:
        """Take up to `limit` waiting events, urgent ones first; never blocks."""
        with self._lock:
            if self._fd is None:
                return []
            with suppress(BlockingIOError):
                os.eventfd_read(self._fd)
            taken: list[Event] = []
            for waiting in (self._urgent, self._ordinary):
                while waiting and len(taken) < limit:
                    taken.append(waiting.popleft())
            if self._urgent or self._ordinary:
                os.eventfd_write(self._fd, 1)
            return taken

    def close(self) -> None:
        """Take nothing more; what still waits is counted as dropped. Twice is once."""
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None
                self.dropped += len(self._ordinary) + len(self._urgent)
                self._ordinary.clear()
                self._urgent.clear()

    def _add(self, waiting: deque[Event], capacity: int, event: Event) -> bool:
        with self._lock:
            if self._fd is None or len(waiting) >= capacity:
                self.dropped += 1
                return False
            waiting.append(event)
            os.eventfd_write(self._fd, 1)
            return True
