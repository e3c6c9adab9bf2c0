"""The line under a conversation: hello, waits and silence on any channel. It may never judge.

What a reply means is decided in `ipc.session`; no socket is opened here, and channel and clock are
handed in. Every wait has an end, even under a clock that stands still.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import Final, Protocol

import msgspec

from ipc.clock import NS_PER_MS, Clock
from ipc.codec import GATE_FRAME_MAX, MalformedMessage, decode_gate_reply, encode
from ipc.messages import ExecutionReport, Hello, Verdict
from ipc.reasons import Reason
from ipc.session import GateSession, Pending

REPLIES_MAX: Final = 1024
"""How many replies one wait looks at: a flood of foreign ones ends it."""
REPORTS_KEPT: Final = 256
"""How many execution reports wait for a connection."""


class GateMisused(RuntimeError):
    """The client was used after a fork, by another thread, before hello or after close."""


class Channel(Protocol):
    """A two-way line to one sentinel that queues nothing while there is no sentinel."""

    def send(self, frame: bytes) -> bool:
        """Send at once; False if that is not possible now."""
        ...

    def wait_writable(self, timeout_ms: int) -> bool:
        """Wait until `send` may work; False after `timeout_ms`."""
        ...

    def receive(self, timeout_ms: int) -> list[bytes] | None:
        """Return the frames of the next message, None after `timeout_ms`."""
        ...

    def renew(self) -> None:
        """Drop whatever is under way and connect anew."""
        ...

    def close(self) -> None:
        """End at once."""
        ...


class Line:
    """One channel with the session on it; used by one thread of one process."""

    def __init__(
        self, channel: Channel, clock: Clock, *, answer_timeout_ms: int, sentinel_timeout_ms: int
    ) -> None:
        self.channel = channel
        self.session = GateSession(sentinel_timeout_ms)
        self.clock = clock
        self.hello: Hello | None = None
        self.closed = False
        self.answer_timeout_ms = answer_timeout_ms
        self.sentinel_timeout_ms = sentinel_timeout_ms
        self._hello_patience_ms = max(answer_timeout_ms, sentinel_timeout_ms // 2)
        self._hello_sent_ns: int | None = None
        self._reports: deque[ExecutionReport] = deque()
        self._process = os.getpid()
        self._thread = threading.get_ident()

    def guard(self) -> None:
        """Raise GateMisused where an answer could reach the wrong one."""
        if os.getpid() != self._process:
            raise GateMisused("a forked process cannot use its parent's gate client")
        if threading.get_ident() != self._thread:
            raise GateMisused("only the thread that made the gate client may use it")
        if self.closed:
            raise GateMisused("the gate client is closed")

    def close(self) -> None:
        """Drop the line at once. Twice, or in a forked child, it does nothing."""
        if not self.closed and os.getpid() == self._process:
            self.closed = True
            self.channel.close()

    def begin(self, hello: Hello) -> None:
        """Start anew for this run, and wait for the sentinel's answer as long as it may take."""
        self.hello = hello
        self._reports.clear()
        self.renew()
        self.session.begin()
        self.settle(self.sentinel_timeout_ms)

    def renew(self) -> None:
        """Throw the channel's connection away; the session must be opened again."""
        self.channel.renew()
        self.session.lose()
        self._hello_sent_ns = None
        self.session.counters["reconnects"] += 1

    def drain(self) -> None:
        """Read what has arrived, judge the silence, send what had to wait; never waits."""
        self.guard()
        for _ in range(REPLIES_MAX):
            frames = self.channel.receive(0)
            if frames is None:
                break
            self._take(frames)
        session = self.session
        session.judge_silence(self.clock.elapsed_ns())
        if self.hello is not None and session.opening is None and not session.silent:
            self._say_hello(self.hello)
        if self._reports:
            self._send_reports()

    def tell(self, frame: bytes) -> bool:
        """Send what needs no answer, or none now; False, and counted, if that is not possible."""
        if len(frame) <= GATE_FRAME_MAX and self.channel.send(frame):
            return True
        self.session.counters["unsent"] += 1
        return False

    def keep(self, report: ExecutionReport) -> bool:
        """Send a report as soon as a session is open; False if it has to wait for that."""
        self.guard()
        if len(self._reports) >= REPORTS_KEPT:
            self._reports.popleft()
            self.session.counters["reports_dropped"] += 1
        self._reports.append(report)
        self.drain()
        return not self._reports

    def settle(self, budget_ms: int) -> None:
        """Say hello until the sentinel answers it, or `budget_ms` are over."""
        session, hello = self.session, self.hello
        deadline_ns = self.clock.elapsed_ns() + budget_ms * NS_PER_MS
        for _ in range(REPLIES_MAX):
            left = min(budget_ms, self.left_ms(deadline_ns))
            if hello is None or session.opening is not None or session.silent or left <= 0:
                return
            if not self._say_hello(hello):
                if not self.channel.wait_writable(left):
                    return
                continue
            slice_ms = min(left, self._hello_patience_ms)
            frames = self.channel.receive(slice_ms)
            if frames is None:
                budget_ms -= slice_ms
            else:
                self._take(frames)

    def await_verdict(self, pending: Pending, frame: bytes) -> Verdict:
        """Send the question and wait for its answer until its deadline."""
        session, channel = self.session, self.channel
        if not self.send_by(frame, pending.deadline_ns):
            return self.time_out(pending)
        for _ in range(REPLIES_MAX):
            frames = channel.receive(self.left_ms(pending.deadline_ns))
            if frames is None:
                break
            self._take(frames)
            if session.verdict is not None:
                return session.verdict
            if session.silent:
                break
        return self.time_out(pending)

    def await_farewell(self, frame: bytes, timeout_ms: int) -> bool:
        """Send the goodbye and wait for the sentinel to confirm it."""
        deadline_ns = self.clock.elapsed_ns() + timeout_ms * NS_PER_MS
        if not self.send_by(frame, deadline_ns):
            return False
        for _ in range(REPLIES_MAX):
            frames = self.channel.receive(self.left_ms(deadline_ns))
            if frames is None:
                break
            self._take(frames)
            if self.session.farewell:
                return True
        return False

    def send_by(self, frame: bytes, deadline_ns: int) -> bool:
        """Send as soon as the peer takes it, if that is before the deadline."""
        if self.channel.send(frame):
            return True
        return self.channel.wait_writable(self.left_ms(deadline_ns)) and self.channel.send(frame)

    def time_out(self, pending: Pending) -> Verdict:
        """Veto for want of an answer; the channel is renewed so that none can come late."""
        now_ns = self.clock.elapsed_ns()
        waited_ms = (now_ns - pending.created_ns) // NS_PER_MS
        self.session.counters["timeouts"] += 1
        self.session.judge_silence(now_ns)
        verdict = self.session.own_veto(
            pending, Reason.SENTINEL_SILENT, str(self.answer_timeout_ms), str(waited_ms)
        )
        self.session.forget()
        if not self.session.silent:
            self.renew()
        return verdict

    def left_ms(self, deadline_ns: int) -> int:
        """Milliseconds to a deadline, rounded up; 0 when it has passed."""
        return max(0, -((self.clock.elapsed_ns() - deadline_ns) // NS_PER_MS))

    def _take(self, frames: list[bytes]) -> None:
        try:
            if len(frames) != 1:
                raise MalformedMessage("expected one frame")
            reply = decode_gate_reply(frames[0])
        except MalformedMessage:
            self.session.counters["malformed"] += 1
            return
        self.session.receive(reply, self.clock.elapsed_ns())

    def _say_hello(self, hello: Hello) -> bool:
        """Send the hello if it is due on this connection; False if that is not possible now."""
        now_ns = self.clock.elapsed_ns()
        self.session.waits_since(now_ns)
        if self._hello_sent_ns is not None:
            if now_ns - self._hello_sent_ns < self._hello_patience_ms * NS_PER_MS:
                return True
            self.renew()
        if not self.channel.send(encode(hello)):
            return False
        self._hello_sent_ns = now_ns
        return True

    def _send_reports(self) -> None:
        token = self.session.token
        while self._reports and token is not None:
            report = msgspec.structs.replace(self._reports[0], session=token)
            if not self.tell(encode(report)):
                return
            self._reports.popleft()
