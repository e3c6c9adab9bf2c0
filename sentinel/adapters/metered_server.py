"""The sockets as the loop uses them, with each verdict's time taken. It changes no message."""

from __future__ import annotations

from collections.abc import Callable

from ipc.arrivals import Batch
from ipc.clock import Clock
from ipc.messages import Approval, ControlReply, GateReply, Veto
from ipc.server import Server


class MeteredServer:
    """Hands everything through; `observe` is told each verdict's nanoseconds since receipt."""

    def __init__(self, server: Server, clock: Clock, observe: Callable[[int], None]) -> None:
        self._server = server
        self._clock = clock
        self._observe = observe
        self._received_ns = 0

    def poll(self, timeout_ms: int) -> Batch:
        """Wait and take what came."""
        batch = self._server.poll(timeout_ms)
        if batch.gate:
            self._received_ns = batch.gate[0].received_ns
        return batch

    def send_gate(self, peer: bytes, reply: GateReply) -> bool:
        """Answer a loop."""
        sent = self._server.send_gate(peer, reply)
        if isinstance(reply, Approval | Veto):
            self._observe(self._clock.elapsed_ns() - self._received_ns)
        return sent

    def send_control(self, peer: bytes, reply: ControlReply) -> bool:
        """Answer an operator."""
        return self._server.send_control(peer, reply)
