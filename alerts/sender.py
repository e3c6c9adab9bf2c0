"""The only door to Apprise: loads one route, sends one message. It may never show a URL.

Apprise loads nothing silently (a bad URL is a False and a log line), follows redirects, logs
paths that hold tokens at DEBUG, and can hold its process for tens of seconds. So here every load
is checked, redirects are refused, its logs go nowhere but into a closed vocabulary, and `send`
is meant to be called in a disposable process (`alerts.attempt`).
"""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Final

import apprise
from msgspec import Struct

from alerts.values import Alert, Route, RouteCheck, Severity

LIBRARY_LOGGERS: Final = ("apprise", "urllib3", "requests")
CAPTURED_MAX: Final = 64

_STATUS: Final = re.compile(r"error[ =:]{1,2}([1-5][0-9]{2})\b|\bHTTP ([1-5][0-9]{2})\b")
_PHRASES: Final = (
    (re.compile(r"connection refused", re.IGNORECASE), "connection refused"),
    (re.compile(r"timed? ?out", re.IGNORECASE), "no answer in time"),
    (re.compile(r"resol(?:ve|ution)|not known|getaddrinfo"), "the name does not resolve"),
    (re.compile(r"certificate|\bSSL", re.IGNORECASE), "TLS failed"),
    (
        re.compile(r"aborted|reset by peer|disconnected|incomplete|broken|chunk", re.IGNORECASE),
        "the connection was cut",
    ),
)
_TYPES: Final = {
    Severity.INFO: apprise.NotifyType.INFO,
    Severity.WARNING: apprise.NotifyType.WARNING,
    Severity.CRITICAL: apprise.NotifyType.FAILURE,
}


class RouteUnloadable(ValueError):
    """A URL that loads no service, or several. Its text never holds the URL."""


class Sent(Struct, frozen=True, kw_only=True):
    """Whether the service took the message, and a closed phrase that says so."""

    delivered: bool
    detail: str


class Service:
    """One route's service, loaded and checked."""

    def __init__(self, url: str, budget_ms: int) -> None:
        """Load it; RouteUnloadable unless the URL names exactly one service Apprise knows."""
        silence_libraries()
        asset = apprise.AppriseAsset(
            app_id="scalper-sentinel",
            app_desc="scalper-sentinel",
            async_mode=False,
            http_redirects=False,
            secure_logging=True,
            service_timeout=budget_ms / 1000,
            storage_mode="memory",
        )
        self._box = apprise.Apprise(asset=asset)
        try:
            with _others_warnings_ignored():
                loaded = self._box.add(url)
        except Exception:  # noqa: BLE001 (a plug-in may raise anything, with the URL in its text)
            loaded = False
        services = self._box.services
        if not loaded or not services:
            raise RouteUnloadable("the URL loads no notification service")
        if len(services) != 1:
            raise RouteUnloadable(f"the URL names {len(services)} services, expected one")
        if "overflow=" not in url:
            services[0].overflow_mode = apprise.OverflowMode.SPLIT

    def send(self, alert: Alert) -> Sent:
        """Send one message and wait for the answer; nothing is raised and nothing is retried.

        May take longer than the budget (name resolution, a server that drips): the caller must be
        able to end it from outside.
        """
        log = _CapturedLog()
        try:
            with _others_warnings_ignored():
                result = self._box.notify(
                    body=alert.body,
                    title=alert.title,
                    notify_type=_TYPES[alert.severity],
                    body_format=apprise.NotifyFormat.TEXT,
                )
        except Exception as error:  # noqa: BLE001 (whatever a plug-in raises is "not delivered")
            return Sent(delivered=False, detail=f"the plug-in failed: {type(error).__name__}")
        finally:
            log.detach()
        if result:
            return Sent(delivered=True, detail="delivered")
        return Sent(delivered=False, detail=phrase_for(log.lines))


class _CapturedLog(logging.Handler):
    """Keeps the library's last lines in memory, for `phrase_for` alone."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        for name in LIBRARY_LOGGERS:
            logger = logging.getLogger(name)
            logger.setLevel(logging.DEBUG)
            logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        if len(self.lines) < CAPTURED_MAX:
            self.lines.append(record.getMessage()[:2000])

    def detach(self) -> None:
        """Stop listening."""
        for name in LIBRARY_LOGGERS:
            logger = logging.getLogger(name)
            logger.removeHandler(self)
            logger.setLevel(logging.CRITICAL)


@contextlib.contextmanager
def _others_warnings_ignored() -> Iterator[None]:
    """A library's word on its own deprecations must neither stop an alert nor be shown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def phrase_for(lines: Sequence[str]) -> str:
    """Turn a library's log, which may hold tokens, into one phrase of a closed set."""
    text = "\n".join(lines)
    status = _STATUS.search(text)
    if status is not None:
        return f"the service answered HTTP {status[1] or status[2]}"
    for pattern, phrase in _PHRASES:
        if pattern.search(text):
            return phrase
    return "the service did not take it"


def silence_libraries() -> None:
    """Let nothing that Apprise and what it uses logs reach any handler of this process."""
    for name in LIBRARY_LOGGERS:
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.setLevel(logging.CRITICAL)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


def check_route(route: Route) -> RouteCheck:
    """Load a route and say whether that worked. Sends nothing."""
    try:
        Service(route.url, budget_ms=1000)
    except RouteUnloadable as error:
        return RouteCheck(name=route.name, required=route.required, ok=False, detail=str(error))
    return RouteCheck(name=route.name, required=route.required, ok=True, detail="loads")
