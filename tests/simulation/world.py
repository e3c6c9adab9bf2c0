"""The simulated world: one queue of things to come, one clock, one source of chance.

A loop that waits for an answer lets the world go on from inside its wait; another one that wakes
up in there runs first, as if the waiting one were not scheduled.
"""

from __future__ import annotations

import contextlib
import dataclasses
import heapq
import random
from typing import TYPE_CHECKING, Any
from unittest import mock

import sentinel.gatekeeper
import sentinel.parts
from ipc import conversation
from ipc.arrivals import GateIncoming
from ipc.config.reader import limits_hash
from ipc.messages import PROTOCOL, HaltRequest, OrderIntent, ReplaceIntent
from sentinel.adapters.identity import ProcessGone
from sentinel.adapters.journal_format import JournalDamaged, JournalFailed
from sentinel.core import conduct, judge, sessions
from sentinel.core import state as core_state
from sentinel.core.events import ConditionChanged
from sentinel.core.ledger import FoldDiverged
from sentinel.core.trading import HALTED
from tests.simulation.chance import (
    DAY,
    EVENTS_MAX,
    HOUR,
    MS,
    SECOND,
    as_toml,
    changed_config,
    draw,
    draw_config,
)
from tests.simulation.disk import Crashed, Disk
from tests.simulation.history import Exposed, History
from tests.simulation.invariants import violations
from tests.simulation.loops import SimLoop
from tests.simulation.refolding import facts_of
from tests.simulation.shell import UID, Shell
from tests.simulation.sums import sample_sizes, sample_sums
from tests.simulation.venue import Venue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipc.config.values import RiskConfig
    from ipc.messages import GateRequest
    from tests.simulation.history import Written
    from tests.simulation.network import SimChannel

CRASHES_MAX = 5
HOST_BOOT_NS = 3600 * SECOND


class Over(BaseException):
    """The budget of events is used up."""


class SimClock:
    """The clocks of the simulated host."""

    def __init__(self, world: World) -> None:
        self._world = world

    def elapsed_ns(self) -> int:
        """Time since the host's boot."""
        return self._world.now_ns - self._world.booted_ns

    def wall_ns(self) -> int:
        """The wall clock, jumps included."""
        return self._world.true_wall_ns + self._world.wall_off_ns

    def sleep_ms(self, duration_ms: float) -> None:
        """Nobody waits in here."""


