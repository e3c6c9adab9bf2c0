"""A real HTTP receiver on loopback that behaves as it is told to."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
ERROR_500 = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
BUSY_429 = (
    b"HTTP/1.1 429 Slow down\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


class Receiver:
    """Answers the n-th request as `script[n]` says, and the last entry from then on.

    Entries: `ok`, `500`, `429`, `redirect:URL`, `hang`, `drip`, `cut` (closes in
    mid-answer), `close`.
    """

    def __init__(self, *script: str) -> None:
        self.script = script or ("ok",)
        self.requests: list[tuple[str, bytes]] = []
        self.answered: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def bodies(self) -> list[dict[str, str]]:
        return [json.loads(body) for _, body in list(self.requests)]

    @property
    def texts(self) -> str:
        return "\n".join(f"{body['title']}\n{body['message']}" for body in self.bodies)

    def url(self, secret: str = "path", query: str = "") -> str:
        return f"json://127.0.0.1:{self.port}/{secret}{query}"

    def close(self) -> None:
        self._end.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self._end.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            head, body = _read_request(connection)
            turn = len(self.requests)
            self.requests.append((head, body))
            how = self.script[min(turn, len(self.script) - 1)]
            self._answer(connection, how)
            self.answered.append(how)

    def _answer(self, connection: socket.socket, how: str) -> None:
        if how == "ok":
            connection.sendall(OK)
        elif how == "500":
            connection.sendall(ERROR_500)
        elif how == "429":
            connection.sendall(BUSY_429)
        elif how.startswith("redirect:"):
            location = how.removeprefix("redirect:")
            connection.sendall(
                f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
            )
        elif how == "hang":
            self._end.wait(30)
        elif how == "drip":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not self._end.wait(0.2):
                connection.sendall(b"x")
        elif how == "cut":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nxx")


def _read_request(connection: socket.socket) -> tuple[str, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(body) < length:
        body += _some(connection)
    return head.decode(), body


def _some(connection: socket.socket) -> bytes:
    chunk = connection.recv(65536)
    if not chunk:
        raise ConnectionResetError
    return chunk


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def eventually(truth, within_s: float = 60.0) -> bool:
    """Wait until `truth()` holds; False if it does not within the time."""
    end = time.monotonic() + within_s
    while not truth():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
