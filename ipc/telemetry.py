"""The watcher's end of telemetry: copies of verdicts and changes. Nothing may be decided by it.

A slow watcher misses messages; that is what makes a watcher harmless.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

from ipc.client import Wire

TELEMETRY_FRAME_MAX: Final = 1 << 20
"""The largest payload in bytes that a watcher takes: a whole snapshot fits."""


class TelemetryClient:
    """Subscribes to topics (every one, if none is named) of a sentinel's telemetry socket."""

    def __init__(self, endpoint: str, topics: tuple[bytes, ...] = (b"",)) -> None:
        self._wire = Wire(endpoint, TELEMETRY_FRAME_MAX, topics)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def receive(self, timeout_ms: int) -> tuple[bytes, bytes] | None:
        """Return (topic, payload), or None if nothing whole came within `timeout_ms`."""
        frames = self._wire.receive(timeout_ms)
        if frames is None or len(frames) != 2:
            return None
        return frames[0], frames[1]

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield for ever what comes; an interrupt ends it."""
        while True:
            message = self.receive(1000)
            if message is not None:
                yield message

    def close(self) -> None:
        """Close at once."""
        self._wire.close()
