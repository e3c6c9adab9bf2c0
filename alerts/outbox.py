"""What is owed: alerts not yet delivered, what is on its way, and when to try again. Pure.

Time comes in as an argument. It may never forget an alert before a route took it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from alerts.coalescing import Coalescer, Message
from alerts.routing import plan
from alerts.values import Alert, Finished, Outcome, Ready, Route, Severity
from ipc.clock import NS_PER_S

WINDOW_MAX: Final = 32
"""Messages with the alert process at once."""
TOLD_WITHIN_NS: Final = 5 * NS_PER_S
"""RTS 6, article 16(5): a real-time alert within five seconds of the event."""
BACKOFF_FIRST_NS: Final = 2 * NS_PER_S
BACKOFF_MAX_NS: Final = {
    Severity.CRITICAL: 15 * NS_PER_S,
    Severity.WARNING: 60 * NS_PER_S,
    Severity.INFO: 300 * NS_PER_S,
}


class AlertCounts(Struct, frozen=True, kw_only=True):
    """For status: `pending` now, `sent` and `failed` (told so once, still owed) since the start."""

    pending: int
    sent: int
    failed: int


class RouteHealth(Struct, frozen=True, kw_only=True):
    """A route's last word: `state` is untried, ok, failing or unloadable."""

    name: str
    required: bool
    state: str
    detail: str


class _Entry:
    """One message on its way."""

    __slots__ = (
        "acknowledged",
        "failed",
        "message",
        "not_before_ns",
        "rounds",
        "sent_ns",
        "since_ns",
        "spoken",
    )

    def __init__(self, message: Message, now_ns: int) -> None:
        self.message = message
        self.since_ns = now_ns
        self.not_before_ns = now_ns
        self.sent_ns: int | None = None
        """When it was handed to the alert process; None while it is not with it."""
        self.rounds = 0
        self.failed = False
        """Whether it was counted as failed."""
        self.spoken = False
        """Whether anything was reported of it yet."""
        self.acknowledged = False


