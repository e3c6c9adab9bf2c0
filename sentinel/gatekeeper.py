"""The gate's desk: who may speak for which session, and messages to and from the core's terms."""

from __future__ import annotations

import secrets
from typing import assert_never

from ipc.arrivals import GateIncoming
from ipc.clock import NS_PER_MS
from ipc.codec import fingerprint
from ipc.messages import (
    PROTOCOL,
    Approval,
    BeatAck,
    ExecutionReport,
    Farewell,
    GateReply,
    Goodbye,
    Heartbeat,
    Hello,
    Quote,
    Refused,
    Submit,
    Veto,
    Welcome,
)
from sentinel.adapters.identity import ProcessGone, ProcessUnreadable, identify
from sentinel.core.effects import Answer, Effect, Reply
from sentinel.core.events import (
    Event,
    ExecutionReceived,
    HeartbeatReceived,
    HelloReceived,
    IntentReceived,
    PeerRefused,
    QuoteReceived,
    SessionEnded,
)

TEXT_MAX = 512


class Seat:
    """One session's place at the gate: its token, its process, its way back."""

    def __init__(self, run_id: str, uid: int, pid: int) -> None:
        self.run_id = run_id
        self.uid = uid
        self.pid = pid


class Gatekeeper:
    """Turns what came over the gate into events, and effects into replies.

    A message that names no open session, or comes from another process than the session's,
    changes nothing but a counter (and, for the latter, raises an alert once a second).
    """

    def __init__(self, *, mode: str, account_id: str, ttl_ms: int, loop_uid: int) -> None:
        self.mode = mode
        self.account_id = account_id
        self.ttl_ms = ttl_ms
        self.loop_uid = loop_uid
        self.epoch = 0
        self.seats: dict[bytes, Seat] = {}
        self.counters = {"unknown_session": 0, "foreign_process": 0}
        self._foreign = 0
        self._foreign_detail = ""
        self._token = b""

    def event_of(
        self, incoming: GateIncoming, at_ns: int, wall_ns: int, offset_ns: int
    ) -> Event | GateReply | None:
        """Return the event a message makes, the reply it gets without one, or neither."""
        message = incoming.message
        if isinstance(message, Hello):
            return self._hello(message, incoming, at_ns, wall_ns)
        seat = self.seats.get(message.session)
        if seat is None:
            self.counters["unknown_session"] += 1
            return self._strangers_veto(message)
        if (seat.uid, seat.pid) != (incoming.uid, incoming.pid):
            self.counters["foreign_process"] += 1
            self._foreign += 1
            self._foreign_detail = f"pid {incoming.pid} spoke for {seat.run_id} (pid {seat.pid})"
            return None
        return self._session_event(message, seat, at_ns, wall_ns, offset_ns)

    def _session_event(
        self,
        message: Submit | Quote | ExecutionReport | Heartbeat | Goodbye,
        seat: Seat,
        at_ns: int,
        wall_ns: int,
        offset_ns: int,
    ) -> Event:
        match message:
            case Submit():
                return IntentReceived(
                    at_ns=at_ns,
                    wall_ns=wall_ns,
                    run_id=seat.run_id,
                    intent=message.intent,
                    fingerprint=fingerprint(message.intent),
                    age_ns=max(0, at_ns - message.created_ns - offset_ns),
                    late=at_ns > message.deadline_ns + offset_ns,
                )
            case Quote():
                return QuoteReceived(
                    at_ns=at_ns,
                    wall_ns=wall_ns,
                    symbol=message.symbol,
                    bid=message.bid,
                    ask=message.ask,
                )
            case ExecutionReport():
                text = message.text
                return ExecutionReceived(
                    at_ns=at_ns,
                    wall_ns=wall_ns,
                    cl_ord_id=message.cl_ord_id,
                    exec_type=message.exec_type,
                    exec_id=message.exec_id,
                    last_qty=message.last_qty,
                    last_price=message.last_price,
                    fee=message.fee,
                    text=None if text is None else text[:TEXT_MAX],
                )
            case Heartbeat():
                return HeartbeatReceived(
                    at_ns=at_ns,
                    wall_ns=wall_ns,
                    run_id=seat.run_id,
                    iteration=message.iteration,
                    data_age_ms=message.data_age_ms,
                )
            case Goodbye():
                return SessionEnded(at_ns=at_ns, wall_ns=wall_ns, run_id=seat.run_id)
            case _:
                assert_never(message)

    def _hello(self, hello: Hello, incoming: GateIncoming, at_ns: int, wall_ns: int) -> Event:
        try:
            start_ticks = identify(incoming.pid).start_ticks
        except (ProcessGone, ProcessUnreadable):
            start_ticks = 0
        self._token = secrets.token_bytes(16)
        return HelloReceived(
            at_ns=at_ns,
            wall_ns=wall_ns,
            session=self._token,
            protocol=hello.protocol,
            pid=hello.pid,
            start_ticks=hello.start_ticks,
            run_id=hello.run_id,
            strategy=hello.strategy,
            mode=hello.mode,
            account_id=hello.account_id,
            limits_hash=hello.limits_hash,
            max_trades=hello.max_trades,
            peer_pid=incoming.pid,
            peer_start_ticks=start_ticks,
            peer_allowed=incoming.uid == self.loop_uid,
            own_mode=self.mode,
            own_account_id=self.account_id,
            own_protocol=PROTOCOL,
        )

    def _strangers_veto(self, message: object) -> GateReply | None:
        if not isinstance(message, Submit):
            return None
        return Veto(
            session=message.session,
            seq=message.seq,
            cl_ord_id=message.intent.cl_ord_id,
            fingerprint=fingerprint(message.intent),
            epoch=self.epoch,
            verdict_seq=0,
            reason="SESSION_UNKNOWN",
            limit=None,
            observed=None,
            state="",
        )

    def reply_of(
        self, incoming: GateIncoming, effects: list[Effect], state: str, offset_ns: int
    ) -> GateReply | None:
        """Return what the sender is told, from what was decided on its message."""
        message = incoming.message
        match message:
            case Submit():
                reply = next((e for e in effects if isinstance(e, Reply)), None)
                return None if reply is None else self._verdict(message, reply, offset_ns)
            case Hello():
                answer = next(e for e in effects if isinstance(e, Answer))
                return self._answered(message, incoming, answer)
            case Heartbeat():
                return BeatAck(
                    session=message.session, seq=message.seq, epoch=self.epoch, state=state
                )
            case Goodbye():
                self.seats.pop(message.session, None)
                return Farewell(session=message.session, epoch=self.epoch)
            case _:
                return None

    def _verdict(self, message: Submit, reply: Reply, offset_ns: int) -> GateReply:
        marked = fingerprint(message.intent)
        if reply.approved:
            return Approval(
                session=message.session,
                seq=message.seq,
                cl_ord_id=reply.cl_ord_id,
                fingerprint=marked,
                epoch=self.epoch,
                verdict_seq=reply.seq,
                expires_ns=reply.expires_ns - offset_ns,
                state=reply.state,
            )
        return Veto(
            session=message.session,
            seq=message.seq,
            cl_ord_id=reply.cl_ord_id,
            fingerprint=marked,
            epoch=self.epoch,
            verdict_seq=reply.seq,
            reason=reply.reason or "",
            limit=reply.limit,
            observed=reply.observed,
            state=reply.state,
        )

    def _answered(self, hello: Hello, incoming: GateIncoming, answer: Answer) -> GateReply:
        if not answer.ok:
            return Refused(
                protocol=PROTOCOL, epoch=self.epoch, code=answer.code, detail=answer.detail
            )
        self.forget(hello.run_id)
        self.seats[self._token] = Seat(hello.run_id, incoming.uid, incoming.pid)
        return Welcome(
            protocol=PROTOCOL,
            epoch=self.epoch,
            session=self._token,
            state=answer.detail,
            approval_ttl_ms=self.ttl_ms,
        )

    def forget(self, run_id: str) -> None:
        """A run's older token is void."""
        for token in [t for t, seat in self.seats.items() if seat.run_id == run_id]:
            del self.seats[token]

    def strangers(self, at_ns: int, wall_ns: int) -> Event | None:
        """Return what is to be told of foreign processes since the last call, if anything."""
        if not self._foreign:
            return None
        count, self._foreign = self._foreign, 0
        return PeerRefused(at_ns=at_ns, wall_ns=wall_ns, count=count, detail=self._foreign_detail)

    @property
    def ttl_ns(self) -> int:
        """How long an approval is good, in nanoseconds."""
        return self.ttl_ms * NS_PER_MS
