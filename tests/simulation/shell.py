"""The sentinel's shell as a model around the real loop, desk and core: start, files, hands, end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipc.arrivals import Batch, ControlIncoming, GateIncoming
from ipc.config.reader import ConfigError, decode_config, limits_hash
from ipc.messages import PROTOCOL, AcceptConfigRequest, Approval, ResumeRequest, Submit
from sentinel.adapters.inbox import CAPACITY
from sentinel.adapters.journal_format import JournalFailed
from sentinel.core import memento
from sentinel.core.effects import (
    CancelOrders,
    HandlePositions,
    KillTree,
    ReadVenue,
    SendAlert,
)
from sentinel.core.events import (
    AlertSettled,
    EpochStarted,
    HaltRequested,
    StopFileGone,
    StopFileSeen,
)
from sentinel.core.ledger import Ledger, decode_entry, encode_entry, refold
from sentinel.core.state import State
from sentinel.core.steps import OrdersCancelled, PositionsHandled, TreeKilled, VenueRead
from sentinel.gatekeeper import Gatekeeper
from sentinel.limits_desk import Candidate, limits_event
from sentinel.loop import Loop, Ports
from sentinel.operators import Operators
from sentinel.parts import stamper_for
from tests.simulation.chance import MS
from tests.simulation.disk import Crashed
from tests.simulation.history import Recovered, Sent
from tests.simulation.network import answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipc.messages import ControlReply, ControlRequest, GateReply
    from sentinel.adapters.stamp import Posted, Stamp
    from sentinel.core.effects import Effect
    from sentinel.core.events import Event
    from tests.simulation.world import World

TTL_MS = 500
UID = 1000
STOP_PATH = "/state/STOP"


class Post:
    """The bounded way in for what workers post."""

    def __init__(self) -> None:
        self._posted: list[Posted] = []

    def put(self, posted: Posted) -> bool:
        """Hand over one event."""
        if len(self._posted) >= CAPACITY:
            return False
        self._posted.append(posted)
        return True

    def drain(self) -> list[Posted]:
        """Take all."""
        taken, self._posted = self._posted, []
        return taken


class Shell:
    """One process of the sentinel, from recovery to its end."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.waiting: list[GateIncoming] = []
        self.requests: list[ControlIncoming] = []
        self.questions: dict[tuple[bytes, int], int] = {}
        self.lag_ns = 0
        self.wake_ns: int | None = None
        self.ended_runs: list[str] = []
        self._stop_seen = False
        self._settled: tuple[str, Candidate | None] = ("", None)
        self.post = Post()
        self.state = self.remember()
        self.ledger = Ledger(self.state)
        self.stamper = stamper_for(self.state, world.clock)
        mode = "live" if world.drawn.live else "paper"
        self.keeper = Gatekeeper(mode=mode, account_id="A1", ttl_ms=TTL_MS, loop_uid=UID)
        self.operators = Operators(status=dict)
        self.loop = Loop(self.ledger, self.keeper, self.operators, self._ports())

    def _ports(self) -> Ports:
        return Ports(
            transport=self,
            inbox=self.post,  # type: ignore[arg-type]
            stamper=self.stamper,
            append=self.append,
            perform=self.perform,
            ended=self.ended,
            published=lambda entry: None,
            housekeeping=lambda stamp: None,
            alive=lambda: None,
        )

    # ----- start

    def remember(self) -> State:
        """Read the journal back into a state, from the snapshot on where there is one."""
        disk = self.world.disk
        payloads = disk.recover()
        snapshot = disk.snapshot
        state = State() if snapshot is None else memento.load(snapshot.payload)
        for payload in payloads:
            refold(state, decode_entry(payload))
        if self.world.drawn.snapshots and disk.ends:
            disk.save_snapshot(memento.dump(state))
        return state

    def begin(self) -> None:
        """Journal the epoch, the limits and what halts us, before the first message."""
        world, state = self.world, self.state
        self._note_memory()
        stamp = self.stamper.now()
        epoch = max(world.disk.epoch, state.epoch + 1)
        world.disk.epoch = self.keeper.epoch = self.operators.epoch = epoch
        self.take(
            EpochStarted(
                at_ns=stamp.at_ns,
                wall_ns=stamp.wall_ns,
                epoch=epoch,
                boot_id=world.boot_id,
                offset_ns=stamp.offset_ns,
                account_id="A1",
                mode=self.keeper.mode,
                version="simulated",
                approval_ttl_ns=self.keeper.ttl_ns,
            ),
            stamp,
        )
        self.take(self.judged(self.read_file(), stamp), stamp)
        if world.disk.marker:
            self.take(self._danger("JOURNAL_FAILED", stamp), stamp)
            world.disk.marker = False
        self.look_for_stop()
        for posted in self.post.drain():
            self.take(posted(stamp), stamp)
        world.history.looked[epoch] = (len(world.history.entries), world.now_ns)
        self.note_in_force()

    def _note_memory(self) -> None:
        if not self.state.epoch:
            return
        ids = {k for k, v in self.state.ids.items() if v.reply.approved}
        ids |= {k for k, v in self.state.ids_before.items() if v.reply.approved}
        received = frozenset(b.cl_ord_id for b in self.world.history.believed)
        approved = self.state.tally.approved
        self.world.history.recovered.append(
            Recovered(approved=approved, ids=frozenset(ids), received=received)
        )

    def take(self, event: Event | None, stamp: Stamp) -> None:
        """Decide, journal and act outside a pass: only before the first one."""
        if event is None:
            return
        entries, effects = self.ledger.take(event)
        self.append([encode_entry(entry) for entry in entries])
        for effect in effects:
            self.perform(effect, stamp)

    # ----- files

    def look_for_stop(self) -> None:
        """Compare the STOP file with what was posted last, as the watcher does."""
        if self.world.stop_present and not self._stop_seen:
            self._stop_seen = True
            self.post.put(
                lambda s: StopFileSeen(
                    at_ns=s.at_ns, wall_ns=s.wall_ns, path=STOP_PATH, cause="STOP_FILE"
                )
            )
        elif not self.world.stop_present and self._stop_seen:
            self._stop_seen = False
            self.post.put(lambda s: StopFileGone(at_ns=s.at_ns, wall_ns=s.wall_ns))

    def read_file(self) -> Candidate:
        """Read the configuration file as it is now."""
        text = self.world.file_text
        if self._settled[0] != text or self._settled[1] is None:
            try:
                risk = decode_config(text.encode(), "sentinel.toml").risk
                candidate = Candidate(risk=risk, hash=limits_hash(risk))
            except ConfigError as error:
                candidate = Candidate(problem=str(error).splitlines()[0])
            self._settled = (text, candidate)
        return self._settled[1] or Candidate(problem="unread")

    def look_at_file(self) -> None:
        """Post what the file says if it changed."""
        before = self._settled
        if self.world.file_text != before[0]:
            candidate = self.read_file()
            self.post.put(lambda stamp: self.judged(candidate, stamp))

    def judged(self, candidate: Candidate, stamp: Stamp) -> Event | None:
        """Return what a candidate means, and keep it for `accept-config`."""
        event = limits_event(self.state, candidate, stamp)
        if candidate.risk is not None:
            self.operators.pending = (candidate.risk, candidate.hash)
        return event

    def note_in_force(self) -> None:
        """Record which configuration the core says it has, and which it really has."""
        rules = self.state.rules
        if rules is not None:
            self.world.note_in_force(rules.hash, rules.risk)

    # ----- the loop's ports

    def poll(self, timeout_ms: int) -> Batch:
        """Take what came."""
        gate, self.waiting = self.waiting, []
        control, self.requests = self.requests, []
        for incoming in gate:
            if isinstance(incoming.message, Submit):
                message = incoming.message
                self.questions[message.session, message.seq] = message.deadline_ns
        return Batch(gate=gate, control=control, ready_fds=[])

    def append(self, payloads: list[bytes]) -> None:
        """Write to the simulated disk."""
        self.world.entering = self._entering()
        self.world.disk.append(payloads)

    def _entering(self) -> frozenset[str]:
        """Name what works now and was no exit when it was approved."""
        working = list(self.state.book.working.values())
        working += [replacement for order in working for replacement in order.replacing]
        return frozenset(order.cl_ord_id for order in working if not order.exit)

    def send_gate(self, peer: bytes, reply: GateReply) -> bool:
        """Answer a loop, unless the process ends here."""
        if self.world.crash_here("answer"):
            raise Crashed
        if isinstance(reply, Approval):
            self._note_sent(reply)
        answer(self.world, peer, reply, self.lag_ns)
        return True

    def _note_sent(self, reply: Approval) -> None:
        known = self.state.known(reply.cl_ord_id)
        if known is None:
            return
        self.world.history.sent.append(
            Sent(
                true_ns=self.world.now_ns,
                cl_ord_id=reply.cl_ord_id,
                seq=reply.verdict_seq,
                durable=self.world.is_durable(reply.cl_ord_id, reply.verdict_seq),
                boot_ns=self.world.clock.elapsed_ns(),
                deadline_ns=self.questions.get((reply.session, reply.seq)),
                repeated=self.world.was_decided_before(reply.cl_ord_id, reply.verdict_seq),
            )
        )

    def send_control(self, peer: bytes, reply: ControlReply) -> bool:
        """Answer an operator."""
        self.world.history.trace("control", reply.code)
        return True

    def ended(self, ready: list[int]) -> list[str]:
        """Return the runs whose process ended."""
        runs, self.ended_runs = self.ended_runs, []
        return runs

    # ----- hands

    def perform(self, effect: Effect, stamp: Stamp) -> None:
        """Do what the core wants; its outcome comes back as an event, if we live that long."""
        if self.world.crash_here("effect"):
            raise Crashed
        match effect:
            case KillTree():
                self._later(5, lambda: self._kill(effect))
            case CancelOrders():
                self._later(10, lambda: self._cancel(effect))
            case ReadVenue():
                wait_ms = max(0, (effect.not_before_ns - stamp.at_ns) // MS)
                self._later(wait_ms + 5, lambda: self._read_back(effect))
            case HandlePositions():
                self._later(10, lambda: self._handle(effect))
            case SendAlert():
                if self.world.chance(0.7):
                    self._later(40, lambda: self._settle(effect))
            case _:
                pass

    def _later(self, delay_ms: int, do: Callable[[], None]) -> None:
        def once() -> None:
            if self.world.shell is self:
                do()
                self.world.plan_pass(self.world.now_ns)

        self.world.after(delay_ms * MS, once)

    def _kill(self, effect: KillTree) -> None:
        killed = self.world.kill({pid for pid, _ in effect.processes})
        survivors = int(self.world.chance(0.05))
        self.post.put(
            lambda s: TreeKilled(
                at_ns=s.at_ns,
                wall_ns=s.wall_ns,
                sequence=effect.sequence,
                killed=killed,
                survivors=survivors,
                took_ms=5,
            )
        )

    def _cancel(self, effect: CancelOrders) -> None:
        problem = self._venue_problem()
        ids = () if problem else self.world.venue.cancel_all()
        self.post.put(
            lambda s: OrdersCancelled(
                at_ns=s.at_ns,
                wall_ns=s.wall_ns,
                sequence=effect.sequence,
                cancelled=ids,
                problem=problem,
            )
        )

    def _read_back(self, effect: ReadVenue) -> None:
        problem = self._venue_problem()
        read_at_ns = self.stamper.now().at_ns
        working = tuple(self.world.venue.working)
        self.post.put(
            lambda s: VenueRead(
                at_ns=s.at_ns,
                wall_ns=s.wall_ns,
                sequence=effect.sequence,
                read_at_ns=read_at_ns,
                working=working,
                positions=self.world.venue.open_positions(),
                problem=problem,
            )
        )

    def _handle(self, effect: HandlePositions) -> None:
        problem = self._venue_problem()
        held = self.world.venue.open_positions()
        self.post.put(
            lambda s: PositionsHandled(
                at_ns=s.at_ns,
                wall_ns=s.wall_ns,
                sequence=effect.sequence,
                open_positions=held,
                problem=problem,
            )
        )

    def _venue_problem(self) -> str | None:
        return "the venue does not answer" if self.world.chance(0.05) else None

    def _settle(self, effect: SendAlert) -> None:
        delivered = self.world.chance(0.9)
        self.post.put(
            lambda s: AlertSettled(
                at_ns=s.at_ns,
                wall_ns=s.wall_ns,
                alert_id=effect.alert_id,
                route="desk",
                delivered=delivered,
            )
        )

    # ----- people, and the end

    def command(self, message: ControlRequest) -> None:
        """Take an operator's request."""
        self.requests.append(
            ControlIncoming(
                peer=b"operator", uid=0, pid=1, message=message, received_ns=self.world.now_ns
            )
        )
        self.world.plan_pass(self.world.now_ns)

    def accept(self, pending_hash: str) -> None:
        """Take `sentinel accept-config`."""
        self.command(AcceptConfigRequest(protocol=PROTOCOL, hash=pending_hash, by="ann"))

    def resume_request(self, halt_id: str, by: str, *, unverified: bool) -> ResumeRequest:
        """Make the message of `sentinel resume`."""
        return ResumeRequest(
            protocol=PROTOCOL, halt_id=halt_id, by=by, why="looked at it", unverified=unverified
        )

    def _danger(self, cause: str, stamp: Stamp) -> Event:
        return HaltRequested(at_ns=stamp.at_ns, wall_ns=stamp.wall_ns, cause=cause, by="sentinel")

    def journal_lost(self) -> None:
        """The memory is gone: nothing is answered any more, the loops die, and so do we."""
        world = self.world
        stamp = self.stamper.now()
        processes = {s.pid for s in self.state.sessions.values()}
        entries, _ = self.ledger.take(self._danger("JOURNAL_FAILED", stamp))
        world.disk.marker = True
        try:
            world.disk.append_reserved(encode_entry(entries[-1]))
        except JournalFailed:
            world.history.trace("not even the reserve")
        world.kill(processes)
