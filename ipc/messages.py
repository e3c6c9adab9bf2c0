"""Every message that crosses between the two programs, and nothing else.

Values only: frozen, keyword-only, array-like on the wire (so a duplicate key cannot exist).
Decimals are strings here; who needs a number parses it with `ipc.numbers`.
"""

from __future__ import annotations

from typing import dataclass_transform

from msgspec import Struct

PROTOCOL = 1
"""The protocol version. A hello with another one is refused, and both are named."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Value(Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """What all messages are: immutable, positional on the wire, closed."""


# ----- intents: what the scalper wants to send, not yet sent -----------------------------------


class OrderIntent(Value, frozen=True, kw_only=True, tag="order"):
    """A new order, in FIX names. `side` is buy or sell; prices and quantity are decimal texts."""

    cl_ord_id: str
    symbol: str
    side: str
    ord_type: str
    order_qty: str
    price: str | None = None
    stop_price: str | None = None
    time_in_force: str | None = None
    expire_at_ms: int | None = None
    """Good-till time as Unix milliseconds (in `sentinel replay`: virtual time)."""
    reduce_only: bool = False
    strategy: str | None = None
    group: str | None = None
    """Orders of one group (the protective legs of one entry) count once, at the largest."""
    stop_loss: str | None = None
    take_profit: str | None = None


class ReplaceIntent(Value, frozen=True, kw_only=True, tag="replace"):
    """New total quantity (FIX 38) and prices for a working order; symbol and side stay."""

    cl_ord_id: str
    orig_cl_ord_id: str
    order_qty: str
    price: str | None = None
    stop_price: str | None = None


class CancelIntent(Value, frozen=True, kw_only=True, tag="cancel"):
    """Cancel one working order. Never vetoed, counted."""

    cl_ord_id: str
    orig_cl_ord_id: str


Intent = OrderIntent | ReplaceIntent | CancelIntent


# ----- gate, from the scalper ------------------------------------------------------------------


class Hello(Value, frozen=True, kw_only=True, tag="hello"):
    """Opens a session. The sentinel checks every field against what it sees itself."""

    protocol: int
    pid: int
    start_ticks: int
    """Field 22 of /proc/PID/stat: the process's start, in clock ticks since boot."""
    run_id: str
    strategy: str
    mode: str
    account_id: str
    limits_hash: str
    max_trades: int | None = None


class Submit(Value, frozen=True, kw_only=True, tag="submit"):
    """Asks for a verdict. Times are the sender's CLOCK_BOOTTIME."""

    session: bytes
    seq: int
    created_ns: int
    deadline_ns: int
    intent: Intent


class Quote(Value, frozen=True, kw_only=True, tag="quote"):
    """The loop's newest top of book for one symbol; an absent side is None."""

    session: bytes
    symbol: str
    bid: str | None
    ask: str | None


class ExecutionReport(Value, frozen=True, kw_only=True, tag="execution"):
    """What the scalper says happened to an order (a self report)."""

    session: bytes
    cl_ord_id: str
    exec_type: str
    """ack, fill, partial_fill, cancelled, replaced, rejected or expired."""
    exec_id: str | None = None
    last_qty: str | None = None
    last_price: str | None = None
    fee: str | None = None
    text: str | None = None
    """The venue's own words, cut to 512 bytes."""


class Heartbeat(Value, frozen=True, kw_only=True, tag="beat"):
    """Sent by the trading thread at the end of a whole pass, and by no other thread."""

    session: bytes
    seq: int
    iteration: int
    """Passes completed; only a value higher than the last proves progress."""
    data_age_ms: int | None = None
    """Milliseconds since market data was last received; None before the first."""


class Goodbye(Value, frozen=True, kw_only=True, tag="goodbye"):
    """Ends a session on purpose."""

    session: bytes


GateRequest = Hello | Submit | Quote | ExecutionReport | Heartbeat | Goodbye


# ----- gate, to the scalper --------------------------------------------------------------------


class Welcome(Value, frozen=True, kw_only=True, tag="welcome"):
    """The session is open. Nothing is approved before its first heartbeat."""

    protocol: int
    epoch: int
    session: bytes
    state: str
    approval_ttl_ms: int


class Refused(Value, frozen=True, kw_only=True, tag="refused"):
    """The session is not opened; `code` is closed, `detail` is for a person."""

    protocol: int
    epoch: int
    code: str
    """PROTOCOL_MISMATCH, PEER_MISMATCH, MODE_MISMATCH, ACCOUNT_MISMATCH, LIMITS_MISMATCH,
    STRATEGY_TAKEN, TRADING_HALTED or SESSION_LIMIT."""
    detail: str


class Approval(Value, frozen=True, kw_only=True, tag="approval"):
    """Yes, for exactly this intent and until `expires_ns` (CLOCK_BOOTTIME)."""

    session: bytes
    seq: int
    cl_ord_id: str
    fingerprint: bytes
    epoch: int
    verdict_seq: int
    expires_ns: int
    state: str


class Veto(Value, frozen=True, kw_only=True, tag="veto"):
    """No, with its reason and, where the reason has numbers, both of them."""

    session: bytes
    seq: int
    cl_ord_id: str
    fingerprint: bytes
    epoch: int
    verdict_seq: int
    reason: str
    limit: str | None
    observed: str | None
    state: str


class BeatAck(Value, frozen=True, kw_only=True, tag="beat_ack"):
    """Answers a heartbeat, so that the loop knows the sentinel lives."""

    session: bytes
    seq: int
    epoch: int
    state: str


class Farewell(Value, frozen=True, kw_only=True, tag="farewell"):
    """Answers a goodbye."""

    session: bytes
    epoch: int


GateReply = Welcome | Refused | Approval | Veto | BeatAck | Farewell
Verdict = Approval | Veto


# ----- control ---------------------------------------------------------------------------------


class StatusRequest(Value, frozen=True, kw_only=True, tag="status"):
    """Ask for the whole status document."""

    protocol: int


class HaltRequest(Value, frozen=True, kw_only=True, tag="halt"):
    """Latch a halt; with `kill`, run the kill sequence as well."""

    protocol: int
    by: str
    why: str
    kill: bool = False


class ReduceRequest(Value, frozen=True, kw_only=True, tag="reduce"):
    """Latch REDUCING."""

    protocol: int
    by: str
    why: str


class ResumeRequest(Value, frozen=True, kw_only=True, tag="resume"):
    """Lift the halt that has this id (empty: the latched REDUCING)."""

    protocol: int
    halt_id: str
    by: str
    why: str
    unverified: bool = False


class AcceptConfigRequest(Value, frozen=True, kw_only=True, tag="accept_config"):
    """Let the pending, looser configuration with this hash in."""

    protocol: int
    hash: str
    by: str


ControlRequest = StatusRequest | HaltRequest | ReduceRequest | ResumeRequest | AcceptConfigRequest


class ControlReply(Value, frozen=True, kw_only=True, tag="control_reply"):
    """The answer to any control request; `document` is JSON or empty."""

    protocol: int
    epoch: int
    ok: bool
    code: str
    """DONE, or a closed word for what stood in the way."""
    detail: str
    document: bytes = b""
