"""One lane per route: its waiting and running sends, so that a route that hangs holds up no other.

It may never wait: time comes in as an argument, and a send is ended when its time is over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from alerts.attempt import Attempt
from alerts.sender import Sent
from alerts.values import Alert
from ipc.clock import NS_PER_MS

RUNNING_MAX: Final = 4
"""Sends at once on one route."""
ORDER_NS: Final = 300 * NS_PER_MS
"""A send this young makes the next one of its route wait, so that messages keep their order."""
TRIES_MAX: Final = 3
BACKOFF_NS: Final = (300 * NS_PER_MS, 900 * NS_PER_MS)
"""Before the second and the third try."""

Start = Callable[[Alert, int, int], Attempt]
"""(alert, now_ns, lifetime_ms) to a running attempt; OSError if there can be none."""


class Job(Struct, frozen=True, kw_only=True):
    """One alert that is to go out on this route before `deadline_ns`."""

    alert: Alert
    deadline_ns: int
    not_before_ns: int
    attempt: int = 1


class Settled(Struct, frozen=True, kw_only=True):
    """The route's last word on one alert."""

    route: str
    alert_id: str
    attempt: int
    sent: Sent


class Lane:
    """The sends of one route. `start` makes the attempt (a forked child, in the real process)."""

    def __init__(self, route: str, start: Start) -> None:
        self._route = route
        self._start = start
        self._waiting: list[Job] = []
        self._running: list[tuple[Job, Attempt]] = []
        self._ended: list[Attempt] = []

    def add(self, job: Job) -> None:
        """Put a job in the queue; louder ones go first, else first come, first served."""
        self._waiting.append(job)
        self._waiting.sort(key=lambda other: -other.alert.severity.rank)

    def report_fds(self) -> list[int]:
        """Descriptors that become readable when a send has ended."""
        return [attempt.report_fd for _, attempt in self._running]

    def next_ns(self, now_ns: int) -> int | None:
        """When this lane wants to be looked at again, or None while it is empty."""
        times = [job.deadline_ns for job, _ in self._running]
        times += [job.deadline_ns for job in self._waiting]
        free_ns = self._free_ns(now_ns)
        if free_ns is not None:
            times += [max(free_ns, job.not_before_ns) for job in self._waiting]
        return min(times, default=None)

    def advance(self, now_ns: int) -> list[Settled]:
        """Collect what ended, end what is over time, start what may start."""
        self._ended = [attempt for attempt in self._ended if not attempt.reap()]
        settled = self._collect(now_ns) + self._expire(now_ns)
        settled += self._start_due(now_ns)
        return settled

    def abandon(self) -> None:
        """End every send; nothing more comes of this lane."""
        for _, attempt in self._running:
            attempt.end()
        self._running.clear()
        self._waiting.clear()

    def _free_ns(self, now_ns: int) -> int | None:
        if len(self._running) >= RUNNING_MAX:
            return None
        return max((attempt.started_ns + ORDER_NS for _, attempt in self._running), default=now_ns)

    def _collect(self, now_ns: int) -> list[Settled]:
        settled: list[Settled] = []
        for job, attempt in list(self._running):
            sent = attempt.poll()
            if sent is None and now_ns >= job.deadline_ns:
                sent = Sent(delivered=False, detail="no answer in time")
            if sent is None:
                continue
            self._running.remove((job, attempt))
            attempt.end()
            self._ended.append(attempt)
            settled += self._settle_or_retry(job, sent, now_ns)
        return settled

    def _settle_or_retry(self, job: Job, sent: Sent, now_ns: int) -> list[Settled]:
        if not sent.delivered and job.attempt < TRIES_MAX:
            again_ns = now_ns + BACKOFF_NS[job.attempt - 1]
            if again_ns + BACKOFF_NS[0] < job.deadline_ns:
                self.add(
                    Job(
                        alert=job.alert,
                        deadline_ns=job.deadline_ns,
                        not_before_ns=again_ns,
                        attempt=job.attempt + 1,
                    )
                )
                return []
        return [self._last_word(job, sent)]

    def _expire(self, now_ns: int) -> list[Settled]:
        late = [job for job in self._waiting if now_ns >= job.deadline_ns]
        self._waiting = [job for job in self._waiting if now_ns < job.deadline_ns]
        busy = Sent(delivered=False, detail="not sent in time: the route's earlier sends hang")
        return [self._last_word(job, busy) for job in late]

    def _start_due(self, now_ns: int) -> list[Settled]:
        settled: list[Settled] = []
        for job in list(self._waiting):
            free_ns = self._free_ns(now_ns)
            if free_ns is None or now_ns < free_ns:
                break
            if now_ns < job.not_before_ns:
                continue
            self._waiting.remove(job)
            lifetime_ms = (job.deadline_ns - now_ns) // NS_PER_MS + 500
            try:
                self._running.append((job, self._start(job.alert, now_ns, lifetime_ms)))
            except OSError as error:
                sent = Sent(delivered=False, detail=f"no process for the send: {error.strerror}")
                settled += self._settle_or_retry(job, sent, now_ns)
        return settled

    def _last_word(self, job: Job, sent: Sent) -> Settled:
        return Settled(
            route=self._route, alert_id=job.alert.alert_id, attempt=job.attempt, sent=sent
        )
