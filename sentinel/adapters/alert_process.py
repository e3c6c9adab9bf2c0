"""The sentinel's hold on the alert process: a queue, a thread, restarts. `send` may never block.

Everything that can wait (the pipe, the start of a process, de-duplication) is done by one worker
thread, in small slices, so that it never keeps the deciding thread from running.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from alerts.credentials import resolve_routes
from alerts.frames import FramesBroken
from alerts.outbox import AlertCounts, Outbox, RouteHealth, unsent
from alerts.values import Alert, Outcome, Ready, Setup, Severity
from ipc.clock import NS_PER_MS, NS_PER_S, Clock
from ipc.config.values import RouteValues
from sentinel.adapters.alert_child import AlertChild

BUDGET_MS: Final = 4000
"""How long one route may take before the alert is handed on: within the five seconds of RTS 6."""
INBOX_MAX: Final = 16_384
CRITICAL_RESERVE: Final = 1024
"""Places of the inbox that only critical alerts may take."""
SLICE: Final = 64
CLOSE_SLACK_S: Final = 1.0
"""For the end of the process, after the time for what is on its way."""
IDLE_NS: Final = 60 * NS_PER_S
RESTART_FIRST_NS: Final = 100 * NS_PER_MS
RESTART_MAX_NS: Final = 5 * NS_PER_S
START_NS: Final = 30 * NS_PER_S
"""How long a process may take to load its routes: the machine may be very busy."""
LIVED_NS: Final = 10 * NS_PER_S
"""A process that lived this long is restarted without a longer wait."""


class AlertProcess:
    """Sends alerts through a process of their own. Made and closed by one thread.

    `on_outcome` is called for each alert and route, from the worker thread (and, where the inbox
    is full or there is no route, from inside `send`); it must not block. What it raises is counted
    in `callback_failures` and goes no further.
    """

    def __init__(
        self,
        routes: tuple[RouteValues, ...],
        clock: Clock,
        on_outcome: Callable[[Outcome], None],
        *,
        env: Mapping[str, str] | None = None,
        budget_ms: int = BUDGET_MS,
    ) -> None:
        """Resolve the routes and start; RouteUnusable (a ValueError) names one that cannot be."""
        self._env = dict(os.environ if env is None else env)
        resolved = resolve_routes(routes, self._env)
        self._setup = Setup(routes=resolved, budget_ms=budget_ms)
        self._clock = clock
        self._on_outcome = on_outcome
        self._outbox = Outbox(resolved)
        self._inbox: deque[Alert] = deque()
        self._outcomes: deque[Outcome] = deque()
        self._child: AlertChild | None = None
        self._started_ns = 0
        self._start_at_ns = 0
        self._ready_ns: int | None = None
        self._deaths_in_a_row = 0
        self._closing_until_ns: int | None = None
        self._ready = threading.Event()
        self.overflowed = 0
        """Alerts refused because the inbox was full."""
        self.callback_failures = 0
        self.restarts = 0
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread: threading.Thread | None = None
        if resolved:
            self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
            self._thread.start()

    @property
    def state(self) -> str:
        """`off` (no route), `up` (the process runs and has loaded its routes) or `down`."""
        if not self._setup.routes:
            return "off"
        alive = self._thread is not None and self._thread.is_alive()
        return "up" if alive and self._ready.is_set() else "down"

    @property
    def counts(self) -> AlertCounts:
        """Pending, sent and failed, the unread inbox included."""
        counts = self._outbox.counts
        return AlertCounts(
            pending=counts.pending + len(self._inbox),
            sent=counts.sent,
            failed=counts.failed + self.overflowed,
        )

    @property
    def routes(self) -> tuple[RouteHealth, ...]:
        """Each route's last word."""
        return self._outbox.health

    @property
    def pid(self) -> int | None:
        """The alert process's id, or None while there is none."""
        child = self._child
        return None if child is None else child.pid

    def wait_ready(self, timeout_ms: int) -> bool:
        """Wait until the process has said which routes load (see `routes`); for the start only."""
        return self._ready.wait(timeout_ms / 1000)

    def send(self, alert: Alert) -> None:
        """Hand an alert over. Returns at once, whatever the routes do."""
        if not self._setup.routes:
            self._refuse(alert, "no alert route is configured", final=True)
            return
        reserve = 0 if alert.severity is Severity.CRITICAL else CRITICAL_RESERVE
        if self._closing_until_ns is not None:
            self._refuse(alert, "the alerts are being shut down", final=False)
        elif len(self._inbox) >= INBOX_MAX - reserve:
            self.overflowed += 1
            self._refuse(alert, "too many alerts at once", final=False)
        else:
            self._inbox.append(alert)
            os.eventfd_write(self._wake_fd, 1)

    def close(self, timeout_ms: int = 1000) -> None:
        """Let what is on its way finish within the timeout, then end the process. Idempotent."""
        if self._closing_until_ns is None:
            self._closing_until_ns = self._clock.elapsed_ns() + timeout_ms * NS_PER_MS
            if self._thread is not None:
                os.eventfd_write(self._wake_fd, 1)
                self._thread.join(timeout_ms / 1000 + CLOSE_SLACK_S)
            if self._thread is None or not self._thread.is_alive():
                os.close(self._wake_fd)

    def _refuse(self, alert: Alert, detail: str, *, final: bool) -> None:
        self._call_back(unsent(alert.alert_id, detail, self._clock.wall_ns(), final=final))

    def _call_back(self, outcome: Outcome) -> None:
        try:
            self._on_outcome(outcome)
        except Exception:  # noqa: BLE001 (a fault of the listener must not stop alerts)
            self.callback_failures += 1

    # ----- the worker thread -------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._closing_until_ns is None:
                self._pass()
            self._finish(self._closing_until_ns)
        finally:
            self._end_child()

    def _pass(self) -> None:
        """One slice of work: everything in it is bounded."""
        now_ns = self._clock.elapsed_ns()
        self._keep_child(now_ns)
        self._wait(self._next_ns(now_ns))
        self._take_in()
        self._listen()
        self._hand_over()
        self._report(self._outbox.overdue(self._clock.elapsed_ns(), self._clock.wall_ns()))

    def _finish(self, until_ns: int) -> None:
        """Hand over what came last, then hear the process out until it ends or time is up."""
        while self._inbox:
            self._take_in()
        self._outbox.hurry()
        self._hand_over()
        while self._child is not None and self._clock.elapsed_ns() < until_ns:
            pipe = self._child.pipe
            if not pipe.unsent_bytes and pipe.write_fd >= 0:
                pipe.close_write()
            self._wait(until_ns)
            pipe.flush()
            self._listen()
        while self._outcomes:
            self._report(())

    def _wait(self, until_ns: int) -> None:
        poller = select.poll()
        if self._closing_until_ns is None:
            poller.register(self._wake_fd, select.POLLIN)
        if self._child is not None:
            poller.register(self._child.pipe.read_fd, select.POLLIN)
            if self._child.pipe.unsent_bytes:
                poller.register(self._child.pipe.write_fd, select.POLLOUT)
        left_ns = until_ns - self._clock.elapsed_ns()
        poller.poll(max(0, -(-left_ns // NS_PER_MS)))

    def _next_ns(self, now_ns: int) -> int:
        if self._inbox or self._outcomes:
            return now_ns
        times = [now_ns + IDLE_NS]
        due_ns = self._outbox.next_ns(connected=self._child is not None)
        if self._child is None:
            times.append(self._start_at_ns)
        stalled_ns = self._stalled_ns()
        times += [time_ns for time_ns in (due_ns, stalled_ns) if time_ns is not None]
        return min(times)

    def _take_in(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake_fd)
        for _ in range(min(SLICE, len(self._inbox))):
            alert = self._inbox.popleft()
            self._report(self._outbox.offer(alert, self._clock.elapsed_ns(), self._clock.wall_ns()))

    def _hand_over(self) -> None:
        child = self._child
        now_ns = self._clock.elapsed_ns()
        owed = self._outbox.to_send(now_ns, connected=child is not None)
        if child is None:
            return
        for alert in owed:
            child.pipe.send(alert)
        child.pipe.flush()

    def _listen(self) -> None:
        if self._child is None:
            return
        try:
            words = self._child.pipe.receive()
        except FramesBroken:
            self._bury_child()
            return
        for word in words:
            self._report(self._outbox.heard(word, self._clock.elapsed_ns()))
            if isinstance(word, Ready):
                self._ready_ns = self._clock.elapsed_ns()
                self._ready.set()
        if self._child.pipe.ended:
            self._bury_child()

    def _report(self, outcomes: Iterable[Outcome]) -> None:
        self._outcomes.extend(outcomes)
        for _ in range(min(SLICE, len(self._outcomes))):
            self._call_back(self._outcomes.popleft())

    def _keep_child(self, now_ns: int) -> None:
        """Start the process where there is none and the time has come; end one that is stuck."""
        stalled_ns = self._stalled_ns()
        if stalled_ns is not None and now_ns >= stalled_ns:
            self._bury_child()
        if self._child is not None or now_ns < self._start_at_ns:
            return
        try:
            self._child = AlertChild(self._setup, self._env)
        except OSError:
            self._bury_child()
            return
        self._started_ns = now_ns

    def _stalled_ns(self) -> int | None:
        """When the process counts as stuck: no set-up in START_NS, or twice every route's time."""
        if self._child is None:
            return None
        if self._ready_ns is None:
            return self._started_ns + START_NS
        oldest_ns = self._outbox.oldest_sent_ns()
        if oldest_ns is None:
            return None
        rounds = 2 * (len(self._setup.routes) + 1)
        return max(oldest_ns, self._ready_ns) + rounds * self._setup.budget_ms * NS_PER_MS

    def _bury_child(self) -> None:
        """Clean up after a process that died or must die, and set the time of its successor."""
        now_ns = self._clock.elapsed_ns()
        if self._child is not None and now_ns - self._started_ns >= LIVED_NS:
            self._deaths_in_a_row = 0
        self._end_child()
        self._outbox.lost()
        wait_ns = min(RESTART_FIRST_NS << min(self._deaths_in_a_row, 10), RESTART_MAX_NS)
        self._deaths_in_a_row += 1
        self.restarts += 1
        self._start_at_ns = now_ns + wait_ns

    def _end_child(self) -> None:
        self._ready.clear()
        self._ready_ns = None
        child, self._child = self._child, None
        if child is not None:
            child.end()
