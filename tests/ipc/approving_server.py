"""A process that welcomes every loop and approves everything at once; it may guard nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from ipc.clock import NS_PER_MS, SystemClock
from ipc.codec import fingerprint
from ipc.endpoints import resolve_paths
from ipc.messages import (
    PROTOCOL,
    Approval,
    BeatAck,
    Farewell,
    GateReply,
    GateRequest,
    Goodbye,
    Heartbeat,
    Hello,
    Submit,
    Welcome,
)
from ipc.server import Server

TTL_MS = 500


def answer(message: GateRequest, epoch: int, token: bytes, now_ns: int) -> GateReply | None:
    """Answer as a sentinel without any limit would."""
    match message:
        case Hello():
            return Welcome(
                protocol=PROTOCOL,
                epoch=epoch,
                session=token,
                state="ACTIVE",
                approval_ttl_ms=TTL_MS,
            )
        case Submit():
            return Approval(
                session=message.session,
                seq=message.seq,
                cl_ord_id=message.intent.cl_ord_id,
                fingerprint=fingerprint(message.intent),
                epoch=epoch,
                verdict_seq=1,
                expires_ns=now_ns + TTL_MS * NS_PER_MS,
                state="ACTIVE",
            )
        case Heartbeat():
            return BeatAck(session=message.session, seq=message.seq, epoch=epoch, state="ACTIVE")
        case Goodbye():
            return Farewell(session=message.session, epoch=epoch)
        case _:
            return None


def main(directory: str, epoch: int) -> None:
    """Serve until killed; the order ids that were seen go to `seen`, one a line."""
    clock = SystemClock()
    server = Server(resolve_paths({}, directory, f"{directory}/r"), clock)
    with Path(directory, "seen").open("a", encoding="utf-8", buffering=1) as seen:
        print("ready", flush=True)  # noqa: T201 - the test waits for this line
        while True:
            for incoming in server.poll(1000).gate:
                if isinstance(incoming.message, Submit):
                    seen.write(incoming.message.intent.cl_ord_id + "\n")
                token = incoming.peer.ljust(16, b"\0")[:16]
                reply = answer(incoming.message, epoch, token, clock.elapsed_ns())
                if reply is not None:
                    server.send_gate(incoming.peer, reply)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
