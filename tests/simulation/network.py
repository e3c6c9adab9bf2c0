"""The line between a loop and the sentinel: what is sent may be lost, doubled, late, overtaken.

Questions and answers suffer all of it. Reports and quotes only come late, and in order: that is
what a stream transport promises, and what the loop's self reports are built on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipc.codec import decode_gate_request, encode
from ipc.messages import Heartbeat, Submit
from tests.simulation.chance import MS

if TYPE_CHECKING:
    from ipc.messages import GateReply
    from tests.simulation.loops import SimLoop
    from tests.simulation.world import World

QUEUE_MAX = 64


class SimChannel:
    """One loop's end of the line; each `renew` is a new connection."""

    def __init__(self, world: World, loop: SimLoop) -> None:
        self._world, self._loop = world, loop
        self.inbox: list[bytes] = []
        self.peer = b""
        self._order_ns = 0
        self.renew()

    def send(self, frame: bytes) -> bool:
        """Send at once; False while there is no sentinel, or its queue is full."""
        world = self._world
        shell = world.shell
        if shell is None or len(shell.waiting) >= QUEUE_MAX:
            return False
        message = decode_gate_request(frame)
        times = 1
        delay_ns = world.delay_ns()
        if isinstance(message, Submit | Heartbeat):
            times = world.copies()
        else:
            self._order_ns = max(self._order_ns, world.now_ns + delay_ns)
            delay_ns = self._order_ns - world.now_ns
        peer, loop = self.peer, self._loop
        for _ in range(times):
            world.after(delay_ns, lambda: world.arrive(peer, loop, message, shell))
            delay_ns += world.delay_ns()
        return True

    def wait_writable(self, timeout_ms: int) -> bool:
        """Wait until there is a sentinel."""
        self._run(timeout_ms, lambda: self._world.shell is not None)
        return self._world.shell is not None

    def receive(self, timeout_ms: int) -> list[bytes] | None:
        """Return the next message's frames, None after `timeout_ms`."""
        if not self.inbox and timeout_ms > 0:
            self._run(timeout_ms, lambda: bool(self.inbox))
        if not self.inbox:
            return None
        if self._world.chance(self._world.drawn.pause):
            self._world.history.faults["loop_paused"] += 1
            self._run(self._world.rng.choice((20, 150, 700)), lambda: False)
        return [self.inbox.pop(0)]

    def _run(self, timeout_ms: int, ready: object) -> None:
        self._world.run_until(ready, self._world.now_ns + timeout_ms * MS)
        self._loop.check_alive()

    def renew(self) -> None:
        """Drop the connection with all that is under way to us, and make another."""
        self.inbox.clear()
        self.peer = self._world.connect(self)

    def close(self) -> None:
        """End at once."""
        self.inbox.clear()


def answer(world: World, peer: bytes, reply: GateReply, lag_ns: int) -> None:
    """Carry a reply to whoever holds that connection then."""
    frame = encode(reply)

    def land() -> None:
        channel = world.channels.get(peer)
        if channel is not None and channel.peer == peer and len(channel.inbox) < QUEUE_MAX:
            channel.inbox.append(frame)

    delay_ns = lag_ns + world.delay_ns()
    for _ in range(world.copies()):
        world.after(delay_ns, land)
        delay_ns += world.delay_ns() * 4
