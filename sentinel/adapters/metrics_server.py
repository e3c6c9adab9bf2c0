"""The small web server behind the metrics port: it only reads, and only for this host.

Connections are few, short and counted; one that is slow is cut, whatever it does.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Final, cast

import msgspec
from prometheus_client.exposition import choose_encoder

from ipc.clock import NS_PER_MS, Clock
from sentinel.adapters.metrics_families import registry_of
from sentinel.adapters.metrics_reading import Document, Judge, Reading

CONNECTIONS_MAX: Final = 8
CONNECTION_MS: Final = 5_000
"""How long one connection may take in all, sending and receiving."""
POLL_S: Final = 0.25
STALE_MS: Final = 5_000
"""A document is made every second; an older one means that the loop stands still."""
OWN_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""A page of another name that leads here is somebody else's page (DNS rebinding)."""


class MetricsServer(ThreadingMixIn, TCPServer):
    """Serves on a socket that already listens."""

    daemon_threads = True
    block_on_close = False
    timeout = POLL_S

    def __init__(
        self,
        listener: socket.socket,
        clock: Clock,
        reading: Callable[[], Reading],
        judge: Judge,
    ) -> None:
        super().__init__(listener.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.reading = reading
        self.judge = judge
        self.registry = registry_of(reading)
        self._clock = clock
        self._open: dict[Any, int] = {}
        self._lock = threading.Lock()

    def serve_once(self) -> None:
        """Wait a little for a connection, hand it to a thread, and cut those that take too long."""
        self.handle_request()
        self._cut(self._clock.elapsed_ns() - CONNECTION_MS * NS_PER_MS)

    def close_all(self) -> None:
        """Cut every connection."""
        self._cut(self._clock.elapsed_ns() + 1)

    def _cut(self, before_ns: int) -> None:
        with self._lock:
            late = [request for request, since_ns in self._open.items() if since_ns < before_ns]
        for request in late:
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the library's
        """Take a connection, or close it at once where there are too many."""
        with self._lock:
            full = len(self._open) >= CONNECTIONS_MAX
            if not full:
                self._open[request] = self._clock.elapsed_ns()
        if full:
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - the library's
        """Close a connection and forget it."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the library's
        """Say nothing: a client that went away is nobody's trouble."""


class Handler(BaseHTTPRequestHandler):
    """Three pages, to be read."""

    timeout = CONNECTION_MS / 1000

    def do_GET(self) -> None:
        """Answer one of the three pages; anything else is not found."""
        if not self._is_ours():
            self._answer(403, "text/plain", b"not this host's name\n")
            return
        pages = {"/metrics": self._metrics, "/healthz": self._health, "/status.json": self._status}
        page = pages.get(self.path.partition("?")[0])
        if page is None:
            self._answer(404, "text/plain", b"not found\n")
        else:
            page()

    def do_HEAD(self) -> None:
        """Answer as to GET, without the body."""
        self.do_GET()

    def parse_request(self) -> bool:
        """Read the request's head; anything but reading is refused: there are no controls here."""
        if not super().parse_request():
            return False
        if self.command in ("GET", "HEAD"):
            return True
        self._answer(405, "text/plain", b"this port is only read\n", ("Allow", "GET, HEAD"))
        return False

    def version_string(self) -> str:
        """Name the program and no version."""
        return "sentinel"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Log nothing."""

    def _is_ours(self) -> bool:
        host = self.headers.get("Host")
        if host is None:
            return True
        name, _, port = host.rpartition(":")
        return (name if name and port.isdigit() else host).lower() in OWN_NAMES

    def _source(self) -> MetricsServer:
        return cast("MetricsServer", self.server)

    def _metrics(self) -> None:
        encoder, content_type = choose_encoder(self.headers.get("Accept", ""))
        self._answer(200, content_type, encoder(self._source().registry))

    def _health(self) -> None:
        code, word = self._verdict()
        self._answer(code, "text/plain; charset=utf-8", f"{word}\n".encode())

    def _verdict(self) -> tuple[int, str]:
        source = self._source()
        reading = source.reading()
        if reading.document is None:
            return 503, "STARTING"
        if reading.age_ns > STALE_MS * NS_PER_MS:
            return 503, "STALLED"
        document: Document = reading.document
        match source.judge(document):
            case 0:
                return 200, str(document["state"])
            case 1:
                return 503, f"{document['state']} DEGRADED"
            case _:
                return 503, str(document["state"])

    def _status(self) -> None:
        reading = self._source().reading()
        if reading.document is None:
            self._answer(503, "application/json", b'{"schema":1,"answering":false}\n')
            return
        answering = reading.age_ns <= STALE_MS * NS_PER_MS
        document = {**reading.document, "answering": answering}
        code = 200 if answering else 503
        self._answer(code, "application/json", msgspec.json.encode(document) + b"\n")

    def _answer(self, code: int, content_type: str, body: bytes, *more: tuple[str, str]) -> None:
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in more:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
