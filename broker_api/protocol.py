"""The two faces of a venue: `Trading` for the loop, `Oversight` for the sentinel. No behaviour."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol, runtime_checkable

from broker_api.errors import (
    BrokerError,
    BrokerSettingsInvalid,
    BrokerUnavailable,
    OutcomeUnknown,
    VenueReject,
)
from broker_api.values import (
    BrokerFacts,
    Capabilities,
    Position,
    Report,
    Snapshot,
    SwitchState,
    WorkingOrder,
)
from ipc.approved import Approved
from ipc.messages import CancelIntent

__all__ = [
    "BrokerError",
    "BrokerSettingsInvalid",
    "BrokerUnavailable",
    "OutcomeUnknown",
    "Oversight",
    "QuoteDriven",
    "Trading",
    "VenueReject",
]


class Trading(Protocol):
    """What the loop may do at a venue. One thread uses it.

    Every method may raise BrokerUnavailable; those that send may raise OutcomeUnknown.
    """

    def facts(self) -> BrokerFacts:
        """Return who and what this connection talks to, resolved anew."""
        ...

    def capabilities(self) -> Capabilities:
        """Return what the venue can do by itself."""
        ...

    def place(self, approved: Approved) -> None:
        """Spend the approval of a new order and send it.

        ApprovalVoid if it is spent or late. What the venue dislikes about the order comes as a
        `rejected` report; a used `cl_ord_id` is VenueReject, since a report would name the other
        order.
        """
        ...

    def replace(self, approved: Approved) -> None:
        """Spend the approval of a replace and send it; VenueReject for an unknown original."""
        ...

    def cancel(self, intent: CancelIntent) -> None:
        """Ask to cancel; nothing happens if the order has ended, VenueReject if never seen."""
        ...

    def reports(self) -> list[Report]:
        """Return the execution reports since the last call, oldest first, at most 1,000."""
        ...

    def working(self) -> tuple[WorkingOrder, ...]:
        """Return what is live at the venue, legs included."""
        ...

    def position(self, symbol: str) -> Position:
        """Return what is held, zero included."""
        ...

    def close(self) -> None:
        """End the connection; orders stay as they are. Twice is once."""
        ...


@runtime_checkable
class QuoteDriven(Protocol):
    """A simulated venue, whose market is moved by its user."""

    def on_quote(
        self,
        symbol: str,
        bid: str | None,
        ask: str | None,
        ts_ns: int,
        bid_size: str | None = None,
        ask_size: str | None = None,
    ) -> None:
        """Set the top of book at a market time (ns since the Unix epoch) and match against it."""
        ...


class Oversight(Protocol):
    """What the sentinel may do at a venue, over a connection of its own.

    Nothing here can enlarge a position. One thread at a time uses it. Every method may raise
    BrokerUnavailable; those that send may raise OutcomeUnknown.
    """

    def facts(self) -> BrokerFacts:
        """Return who and what this connection talks to, resolved anew."""
        ...

    def capabilities(self) -> Capabilities:
        """Return what the venue can do by itself."""
        ...

    def snapshot(self, since_fill: int) -> Snapshot:
        """Read the whole account at one instant, with the fills above `since_fill`."""
        ...

    def cancel_all(self, keep: Collection[str] = ()) -> int:
        """Ask to cancel every working order but those with a `cl_ord_id` in `keep`.

        Returns how many cancels were sent: what is gone is known only from the next snapshot.
        """
        ...

    def cancel(self, cl_ord_id: str) -> None:
        """Ask to cancel one order; nothing happens if it has ended, VenueReject if never seen."""
        ...

    def flatten(self, symbol: str, qty: str, side: str) -> str:
        """Send a reduce-only market order, cut to the position; return its id.

        VenueReject if the side would enlarge, or nothing is held.
        """
        ...

    def place_stop(self, symbol: str, side: str, qty: str, stop_price: str) -> str:
        """Rest a reduce-only stop for no more than the position; return its id."""
        ...

    def dead_mans_switch(self, timeout_ms: int) -> SwitchState:
        """Arm or refresh the venue's timer; 0 disarms."""
        ...

    def close(self) -> None:
        """End the connection. Twice is once."""
        ...
