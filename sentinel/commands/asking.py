"""One question to a running sentinel, and what its answer means for the exit code."""

from __future__ import annotations

from ipc.client import SentinelUnavailable
from ipc.clock import SystemClock
from ipc.control import ControlClient
from ipc.endpoints import PathRefused, Paths
from ipc.messages import ControlReply, ControlRequest
from sentinel.commands import exits


def ask(paths: Paths, request: ControlRequest, timeout_ms: int = 1000) -> ControlReply:
    """Ask; Stopped with 69 when nobody answers."""
    try:
        return ControlClient(paths.control, SystemClock()).ask(request, timeout_ms)
    except SentinelUnavailable as error:
        raise exits.Stopped(exits.UNAVAILABLE, f"{error}; is `sentinel run` up?") from None
    except PathRefused as error:
        raise exits.Stopped(exits.CONFIG, str(error)) from None
    except ValueError as error:
        raise exits.Stopped(exits.USAGE, str(error)) from None


def done_or_stop(reply: ControlReply, what: str) -> None:
    """Stopped with 1 when the sentinel refused."""
    if not reply.ok:
        raise exits.Stopped(exits.FAILED, f"{what} was refused: {reply.code} {reply.detail}")
