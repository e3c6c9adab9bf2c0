"""The outside things of one sentinel, opened in order, closed in reverse. Decides nothing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection

from alerts.values import Outcome
from broker_api.open import open_oversight
from ipc.clock import Clock
from ipc.config.values import Config
from ipc.endpoints import Paths, prepare_directory
from ipc.server import Server
from sentinel.adapters.alert_process import AlertProcess
from sentinel.adapters.archivist import Archivist
from sentinel.adapters.drop_copy import DropCopy
from sentinel.adapters.executioner import Executioner
from sentinel.adapters.inbox import Inbox
from sentinel.adapters.journal_lock import lock_state_dir
from sentinel.adapters.log import EventLog
from sentinel.adapters.metered_server import MeteredServer
from sentinel.adapters.metrics import Metrics, metrics_port
from sentinel.adapters.service_manager import ServiceManager
from sentinel.adapters.stamp import Posted, Stamper
from sentinel.core.state import State
from sentinel.hands import Hands, boot_id, settled
from sentinel.health import judge
from sentinel.last_words import LastWords
from sentinel.memory import remember

OwnChildren = Callable[[], Collection[int]]


class Parts:
    """Everything a running sentinel touches. What fails while opening leaves nothing behind."""

    def __init__(
        self, config: Config, paths: Paths, clock: Clock, own_children: OwnChildren | None
    ) -> None:
        self._exits = contextlib.ExitStack()
        port = metrics_port(config.metrics_port, os.environ)
        try:
            self._open_own(config, paths, clock)
            self._open_workers(config, clock, own_children)
            self._open_metrics(port, clock)
        except BaseException:
            self.close()
            raise

    def _open_own(self, config: Config, paths: Paths, clock: Clock) -> None:
        """Directories, lock, broker, journal, sockets: what a start can be refused for."""
        self.log = EventLog()
        self._exits.callback(self.log.close)
        self.manager = ServiceManager(os.environ, clock=clock)
        self._exits.callback(self.manager.close)
        for directory in (paths.state_dir, paths.runtime_dir):
            warning = prepare_directory(directory)
            if warning:
                self.log.write("directory_narrowed", detail=warning)
        self.lock = self._exits.enter_context(lock_state_dir(paths.state_dir))
        account = config.risk.account
        self.broker = open_oversight(account, config.broker, paths.state_dir, clock)
        self._exits.callback(self.broker.close)
        self.facts = self.broker.facts()
        self.memory = remember(
            paths.state_dir / "journal",
            durability=config.journal.durability
            or ("power" if account.mode == "live" else "process"),
            segment_bytes=config.journal.segment_bytes,
            clock=clock,
        )
        self.journal = self.memory.journal
        self._exits.callback(self.journal.close)
        self.archivist = Archivist(
            paths.state_dir / "journal",
            retain_days=config.journal.retain_days,
            snapshot_seq=self.memory.snapshot_seq,
        )
        self._exits.callback(self.archivist.close)
        self.stamper = stamper_for(self.memory.state, clock)
        self.inbox: Inbox[Posted] = Inbox()
        self._exits.callback(self.inbox.close)
        self.server = Server(paths, clock)
        self._exits.callback(self.server.close)
        self.server.register(self.inbox.fileno())
        for warning in self.server.warnings:
            self.log.write("warning", detail=warning)
        self.words = LastWords(paths.state_dir / "last.json")

    def _open_workers(self, config: Config, clock: Clock, own_children: OwnChildren | None) -> None:
        """Threads and processes that only post into the inbox."""
        self.alerts = AlertProcess(config.routes, clock, self._on_outcome)
        self._exits.callback(self.alerts.close)
        self.drop_copy = DropCopy(
            self.broker,
            self.inbox.put,
            clock,
            poll_ms=config.broker.poll_ms,
            since_fill=self.memory.state.fill_seq,
            offset_ns=self.stamper.offset_ns,
        )
        self._exits.callback(self.drop_copy.close)
        self.executioner = Executioner(
            self.inbox.put_urgent, clock, own_children=self._known_children(own_children)
        )
        self._exits.callback(self.executioner.close)
        self.hands = Hands(
            config,
            self.facts.account_id,
            alerts=self.alerts,
            drop_copy=self.drop_copy,
            executioner=self.executioner,
            log=self.log,
        )

    def _open_metrics(self, port: int, clock: Clock) -> None:
        """The page of numbers; a port that cannot be had is degraded and no more."""
        self.metrics = Metrics(port, clock, judge)
        self._exits.callback(self.metrics.close)
        if self.metrics.problem:
            self.log.write("degraded", detail=self.metrics.problem)
        self.transport: Server | MeteredServer = self.server
        if self.metrics.on:
            self.transport = MeteredServer(self.server, clock, self.metrics.observe_gate)

    def start(self) -> None:
        """Let the workers begin."""
        self.drop_copy.start()
        self.executioner.start()

    def close(self) -> None:
        """Close everything, last opened first; twice is once."""
        self._exits.close()

    def on_close(self, callback: Callable[[], object]) -> None:
        """Close something more, before all that is open now."""
        self._exits.callback(callback)

    def _on_outcome(self, outcome: Outcome) -> None:
        self.inbox.put(settled(outcome))

    def _known_children(self, started: OwnChildren | None) -> OwnChildren | None:
        """Where we adopt orphans: the children that are ours, the alert process among them."""
        if started is None:
            return None

        def known() -> Collection[int]:
            ours = (self.alerts.pid, self.archivist.pid)
            return (*started(), *(pid for pid in ours if pid is not None))

        return known


def stamper_for(state: State, clock: Clock) -> Stamper:
    """Go on in the core's time: as before in the same boot, after a reboot from where it ended."""
    if state.epoch == 0:
        return Stamper(clock, 0)
    if state.boot_id == boot_id():
        return Stamper(clock, state.offset_ns)
    return Stamper(clock, max(0, state.now_ns - clock.elapsed_ns() + 1))
