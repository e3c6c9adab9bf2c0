"""The alert process's loop: frames in, sends in disposable children, outcomes out. One thread.

It may never block on a route, and never say "delivered" of what no service took.
"""

from __future__ import annotations

import functools
import select
from typing import Final

from alerts.attempt import Attempt
from alerts.frames import FramePipe, FramesBroken
from alerts.lanes import Job, Lane, Settled
from alerts.routing import Delivery, plan
from alerts.sender import RouteUnloadable, Service
from alerts.values import (
    Alert,
    Finished,
    Outcome,
    Ready,
    Route,
    RouteCheck,
    Setup,
    ToAlertProcess,
)
from ipc.clock import NS_PER_MS, Clock

DRAIN_MS: Final = 900
"""How long sends in hand may go on after the sentinel closed the pipe."""
IDLE_MS: Final = 60_000
OPEN_MAX: Final = 256
"""Alerts in hand; beyond it the pipe is left unread, which holds the sender back."""


class Courier:
    """Everything of the alert process but its start and its end."""

    def __init__(self, pipe: FramePipe[ToAlertProcess], clock: Clock) -> None:
        self._pipe = pipe
        self._clock = clock
        self._routes: tuple[Route, ...] = ()
        self._broken: dict[str, str] = {}
        self._budget_ns = 0
        self._lanes: dict[str, Lane] = {}
        self._deliveries: dict[str, tuple[Alert, Delivery]] = {}

    def run(self) -> None:
        """Serve until the pipe ends, then finish what is in hand within DRAIN_MS.

        Raises FramesBroken if the other side does not speak this protocol.
        """
        while not self._pipe.ended:
            self._wait(self._next_ns())
            for word in self._pipe.receive() if len(self._deliveries) < OPEN_MAX else ():
                self._take(word)
            self._advance()
        self._drain()

    def _drain(self) -> None:
        end_ns = self._clock.elapsed_ns() + DRAIN_MS * NS_PER_MS
        while self._deliveries and self._clock.elapsed_ns() < end_ns:
            self._wait(min(self._next_ns(), end_ns))
            self._advance()
        for lane in self._lanes.values():
            lane.abandon()

    def _wait(self, until_ns: int) -> None:
        poller = select.poll()
        if not self._pipe.ended and len(self._deliveries) < OPEN_MAX:
            poller.register(self._pipe.read_fd, select.POLLIN)
        if self._pipe.unsent_bytes:
            poller.register(self._pipe.write_fd, select.POLLOUT)
        for lane in self._lanes.values():
            for report_fd in lane.report_fds():
                poller.register(report_fd, select.POLLIN)
        left_ns = until_ns - self._clock.elapsed_ns()
        poller.poll(max(0, -(-left_ns // NS_PER_MS)))
        self._pipe.flush()

    def _next_ns(self) -> int:
        now_ns = self._clock.elapsed_ns()
        wishes = (lane.next_ns(now_ns) for lane in self._lanes.values())
        times = [wish for wish in wishes if wish is not None]
        return min(times, default=now_ns + IDLE_MS * NS_PER_MS)

    def _take(self, word: ToAlertProcess) -> None:
        match word:
            case Setup() if not self._routes:
                self._set_up(word)
            case Alert() if self._routes:
                self._begin(word)
            case Setup() | Alert():
                raise FramesBroken("the set-up must come first, once, and with a route")

    def _set_up(self, setup: Setup) -> None:
        if not setup.routes:
            raise FramesBroken("the set-up has no route")
        self._routes = setup.routes
        self._budget_ns = setup.budget_ms * NS_PER_MS
        checks: list[RouteCheck] = []
        for route in setup.routes:
            try:
                service = Service(route.url, setup.budget_ms)
            except RouteUnloadable as error:
                self._broken[route.name] = str(error)
                detail = str(error)
            else:
                self._lanes[route.name] = Lane(route.name, functools.partial(_start, service))
                detail = "loads"
            ok = route.name not in self._broken
            checks.append(
                RouteCheck(name=route.name, required=route.required, ok=ok, detail=detail)
            )
        self._pipe.send(Ready(checks=tuple(checks)))

    def _begin(self, alert: Alert) -> None:
        if alert.alert_id in self._deliveries:
            return
        delivery = Delivery(plan(alert.severity, self._routes))
        self._deliveries[alert.alert_id] = (alert, delivery)
        self._hand_to(delivery.begin(), alert, delivery)

    def _hand_to(self, routes: tuple[str, ...], alert: Alert, delivery: Delivery) -> None:
        """Start the alert on these routes, and on the next ones where a route never loaded."""
        pending = list(routes)
        while pending:
            route = pending.pop(0)
            lane = self._lanes.get(route)
            if lane is None:
                self._tell(alert.alert_id, route, delivered=False, detail=self._broken[route])
                pending += delivery.settle(route, delivered=False)
                continue
            now_ns = self._clock.elapsed_ns()
            lane.add(Job(alert=alert, deadline_ns=now_ns + self._budget_ns, not_before_ns=now_ns))
        if delivery.finished:
            del self._deliveries[alert.alert_id]
            self._pipe.send(Finished(alert_id=alert.alert_id))

    def _advance(self) -> None:
        for lane in self._lanes.values():
            for settled in lane.advance(self._clock.elapsed_ns()):
                self._settle(settled)

    def _settle(self, settled: Settled) -> None:
        alert, delivery = self._deliveries[settled.alert_id]
        self._tell(
            settled.alert_id,
            settled.route,
            delivered=settled.sent.delivered,
            detail=settled.sent.detail,
            attempt=settled.attempt,
        )
        routes = delivery.settle(settled.route, delivered=settled.sent.delivered)
        self._hand_to(routes, alert, delivery)

    def _tell(
        self, alert_id: str, route: str, *, delivered: bool, detail: str, attempt: int = 1
    ) -> None:
        self._pipe.send(
            Outcome(
                alert_id=alert_id,
                route=route,
                delivered=delivered,
                detail=detail,
                at_wall_ns=self._clock.wall_ns(),
                attempt=attempt,
            )
        )


def _start(service: Service, alert: Alert, now_ns: int, lifetime_ms: int) -> Attempt:
    return Attempt(functools.partial(service.send, alert), now_ns, lifetime_ms)
