"""One running sentinel: its parts around its loop, from the first entry of an epoch to the last.

It owns no decision. What fails at start is an error with an exit code; what fails later ends the
process with the gate closed.
"""

from __future__ import annotations

import contextlib
import os
import signal
from importlib.metadata import version
from pathlib import Path

from ipc.clock import NS_PER_S, Clock
from ipc.config.values import Config
from ipc.endpoints import Paths
from sentinel.adapters.identity import ProcessGone, identify, is_left
from sentinel.adapters.journal_format import JournalFailed
from sentinel.adapters.stamp import Stamp
from sentinel.attendance import Attendance
from sentinel.core.events import CommandGuarded, EpochStarted, Event, HaltRequested
from sentinel.core.ledger import Entry, Ledger, encode_entry
from sentinel.gatekeeper import Gatekeeper
from sentinel.hands import boot_id
from sentinel.loop import Loop, Ports
from sentinel.operators import Operators
from sentinel.parts import OwnChildren, Parts
from sentinel.status_document import Surroundings, status_document
from sentinel.telemetry import telemetry_of
from sentinel.watchers import Watchers

MARKER = "HALT"
WHY_MAX = 400
FORMER_NS = 10 * NS_PER_S
"""How long a loop may take to withdraw or say hello again after a restart of the sentinel."""


