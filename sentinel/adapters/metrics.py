"""Metrics and health on a loopback port, from what the loop last said. It may never hold it up.

The loop hands over a finished document and goes on; a thread of its own answers whoever asks.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from bisect import bisect_left
from collections.abc import Mapping
from typing import Final

from ipc.clock import Clock
from sentinel.adapters.metrics_reading import GATE_BOUNDS_NS, Document, Judge, Reading

ADDRESS: Final = "127.0.0.1"
PORT_VARIABLE: Final = "SENTINEL_METRICS_PORT"
PORT_MAX: Final = 65_535
BACKLOG: Final = 16
CLOSE_S: Final = 1


def metrics_port(configured: int, env: Mapping[str, str]) -> int:
    """Return the port, 0 for off; the environment beats the file. ValueError if it is no port."""
    text = env.get(PORT_VARIABLE)
    if text is None:
        return configured
    if not (text.isascii() and text.isdigit()) or len(text) > 5 or int(text) > PORT_MAX:
        raise ValueError(f"{PORT_VARIABLE}: {text!r}: expected a port, 0 to {PORT_MAX}, 0 is off")
    return int(text)


class Metrics:
    """Serves `/metrics`, `/healthz` and `/status.json` on 127.0.0.1; port 0 serves nothing.

    A port that cannot be had is a `problem` and no error: the gate matters more.
    """

    def __init__(self, port: int, clock: Clock, judge: Judge) -> None:
        self.problem: str | None = None
        self.port = 0
        """The port that is served; 0 if none is."""
        self._clock = clock
        self._judge = judge
        self._newest: tuple[Document, int] | None = None
        self._gate_counts = [0] * (len(GATE_BOUNDS_NS) + 1)
        self._gate_sum_ns = 0
        self._closing = False
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        if port == 0:
            return
        try:
            self._listener = socket.create_server((ADDRESS, port), backlog=BACKLOG)
        except OSError as error:
            why = os.strerror(error.errno or 0)
            self.problem = f"metrics: {ADDRESS}:{port} cannot be served: {why}"
            return
        self.port = port
        self._thread = threading.Thread(
            target=self._serve, args=(self._listener,), name="metrics", daemon=True
        )
        self._thread.start()

    @property
    def on(self) -> bool:
        """Whether anything is served."""
        return self.port != 0

    def update(self, document: Document) -> None:
        """Serve this document from here; it must not be changed any more."""
        self._newest = (document, self._clock.elapsed_ns())

    def observe_gate(self, latency_ns: int) -> None:
        """Count one verdict's time from its intent's receipt to its reply."""
        self._gate_counts[bisect_left(GATE_BOUNDS_NS, latency_ns)] += 1
        self._gate_sum_ns += latency_ns

    def reading(self) -> Reading:
        """Return what is served now."""
        newest = self._newest
        counts, total = tuple(self._gate_counts), self._gate_sum_ns
        if newest is None:
            return Reading(document=None, age_ns=0, gate_counts=counts, gate_sum_ns=total)
        return Reading(
            document=newest[0],
            age_ns=max(0, self._clock.elapsed_ns() - newest[1]),
            gate_counts=counts,
            gate_sum_ns=total,
        )

    def close(self) -> None:
        """Stop serving; a second call does nothing."""
        self._closing = True
        if self._listener is None or self._thread is None:
            return
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(CLOSE_S)

    def _serve(self, listener: socket.socket) -> None:
        """Answer until told to end; what serves is imported here, so that nobody waits for it."""
        try:
            with listener:
                from sentinel.adapters.metrics_server import MetricsServer

                server = MetricsServer(listener, self._clock, self.reading, self._judge)
                while not self._closing:
                    server.serve_once()
                server.close_all()
        except OSError as error:
            self.problem = f"metrics: no longer served: {error.strerror}"
            self.port = 0
