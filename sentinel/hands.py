"""Performs what the core wants done, each effect by the one adapter that can. Decides nothing."""

from __future__ import annotations

import os
import socket

from alerts.text import compose
from alerts.values import Outcome, Severity
from ipc.config.values import Config
from sentinel.adapters.alert_process import AlertProcess
from sentinel.adapters.drop_copy import DropCopy
from sentinel.adapters.executioner import Executioner
from sentinel.adapters.log import EventLog
from sentinel.adapters.stamp import Posted, Stamp
from sentinel.core.effects import (
    CancelOrders,
    Effect,
    Halt,
    HandlePositions,
    KillTree,
    ReadVenue,
    Reduce,
    Reply,
    Resume,
    SendAlert,
)
from sentinel.core.events import AlertSettled, Event


class Hands:
    """One door to each outside thing that an effect touches."""

    def __init__(
        self,
        config: Config,
        account_id: str,
        *,
        alerts: AlertProcess,
        drop_copy: DropCopy,
        executioner: Executioner,
        log: EventLog,
    ) -> None:
        self._alerts = alerts
        self._drop_copy = drop_copy
        self._executioner = executioner
        self._log = log
        self._where = {
            "host": socket.gethostname(),
            "account": account_id,
            "mode": config.risk.account.mode,
        }

    def perform(self, effect: Effect, stamp: Stamp) -> None:
        """Do one thing; what can wait is handed to a worker. Its failure comes back as an event."""
        match effect:
            case SendAlert():
                self._tell(effect, stamp)
            case KillTree():
                self._log.write("kill_tree", cause=effect.cause, processes=len(effect.processes))
                self._executioner.ask(effect)
            case CancelOrders() | ReadVenue() | HandlePositions():
                self._drop_copy.ask(effect)
            case Halt():
                self._log.write("halt", halt_id=effect.halt_id, cause=effect.cause, by=effect.by)
            case Reduce():
                self._log.write("reduce", cause=effect.cause)
            case Resume():
                self._log.write("resume", cause=effect.cause)
            case Reply():
                if not effect.approved and not effect.repeated:
                    self._log.write(
                        "veto",
                        cl_ord_id=effect.cl_ord_id,
                        reason=effect.reason,
                        limit=effect.limit,
                        observed=effect.observed,
                        state=effect.state,
                    )
            case _:
                pass

    def _tell(self, effect: SendAlert, stamp: Stamp) -> None:
        self._log.write("alert", alert_id=effect.alert_id, code=effect.code, **effect.facts)
        self._alerts.send(
            compose(
                alert_id=effect.alert_id,
                severity=Severity(effect.severity),
                code=effect.code,
                facts={**self._where, **effect.facts},
                at_wall_ns=stamp.wall_ns,
            )
        )


def settled(outcome: Outcome) -> Posted:
    """Make what the loop is told of an alert's end; None while it is still owed."""

    def post(stamp: Stamp) -> Event | None:
        if not outcome.delivered and not outcome.final:
            return None
        return AlertSettled(
            at_ns=stamp.at_ns,
            wall_ns=stamp.wall_ns,
            alert_id=outcome.alert_id,
            route=outcome.route,
            delivered=outcome.delivered,
            detail=outcome.detail,
        )

    return post


def boot_id() -> str:
    """Return the kernel's name for this boot."""
    fd = os.open("/proc/sys/kernel/random/boot_id", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 64).decode("ascii").strip()
    finally:
        os.close(fd)
