"""What one pass of the server hands on: who sent what, and when. Values only; nothing is decided.

The sender is named by the kernel (SO_PEERCRED as it was at connect time), never by the message.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from ipc.messages import ControlRequest, GateRequest

SERVER_COUNTERS: Final = (
    "malformed",
    "too_many_frames",
    "no_credentials",
    "foreign_uid",
    "disconnects",
    "handshakes_failed",
    "unroutable",
    "congested",
    "reply_too_long",
)
"""The closed names of `Server.counters`.

`malformed`: not a message of this protocol. `too_many_frames`: not a single frame.
`no_credentials`: the kernel does not say who sent it. `foreign_uid`: turned away at connect.
`disconnects`: connections that ended, for whatever reason; an oversized frame is one, and libzmq
does not say so. `handshakes_failed`: never spoke, or spoke something else. `unroutable`: the
peer of a reply was gone. `congested`: it did not read. `reply_too_long`: not sent at all.
"""


class GateIncoming(Struct, frozen=True, kw_only=True, gc=False):
    """One message of a loop. `peer` is where a reply goes, and no proof of who it is."""

    peer: bytes
    uid: int
    pid: int
    message: GateRequest
    received_ns: int
    """CLOCK_BOOTTIME when it was read from the socket."""


class ControlIncoming(Struct, frozen=True, kw_only=True, gc=False):
    """One request of an operator's command."""

    peer: bytes
    uid: int
    pid: int
    message: ControlRequest
    received_ns: int
    """CLOCK_BOOTTIME when it was read from the socket."""


class Batch(Struct, frozen=True, kw_only=True):
    """Everything that one pass found; handle `control` first."""

    gate: list[GateIncoming]
    control: list[ControlIncoming]
    ready_fds: list[int]


def parse_credentials(address: str) -> tuple[int, int] | None:
    """Return (uid, pid) from libzmq's `localhost:uid:gid:pid`; None if it is anything else."""
    parts = address.split(":")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() for part in parts[1:]):
        return None
    return int(parts[1]), int(parts[3])
