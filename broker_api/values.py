"""What a venue says, as frozen values. Decimals are texts; nothing here acts or computes money."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from broker_api.endpoints import mode_of


class BrokerFacts(Struct, frozen=True, kw_only=True):
    """Who and what a connection really talks to. Make it with `resolved`."""

    broker: str
    mode: str
    """`paper` or `live`."""
    account_id: str
    endpoint: str

    @classmethod
    def resolved(cls, *, broker: str, account_id: str, endpoint: str) -> BrokerFacts:
        """State the facts; the mode is computed from the endpoint, and an unknown one is live."""
        mode = mode_of(endpoint)
        return cls(broker=broker, mode=mode, account_id=account_id, endpoint=endpoint)


class Capabilities(Struct, frozen=True, kw_only=True):
    """What the venue can do by itself, as data."""

    protective_stops: bool
    """Stops rest at the venue, and a bracket's legs are made there."""
    dead_mans_switch: bool
    account_lock: bool


class SwitchState(StrEnum):
    """The venue's timer that cancels our orders unless it is refreshed."""

    NOT_SUPPORTED = "NOT_SUPPORTED"
    DISARMED = "DISARMED"
    ARMED = "ARMED"


class Report(Struct, frozen=True, kw_only=True):
    """One execution report (FIX 35=8); `exec_id` (FIX 17) is unique, a repeat is the same event."""

    exec_id: str
    cl_ord_id: str
    """A `replaced` names the order's new id; a rejected replace the id that did not come to be."""
    exec_type: str
    """ack, fill, partial_fill, cancelled, replaced, rejected or expired."""
    last_qty: str | None = None
    last_price: str | None = None
    fee: str | None = None
    """In account currency, for this fill alone."""
    text: str | None = None


class Position(Struct, frozen=True, kw_only=True):
    """What is held in one symbol; a short position has a negative quantity."""

    symbol: str
    qty: str
    avg_price: str


class WorkingOrder(Struct, frozen=True, kw_only=True):
    """One order that is live at the venue, or on its way there."""

    cl_ord_id: str
    symbol: str
    side: str
    ord_type: str
    order_qty: str
    leaves_qty: str
    cum_qty: str
    price: str | None = None
    stop_price: str | None = None
    reduce_only: bool = False
    group: str | None = None
    parent: str | None = None
    """The `cl_ord_id` under which the entry was filled that this leg protects."""
    leg: str | None = None
    """`stop_loss` or `take_profit` for a leg that the venue made."""
    origin: str = "place"
    """`place` (the trading connection), `leg` (the venue) or `oversight` (the other one)."""


class Fill(Struct, frozen=True, kw_only=True):
    """One execution as the venue booked it; `fill_seq` only ever grows."""

    fill_seq: int
    exec_id: str
    cl_ord_id: str
    symbol: str
    side: str
    qty: str
    price: str
    fee: str
    ts_ns: int
    """Market time, nanoseconds since the Unix epoch."""
    parent: str | None = None
    origin: str = "place"


class VenueQuote(Struct, frozen=True, kw_only=True):
    """The venue's newest top of book as this connection sees it; an absent side is None."""

    symbol: str
    bid: str | None
    ask: str | None
    ts_ns: int


class Snapshot(Struct, frozen=True, kw_only=True):
    """One consistent reading of the whole account."""

    equity: str
    balance_free: str
    """What working orders do not reserve."""
    buying_power: str | None
    """With the leverage in it; None for a cash account."""
    balances: dict[str, str]
    """Holdings by currency, in full: what working orders reserve is not taken off."""
    positions: tuple[Position, ...]
    working: tuple[WorkingOrder, ...]
    fills: tuple[Fill, ...]
    """Those above the asked `fill_seq`, oldest first, at most 10,000 of them."""
    last_fill_seq: int
    """The newest in the account, 0 for none: smaller than one seen before is another account."""
    orders_placed: int
    """Orders ever placed through a trading connection."""
    quotes: tuple[VenueQuote, ...] = ()
