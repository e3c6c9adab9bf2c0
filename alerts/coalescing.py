"""De-duplication: the first of a kind at once, then one summary with counts per interval. Pure.

Time comes in as an argument. It may never drop an alert unsaid, nor put a critical one into a
lesser one.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from alerts.text import summary
from alerts.values import Alert, Severity
from ipc.clock import NS_PER_S

KINDS_MAX: Final = 64
"""Kinds (severity and code) told apart at once; what comes beyond shares one per severity."""
HELD_MAX: Final = 32_768
"""Alert ids waiting for a message that answers for them."""
OUTSTANDING_MAX: Final = 4
"""Messages of one kind on their way; the next summary waits until one of them is settled."""
FIRST_INTERVAL_NS: Final = {
    Severity.CRITICAL: 2 * NS_PER_S,
    Severity.WARNING: 10 * NS_PER_S,
    Severity.INFO: 60 * NS_PER_S,
}
LONGEST_INTERVAL_NS: Final = {
    Severity.CRITICAL: 60 * NS_PER_S,
    Severity.WARNING: 300 * NS_PER_S,
    Severity.INFO: 3600 * NS_PER_S,
}

Kind = tuple[Severity, str]


class Message(Struct, frozen=True, kw_only=True):
    """What is really sent: one alert, and the ids of all the alerts that it answers for."""

    alert: Alert
    kind: Kind
    covers: tuple[str, ...]


class _Bucket:
    """What is known of one kind."""

    __slots__ = ("count", "first_wall_ns", "ids", "interval_ns", "last", "outstanding", "quiet_ns")

    def __init__(self, severity: Severity, now_ns: int) -> None:
        self.interval_ns = FIRST_INTERVAL_NS[severity]
        self.quiet_ns = now_ns
        """No message of this kind before this time."""
        self.outstanding = 0
        self.count = 0
        self.first_wall_ns = 0
        self.ids: list[str] = []
        self.last: Alert | None = None

    def due_ns(self) -> int | None:
        """When a message is due, or None while there is nothing to say or it may not yet."""
        if self.last is None or self.outstanding >= OUTSTANDING_MAX:
            return None
        return self.quiet_ns


class Coalescer:
    """Alerts in, messages out. Each interval that had to hold something back doubles the next."""

    def __init__(self) -> None:
        self._buckets: dict[Kind, _Bucket] = {}
        self._held: set[str] = set()

    @property
    def held(self) -> int:
        """Alerts that no delivered message answers for yet."""
        return len(self._held)

    def offer(self, alert: Alert, now_ns: int) -> bool:
        """Take an alert in. False: too many are held, so it is counted but not answered for."""
        if alert.alert_id in self._held:
            return True
        kind = (alert.severity, alert.code)
        if kind not in self._buckets and len(self._buckets) >= KINDS_MAX:
            kind = (alert.severity, "")
        bucket = self._buckets.setdefault(kind, _Bucket(alert.severity, now_ns))
        if bucket.last is None:
            bucket.first_wall_ns = alert.at_wall_ns
        bucket.last = alert
        bucket.count += 1
        if len(self._held) >= HELD_MAX:
            return False
        bucket.ids.append(alert.alert_id)
        self._held.add(alert.alert_id)
        return True

    def due(self, now_ns: int) -> list[Message]:
        """The messages to send now, the loudest first."""
        messages: list[Message] = []
        for kind, bucket in list(self._buckets.items()):
            due_ns = bucket.due_ns()
            if due_ns is not None and due_ns <= now_ns:
                messages.append(_close(kind, bucket, now_ns))
            elif bucket.last is None and not bucket.outstanding and now_ns >= bucket.quiet_ns:
                del self._buckets[kind]
        messages.sort(key=lambda message: -message.alert.severity.rank)
        return messages

    def next_ns(self) -> int | None:
        """When `due` has something to give, as far as is known now."""
        times = [bucket.due_ns() for bucket in self._buckets.values()]
        return min((time_ns for time_ns in times if time_ns is not None), default=None)

    def hurry(self) -> None:
        """Let no kind wait for its interval any longer: this is the last call."""
        for bucket in self._buckets.values():
            bucket.quiet_ns = 0

    def settle(self, message: Message) -> None:
        """Forget a message that was delivered, or given up for good."""
        self._held.difference_update(message.covers)
        bucket = self._buckets.get(message.kind)
        if bucket is not None and bucket.outstanding:
            bucket.outstanding -= 1


def _close(kind: Kind, bucket: _Bucket, now_ns: int) -> Message:
    """Make a message of what a bucket holds and begin its next interval."""
    last = bucket.last
    if last is None:
        raise ValueError("an empty bucket has nothing to say")
    severity = kind[0]
    if bucket.count == 1:
        alert = last
        bucket.interval_ns = FIRST_INTERVAL_NS[severity]
    else:
        alert = summary(last, bucket.count, bucket.first_wall_ns)
        bucket.interval_ns = min(2 * bucket.interval_ns, LONGEST_INTERVAL_NS[severity])
    message = Message(alert=alert, kind=kind, covers=tuple(bucket.ids))
    bucket.quiet_ns = now_ns + bucket.interval_ns
    bucket.outstanding += 1
    bucket.count = 0
    bucket.ids = []
    bucket.last = None
    return message
