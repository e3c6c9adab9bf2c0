"""The sentinel's end of the wire: gate, control and telemetry. It may never judge a message.

Transport, strict decoding and the kernel's word on who sent it; no session, verdict or limit.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

import zmq

from ipc.arrivals import (
    SERVER_COUNTERS,
    Batch,
    ControlIncoming,
    GateIncoming,
    parse_credentials,
)
from ipc.clock import NS_PER_MS, Clock
from ipc.codec import (
    CONTROL_REPLY_MAX,
    CONTROL_REQUEST_MAX,
    GATE_FRAME_MAX,
    MalformedMessage,
    decode_control_request,
    decode_gate_request,
    encode,
)
from ipc.endpoints import (
    EndpointTaken,
    PathRefused,
    Paths,
    check_libzmq,
    check_socket_place,
    file_identity,
    lock_directory,
    prepare_directory,
    socket_path,
)
from ipc.messages import ControlReply, GateReply

__all__ = ["SERVER_COUNTERS", "EndpointTaken", "Server"]

GATE_MAX: Final = 256
CONTROL_MAX: Final = 8
DISCARD_MAX: Final = 1024
"""Surplus frames thrown away in one pass, so that a long message cannot hold the loop."""
FDS_MAX: Final = 256
_EVENTS_MAX: Final = 4096
_EVENTS_EVERY_NS: Final = 100 * NS_PER_MS
_EVENTS: Final = {
    zmq.EVENT_DISCONNECTED: "disconnects",
    zmq.EVENT_ACCEPT_FAILED: "foreign_uid",
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: "handshakes_failed",
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: "handshakes_failed",
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: "handshakes_failed",
}
_Message = TypeVar("_Message")
_Incoming = TypeVar("_Incoming")


class Server:
    """Binds the three sockets of a runtime directory and serves them from one thread.

    `gate_uid` is the only user whose loops are heard (ours, if left out); `control_uids` the users
    whose commands are (ours and root). PathRefused, EndpointTaken or TransportRefused if it cannot
    start; then nothing is left behind. `warnings` holds what a person should be told.
    """

    def __init__(
        self,
        paths: Paths,
        clock: Clock,
        *,
        gate_uid: int | None = None,
        control_uids: Iterable[int] | None = None,
    ) -> None:
        check_libzmq(zmq.zmq_version_info())
        warning = prepare_directory(paths.runtime_dir)
        self.warnings = [warning] if warning else []
        self.counters = dict.fromkeys(SERVER_COUNTERS, 0)
        self._clock = clock
        self._identity: dict[Path, tuple[int, int]] = {}
        self._monitors: list[tuple[zmq.Socket[Any], zmq.Socket[Any]]] = []
        self._midway: set[zmq.Socket[Any]] = set()
        self._events_ns = 0
        self._lock: int | None = lock_directory(paths.runtime_dir)
        self._context = zmq.Context(io_threads=1)
        self._context.set(zmq.MAX_SOCKETS, 64)
        own = os.geteuid()
        try:
            loops = {own if gate_uid is None else gate_uid}
            operators = set(control_uids or (own, 0))
            self._gate = self._bind(paths.gate, zmq.ROUTER, 0o660, GATE_FRAME_MAX, loops)
            self._control = self._bind(
                paths.control, zmq.ROUTER, 0o600, CONTROL_REQUEST_MAX, operators
            )
            self._telemetry = self._bind(paths.telemetry, zmq.PUB, 0o660, GATE_FRAME_MAX, set())
        except BaseException:
            self.close()
            raise
        self._polled: list[tuple[Any, int]] = [
            (self._control, zmq.POLLIN),
            (self._gate, zmq.POLLIN),
        ]

    def register(self, fd: int) -> None:
        """Let `poll` also end when `fd` is readable (an eventfd, a pidfd), until `unregister`."""
        if len(self._polled) >= FDS_MAX:
            raise ValueError(f"no more than {FDS_MAX} descriptors can be watched")
        if all(fd != source for source, _ in self._polled):
            self._polled.append((fd, zmq.POLLIN))

    def unregister(self, fd: int) -> None:
        """Watch `fd` no longer; call it before the descriptor is closed."""
        self._polled = [entry for entry in self._polled if entry[0] != fd]

    def poll(self, timeout_ms: int) -> Batch:
        """Wait for anything to read, at most `timeout_ms`, and take a bounded batch of it."""
        batch = Batch(gate=[], control=[], ready_fds=[])
        for source, _ in zmq.zmq_poll(self._polled, max(0, timeout_ms)):
            if source is self._gate:
                self._drain(source, decode_gate_request, GateIncoming, batch.gate, GATE_MAX)
            elif source is self._control:
                found = batch.control
                self._drain(source, decode_control_request, ControlIncoming, found, CONTROL_MAX)
            else:
                batch.ready_fds.append(source)
        now_ns = self._clock.elapsed_ns()
        if now_ns - self._events_ns >= _EVENTS_EVERY_NS:
            self._events_ns = now_ns
            self._count_events()
        return batch

    def send_gate(self, peer: bytes, reply: GateReply) -> bool:
        """Answer a loop; False, and counted, if it is gone or does not read."""
        return self._send(self._gate, peer, encode(reply), GATE_FRAME_MAX)

    def send_control(self, peer: bytes, reply: ControlReply) -> bool:
        """Answer a command; False, and counted, if it is gone or does not read."""
        return self._send(self._control, peer, encode(reply), CONTROL_REPLY_MAX)

    def publish(self, topic: bytes, payload: bytes) -> None:
        """Copy something to whoever watches; a slow watcher misses it. Never waits."""
        self._telemetry.send_multipart([topic, payload], zmq.NOBLOCK)

    def check_identity(self) -> bool:
        """Whether the socket files of gate and control are still the ones that were bound here."""
        return all(file_identity(path) == known for path, known in self._identity.items())

    def close(self) -> None:
        """Close everything at once; unsent replies are dropped. Closing twice is harmless."""
        self._count_events()
        for watched, _ in self._monitors:
            watched.disable_monitor()
        self._context.destroy(linger=0)
        self._monitors.clear()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _bind(
        self, endpoint: str, kind: int, mode: int, message_max: int, uids: set[int]
    ) -> zmq.Socket[Any]:
        """Bind one socket so that its file never has a wider mode than `mode`, not even briefly."""
        path = socket_path(endpoint)
        check_socket_place(path)
        socket = self._context.socket(kind)
        for option, value in _options(kind, message_max):
            socket.setsockopt(option, value)
        for uid in sorted(uids):
            socket.setsockopt(zmq.IPC_FILTER_UID, uid)
        if kind == zmq.ROUTER:
            self._watch(socket)
        umask = os.umask(0o777 & ~mode)
        try:
            socket.bind(endpoint)
        except zmq.ZMQError as error:
            raise PathRefused(f"{path}: cannot bind the socket: {error.strerror}") from None
        finally:
            os.umask(umask)
        if kind == zmq.ROUTER:
            self._identity[path] = file_identity(path) or (0, 0)
        return socket

    def _watch(self, socket: zmq.Socket[Any]) -> None:
        """Count what libzmq does not tell in messages: broken, refused and garbled connections."""
        endpoint = f"inproc://events-{len(self._monitors)}"
        socket.monitor(endpoint, sum(_EVENTS))
        monitor = self._context.socket(zmq.PAIR)
        monitor.setsockopt(zmq.LINGER, 0)
        monitor.setsockopt(zmq.RCVHWM, 1 << 16)
        monitor.connect(endpoint)
        self._monitors.append((socket, monitor))

    def _count_events(self) -> None:
        for _, monitor in self._monitors:
            for _ in range(_EVENTS_MAX):
                try:
                    event = monitor.recv_multipart(zmq.NOBLOCK)[0]
                except zmq.Again:
                    break
                kind = zmq.Event(int.from_bytes(event[:2], sys.byteorder))
                self.counters[_EVENTS[kind]] += 1

    def _drain(
        self,
        socket: zmq.Socket[Any],
        decode: Callable[[bytes], _Message],
        incoming: Callable[..., _Incoming],
        found: list[_Incoming],
        budget: int,
    ) -> None:
        """Take at most `budget` messages; what is not a message of this protocol is counted."""
        counters = self.counters
        if socket in self._midway and not self._discard(socket):
            return
        for taken in range(budget):
            # One message is the usual pass: asking is cheaper than failing to read a second.
            if taken == 1 and not int(socket.get(zmq.EVENTS)) & zmq.POLLIN:
                return
            try:
                peer = socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            frame = socket.recv(zmq.NOBLOCK, copy=False)
            if socket.get(zmq.RCVMORE):
                counters["too_many_frames"] += 1
                if not self._discard(socket):
                    return
                continue
            sender = _sender(frame)
            if sender is None:
                counters["no_credentials"] += 1
                continue
            try:
                message = decode(frame.bytes)
            except MalformedMessage:
                counters["malformed"] += 1
                continue
            now_ns, (uid, pid) = self._clock.elapsed_ns(), sender
            found.append(incoming(peer=peer, uid=uid, pid=pid, message=message, received_ns=now_ns))

    def _discard(self, socket: zmq.Socket[Any]) -> bool:
        """Throw away the rest of a message; False if there is still more of it for a later pass."""
        for _ in range(DISCARD_MAX):
            if not socket.get(zmq.RCVMORE):
                self._midway.discard(socket)
                return True
            socket.recv(zmq.NOBLOCK)
        self._midway.add(socket)
        return False

    def _send(self, socket: zmq.Socket[Any], peer: bytes, frame: bytes, longest: int) -> bool:
        if len(frame) > longest:
            self.counters["reply_too_long"] += 1
            return False
        try:
            socket.send(peer, zmq.NOBLOCK | zmq.SNDMORE)
            socket.send(frame, zmq.NOBLOCK)
        except zmq.ZMQError as error:
            reason = "congested" if error.errno == errno.EAGAIN else "unroutable"
            self.counters[reason] += 1
            return False
        return True


def _options(kind: int, message_max: int) -> list[tuple[int, int]]:
    # No HEARTBEAT_IVL: its timer aborts the whole process when a peer that had filled its queue is
    # gone (libzmq issue 4364), and on ipc the kernel tells of a dead peer at once.
    common = [
        (zmq.LINGER, 0),
        (zmq.MAXMSGSIZE, message_max),
        (zmq.HANDSHAKE_IVL, 1000),
        (zmq.BACKLOG, 16),
        (zmq.SNDTIMEO, 0),
    ]
    if kind == zmq.PUB:
        return [*common, (zmq.SNDHWM, 1000)]
    return [
        *common,
        (zmq.ROUTER_MANDATORY, 1),
        (zmq.ROUTER_HANDOVER, 0),
        (zmq.SNDHWM, 64),
        (zmq.RCVHWM, 64 if message_max == GATE_FRAME_MAX else 8),
    ]


def _sender(frame: zmq.Frame) -> tuple[int, int] | None:
    try:
        return parse_credentials(str(frame.get("Peer-Address")))
    except zmq.ZMQError:
        return None
