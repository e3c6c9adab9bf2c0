"""How a run leaves the venue: its own working orders cancelled. It never sends a new order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from broker_api.protocol import BrokerError
from ipc.clock import Clock
from ipc.messages import CancelIntent
from scalper.desk import Desk
from scalper.logs import Log

LOOKS: Final = 12
"""How often the venue is read for what is still working."""
PAUSE_MS: Final = 50


def withdraw(
    desk: Desk,
    *,
    new_id: Callable[[], str],
    settle: Callable[[], None],
    clock: Clock,
    log: Log,
) -> str | None:
    """Cancel what this run has working, and look whether it is gone.

    Protective orders stay, unless there is nothing left to protect. `settle` lets a simulated
    venue's time go on. Returns None when everything is seen gone, else one line that says what
    is not.
    """
    try:
        desk.distrust()
        for order in desk.own():
            desk.cancel(CancelIntent(cl_ord_id=new_id(), orig_cl_ord_id=order.cl_ord_id))
        _look(desk, settle, clock, with_orphans=False)
        for order in desk.orphans():
            desk.cancel(CancelIntent(cl_ord_id=new_id(), orig_cl_ord_id=order.cl_ord_id))
        left = _look(desk, settle, clock, with_orphans=True)
    except BrokerError as error:
        log.warning("withdraw_failed", text=str(error))
        return f"withdrawing failed, orders may still be working: {error}"
    if left:
        log.warning("orders_left", cl_ord_ids=left)
        return f"still working at the venue: {', '.join(left)}"
    return None


def _look(desk: Desk, settle: Callable[[], None], clock: Clock, *, with_orphans: bool) -> list[str]:
    """Return the ids of our orders that are still seen, after a few looks."""
    left: list[str] = []
    for look in range(LOOKS):
        settle()
        desk.take_reports()
        desk.distrust()
        orders = (*desk.own(), *(desk.orphans() if with_orphans else ()))
        left = [order.cl_ord_id for order in orders]
        if not left:
            break
        if look + 1 < LOOKS:
            clock.sleep_ms(PAUSE_MS)
    return left
