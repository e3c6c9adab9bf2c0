"""What all events are, and what comes back of the steps of the kill sequence. Facts only."""

from __future__ import annotations

from msgspec import Struct


class Happening(Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """What all events are."""

    at_ns: int
    wall_ns: int


class TreeKilled(Happening, frozen=True, kw_only=True, tag="tree_killed"):
    """The process trees were signalled; `survivors` were still seen."""

    sequence: int
    killed: int
    survivors: int
    took_ms: int


class OrdersCancelled(Happening, frozen=True, kw_only=True, tag="orders_cancelled"):
    """The venue took the cancels (or did not: `problem`)."""

    sequence: int
    cancelled: tuple[str, ...]
    problem: str | None = None


class VenueRead(Happening, frozen=True, kw_only=True, tag="venue_read"):
    """Working orders and positions were read back from the venue for the kill sequence."""

    sequence: int
    read_at_ns: int
    working: tuple[str, ...]
    """Ids of what still works, protective stops left out."""
    positions: dict[str, str]
    problem: str | None = None


class PositionsHandled(Happening, frozen=True, kw_only=True, tag="positions_handled"):
    """What was done about open positions, and what is left of them as read back."""

    sequence: int
    open_positions: dict[str, str]
    problem: str | None = None
