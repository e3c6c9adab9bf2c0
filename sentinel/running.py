"""One running sentinel: assembled from its parts, run, and taken apart again in order.

It owns no decision. What fails at start is an error with an exit code; what fails later ends the
process with the gate closed.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Collection
from importlib.metadata import version
from pathlib import Path

from alerts.values import Outcome
from broker_api.open import open_oversight
from ipc.clock import Clock
from ipc.config.problems import ConfigError
from ipc.config.reader import decode_config, limits_hash
from ipc.config.values import Config
from ipc.endpoints import Paths, prepare_directory
from ipc.server import Server
from sentinel.adapters.alert_process import AlertProcess
from sentinel.adapters.config_watch import ConfigWatch, FileRefused, read_guarded
from sentinel.adapters.drop_copy import DropCopy
from sentinel.adapters.executioner import Executioner
from sentinel.adapters.identity import ProcessGone, open_pidfd_of
from sentinel.adapters.inbox import Inbox
from sentinel.adapters.journal_format import JournalFailed
from sentinel.adapters.journal_lock import lock_state_dir
from sentinel.adapters.log import EventLog
from sentinel.adapters.service_manager import ServiceManager
from sentinel.adapters.stamp import Posted, Stamp, Stamper
from sentinel.adapters.stop_file import StopCause, StopFileWatch
from sentinel.core.events import (
    EpochStarted,
    Event,
    HaltRequested,
    HelloReceived,
    SessionEnded,
    StopFileGone,
    StopFileSeen,
    TreeKilled,
)
from sentinel.core.ledger import Entry, Ledger, encode_entry
from sentinel.gatekeeper import Gatekeeper
from sentinel.hands import Hands, boot_id, settled
from sentinel.last_words import LastWords
from sentinel.limits_desk import Candidate, limits_event
from sentinel.loop import Loop
from sentinel.memory import remember
from sentinel.operators import Operators
from sentinel.status_document import Surroundings, status_document
from sentinel.telemetry import telemetry_of

MARKER = "HALT"
STOP_STALE_MS = 2_000


class Running:
    """A sentinel from start to end. `close` is safe whatever was reached."""

    def __init__(
        self,
        config: Config,
        config_path: Path,
        paths: Paths,
        clock: Clock,
        *,
        own_children: Callable[[], Collection[int]] | None = None,
    ) -> None:
        self.config = config
        self.paths = paths
        self.config_path = config_path
        self._clock = clock
        self._exits = contextlib.ExitStack()
        self.exit_code = 0
        try:
            self._open(own_children)
        except BaseException:
            self.close()
            raise

    def _open(self, own_children: Callable[[], Collection[int]] | None) -> None:
        config, clock, paths = self.config, self._clock, self.paths
        self.log = EventLog()
        self._exits.callback(self.log.close)
        self._manager = ServiceManager(os.environ, clock=clock)
        self._exits.callback(self._manager.close)
        for directory in (paths.state_dir, paths.runtime_dir):
            warning = prepare_directory(directory)
            if warning:
                self.log.write("directory_narrowed", detail=warning)
        self._lock = self._exits.enter_context(lock_state_dir(paths.state_dir))
        risk = config.risk
        broker = open_oversight(risk.account, config.broker, paths.state_dir, clock)
        self._exits.callback(broker.close)
        facts = broker.facts()
        durability = config.journal.durability or (
            "power" if risk.account.mode == "live" else "process"
        )
        memory = remember(
            paths.state_dir / "journal",
            durability=durability,
            segment_bytes=config.journal.segment_bytes,
            clock=clock,
        )
        self._journal = memory.journal
        self._exits.callback(self._journal.close)
        self.state = memory.state
        self._inbox: Inbox[Posted] = Inbox()
        self._exits.callback(self._inbox.close)
        self._stamper = self._stamp_from(clock)
        self._ledger = Ledger(self.state)
        self._server = Server(paths, clock)
        self._exits.callback(self._server.close)
        self._server.register(self._inbox.fileno())
        for warning in self._server.warnings:
            self.log.write("warning", detail=warning)
        self._alerts = AlertProcess(config.routes, clock, self._on_outcome)
        self._exits.callback(self._alerts.close)
        self._drop_copy = DropCopy(
            broker,
            self._inbox.put,
            clock,
            poll_ms=config.broker.poll_ms,
            since_fill=self.state.fill_seq,
            offset_ns=self._stamper.offset_ns,
        )
        self._exits.callback(self._drop_copy.close)
        self._executioner = Executioner(
            self._post, clock, own_children=self._known_children(own_children)
        )
        self._exits.callback(self._executioner.close)
        self._hands = Hands(
            config,
            facts.account_id,
            alerts=self._alerts,
            drop_copy=self._drop_copy,
            executioner=self._executioner,
            log=self.log,
        )
        self._gatekeeper = Gatekeeper(
            mode=facts.mode,
            account_id=facts.account_id,
            ttl_ms=config.ipc.approval_ttl_ms,
            loop_uid=os.geteuid(),
        )
        self._operators = Operators(status=self.status, account=self.status)
        self._words = LastWords(paths.state_dir / "last.json")
        self._pidfds: dict[str, int] = {}
        self._stop_present = False
        self.loop = Loop(
            transport=self._server,
            inbox=self._inbox,
            stamper=self._stamper,
            ledger=self._ledger,
            gatekeeper=self._gatekeeper,
            operators=self._operators,
            append=self._journal.append,
            perform=self._hands.perform,
            housekeeping=self._keep_house,
            alive=self._manager.watchdog,
            published=self._published,
        )
        self._started_ns = self._stamper.now().at_ns
        self._begin(facts.mode, facts.account_id, memory.truncated_bytes)

    def _known_children(
        self, started: Callable[[], Collection[int]] | None
    ) -> Callable[[], Collection[int]] | None:
        """Where we adopt orphans: the children that are ours, the alert process among them."""
        if started is None:
            return None

        def known() -> Collection[int]:
            alerter = self._alerts.pid
            return (*started(), *(() if alerter is None else (alerter,)))

        return known

    def _stamp_from(self, clock: Clock) -> Stamper:
        """Go on in the core's time: in the same boot as before, after a reboot where it ended."""
        if self.state.epoch == 0:
            return Stamper(clock, 0)
        if self.state.boot_id == boot_id():
            return Stamper(clock, self.state.offset_ns)
        return Stamper(clock, max(0, self.state.now_ns - clock.elapsed_ns() + 1))

    def _begin(self, mode: str, account_id: str, truncated_bytes: int | None) -> None:
        """Journal the new epoch, the limits and whatever halts us before the first message."""
        stamp = self._stamper.now()
        epoch = max(self._journal.epoch, self.state.epoch + 1)
        self._journal.set_epoch(epoch)
        self._gatekeeper.epoch = self._operators.epoch = epoch
        started = EpochStarted(
            at_ns=stamp.at_ns,
            wall_ns=stamp.wall_ns,
            epoch=epoch,
            boot_id=boot_id(),
            offset_ns=stamp.offset_ns,
            account_id=account_id,
            mode=mode,
            version=version("scalper-sentinel"),
            approval_ttl_ns=self._gatekeeper.ttl_ns,
        )
        self._take(started, stamp)
        self._offer(Candidate(risk=self.config.risk, hash=limits_hash(self.config.risk)), stamp)
        if truncated_bytes is not None:
            self.log.write("journal_tail_truncated", bytes=truncated_bytes)
        marker = self.paths.runtime_dir / MARKER
        if os.path.lexists(marker):
            self._take(
                HaltRequested(
                    at_ns=stamp.at_ns,
                    wall_ns=stamp.wall_ns,
                    cause="JOURNAL_FAILED",
                    by="sentinel",
                    why="the journal of the last run could not be written",
                ),
                stamp,
            )
            marker.unlink()
        self._watch_files()

    def _watch_files(self) -> None:
        paths = [self.paths.state_dir / "STOP", *map(Path, self.config.stop_file_paths)]
        self._stops = StopFileWatch(paths, self._on_stop, self._clock)
        self._exits.callback(self._stops.close)
        self._stops.start()
        self._stops.check_now()
        for posted in self._inbox.drain():
            stamp = self._stamper.now()
            event = posted(stamp)
            if event is not None:
                self._take(event, stamp)
        self._config_watch = ConfigWatch(self.config_path, self._on_config, self._clock)
        self._exits.callback(self._config_watch.close)
        self._config_watch.start()
        self._drop_copy.start()
        self._executioner.start()

    def _take(self, event: Event, stamp: Stamp) -> None:
        """Decide, journal and act outside a pass: only before the first one."""
        entries, effects = self._ledger.take(event)
        self._journal.append([encode_entry(entry) for entry in entries])
        for effect in effects:
            self._hands.perform(effect, stamp)

    def run(self) -> int:
        """Serve until told to end; returns the exit code."""
        self._manager.ready()
        self.log.write("ready", epoch=self._gatekeeper.epoch, state=self.state.trading.state)
        self._say_last_words(self._stamper.now())
        try:
            self.loop.run()
        except JournalFailed as error:
            self._journal_lost(error)
        self._manager.stopping()
        self.log.write("stopped", exit_code=self.exit_code)
        return self.exit_code

    def stop(self) -> None:
        """Let `run` return after the present pass; safe in a signal handler."""
        self.loop.stopping = True
        with contextlib.suppress(ValueError, OSError):
            os.eventfd_write(self._inbox.fileno(), 1)

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT close the gate, latch nothing, and end the process with 0."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())

    def close(self) -> None:
        """Take everything apart, last made first."""
        self._exits.close()

    # ----- what the threads hand in ------------------------------------------------------------

    def _post(self, posted: Posted) -> bool:
        return self._inbox.put_urgent(posted)

    def _on_outcome(self, outcome: Outcome) -> None:
        self._inbox.put(settled(outcome))

    def _on_stop(self, path: Path, cause: StopCause) -> bool:
        def post(stamp: Stamp) -> Event:
            self._stop_present = True
            return StopFileSeen(
                at_ns=stamp.at_ns, wall_ns=stamp.wall_ns, path=str(path), cause=cause.value
            )

        return self._inbox.put_urgent(post)

    def _on_config(self) -> bool:
        candidate = self._read_candidate()
        return self._inbox.put(lambda stamp: self._candidate_event(candidate, stamp))

    def _read_candidate(self) -> Candidate:
        name = str(self.config_path)
        try:
            config = decode_config(read_guarded(self.config_path), name)
        except (ConfigError, FileRefused) as error:
            return Candidate(problem=str(error).splitlines()[0][:400])
        if config.risk.account.mode != self.config.risk.account.mode:
            return Candidate(problem=f"{name}: [account] mode cannot change while running")
        return Candidate(risk=config.risk, hash=limits_hash(config.risk))

    def _candidate_event(self, candidate: Candidate, stamp: Stamp) -> Event | None:
        event = limits_event(self.state, candidate, stamp)
        if candidate.risk is not None:
            self._operators.pending = (candidate.risk, candidate.hash)
        return event

    def _offer(self, candidate: Candidate, stamp: Stamp) -> None:
        event = self._candidate_event(candidate, stamp)
        if event is not None:
            self._take(event, stamp)

    # ----- what the loop hands out -------------------------------------------------------------

    def _published(self, entry: Entry) -> None:
        """Tell watchers, and keep the descriptors of the open sessions."""
        match entry.event:
            case HelloReceived(run_id=run_id, pid=pid, start_ticks=start_ticks):
                if run_id in self.state.sessions and run_id not in self._pidfds:
                    self._attend(run_id, pid, start_ticks)
            case SessionEnded(run_id=run_id):
                self._leave(run_id)
            case TreeKilled(survivors=0):
                for run_id in list(self._pidfds):
                    self._leave(run_id)
            case _:
                pass
        for topic, payload in telemetry_of(entry, self.state.trading.state):
            self._server.publish(topic, payload)
        if entry.effects:
            self._say_if_changed()

    def _attend(self, run_id: str, pid: int, start_ticks: int) -> None:
        try:
            fd = open_pidfd_of(pid, start_ticks)
        except ProcessGone:
            return
        self._pidfds[run_id] = fd
        self._server.register(fd)
        self.loop.watch(fd, run_id)
        self._executioner.watch(pid, start_ticks)
        self.log.write("session_opened", run_id=run_id, pid=pid)

    def _leave(self, run_id: str) -> None:
        fd = self._pidfds.pop(run_id, None)
        if fd is None:
            return
        self._server.unregister(fd)
        self.loop.unwatch(fd)
        os.close(fd)

    def _say_if_changed(self) -> None:
        if self.state.trading.state != self._words.state:
            self._say_last_words(self._stamper.now())

    def _say_last_words(self, stamp: Stamp) -> None:
        self._words.say(self.status(stamp), self.state.trading.state)

    def _keep_house(self, stamp: Stamp) -> None:
        """Once a second: the files and sockets are still ours, and the world knows of us."""
        self._journal.check_identity()
        self._lock.check_identity()
        self._journal.prepare_room()
        if not self._server.check_identity():
            self._post(lambda s: self._danger("SOCKET_REPLACED", s))
        if self._stops.poll_age_ms() > STOP_STALE_MS:
            self._post(lambda s: self._danger("STOP_POLL_STALLED", s))
        if self._stop_present and not self._stops.check_now():
            self._stop_present = False
            self._post(lambda s: StopFileGone(at_ns=s.at_ns, wall_ns=s.wall_ns))
        self._say_last_words(stamp)

    def _danger(self, cause: str, stamp: Stamp) -> Event:
        return HaltRequested(
            at_ns=stamp.at_ns, wall_ns=stamp.wall_ns, cause=cause, by="sentinel", kill=True
        )

    def status(self, stamp: Stamp | None = None) -> dict[str, object]:
        """Return the status document of now."""
        at_ns = (stamp or self._stamper.now()).at_ns
        routes = self._alerts.routes
        required = {route.name for route in self.config.routes if route.required}
        down = tuple(r.name for r in routes if r.name in required and r.state == "down")
        degraded = tuple(
            problem
            for problem in (self._stops.degraded, self._config_watch.degraded)
            if problem is not None
        )
        return status_document(
            self.state,
            Surroundings(
                version=version("scalper-sentinel"),
                started_ns=self._started_ns,
                journal_seq=self._journal.last_seq,
                journal_lag_ms=0,
                alerts_state=self._alerts.state,
                required_routes_down=down,
                degraded=degraded,
                counters={
                    **self._server.counters,
                    **self._gatekeeper.counters,
                    "inbox_dropped": self._inbox.dropped,
                    "log_dropped": self.log.dropped,
                },
            ),
            at_ns,
        )

    # ----- the end -----------------------------------------------------------------------------

    def _journal_lost(self, error: JournalFailed) -> None:
        """The memory is gone: nothing is answered any more, the loops die, and so do we."""
        self.exit_code = 1
        stamp = self._stamper.now()
        halt = HaltRequested(
            at_ns=stamp.at_ns,
            wall_ns=stamp.wall_ns,
            cause="JOURNAL_FAILED",
            by="sentinel",
            why=str(error)[:400],
        )
        entries, effects = self._ledger.take(halt)
        processes = [(s.pid, s.start_ticks) for s in self.state.sessions.values()]
        with contextlib.suppress(OSError):
            (self.paths.runtime_dir / MARKER).touch(mode=0o600)
        with contextlib.suppress(JournalFailed):
            self._journal.append_reserved(encode_entry(entries[-1]))
        self.log.write("journal_failed", detail=str(error))
        for effect in effects:
            self._hands.perform(effect, stamp)
        self._executioner.kill_now(processes)
        self._say_last_words(stamp)
