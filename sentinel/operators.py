"""The control endpoint's desk: operators' requests to events, and answers back."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

import msgspec

from ipc.arrivals import ControlIncoming
from ipc.config.values import RiskConfig
from ipc.messages import (
    PROTOCOL,
    AcceptConfigRequest,
    ControlReply,
    HaltRequest,
    ReduceRequest,
    ResumeRequest,
    StatusRequest,
)
from sentinel.adapters.stamp import Stamp
from sentinel.core.effects import Answer, Effect
from sentinel.core.events import (
    Event,
    HaltRequested,
    LimitsLoaded,
    ReduceRequested,
    ResumeRequested,
)

TEXT_MAX = 256


def plain(text: str) -> str:
    """One line of printable text, cut: what an operator says is shown on one line everywhere."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:TEXT_MAX]


Document = Callable[[], dict[str, object]]


class Operators:
    """Answers what a person's commands ask."""

    def __init__(self, *, status: Document) -> None:
        self.epoch = 0
        self._status = status
        self.pending: tuple[RiskConfig, str] | None = None
        """The looser configuration that waits for `accept-config`, and its hash."""

    def event_or_reply(self, incoming: ControlIncoming, stamp: Stamp) -> Event | ControlReply:
        """Return the event that a request makes, or its answer where it changes nothing."""
        message = incoming.message
        if message.protocol != PROTOCOL:
            return self.reply(
                ok=False,
                code="PROTOCOL_MISMATCH",
                detail=f"you speak {message.protocol}, the sentinel {PROTOCOL}",
            )
        at_ns, wall_ns = stamp.at_ns, stamp.wall_ns
        match message:
            case StatusRequest():
                return self.reply(ok=True, code="DONE", document=self._status())
            case HaltRequest():
                return HaltRequested(
                    at_ns=at_ns,
                    wall_ns=wall_ns,
                    cause="OPERATOR_KILL" if message.kill else "OPERATOR_HALT",
                    by=plain(message.by),
                    why=plain(message.why),
                    kill=message.kill,
                )
            case ReduceRequest():
                return ReduceRequested(
                    at_ns=at_ns,
                    wall_ns=wall_ns,
                    cause="OPERATOR_REDUCE",
                    by=plain(message.by),
                    why=plain(message.why),
                )
            case ResumeRequest():
                return ResumeRequested(
                    at_ns=at_ns,
                    wall_ns=wall_ns,
                    halt_id=message.halt_id,
                    by=plain(message.by),
                    why=plain(message.why),
                    unverified=message.unverified,
                )
            case AcceptConfigRequest():
                return self._accept(message, stamp)
            case _:
                assert_never(message)

    def _accept(self, message: AcceptConfigRequest, stamp: Stamp) -> Event | ControlReply:
        if self.pending is None:
            return self.reply(ok=False, code="NOTHING_PENDING", detail="no configuration waits")
        risk, pending_hash = self.pending
        if len(message.hash) < 8 or not pending_hash.startswith(message.hash):
            return self.reply(
                ok=False, code="HASH_MISMATCH", detail=f"the pending hash is {pending_hash}"
            )
        return LimitsLoaded(
            at_ns=stamp.at_ns,
            wall_ns=stamp.wall_ns,
            risk=risk,
            hash=pending_hash,
            by=plain(message.by),
        )

    def answered(self, incoming: ControlIncoming, effects: list[Effect]) -> ControlReply:
        """Return the answer to a request that was decided."""
        if isinstance(incoming.message, AcceptConfigRequest):
            self.pending = None
            return self.reply(ok=True, code="DONE", detail="the configuration is in force")
        answer = next((e for e in effects if isinstance(e, Answer)), None)
        if answer is None:
            return self.reply(ok=False, code="NOT_ANSWERED", detail="nothing was decided")
        return self.reply(ok=answer.ok, code=answer.code, detail=answer.detail)

    def reply(
        self, *, ok: bool, code: str, detail: str = "", document: dict[str, object] | None = None
    ) -> ControlReply:
        """Make an answer."""
        return ControlReply(
            protocol=PROTOCOL,
            epoch=self.epoch,
            ok=ok,
            code=code,
            detail=detail,
            document=b"" if document is None else msgspec.json.encode(document),
        )
