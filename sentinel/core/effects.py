"""Everything the core can want done, imperative. The shell performs it after the journal has it."""

from __future__ import annotations

from msgspec import Struct


class Wanted(Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """What all effects are."""


class Reply(Wanted, frozen=True, kw_only=True, tag="reply"):
    """The verdict on one intent."""

    cl_ord_id: str
    kind: str
    """order, replace or cancel."""
    approved: bool
    reason: str | None
    limit: str | None
    observed: str | None
    state: str
    seq: int
    repeated: bool = False
    """True for an intent that was judged before: the first verdict stands."""
    expires_ns: int = 0


class Answer(Wanted, frozen=True, kw_only=True, tag="answer"):
    """What became of a hello or of an operator's request; `code` is closed."""

    ok: bool
    code: str
    detail: str


class Halt(Wanted, frozen=True, kw_only=True, tag="halt"):
    """The halt latched (the entry that carries this effect is the latch)."""

    halt_id: str
    cause: str
    by: str


class Reduce(Wanted, frozen=True, kw_only=True, tag="reduce"):
    """Only exits from here."""

    cause: str


class Resume(Wanted, frozen=True, kw_only=True, tag="resume"):
    """Trading may go on."""

    cause: str


class KillTree(Wanted, frozen=True, kw_only=True, tag="kill_tree"):
    """Kill the whole process tree of every session named (pid, start ticks)."""

    sequence: int
    cause: str
    processes: tuple[tuple[int, int], ...]
    grace_ms: int


class CancelOrders(Wanted, frozen=True, kw_only=True, tag="cancel_orders"):
    """Cancel everything that works at the venue, protective stops left alone if `protect`."""

    sequence: int
    protect: bool


class ReadVenue(Wanted, frozen=True, kw_only=True, tag="read_venue"):
    """Read working orders and positions back, not before `not_before_ns`."""

    sequence: int
    not_before_ns: int


class HandlePositions(Wanted, frozen=True, kw_only=True, tag="handle_positions"):
    """Protect, flatten or only tell, as configured."""

    sequence: int
    policy: str


class SendAlert(Wanted, frozen=True, kw_only=True, tag="alert"):
    """Tell a person. `facts` are the numbers; prose is made at the edge."""

    alert_id: str
    severity: str
    code: str
    facts: dict[str, str]


Effect = (
    Reply
    | Answer
    | Halt
    | Reduce
    | Resume
    | KillTree
    | CancelOrders
    | ReadVenue
    | HandlePositions
    | SendAlert
)
