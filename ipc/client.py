"""The client's sockets, and the gate client that stands on one. It may never send an order.

Nothing is ever queued for a sentinel that is not there.
"""

from __future__ import annotations

from typing import Any, Final

import zmq

from ipc.clock import Clock
from ipc.codec import GATE_FRAME_MAX
from ipc.conversation import Conversation, SentinelUnavailable
from ipc.endpoints import check_libzmq, socket_path
from ipc.line import GateMisused

__all__ = ["GateClient", "GateMisused", "SentinelUnavailable", "Wire"]

_FRAMES_MAX: Final = 64


class Wire:
    """One connecting socket that queues nothing for an absent peer; it can be thrown away."""

    def __init__(self, endpoint: str, message_max: int, topics: tuple[bytes, ...] = ()) -> None:
        """Connect a DEALER, or, where `topics` are given, a subscriber to them."""
        check_libzmq(zmq.zmq_version_info())
        socket_path(endpoint)
        self._endpoint = endpoint
        self._message_max = message_max
        self._topics = topics
        self._context = zmq.Context(io_threads=1)
        self._socket = self._connected()

    def _connected(self) -> zmq.Socket[Any]:
        socket = self._context.socket(zmq.SUB if self._topics else zmq.DEALER)
        backlog = 1000 if self._topics else 64
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.IMMEDIATE, 1),
            (zmq.SNDHWM, backlog),
            (zmq.RCVHWM, backlog),
            (zmq.RECONNECT_IVL, 50),
            (zmq.RECONNECT_IVL_MAX, 500),
            (zmq.HANDSHAKE_IVL, 1000),
            (zmq.MAXMSGSIZE, self._message_max),
        ):
            socket.setsockopt(option, value)
        for topic in self._topics:
            socket.setsockopt(zmq.SUBSCRIBE, topic)
        socket.connect(self._endpoint)
        self._readable = [(socket, zmq.POLLIN)]
        self._writable = [(socket, zmq.POLLOUT)]
        return socket

    def renew(self) -> None:
        """Throw the socket away with all that is under way on it, and connect a new one."""
        self._socket.close(linger=0)
        self._socket = self._connected()

    def send(self, frame: bytes) -> bool:
        """Send at once; False if there is no peer now or it does not keep up."""
        try:
            self._socket.send(frame, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def wait_writable(self, timeout_ms: int) -> bool:
        """Wait for a peer that takes a message."""
        return bool(zmq.zmq_poll(self._writable, max(0, timeout_ms)))

    def receive(self, timeout_ms: int) -> list[bytes] | None:
        """Return the next message's frames, or None after `timeout_ms`; too many come as none.

        The wait is a poll, for a signal does not start it anew as it would a blocking receive.
        """
        if not zmq.zmq_poll(self._readable, max(0, timeout_ms)):
            return None
        frames: list[bytes] = []
        try:
            while len(frames) < _FRAMES_MAX:
                frames.append(self._socket.recv(zmq.NOBLOCK))
                if not self._socket.get(zmq.RCVMORE):
                    return frames
        except zmq.Again:
            return None
        self.renew()
        return []

    def close(self) -> None:
        """Close at once; what is unsent is dropped. Closing twice is harmless."""
        self._socket.close(linger=0)
        self._context.term()


class GateClient(Conversation):
    """Asks the sentinel for permission over its gate socket: `Conversation` on a real wire."""

    def __init__(
        self,
        endpoint: str,
        clock: Clock,
        *,
        answer_timeout_ms: int = 100,
        sentinel_timeout_ms: int = 1000,
    ) -> None:
        """Connect to an `ipc://` endpoint; PathRefused if it cannot be one.

        `answer_timeout_ms` bounds the wait for one verdict, `sentinel_timeout_ms` the sentinel's
        silence.
        """
        super().__init__(
            Wire(endpoint, GATE_FRAME_MAX),
            clock,
            answer_timeout_ms=answer_timeout_ms,
            sentinel_timeout_ms=sentinel_timeout_ms,
        )
