"""A sentinel of a few lines on real sockets, for tests of the loop. It says yes unless told no."""

import threading

from ipc.clock import SystemClock
from ipc.codec import fingerprint
from ipc.endpoints import resolve_paths
from ipc.messages import (
    PROTOCOL,
    Approval,
    BeatAck,
    ExecutionReport,
    Farewell,
    Goodbye,
    Heartbeat,
    Hello,
    Refused,
    Submit,
    Veto,
    Welcome,
)
from ipc.server import Server


class SentinelDouble:
    """Answers on the gate from a thread of its own; its attributes may be changed as it runs."""

    def __init__(self, env):
        self.paths = resolve_paths(env)
        self.clock = SystemClock()
        self.state = "ACTIVE"
        self.mute = False
        self.refusal = None
        self.veto_with = lambda intent: None
        self.on_submit = lambda intent: None
        self.hellos, self.intents, self.approved, self.reports, self.beats = [], [], [], [], []
        self.goodbyes = 0
        self._ready = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def close(self):
        self._over.set()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _serve(self):
        server = Server(self.paths, self.clock)
        self._ready.set()
        try:
            while not self._over.is_set():
                for incoming in server.poll(20).gate:
                    answer = self._answer(incoming.message)
                    if answer is not None and not self.mute:
                        server.send_gate(incoming.peer, answer)
        finally:
            server.close()

    def _answer(self, message):
        match message:
            case Hello():
                self.hellos.append(message)
                if self.refusal:
                    return Refused(protocol=PROTOCOL, epoch=1, code=self.refusal, detail="told so")
                return Welcome(
                    protocol=PROTOCOL,
                    epoch=1,
                    session=b"session",
                    state=self.state,
                    approval_ttl_ms=500,
                )
            case Submit():
                return self._verdict(message)
            case ExecutionReport():
                self.reports.append(message)
            case Heartbeat():
                self.beats.append(message)
                return BeatAck(session=b"session", seq=message.seq, epoch=1, state=self.state)
            case Goodbye():
                self.goodbyes += 1
                return Farewell(session=b"session", epoch=1)
            case _:
                pass
        return None

    def _verdict(self, message):
        intent = message.intent
        self.intents.append(intent)
        self.on_submit(intent)
        common = {
            "session": b"session",
            "seq": message.seq,
            "cl_ord_id": intent.cl_ord_id,
            "fingerprint": fingerprint(intent),
            "epoch": 1,
            "verdict_seq": len(self.intents),
            "state": self.state,
        }
        reason = self.veto_with(intent)
        if reason:
            return Veto(reason=reason, limit=None, observed=None, **common)
        if not self.mute:
            self.approved.append(intent)
        return Approval(expires_ns=self.clock.elapsed_ns() + 5_000_000_000, **common)
