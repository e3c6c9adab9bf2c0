"""What a guarded loop says to its sentinel, on any channel. It may never send an order.

No answer means no: a question that ends without a verdict is a veto.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Final, Self

from ipc.clock import NS_PER_MS, Clock
from ipc.codec import GATE_FRAME_MAX, encode
from ipc.endpoints import start_ticks
from ipc.line import Channel, GateMisused, Line
from ipc.messages import (
    PROTOCOL,
    ExecutionReport,
    Goodbye,
    Heartbeat,
    Hello,
    Intent,
    Quote,
    Refused,
    Verdict,
    Welcome,
)
from ipc.reasons import Reason

REPORT_TEXT_MAX: Final = 512
"""Bytes of the venue's own words that a report carries."""


class SentinelUnavailable(RuntimeError):
    """Nothing answered at the endpoint in time. No order may be sent. Exit code 69."""


class Conversation:
    """One run's talk with the sentinel, one intent at a time, from one thread of one process.

    After a wait without verdict the channel is renewed and the next calls say hello again for the
    same run, so that no late answer can meet a later question. An open conversation is closed by
    `close` or by the end of its `with` block.
    """

    def __init__(
        self, channel: Channel, clock: Clock, *, answer_timeout_ms: int, sentinel_timeout_ms: int
    ) -> None:
        self._line = Line(
            channel,
            clock,
            answer_timeout_ms=answer_timeout_ms,
            sentinel_timeout_ms=sentinel_timeout_ms,
        )
        self._session = self._line.session

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def counters(self) -> dict[str, int]:
        """What was dropped, lost or repeated, by the names of `ipc.session.CLIENT_COUNTERS`."""
        return self._session.counters

    @property
    def state(self) -> str:
        """The trading state in the last answer; UNKNOWN before the first."""
        return self._session.state

    @property
    def epoch(self) -> int | None:
        """The sentinel's epoch, from its first answer to hello; None before that."""
        return self._session.epoch

    @property
    def refusal(self) -> Refused | None:
        """Why the sentinel does not keep the session open; None while it does."""
        return self._session.refusal

    @property
    def silent(self) -> bool:
        """Whether the sentinel fell silent; latched until the next `hello`.

        True once something was asked and nothing at all was answered for `sentinel_timeout_ms`,
        or another epoch was seen. What has arrived is read before that is judged.
        """
        if not self._line.closed:
            self._line.drain()
        return self._session.silent

    def hello(
        self,
        *,
        run_id: str,
        strategy: str,
        mode: str,
        account_id: str,
        limits_hash: str,
        max_trades: int | None = None,
        pid: int | None = None,
    ) -> Welcome | Refused:
        """Open a session and return what the sentinel says to it.

        SentinelUnavailable if nothing answers within `sentinel_timeout_ms`.
        """
        self._line.guard()
        pid = os.getpid() if pid is None else pid
        hello = Hello(
            protocol=PROTOCOL,
            pid=pid,
            start_ticks=start_ticks(pid),
            run_id=run_id,
            strategy=strategy,
            mode=mode,
            account_id=account_id,
            limits_hash=limits_hash,
            max_trades=max_trades,
        )
        self._line.begin(hello)
        opening = self._session.opening
        if opening is None:
            self._line.hello = None
            raise SentinelUnavailable(
                f"no sentinel answered on the gate within {self._line.sentinel_timeout_ms} ms"
            )
        return opening

    def request(self, intent: Intent) -> Verdict:
        """Ask for a verdict; there is one within `answer_timeout_ms`. GateMisused before hello.

        A Veto made here has the reason SENTINEL_SILENT (no answer in time), APPROVAL_EXPIRED,
        ORDER_INVALID (too long for the wire) or, where the sentinel would not open the session
        again, TRADING_HALTED or SESSION_UNKNOWN.
        """
        line, session = self._line, self._session
        line.drain()
        if line.hello is None:
            raise GateMisused("say hello before asking for a verdict")
        begun_ns = line.clock.elapsed_ns()
        deadline_ns = begun_ns + line.answer_timeout_ms * NS_PER_MS
        if session.opening is None:
            line.settle(line.answer_timeout_ms)
        pending = session.question(intent, begun_ns, deadline_ns)
        if session.refusal is not None:
            return session.refused_veto(pending, session.refusal)
        if session.silent or session.token is None:
            return line.time_out(pending)
        frame = encode(session.expect(pending))
        if len(frame) > GATE_FRAME_MAX:
            session.forget()
            limit, observed = str(GATE_FRAME_MAX), str(len(frame))
            return session.own_veto(pending, Reason.ORDER_INVALID, limit, observed)
        return line.await_verdict(pending, frame)

    def quote(self, symbol: str, bid: str | None, ask: str | None) -> bool:
        """Tell the top of book; False if it could not be sent now."""
        self._line.drain()
        token = self._session.token
        if token is None:
            return False
        return self._line.tell(encode(Quote(session=token, symbol=symbol, bid=bid, ask=ask)))

    def report(
        self,
        *,
        cl_ord_id: str,
        exec_type: str,
        exec_id: str | None = None,
        last_qty: str | None = None,
        last_price: str | None = None,
        fee: str | None = None,
        text: str | None = None,
    ) -> bool:
        """Tell what happened to an order; False if it is kept to be sent by a later call."""
        if text is not None:
            text = text.encode()[:REPORT_TEXT_MAX].decode(errors="ignore")
        return self._line.keep(
            ExecutionReport(
                session=b"",
                cl_ord_id=cl_ord_id,
                exec_type=exec_type,
                exec_id=exec_id,
                last_qty=last_qty,
                last_price=last_price,
                fee=fee,
                text=text,
            )
        )

    def heartbeat(self, iteration: int, data_age_ms: int | None = None) -> bool:
        """Tell that a whole pass is done; never waits. False if it could not be sent now."""
        self._line.drain()
        token = self._session.token
        if token is None:
            return False
        seq = self._session.ask(self._line.clock.elapsed_ns())
        beat = Heartbeat(session=token, seq=seq, iteration=iteration, data_age_ms=data_age_ms)
        return self._line.tell(encode(beat))

    def goodbye(self, timeout_ms: int | None = None) -> bool:
        """End the session on purpose; True if the sentinel confirmed it in time."""
        line, session = self._line, self._session
        line.drain()
        line.hello = None
        if session.token is None or session.silent:
            return False
        wait_ms = line.answer_timeout_ms if timeout_ms is None else timeout_ms
        confirmed = line.await_farewell(encode(Goodbye(session=session.token)), wait_ms)
        session.lose()
        return confirmed

    def drain(self) -> None:
        """Read what has arrived, send what had to wait, judge the silence; never waits."""
        self._line.drain()

    def close(self) -> None:
        """Drop the line at once, without goodbye. Twice, or in a forked child, it does nothing."""
        self._line.close()
