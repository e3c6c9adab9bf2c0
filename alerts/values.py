"""What crosses between the sentinel and the alert process, as values. No behaviour, no I/O."""

from __future__ import annotations

from enum import StrEnum
from typing import dataclass_transform

from msgspec import Struct


class Severity(StrEnum):
    """How loudly a person is told."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info to 2 for critical; a route takes its own rank and everything above."""
        return tuple(Severity).index(self)


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Word(Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """What everything on the pipe is: immutable, positional, closed."""


class Alert(Word, tag="alert"):
    """One message for a person. The same `alert_id` twice is the same alert, sent again."""

    alert_id: str
    severity: Severity
    code: str
    title: str
    body: str
    at_wall_ns: int
    """When it happened: nanoseconds since the Unix epoch, UTC."""


class Route(Word, tag="route"):
    """One way to a person, its URL known. Its text form never shows the URL."""

    name: str
    url: str
    severity: Severity
    required: bool

    def __repr__(self) -> str:
        """Name and severity; the URL holds tokens and is left out."""
        return f"Route(name={self.name!r}, severity={self.severity.value!r}, url=…)"


class Setup(Word, tag="setup"):
    """The first frame to the alert process: all routes, and how long one may take in all."""

    routes: tuple[Route, ...]
    budget_ms: int

    def __repr__(self) -> str:
        """The routes by name alone."""
        return f"Setup(routes={self.routes!r}, budget_ms={self.budget_ms})"


class RouteCheck(Word, tag="route_check"):
    """Whether a route's URL loaded a service; `detail` says what is wrong, without the URL."""

    name: str
    required: bool
    ok: bool
    detail: str


class Ready(Word, tag="ready"):
    """The alert process's answer to its set-up."""

    checks: tuple[RouteCheck, ...]


class Outcome(Word, tag="outcome"):
    """What became of one alert on one route (`route` is empty where no route was reached)."""

    alert_id: str
    route: str
    delivered: bool
    detail: str
    """A closed phrase for a person; never a URL, a token or a server's own words."""
    at_wall_ns: int
    attempt: int = 1
    final: bool = False
    """True once the alert needs nothing more: an outbox may forget it. False: still owed."""


class Finished(Word, tag="finished"):
    """Every route that this alert was to try has had its try."""

    alert_id: str


ToAlertProcess = Setup | Alert
FromAlertProcess = Ready | Outcome | Finished