class Running:
    """A sentinel from start to end. `close` is safe whatever was reached."""

    def __init__(
        self,
        config: Config,
        config_path: Path,
        paths: Paths,
        clock: Clock,
        *,
        own_children: OwnChildren | None = None,
    ) -> None:
        self.config = config
        self.config_path = config_path
        self.paths = paths
        self.exit_code = 0
        self.parts = Parts(config, paths, clock, own_children)
        try:
            self._assemble(clock)
            self._begin()
        except BaseException:
            self.close()
            raise

    def _assemble(self, clock: Clock) -> None:
        parts = self.parts
        self.log = parts.log
        self.state = parts.memory.state
        self._ledger = Ledger(self.state)
        self._gatekeeper = Gatekeeper(
            mode=parts.facts.mode,
            account_id=parts.facts.account_id,
            ttl_ms=self.config.ipc.approval_ttl_ms,
            loop_uid=os.geteuid(),
        )
        self._operators = Operators(status=self.status)
        self._attendance = Attendance(parts.server, parts.executioner, self.state)
        parts.on_close(self._attendance.close)
        self._watchers = Watchers(
            self.config,
            self.config_path,
            self.paths.state_dir,
            inbox=parts.inbox,
            state=self.state,
            operators=self._operators,
            clock=clock,
        )
        parts.on_close(self._watchers.close)
        self._started_ns = parts.stamper.now().at_ns
        self.loop = Loop(
            self._ledger,
            self._gatekeeper,
            self._operators,
            Ports(
                transport=parts.transport,
                inbox=parts.inbox,
                stamper=parts.stamper,
                append=parts.journal.append,
                perform=parts.hands.perform,
                ended=self._attendance.ended,
                published=self._published,
                housekeeping=self._keep_house,
                alive=parts.manager.watchdog,
            ),
        )

    def _begin(self) -> None:
        """Journal the new epoch, the limits and whatever halts us, before the first message."""
        parts = self.parts
        stamp = parts.stamper.now()
        epoch = max(parts.journal.epoch, self.state.epoch + 1)
        parts.journal.set_epoch(epoch)
        self._gatekeeper.epoch = self._operators.epoch = epoch
        self._take(
            EpochStarted(
                at_ns=stamp.at_ns,
                wall_ns=stamp.wall_ns,
                epoch=epoch,
                boot_id=boot_id(),
                offset_ns=stamp.offset_ns,
                account_id=parts.facts.account_id,
                mode=parts.facts.mode,
                version=version("scalper-sentinel"),
                approval_ttl_ns=self._gatekeeper.ttl_ns,
            ),
            stamp,
        )
        self._take(self._watchers.offered(stamp), stamp)
        if parts.memory.truncated_bytes is not None:
            self.log.write("journal_tail_truncated", bytes=parts.memory.truncated_bytes)
        marker = self.paths.runtime_dir / MARKER
        if os.path.lexists(marker):
            self._take(self._danger("JOURNAL_FAILED", stamp, kill=False), stamp)
            marker.unlink()
        self._watchers.start()
        for posted in parts.inbox.drain():
            self._take(posted(stamp), stamp)
        parts.start()

    def _take(self, event: Event | None, stamp: Stamp) -> None:
        """Decide, journal and act outside a pass: only before the first one."""
        if event is None:
            return
        entries, effects = self._ledger.take(event)
        self.parts.journal.append([encode_entry(entry) for entry in entries])
        for effect in effects:
            self.parts.hands.perform(effect, stamp)

    def guards(self, pid: int) -> None:
        """Take this process for the loop from its first instruction on, hello or not."""
        try:
            start_ticks = identify(pid).start_ticks
        except ProcessGone:
            return
        self.parts.executioner.watch(pid, start_ticks)
        self.parts.inbox.put_urgent(
            lambda s: CommandGuarded(
                at_ns=s.at_ns, wall_ns=s.wall_ns, pid=pid, start_ticks=start_ticks
            )
        )

    def run(self) -> int:
        """Serve until told to end; returns the exit code."""
        self.parts.manager.ready()
        self.log.write("ready", epoch=self._gatekeeper.epoch, state=self.state.trading.state)
        self._say_last_words(self.parts.stamper.now())
        try:
            self.loop.run()
        except JournalFailed as error:
            self._journal_lost(error)
        self.parts.manager.stopping()
        self.log.write("stopped", exit_code=self.exit_code)
        return self.exit_code

    def stop(self) -> None:
        """Let `run` return after the present pass; safe in a signal handler."""
        self.loop.stopping = True
        with contextlib.suppress(ValueError, OSError):
            os.eventfd_write(self.parts.inbox.fileno(), 1)

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT close the gate, latch nothing, and end the process with 0."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())

    def close(self) -> None:
        """Take everything apart, last made first."""
        self.parts.close()

    def _published(self, entry: Entry) -> None:
        """Keep up with sessions, and tell watchers."""
        self._attendance.note(entry)
        state = self.state.trading.state
        for topic, payload in telemetry_of(entry, state):
            self.parts.server.publish(topic, payload)
        if entry.effects and state != self.parts.words.state:
            self._say_last_words(self.parts.stamper.now())

    def _say_last_words(self, stamp: Stamp) -> None:
        document = self.status(stamp)
        self.parts.words.say(document, self.state.trading.state)
        self.parts.metrics.update(document)

    def _keep_house(self, stamp: Stamp) -> None:
        """Once a second: files and sockets are still ours, and the world knows of us."""
        parts = self.parts
        parts.journal.check_identity()
        parts.lock.check_identity()
        parts.journal.prepare_room()
        parts.archivist.look(parts.journal.position, stamp.wall_ns)
        if not parts.server.check_identity():
            parts.inbox.put_urgent(lambda s: self._danger("SOCKET_REPLACED", s, kill=True))
        if self._watchers.blind:
            parts.inbox.put_urgent(lambda s: self._danger("STOP_POLL_STALLED", s, kill=True))
        self._watchers.look_for_gone_stop()
        if self.state.former and stamp.at_ns - self._started_ns > FORMER_NS:
            self._look_for_former()
        self._say_last_words(stamp)

    def _look_for_former(self) -> None:
        """A loop of the epoch before that neither said hello again nor ended is out of control."""
        if any(is_left(pid, start_ticks) for pid, start_ticks in self.state.former):
            why = "it runs on without a session since the sentinel restarted"
            self.parts.inbox.put_urgent(lambda s: self._danger("LOOP_GONE", s, kill=True, why=why))

    def _danger(self, cause: str, stamp: Stamp, *, kill: bool, why: str = "") -> Event:
        return HaltRequested(
            at_ns=stamp.at_ns, wall_ns=stamp.wall_ns, cause=cause, by="sentinel", why=why, kill=kill
        )

    def status(self, stamp: Stamp | None = None) -> dict[str, object]:
        """Return the status document of now."""
        parts = self.parts
        required = {route.name for route in self.config.routes if route.required}
        down = (r.name for r in parts.alerts.routes if r.state in ("failing", "unloadable"))
        degraded = (*self._watchers.degraded, parts.metrics.problem)
        return status_document(
            self.state,
            Surroundings(
                version=version("scalper-sentinel"),
                started_ns=self._started_ns,
                journal_seq=parts.journal.last_seq,
                journal_lag_ms=0,
                alerts_state=parts.alerts.state,
                required_routes_down=tuple(name for name in down if name in required),
                degraded=tuple(problem for problem in degraded if problem),
                counters={
                    **parts.server.counters,
                    **self._gatekeeper.counters,
                    "inbox_dropped": parts.inbox.dropped,
                    "log_dropped": parts.log.dropped,
                },
            ),
            (stamp or parts.stamper.now()).at_ns,
        )

    def _journal_lost(self, error: JournalFailed) -> None:
        """The memory is gone: nothing is answered any more, the loops die, and so do we."""
        self.exit_code = 1
        parts = self.parts
        stamp = parts.stamper.now()
        why = str(error)[:WHY_MAX]
        halt = self._danger("JOURNAL_FAILED", stamp, kill=False, why=why)
        processes = [(s.pid, s.start_ticks) for s in self.state.sessions.values()]
        entries, effects = self._ledger.take(halt)
        with contextlib.suppress(OSError):
            (self.paths.runtime_dir / MARKER).touch(mode=0o600)
        with contextlib.suppress(JournalFailed):
            parts.journal.append_reserved(encode_entry(entries[-1]))
        self.log.write("journal_failed", detail=why)
        for effect in effects:
            parts.hands.perform(effect, stamp)
        parts.executioner.kill_now(processes)
        self._say_last_words(stamp)
