"""Which routes an alert goes to, and when it is handed on. Pure: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from alerts.values import Route, Severity


class Plan(Struct, frozen=True, kw_only=True):
    """`first`: all at once. `then`: one after another, only while nothing was delivered."""

    first: tuple[str, ...]
    then: tuple[str, ...]


def plan(severity: Severity, routes: Sequence[Route]) -> Plan:
    """Choose routes by severity, in the order of the configuration.

    Every route whose least severity admits the alert gets it at once, so a critical one goes to
    all of them. Where every one of those fails, the alert is handed to the remaining routes, one
    after another: a warning nobody gets is worse than a warning on the critical line. An alert
    that no route admits goes nowhere.
    """
    first = tuple(route.name for route in routes if route.severity.rank <= severity.rank)
    if not first:
        return Plan(first=(), then=())
    then = tuple(route.name for route in routes if route.severity.rank > severity.rank)
    return Plan(first=first, then=then)


class Delivery:
    """Where one alert stands on its way through its plan."""

    __slots__ = ("_later", "_open", "delivered")

    def __init__(self, way: Plan) -> None:
        self._open = list(way.first)
        self._later = list(way.then)
        self.delivered = False
        """At least one route took it."""

    @property
    def finished(self) -> bool:
        """No route is open and none is to come."""
        return not self._open and (self.delivered or not self._later)

    def begin(self) -> tuple[str, ...]:
        """Name the routes to start with."""
        return tuple(self._open)

    def settle(self, route: str, *, delivered: bool) -> tuple[str, ...]:
        """Record the last word of one open route and name the routes to start now."""
        self._open.remove(route)
        self.delivered = self.delivered or delivered
        if self._open or self.delivered or not self._later:
            return ()
        self._open.append(self._later.pop(0))
        return tuple(self._open)