class Outbox:
    """Bounded by the coalescer's bounds: a kind has few messages on their way, the rest waits."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = tuple(routes)
        self._coalescer = Coalescer()
        self._entries: dict[str, _Entry] = {}
        self._sent = 0
        self._failed = 0
        self._health = {
            route.name: RouteHealth(
                name=route.name, required=route.required, state="untried", detail=""
            )
            for route in routes
        }

    @property
    def counts(self) -> AlertCounts:
        """How many alerts are owed, were delivered, were reported as failed."""
        return AlertCounts(pending=self._coalescer.held, sent=self._sent, failed=self._failed)

    @property
    def health(self) -> tuple[RouteHealth, ...]:
        """Each route's state, in the order of the configuration."""
        return tuple(self._health.values())

    def offer(self, alert: Alert, now_ns: int, wall_ns: int) -> list[Outcome]:
        """Take an alert in; what comes back is said at once because nothing will be sent."""
        if not plan(alert.severity, self._routes).first:
            detail = "no route takes this severity"
            return [unsent(alert.alert_id, detail, wall_ns, final=True)]
        if self._coalescer.offer(alert, now_ns):
            return []
        self._failed += 1
        detail = "too many alerts wait; this one is only counted in the next summary"
        return [unsent(alert.alert_id, detail, wall_ns, final=False)]

    def to_send(self, now_ns: int, *, connected: bool) -> list[Alert]:
        """What to hand over now: new messages, and those whose time came again.

        Nothing is handed to an alert process that is not `connected`, but it is owed from now.
        """
        for message in self._coalescer.due(now_ns):
            self._entries[message.alert.alert_id] = _Entry(message, now_ns)
        if not connected:
            return []
        waiting = [
            entry
            for entry in self._entries.values()
            if entry.sent_ns is None and entry.not_before_ns <= now_ns
        ]
        waiting.sort(key=lambda entry: -entry.message.alert.severity.rank)
        chosen = waiting[: self._room()]
        for entry in chosen:
            entry.sent_ns = now_ns
        return [entry.message.alert for entry in chosen]

    def hurry(self) -> None:
        """Make everything due that waits for its interval: there will be no later."""
        self._coalescer.hurry()

    def next_ns(self, *, connected: bool) -> int | None:
        """When `to_send` or `overdue` wants to be asked again; None while nothing is owed."""
        entries = self._entries.values()
        times = [entry.since_ns + TOLD_WITHIN_NS for entry in entries if not entry.spoken]
        if connected and self._room():
            times += [entry.not_before_ns for entry in entries if entry.sent_ns is None]
        due_ns = self._coalescer.next_ns()
        return min(times if due_ns is None else [*times, due_ns], default=None)

    def _room(self) -> int:
        return WINDOW_MAX - sum(entry.sent_ns is not None for entry in self._entries.values())

    def heard(self, word: Ready | Outcome | Finished, now_ns: int) -> list[Outcome]:
        """Take a word of the alert process; returns one outcome for each alert it is about."""
        match word:
            case Ready():
                return self._heard_ready(word)
            case Outcome():
                return self._heard_outcome(word)
            case Finished():
                self._heard_finished(word, now_ns)
                return []

    def lost(self) -> None:
        """The alert process is gone: whatever was with it is owed again, unless acknowledged."""
        for alert_id, entry in list(self._entries.items()):
            if entry.acknowledged:
                del self._entries[alert_id]
            entry.sent_ns = None

    def overdue(self, now_ns: int, wall_ns: int) -> list[Outcome]:
        """Report, once, each message that nobody could say anything of within five seconds."""
        outcomes: list[Outcome] = []
        for entry in self._entries.values():
            late = now_ns - entry.since_ns >= TOLD_WITHIN_NS
            if late and not entry.spoken:
                entry.spoken = True
                self._count_failed(entry)
                detail = "not delivered within 5 s; it will be tried again"
                outcomes += [
                    unsent(covered, detail, wall_ns, final=False)
                    for covered in entry.message.covers
                ]
        return outcomes

    def oldest_sent_ns(self) -> int | None:
        """Since when the alert process owes an answer; None while it owes none."""
        times = [entry.sent_ns for entry in self._entries.values() if entry.sent_ns is not None]
        return min(times, default=None)

    def _heard_ready(self, ready: Ready) -> list[Outcome]:
        for check in ready.checks:
            known = self._health.get(check.name)
            if known is not None and not check.ok:
                self._set_health(check.name, "unloadable", check.detail)
        return []

    def _heard_outcome(self, outcome: Outcome) -> list[Outcome]:
        if outcome.route not in self._health:
            return []
        if self._health[outcome.route].state != "unloadable":
            self._set_health(
                outcome.route, "ok" if outcome.delivered else "failing", outcome.detail
            )
        entry = self._entries.get(outcome.alert_id)
        if entry is None:
            return []
        entry.spoken = True
        if outcome.delivered and not entry.acknowledged:
            entry.acknowledged = True
            self._sent += len(entry.message.covers)
            self._coalescer.settle(entry.message)
        elif not outcome.delivered and entry.rounds:
            return []
        return [
            Outcome(
                alert_id=covered,
                route=outcome.route,
                delivered=outcome.delivered,
                detail=outcome.detail,
                at_wall_ns=outcome.at_wall_ns,
                attempt=outcome.attempt,
                final=entry.acknowledged,
            )
            for covered in entry.message.covers
        ]

    def _heard_finished(self, finished: Finished, now_ns: int) -> None:
        entry = self._entries.get(finished.alert_id)
        if entry is None:
            return
        if entry.acknowledged:
            del self._entries[finished.alert_id]
            return
        self._count_failed(entry)
        severity = entry.message.alert.severity
        wait_ns = min(BACKOFF_FIRST_NS << min(entry.rounds, 10), BACKOFF_MAX_NS[severity])
        entry.rounds += 1
        entry.sent_ns = None
        entry.not_before_ns = now_ns + wait_ns

    def _count_failed(self, entry: _Entry) -> None:
        if not entry.failed:
            entry.failed = True
            self._failed += len(entry.message.covers)

    def _set_health(self, name: str, state: str, detail: str) -> None:
        required = self._health[name].required
        self._health[name] = RouteHealth(name=name, required=required, state=state, detail=detail)


def unsent(alert_id: str, detail: str, wall_ns: int, *, final: bool) -> Outcome:
    """The outcome of an alert that reached no route."""
    return Outcome(
        alert_id=alert_id,
        route="",
        delivered=False,
        detail=detail,
        at_wall_ns=wall_ns,
        final=final,
    )
