"""What a loop knows of its session with the sentinel. Pure: no socket, clock or thread in here.

Every reply goes through `receive`, which believes only what belongs to this session, this epoch
and this very question; everything else is dropped and counted.
"""

from __future__ import annotations

from typing import Final, assert_never

from msgspec import Struct

from ipc.clock import NS_PER_MS
from ipc.codec import fingerprint
from ipc.messages import (
    PROTOCOL,
    Approval,
    BeatAck,
    Farewell,
    GateReply,
    Intent,
    Refused,
    Submit,
    Verdict,
    Veto,
    Welcome,
)
from ipc.reasons import Reason

STATE_UNKNOWN: Final = "UNKNOWN"
"""The trading state before the sentinel has told one."""
CLIENT_COUNTERS: Final = (
    "requests",
    "timeouts",
    "late",
    "repeated",
    "foreign",
    "old_epoch",
    "malformed",
    "unsent",
    "reports_dropped",
    "reconnects",
)
"""The closed names of `GateClient.counters`."""


class Pending(Struct, frozen=True, kw_only=True):
    """The one question that waits for a verdict."""

    seq: int
    intent: Intent
    fingerprint: bytes
    created_ns: int
    deadline_ns: int


class GateSession:
    """The client's side of one session; times are CLOCK_BOOTTIME nanoseconds handed in."""

    def __init__(self, sentinel_timeout_ms: int) -> None:
        self._sentinel_timeout_ns = sentinel_timeout_ms * NS_PER_MS
        self.counters = dict.fromkeys(CLIENT_COUNTERS, 0)
        self._seq = 0
        self.begin()

    def begin(self) -> None:
        """Forget everything but the counters and the sequence: a new hello, said on purpose."""
        self.token: bytes | None = None
        self.epoch: int | None = None
        self.state = STATE_UNKNOWN
        self.silent = False
        self.opening: Welcome | Refused | None = None
        self.farewell = False
        self.verdict: Verdict | None = None
        self._pending: Pending | None = None
        self._asked_ns: int | None = None
        self._answered_seq = self._seq
        self._acked_seq = self._seq

    def lose(self) -> None:
        """The socket was replaced: no token holds any more until the next welcome."""
        self.token = None
        self.opening = None
        self._pending = None

    def ask(self, now_ns: int) -> int:
        """Count one question that wants an answer and return its number; it is never used again."""
        self._seq += 1
        self.waits_since(now_ns)
        return self._seq

    def waits_since(self, now_ns: int) -> None:
        """Remember when the oldest question without any answer since was asked."""
        if self._asked_ns is None:
            self._asked_ns = now_ns

    def question(self, intent: Intent, now_ns: int, deadline_ns: int) -> Pending:
        """Number an intent that wants a verdict by `deadline_ns`."""
        self.counters["requests"] += 1
        return Pending(
            seq=self.ask(now_ns),
            intent=intent,
            fingerprint=fingerprint(intent),
            created_ns=now_ns,
            deadline_ns=deadline_ns,
        )

    def expect(self, pending: Pending) -> Submit:
        """Await the verdict on this intent, and on no other; return the message that asks for it.

        There must be a token.
        """
        self._pending = pending
        self.verdict = None
        return Submit(
            session=self.token or b"",
            seq=pending.seq,
            created_ns=pending.created_ns,
            deadline_ns=pending.deadline_ns,
            intent=pending.intent,
        )

    def forget(self) -> None:
        """The wait is over without a verdict: whatever comes now is late."""
        self._pending = None

    def judge_silence(self, now_ns: int) -> None:
        """Latch `silent` when something was asked and nothing answered for too long."""
        if self._asked_ns is not None and now_ns - self._asked_ns >= self._sentinel_timeout_ns:
            self.silent = True

    def receive(self, reply: GateReply, now_ns: int) -> None:
        """Take one decoded reply; what is not ours, not now or not anew is counted and dropped."""
        match reply:
            case Approval() | Veto():
                self._verdict(reply, now_ns)
            case BeatAck():
                self._beat_ack(reply, now_ns)
            case Welcome():
                self._welcome(reply)
            case Refused():
                self._refused(reply)
            case Farewell():
                if self._is_ours(reply.session, reply.epoch):
                    self.farewell = True
                    self._asked_ns = None
            case _:
                assert_never(reply)

    def _is_ours(self, token: bytes, epoch: int) -> bool:
        """Judge token and epoch. A higher epoch is a restarted sentinel, and that is silence."""
        if self.epoch is not None and epoch != self.epoch:
            self.counters["old_epoch"] += 1
            self.silent = self.silent or epoch > self.epoch
            return False
        if token != self.token:
            self.counters["foreign"] += 1
            return False
        return True

    def _verdict(self, verdict: Verdict, now_ns: int) -> None:
        if not self._is_ours(verdict.session, verdict.epoch):
            return
        pending = self._pending
        if pending is None or verdict.seq != pending.seq:
            self.counters[self._misfit(verdict.seq)] += 1
            return
        if (
            verdict.fingerprint != pending.fingerprint
            or verdict.cl_ord_id != pending.intent.cl_ord_id
        ):
            self.counters["foreign"] += 1
            return
        self._answered(verdict.seq, verdict.state, now_ns)
        self._pending = None
        if isinstance(verdict, Veto):
            self.verdict = verdict
        elif now_ns > pending.deadline_ns:
            self.counters["late"] += 1
            self.verdict = self.own_veto(pending, Reason.SENTINEL_SILENT)
        elif now_ns > verdict.expires_ns:
            self.verdict = self.own_veto(pending, Reason.APPROVAL_EXPIRED)
        else:
            self.verdict = verdict

    def _misfit(self, seq: int) -> str:
        """Name what a verdict is that nothing waits for."""
        if seq > self._seq:
            return "foreign"
        return "repeated" if seq <= self._answered_seq else "late"

    def _beat_ack(self, ack: BeatAck, now_ns: int) -> None:
        if not self._is_ours(ack.session, ack.epoch):
            return
        if not self._acked_seq < ack.seq <= self._seq:
            self.counters["repeated"] += 1
            return
        self._acked_seq = ack.seq
        self._answered(ack.seq, ack.state, now_ns)

    def _answered(self, seq: int, state: str, now_ns: int) -> None:
        """Something of ours was answered; what was asked after it waits from now on."""
        self._answered_seq = max(self._answered_seq, seq)
        self._asked_ns = None if seq >= self._seq else now_ns
        self.state = state

    def _welcome(self, welcome: Welcome) -> None:
        if self.opening is not None:
            self.counters["foreign"] += 1
            return
        if welcome.protocol != PROTOCOL:
            detail = f"the sentinel speaks protocol {welcome.protocol}, this client {PROTOCOL}"
            self._refused(
                Refused(
                    protocol=welcome.protocol,
                    epoch=welcome.epoch,
                    code="PROTOCOL_MISMATCH",
                    detail=detail,
                )
            )
            return
        if self.epoch is not None and welcome.epoch != self.epoch:
            self.counters["old_epoch"] += 1
            self.silent = True
            return
        self.opening = welcome
        self.epoch = welcome.epoch
        self.token = welcome.session
        self.state = welcome.state
        self._asked_ns = None

    def _refused(self, refusal: Refused) -> None:
        if self.opening is not None:
            self.counters["foreign"] += 1
            return
        if self.epoch is not None and refusal.epoch != self.epoch:
            self.counters["old_epoch"] += 1
            self.silent = True
            return
        self.opening = refusal
        self.epoch = refusal.epoch
        self._asked_ns = None
        if refusal.code == "TRADING_HALTED":
            self.state = "HALTED"

    @property
    def refusal(self) -> Refused | None:
        """The sentinel's no to the last hello; None if there is none."""
        return self.opening if isinstance(self.opening, Refused) else None

    def refused_veto(self, pending: Pending, refusal: Refused) -> Veto:
        """Veto an intent of a session that the sentinel does not keep open."""
        halted = refusal.code == "TRADING_HALTED"
        return self.own_veto(pending, Reason.TRADING_HALTED if halted else Reason.SESSION_UNKNOWN)

    def own_veto(
        self,
        pending: Pending,
        reason: Reason,
        limit: str | None = None,
        observed: str | None = None,
    ) -> Veto:
        """Make a veto on this side of the wire; its `verdict_seq` is 0, for no entry has it."""
        return Veto(
            session=self.token or b"",
            seq=pending.seq,
            cl_ord_id=pending.intent.cl_ord_id,
            fingerprint=pending.fingerprint,
            epoch=self.epoch or 0,
            verdict_seq=0,
            reason=reason.value,
            limit=limit,
            observed=observed,
            state=self.state,
        )