class World:
    """One run of one seed."""

    def __init__(
        self, seed: int, *, events_max: int = EVENTS_MAX, weather: dict[str, Any] | None = None
    ) -> None:
        """Make the world of a seed; `weather` fixes some of what it would have drawn."""
        self.drawn = dataclasses.replace(draw(seed), **(weather or {}))
        self.rng = random.Random(seed)
        self.history = History(tight_bounds=self.drawn.tight_bounds)
        to_midnight_ns = -self.drawn.begin_wall_ns % DAY
        self.history.rolls.append(HOST_BOOT_NS + to_midnight_ns)
        self.clock = SimClock(self)
        self.now_ns = HOST_BOOT_NS
        self.booted_ns = 0
        self.boot_id = "boot-1"
        self.wall_off_ns = 0
        self.channels: dict[bytes, SimChannel] = {}
        self.stop_present = False
        self.entering: frozenset[str] = frozenset()
        self.shell: Shell | None = None
        self._events_max = events_max
        self._queue: list[tuple[int, int, Callable[[], object]]] = []
        self._planned = 0
        self._pids = 100
        self._crashes = 0
        self._paused_until_ns = 0
        self._read_lost = False
        self.config = draw_config(self.rng, self.drawn)
        self.file_torn = False
        self.file_text = as_toml(self.config)
        self.file_hash = ""
        self.venue = Venue(self.rng)
        self.disk = Disk(
            self.drawn, self.rng, self.history, crash_here=self.crash_here, record=self._record
        )
        self._durable: dict[tuple[str, int], int] = {}
        self.loops = [
            SimLoop(self, n, runaway=n < self.drawn.runaways) for n in range(self.drawn.loops)
        ]

    # ----- the run

    def run(self) -> History:
        """Run to the end of the budget and return what happened."""
        with self._surroundings():
            self._start()
            with contextlib.suppress(Over):
                self.run_until(lambda: False, 1 << 62)
            if self.shell is not None:
                self.history.last_facts = facts_of(self.shell.state)
            self.history.simulated_ns = self.now_ns - HOST_BOOT_NS
            self.history.broken += violations(self.history)
        return self.history

    @contextlib.contextmanager
    def _surroundings(self) -> Iterator[None]:
        """Let the few looks at the real host see the simulated one."""
        tokens = random.Random(f"tokens {self.drawn.seed}")
        with contextlib.ExitStack() as stack:

            def put(owner: Any, name: str, value: object) -> None:
                stack.enter_context(mock.patch.object(owner, name, value))

            secrets = mock.Mock(token_bytes=tokens.randbytes)
            put(sentinel.gatekeeper, "secrets", secrets)
            put(sentinel.gatekeeper, "identify", self._identify)
            put(sentinel.parts, "boot_id", lambda: self.boot_id)
            put(conversation, "start_ticks", lambda pid: pid * 10)
            if self.drawn.tight_bounds:
                put(judge, "IDS_A_DAY_MAX", 40)
                put(conduct, "ALERTS_PENDING_MAX", 8)
                put(sessions, "SESSIONS_MAX", 2)
                put(judge, "REPEAT_KEYS_MAX", 8)
                put(core_state, "INSTRUMENTS_MAX", 3)
            yield

    def _identify(self, pid: int) -> object:
        if not any(loop.pid == pid and not loop.dead for loop in self.loops):
            raise ProcessGone(str(pid))
        return mock.Mock(start_ticks=pid * 10)

    def _start(self) -> None:
        self.start_sentinel()
        for loop in self.loops:
            loop.plan_step(self.rng.randrange(100))
        for every_ms, do in (
            (200, self._tick),
            (500, self._read_broker),
            (700, self._be_operator),
            (400, self._have_faults),
        ):
            self._repeat(every_ms, do)

    def _repeat(self, every_ms: int, do: Callable[[], object]) -> None:
        every_ms *= max(1, self.drawn.pace_ms // 60)

        def again() -> None:
            do()
            self.after(every_ms * MS, again)

        self.after(self.rng.randrange(every_ms) * MS, again)

    def after(self, delay_ns: int, do: Callable[[], object]) -> None:
        """Plan something."""
        self._planned += 1
        heapq.heappush(self._queue, (self.now_ns + delay_ns, self._planned, do))

    def run_until(self, ready: Any, deadline_ns: int) -> None:
        """Let the world go on until `ready()` or the deadline."""
        while not ready():
            if not self._queue or self._queue[0][0] > deadline_ns:
                self.now_ns = max(self.now_ns, deadline_ns)
                return
            if self.history.events >= self._events_max:
                raise Over
            self.history.events += 1
            due_ns, _, do = heapq.heappop(self._queue)
            self.now_ns = max(self.now_ns, due_ns)
            do()

    # ----- chance

    def chance(self, rate: float) -> bool:
        """Draw once; nothing is drawn for what is off."""
        return rate > 0 and self.rng.random() < rate

    def delay_ns(self) -> int:
        """How long a message takes."""
        if self.chance(self.drawn.slow):
            self.history.faults["delayed"] += 1
            return self.rng.choice((30, 90, 130, 400)) * MS
        return self.rng.randrange(1, 2000) * 1000

    def copies(self) -> int:
        """How often a message arrives."""
        if self.chance(self.drawn.loss):
            self.history.faults["lost"] += 1
            return 0
        if self.chance(self.drawn.doubling):
            self.history.faults["doubled"] += 1
            return 2
        return 1

    def crash_here(self, where: str) -> bool:
        """Whether the sentinel ends at this very place."""
        if self._crashes >= CRASHES_MAX or not self.chance(self.drawn.crash / 4):
            return False
        self.history.faults[f"crash_at_{where}"] += 1
        return True

    @property
    def true_wall_ns(self) -> int:
        """The wall clock as it would be without any jump."""
        return self.drawn.begin_wall_ns + self.now_ns - HOST_BOOT_NS

    def new_pid(self) -> int:
        """Return the number of a new process."""
        self._pids += 1
        return self._pids

    def connect(self, channel: SimChannel) -> bytes:
        """Return the name of a new connection."""
        self._planned += 1
        peer = b"%d" % self._planned
        self.channels.pop(getattr(channel, "peer", b""), None)
        self.channels[peer] = channel
        return peer

    # ----- the sentinel's process

    def start_sentinel(self) -> None:
        """Start it; a crash on the way is one like any other."""
        try:
            shell = self.shell = Shell(self)
            self._durable.clear()
            for index, written in enumerate(self.history.entries):
                self._index(index, written)
            shell.begin()
        except (Crashed, JournalFailed) as end:
            self._after_end(failed=isinstance(end, JournalFailed))
            return
        except (FoldDiverged, JournalDamaged) as error:
            self.history.broken.append(("I17", f"restart refused: {error}"))
            raise Over from error
        self.note_file(shell)
        self.plan_pass(self.now_ns + 1)

    def note_file(self, shell: Shell) -> None:
        """Let loops that start from here read what is in force."""
        if shell.state.rules is not None:
            self.file_hash = shell.state.rules.hash

    def plan_pass(self, at_ns: int) -> None:
        """Wake the sentinel then, unless it wakes before."""
        shell = self.shell
        if shell is None:
            return
        at_ns = max(at_ns, self._paused_until_ns, self.now_ns)
        if shell.wake_ns is not None and shell.wake_ns <= at_ns:
            return
        shell.wake_ns = at_ns

        def wake() -> None:
            if self.shell is shell and shell.wake_ns == at_ns:
                self._pass(shell)
            else:
                self.history.events -= 1

        self.after(at_ns - self.now_ns, wake)

    def _pass(self, shell: Shell) -> None:
        shell.wake_ns = None
        if self.now_ns < self._paused_until_ns:
            self.plan_pass(self._paused_until_ns)
            return
        shell.lag_ns = 0
        if self.drawn.power and self.chance(self.drawn.slow_sync):
            self.history.faults["slow_sync"] += 1
            shell.lag_ns = self.rng.choice((50, 300, 900)) * MS
            self._paused_until_ns = self.now_ns + shell.lag_ns
        before = len(self.history.entries)
        try:
            shell.loop.one_pass()
        except Crashed:
            self._after_end(failed=False)
            return
        except JournalFailed:
            shell.journal_lost()
            self._after_end(failed=True)
            return
        self._watch(shell, before)
        timeout_ms = shell.loop._timeout_ms()
        self.plan_pass(self.now_ns + max(1, timeout_ms) * MS)

    def _watch(self, shell: Shell, before: int) -> None:
        """Look at what a pass left behind."""
        kinds = {type(w.event).__name__ for w in self.history.entries[before:]}
        if "LimitsLoaded" in kinds or "LimitsPended" in kinds:
            shell.note_in_force()
            self.note_file(shell)
        if self.rng.random() < 0.1:
            sample_sums(self.history, shell.state)
            sample_sizes(self.history, shell, tight=self.drawn.tight_bounds)

    def _after_end(self, *, failed: bool) -> None:
        """The process is gone; the host, and all on it, may be as well."""
        self._crashes += 1
        self.history.faults["crash" if not failed else "journal_failed"] += 1
        self.shell = None
        self._paused_until_ns = 0
        power = self.chance(self.drawn.power_loss)
        self.disk.lose(power=power)
        if power:
            self._reboot()
        self.after(self.rng.choice((20, 20, 100, 700)) * MS, self.start_sentinel)

    def _reboot(self) -> None:
        self.booted_ns = self.now_ns - SECOND
        self.boot_id = f"boot-{self._crashes + 1}"
        for loop in self.loops:
            loop.die(said_goodbye=True)

    def arrive(self, peer: bytes, loop: SimLoop, message: GateRequest, shell: object) -> None:
        """A message of a loop reaches the sentinel it was sent to."""
        if self.shell is not shell or self.shell is None:
            return
        self.shell.waiting.append(
            GateIncoming(peer=peer, uid=UID, pid=loop.pid, message=message, received_ns=self.now_ns)
        )
        self.plan_pass(self.now_ns)

    # ----- the journal, as recorded

    def _record(self, payload: bytes) -> None:
        self.history.write(payload, self.now_ns, self.entering)
        self._index(len(self.history.entries) - 1, self.history.entries[-1])

    def _index(self, index: int, written: Written) -> None:
        approval = written.approval
        if approval is not None:
            self._durable.setdefault((approval.cl_ord_id, approval.seq), index)

    def is_durable(self, cl_ord_id: str, seq: int) -> bool:
        """Whether an approval's entry can no longer be lost."""
        index = self._durable.get((cl_ord_id, seq))
        return index is not None and index < self.disk.durable_records

    def was_decided_before(self, cl_ord_id: str, seq: int) -> bool:
        """Whether this approval was journaled in an earlier pass, and is only said again now."""
        index = self._durable.get((cl_ord_id, seq))
        return index is not None and self.history.entries[index].true_ns < self.now_ns

    def note_in_force(self, said_hash: str, risk: RiskConfig) -> None:
        """Record which limits the core says are in force, and which really are."""
        self.history.in_force.append((said_hash, limits_hash(risk)))

    # ----- the world outside

    def kill(self, pids: set[int]) -> int:
        """End these processes."""
        doomed = [loop for loop in self.loops if loop.pid in pids and not loop.dead]
        for loop in doomed:
            loop.die()
        return len(doomed)

    def saw_death(self, run_id: str) -> None:
        """The kernel tells the sentinel that a process ended."""
        if self.shell is not None:
            self.shell.ended_runs.append(run_id)
            self.plan_pass(self.now_ns)

    def at_venue(self, intent: OrderIntent | ReplaceIntent, run_id: str) -> None:
        """An order reaches the venue."""
        if isinstance(intent, ReplaceIntent):
            self.venue.replace(intent, run_id)
        else:
            self.venue.place(intent, run_id)
        order = self.venue.working.get(intent.cl_ord_id)
        self.history.trace("venue", self.now_ns, intent.cl_ord_id, order is not None)
        if order is not None:
            worst = self.venue.worst(order.symbol, order.side)
            self.history.exposed.append(
                Exposed(true_ns=self.now_ns, symbol=order.symbol, qty=worst)
            )

    def _tick(self) -> None:
        """The market moves, and the watchers look. What is torn for a moment only is not read.

        In live it stays torn, and must wait for a person if it still is a configuration.
        """
        self.venue.move()
        self.venue.trade()
        if self.shell is not None:
            self.shell.look_for_stop()
            if not self.file_torn or self.drawn.live:
                self.shell.look_at_file()

    def _read_broker(self) -> None:
        shell = self.shell
        if shell is None:
            return
        lost = self.chance(0.03)
        if lost != self._read_lost:
            self._read_lost = lost
            shell.post.put(
                lambda s: ConditionChanged(
                    at_ns=s.at_ns, wall_ns=s.wall_ns, name="DROP_COPY_LOST", lost=lost
                )
            )
        if lost:
            return
        event = self.venue.reading(max(0, shell.state.fill_seq), shell.stamper.now().at_ns)
        self.after(self.rng.randrange(1, 60) * MS, lambda: shell.post.put(event))

    def _be_operator(self) -> None:
        shell = self.shell
        if shell is None:
            return
        if self.chance(0.02):
            kill = self.rng.random() < 0.5
            shell.command(HaltRequest(protocol=PROTOCOL, by="ann", why="to see", kill=kill))
            return
        trading = shell.state.trading
        held = trading.state == HALTED or trading.reduce_cause is not None
        if shell.state.pending_hash and self.chance(0.3):
            self._accept_config(shell)
        if not held or not self.chance(self.drawn.operator):
            return
        self.stop_present = False
        newest = trading.halt.halt_id if trading.halt is not None else ""
        halt_id = newest if self.rng.random() < 0.8 else f"h1-{self.rng.randrange(3)}"
        by = "ann" if self.rng.random() < 0.95 else " "
        unverified = self.rng.random() < 0.1
        shell.command(shell.resume_request(halt_id, by, unverified=unverified))

    def _accept_config(self, shell: Shell) -> None:
        shell.accept(shell.state.pending_hash or "")

    # ----- faults of the host

    def _have_faults(self) -> None:
        drawn, faults = self.drawn, self.history.faults
        if self.shell is not None and self.crash_here("rest"):
            self._after_end(failed=False)
        if self.shell is not None and self.chance(drawn.pause):
            faults["sentinel_paused"] += 1
            pause_ms = self.rng.choice((80, 150, 600, 2000))
            self._paused_until_ns = max(self._paused_until_ns, self.now_ns + pause_ms * MS)
        if self.chance(drawn.clock_jump * 10):
            self._jump()
        if self.chance(drawn.stop_file * 3):
            faults["stop_file"] += 1
            self.stop_present = True
        if self.chance(drawn.config_change * 3):
            self._change_file()

    def _jump(self) -> None:
        self.history.faults["clock_jump"] += 1
        steps = [3 * SECOND, -3 * SECOND]
        if self.drawn.far_jumps:
            steps += [HOUR, -HOUR, DAY, DAY, 2 * DAY, -DAY, 40 * DAY]
        self.wall_off_ns += self.rng.choice(steps)

    def _change_file(self) -> None:
        self.file_torn = False
        chance = self.rng.random()
        if chance < 0.2:
            self.history.faults["bad_config"] += 1
            self.file_text = self.rng.choice(
                ("", "[limits]\nsymbols = []\n", "[limits\n", as_toml(self.config) + "[x]\n")
            )
            return
        self.config = changed_config(self.rng, self.config)
        text = as_toml(self.config)
        if chance < 0.4:
            self.history.faults["torn_config"] += 1
            self.file_torn = True
            text = text[: self.rng.randrange(len(text))]
        else:
            self.history.faults["config_changed"] += 1
        self.file_text = text
