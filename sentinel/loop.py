"""The sentinel's loop: poll, decide, journal in one write, then act. One thread, nothing blocks.

A pass that did everything ends with a sign of life to the service manager; no other code gives it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from ipc.arrivals import Batch, ControlIncoming, GateIncoming
from ipc.clock import NS_PER_MS, NS_PER_S
from ipc.messages import ControlReply, GateReply, Heartbeat
from sentinel.adapters.inbox import Inbox
from sentinel.adapters.stamp import Posted, Stamp, Stamper
from sentinel.core.decide import next_deadline_ns
from sentinel.core.effects import Effect
from sentinel.core.events import Event, ProcessGone, SentinelStalled, TimePassed
from sentinel.core.ledger import Entry, Ledger, encode_entry
from sentinel.core.steps import Happening
from sentinel.gatekeeper import Gatekeeper
from sentinel.operators import Operators

PASS_MAX_MS = 250
HOUSEKEEPING_NS = NS_PER_S
STALL_MS = 400
"""A pass that takes this much longer than it should means that the sentinel itself stood still."""


class Transport(Protocol):
    """What the loop needs of the sockets."""

    def poll(self, timeout_ms: int) -> Batch:
        """Wait and take what came."""
        ...

    def send_gate(self, peer: bytes, reply: GateReply) -> bool:
        """Answer a loop."""
        ...

    def send_control(self, peer: bytes, reply: ControlReply) -> bool:
        """Answer an operator."""
        ...


class Ports(Struct, frozen=True, kw_only=True):
    """Everything outside that the loop uses; each is one call that does not block."""

    transport: Transport
    inbox: Inbox[Posted]
    stamper: Stamper
    append: Callable[[list[bytes]], object]
    """Journal payloads in one write; what it returned from is safe."""
    perform: Callable[[Effect, Stamp], None]
    ended: Callable[[list[int]], list[str]]
    """Readable descriptors to the runs whose process has ended."""
    published: Callable[[Entry], None]
    housekeeping: Callable[[Stamp], None]
    alive: Callable[[], object]


class Loop:
    """Runs passes until told to end. Everything it uses is given to it."""

    def __init__(
        self, ledger: Ledger, gatekeeper: Gatekeeper, operators: Operators, ports: Ports
    ) -> None:
        self._ledger = ledger
        self._gatekeeper = gatekeeper
        self._operators = operators
        self._ports = ports
        self._entries: list[Entry] = []
        self._effects: list[Effect] = []
        self._answers: list[Callable[[], object]] = []
        self._housekept_ns = 0
        self._last_ns = ports.stamper.now().at_ns
        self.stopping = False

    def run(self) -> None:
        """Pass after pass until `stopping`."""
        while not self.stopping:
            self.one_pass()

    def one_pass(self) -> None:
        """Poll once, decide everything that came, journal it, act on it."""
        timeout_ms = self._timeout_ms()
        batch = self._ports.transport.poll(timeout_ms)
        stamp = self._ports.stamper.now()
        self._notice_stall(stamp, timeout_ms)
        for request in batch.control:
            self._control(request, stamp)
        for posted in self._ports.inbox.drain():
            event = posted(stamp)
            if event is not None:
                self._decide(event)
        submits: list[GateIncoming] = []
        for incoming in batch.gate:
            if isinstance(incoming.message, Heartbeat):
                self._gate(incoming, stamp)
            else:
                submits.append(incoming)
        self._deaths(batch.ready_fds, stamp)
        if next_deadline_ns(self._ledger.state) <= stamp.at_ns:
            self._decide(TimePassed(at_ns=stamp.at_ns, wall_ns=stamp.wall_ns))
        for incoming in submits:
            self._gate(incoming, stamp)
        self._commit(stamp)
        if stamp.at_ns - self._housekept_ns >= HOUSEKEEPING_NS:
            self._housekept_ns = stamp.at_ns
            self._keep_house(stamp)
        self._last_ns = self._ports.stamper.now().at_ns
        self._ports.alive()

    def _timeout_ms(self) -> int:
        due_ns = next_deadline_ns(self._ledger.state) - self._last_ns
        return int(min(PASS_MAX_MS, max(0, -(-due_ns // NS_PER_MS))))

    def _notice_stall(self, stamp: Stamp, timeout_ms: int) -> None:
        gap_ms = (stamp.at_ns - self._last_ns) // NS_PER_MS - timeout_ms
        if gap_ms > STALL_MS:
            self._decide(SentinelStalled(at_ns=stamp.at_ns, wall_ns=stamp.wall_ns, gap_ms=gap_ms))

    def _keep_house(self, stamp: Stamp) -> None:
        strangers = self._gatekeeper.strangers(stamp.at_ns, stamp.wall_ns)
        if strangers is not None:
            self._decide(strangers)
            self._commit(stamp)
        self._ports.housekeeping(stamp)

    def _decide(self, event: Event) -> list[Effect]:
        entries, effects = self._ledger.take(event)
        self._entries += entries
        self._effects += effects
        return effects

    def _control(self, incoming: ControlIncoming, stamp: Stamp) -> None:
        found = self._operators.event_or_reply(incoming, stamp)
        if not isinstance(found, ControlReply):
            found = self._operators.answered(incoming, self._decide(found))
        reply = found
        self._answers.append(lambda: self._ports.transport.send_control(incoming.peer, reply))

    def _gate(self, incoming: GateIncoming, stamp: Stamp) -> None:
        keeper = self._gatekeeper
        found = keeper.event_of(incoming, stamp.at_ns, stamp.wall_ns, stamp.offset_ns)
        if found is None:
            return
        if not isinstance(found, Happening):
            self._ports.transport.send_gate(incoming.peer, found)
            return
        effects = self._decide(found)
        state = self._ledger.state.trading.state
        reply = keeper.reply_of(incoming, effects, state, stamp.offset_ns)
        if reply is None:
            return
        self._answers.append(lambda: self._ports.transport.send_gate(incoming.peer, reply))

    def _deaths(self, ready: list[int], stamp: Stamp) -> None:
        for run_id in self._ports.ended(ready):
            self._decide(ProcessGone(at_ns=stamp.at_ns, wall_ns=stamp.wall_ns, run_id=run_id))

    def _commit(self, stamp: Stamp) -> None:
        """Write everything that was decided, and only then let it be seen or done."""
        entries, effects, answers = self._entries, self._effects, self._answers
        self._entries, self._effects, self._answers = [], [], []
        if entries:
            self._ports.append([encode_entry(entry) for entry in entries])
        for answer in answers:
            answer()
        for effect in effects:
            self._ports.perform(effect, stamp)
        for entry in entries:
            self._ports.published(entry)
