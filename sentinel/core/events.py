"""Everything that can happen to the sentinel, stamped with its time. Facts only, past tense.

An event is complete: deciding it again on the same state gives the same effects, which is how
the journal is folded back into a state after a restart. `at_ns` is elapsed time that goes on
through suspends, restarts and reboots and never goes back; `wall_ns` is what the wall clock said.
"""

from __future__ import annotations

from msgspec import Struct

from ipc.config.values import RiskConfig
from ipc.messages import CancelIntent, OrderIntent, ReplaceIntent
from sentinel.core.steps import (
    Happening,
    OrdersCancelled,
    PositionsHandled,
    TreeKilled,
    VenueRead,
)

# ----- the sentinel itself ---------------------------------------------------------------------


class EpochStarted(Happening, frozen=True, kw_only=True, tag="epoch"):
    """A sentinel started on this journal. Sessions, quotes and readings are void from here."""

    epoch: int
    boot_id: str
    offset_ns: int
    """What was added to CLOCK_BOOTTIME to make `at_ns`, so that a reboot turns nothing back."""
    account_id: str
    mode: str
    version: str
    approval_ttl_ns: int = 0
    """How long an approval is good."""


class LimitsLoaded(Happening, frozen=True, kw_only=True, tag="limits"):
    """A valid configuration is in force."""

    risk: RiskConfig
    hash: str
    by: str = "file"


class LimitsPended(Happening, frozen=True, kw_only=True, tag="limits_pended"):
    """A valid but looser configuration waits for `accept-config`."""

    hash: str
    looser: tuple[str, ...]


class LimitsRejected(Happening, frozen=True, kw_only=True, tag="limits_rejected"):
    """The file is invalid, empty or gone; what was in force stays."""

    problem: str


class SentinelStalled(Happening, frozen=True, kw_only=True, tag="stalled"):
    """The sentinel did not run for a while, or the host slept: its own view is old."""

    gap_ms: int


class TimePassed(Happening, frozen=True, kw_only=True, tag="time"):
    """A deadline of the core has come."""


class ConditionChanged(Happening, frozen=True, kw_only=True, tag="condition"):
    """Something outside that trading depends on is lost, or is back."""

    name: str
    lost: bool
    detail: str = ""


# ----- sessions --------------------------------------------------------------------------------


class HelloReceived(Happening, frozen=True, kw_only=True, tag="hello"):
    """A loop asks for a session; `peer_*` and `own_*` are what the sentinel saw itself."""

    session: bytes
    protocol: int
    pid: int
    start_ticks: int
    run_id: str
    strategy: str
    mode: str
    account_id: str
    limits_hash: str
    max_trades: int | None
    peer_pid: int
    peer_start_ticks: int
    peer_allowed: bool
    own_mode: str
    own_account_id: str
    own_protocol: int


class CommandGuarded(Happening, frozen=True, kw_only=True, tag="guarded"):
    """`sentinel guard` started the command: it dies in a kill, whether it said hello or not."""

    pid: int
    start_ticks: int


class HeartbeatReceived(Happening, frozen=True, kw_only=True, tag="beat"):
    """The trading thread finished a pass."""

    run_id: str
    iteration: int
    data_age_ms: int | None = None


class SessionEnded(Happening, frozen=True, kw_only=True, tag="goodbye"):
    """The loop said goodbye."""

    run_id: str


class ProcessGone(Happening, frozen=True, kw_only=True, tag="gone"):
    """The loop's process ended."""

    run_id: str


class PeerRefused(Happening, frozen=True, kw_only=True, tag="peer"):
    """A message came from a process that is not the session's."""

    count: int
    detail: str


# ----- orders and the market -------------------------------------------------------------------


class IntentReceived(Happening, frozen=True, kw_only=True, tag="intent"):
    """The loop wants to send something; `age_ns` since it was made, `late` past its deadline."""

    run_id: str
    intent: OrderIntent | ReplaceIntent | CancelIntent
    fingerprint: bytes
    age_ns: int = 0
    late: bool = False


class QuoteReceived(Happening, frozen=True, kw_only=True, tag="quote"):
    """The newest top of book; an absent side is None."""

    symbol: str
    bid: str | None
    ask: str | None


class ExecutionReceived(Happening, frozen=True, kw_only=True, tag="execution"):
    """A self report on one order."""

    cl_ord_id: str
    exec_type: str
    exec_id: str | None = None
    last_qty: str | None = None
    last_price: str | None = None
    fee: str | None = None
    text: str | None = None


# ----- the account -----------------------------------------------------------------------------


class AccountRead(Happening, frozen=True, kw_only=True, tag="account"):
    """The account as read; it replaces all of the account. `read_at_ns` is when the read began."""

    read_at_ns: int
    equity: str
    balance_free: str
    buying_power: str | None = None
    balances: dict[str, str]


class PositionRead(Happening, frozen=True, kw_only=True, tag="position"):
    """One position as read; it replaces quantity and average price."""

    symbol: str
    qty: str
    avg_price: str


class FillSeen(Struct, frozen=True, kw_only=True, array_like=True):
    """One fill in the broker's own record."""

    exec_id: str
    cl_ord_id: str
    symbol: str
    side: str
    qty: str
    price: str
    fee: str


class BrokerRead(Happening, frozen=True, kw_only=True, tag="broker"):
    """One consistent reading of the broker's own record (the drop copy)."""

    read_at_ns: int
    account: AccountRead
    positions: tuple[PositionRead, ...]
    working: tuple[str, ...]
    """The ids of every order that works at the venue, venue-made legs included."""
    fills: tuple[FillSeen, ...]
    fill_seq: int
    """The venue's number of the newest fill in or before this reading."""


# ----- people and files ------------------------------------------------------------------------


class HaltRequested(Happening, frozen=True, kw_only=True, tag="halt"):
    """Somebody or something wants trading halted; with `kill`, the loop as well."""

    cause: str
    by: str
    why: str = ""
    kill: bool = False


class ReduceRequested(Happening, frozen=True, kw_only=True, tag="reduce"):
    """Somebody wants exits only."""

    cause: str
    by: str
    why: str = ""


class ResumeRequested(Happening, frozen=True, kw_only=True, tag="resume"):
    """A named person lifts the halt with this id (None: whichever there is, replay only)."""

    halt_id: str | None
    by: str
    why: str
    unverified: bool = False


class StopFileSeen(Happening, frozen=True, kw_only=True, tag="stop"):
    """A STOP entry is there, or its directory cannot be judged."""

    path: str
    cause: str


class StopFileGone(Happening, frozen=True, kw_only=True, tag="stop_gone"):
    """No STOP entry is left. This resumes nothing."""


# ----- what became of alerts --------------------------------------------------------------------


class AlertSettled(Happening, frozen=True, kw_only=True, tag="alert_settled"):
    """A route delivered an alert, or gave it up."""

    alert_id: str
    route: str
    delivered: bool
    detail: str = ""


Event = (
    EpochStarted
    | LimitsLoaded
    | LimitsPended
    | LimitsRejected
    | SentinelStalled
    | TimePassed
    | ConditionChanged
    | HelloReceived
    | CommandGuarded
    | HeartbeatReceived
    | SessionEnded
    | ProcessGone
    | PeerRefused
    | IntentReceived
    | QuoteReceived
    | ExecutionReceived
    | AccountRead
    | PositionRead
    | BrokerRead
    | HaltRequested
    | ReduceRequested
    | ResumeRequested
    | StopFileSeen
    | StopFileGone
    | TreeKilled
    | OrdersCancelled
    | VenueRead
    | PositionsHandled
    | AlertSettled
)
