"""Garbage, giants, old versions and strangers on both sockets of a running sentinel: counted."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time

import msgspec
import pytest
import zmq

from ipc.codec import decode_control_reply, decode_gate_reply, encode
from ipc.endpoints import resolve_paths, socket_path
from ipc.messages import (
    PROTOCOL,
    CancelIntent,
    Goodbye,
    Heartbeat,
    Hello,
    OrderIntent,
    Refused,
    StatusRequest,
    Submit,
    Veto,
)
from tests.end_to_end.program import wait_until

MEGABYTE = 1 << 20
STATUS_S = 1.0
TENFOLD = 10
FLOOD = 50_000
GARBAGE = (
    b"",
    b"\0",
    b"\xc1",
    b'{"type":"status"}',
    b"\x91" * 1500,
    b"\xdd\xff\xff\xff\xff",
    msgspec.msgpack.encode(["obey", 1]),
    msgspec.msgpack.encode(["status", "1"]),
    msgspec.msgpack.encode(["beat", b"s", True, 1.5, None]),
)


class Wire:
    """Raw sockets to a running sentinel."""

    def __init__(self, pair):
        self.pair = pair
        self.sentinel = pair.start_sentinel()
        self.paths = resolve_paths({}, str(pair.state_dir), str(pair.runtime_dir))
        self.context = zmq.Context()
        self.sockets = []

    def close(self):
        """Close every raw socket."""
        for made in self.sockets:
            made.close(linger=0)
        self.context.term()

    def peer(self, name):
        """Connect a raw DEALER to `gate` or `control`."""
        made = self.context.socket(zmq.DEALER)
        self.sockets.append(made)
        made.setsockopt(zmq.RCVTIMEO, 20_000)
        made.connect(getattr(self.paths, name))
        return made

    def counter(self, name):
        """Read one of the status document's counters."""
        return self.pair.status()["counters"][name]

    def wait_counted(self, name, least):
        """Wait until a counter has come that far."""
        wait_until(lambda: self.counter(name) >= least, f"{least} {name}")

    def assert_unharmed(self, figure, what):
        """Status answers in time, nothing was decided, and the sentinel complained of nothing."""
        began = time.monotonic()
        status = self.pair.status()
        took_s = time.monotonic() - began
        figure(f"status during {what}", took_s * 1000)
        assert took_s < STATUS_S * TENFOLD
        assert status["state"] == "ACTIVE"
        assert status["verdicts"]["approved"] == 0
        assert not self.sentinel.ended
        assert "Traceback" not in self.sentinel.err


@pytest.fixture
def wire(pair):
    made = Wire(pair)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("name", ["gate", "control"])
def test_garbage_is_counted_and_stops_nothing(wire, name, figure):
    peer = wire.peer(name)
    for _ in range(20):
        for frame in GARBAGE:
            peer.send(frame)
    wire.assert_unharmed(figure, f"garbage on {name}")
    wire.wait_counted("malformed", 20 * len(GARBAGE))
    peer.send_multipart([b"x"] * 3000)
    wire.wait_counted("too_many_frames", 1)
    wire.assert_unharmed(figure, f"3,000 frames on {name}")


def test_status_answers_during_a_flood_of_garbage_on_both_sockets(wire, figure):
    over = threading.Event()

    def flood(peer):
        for _ in range(FLOOD):
            if over.is_set():
                return
            with contextlib.suppress(zmq.Again):
                peer.send(GARBAGE[4], zmq.NOBLOCK)

    threads = [threading.Thread(target=flood, args=(wire.peer(n),)) for n in ("gate", "control")]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            wire.assert_unharmed(figure, "a flood")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    wire.wait_counted("malformed", 1000)


@pytest.mark.parametrize("name", ["gate", "control"])
def test_an_oversized_frame_is_counted_as_a_disconnect(wire, name, figure):
    before = wire.counter("disconnects")
    peers = [wire.peer(name) for _ in range(5)]
    for peer in peers:
        peer.send(b"\0" * MEGABYTE)
    wire.wait_counted("disconnects", before + 5)
    wire.assert_unharmed(figure, f"1 MiB frames on {name}")


@pytest.mark.parametrize("name", ["gate", "control"])
def test_noise_that_is_no_zeromq_at_all_is_counted(wire, name, figure):
    before = wire.counter("handshakes_failed") + wire.counter("disconnects")
    for _ in range(5):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(str(socket_path(getattr(wire.paths, name))))
            raw.sendall(os.urandom(4096))
    wait_until(
        lambda: wire.counter("handshakes_failed") + wire.counter("disconnects") >= before + 5,
        "the broken connections in the counters",
    )
    wire.assert_unharmed(figure, f"noise on {name}")


def test_a_hello_of_an_old_version_is_refused_and_both_versions_are_named(wire, figure):
    gate = wire.peer("gate")
    hello = Hello(
        protocol=PROTOCOL - 1,
        pid=os.getpid(),
        start_ticks=1,
        run_id="old",
        strategy="s",
        mode="paper",
        account_id="OFFLINE",
        limits_hash="h",
    )
    gate.send(encode(hello))
    refused = decode_gate_reply(gate.recv())
    assert isinstance(refused, Refused)
    assert refused.code == "PROTOCOL_MISMATCH"
    assert str(PROTOCOL - 1) in refused.detail
    assert str(PROTOCOL) in refused.detail
    control = wire.peer("control")
    control.send(encode(StatusRequest(protocol=PROTOCOL + 1)))
    reply = decode_control_reply(control.recv())
    assert (reply.ok, reply.code) == (False, "PROTOCOL_MISMATCH")
    assert wire.pair.status()["sessions"] == []
    wire.assert_unharmed(figure, "old versions")


def of_session(token):
    """Make one of each message that belongs to a session."""
    order = OrderIntent(
        cl_ord_id="stolen",
        symbol="SYN/USD",
        side="buy",
        ord_type="limit",
        order_qty="1",
        price="1",
    )
    times = {"created_ns": time.monotonic_ns(), "deadline_ns": time.monotonic_ns() + 10**11}
    cancel = CancelIntent(cl_ord_id="c", orig_cl_ord_id="o")
    return [
        Heartbeat(session=token, seq=9, iteration=10**9, data_age_ms=0),
        Submit(session=token, seq=1, intent=order, **times),
        Submit(session=token, seq=2, intent=cancel, **times),
        Goodbye(session=token),
    ]


def test_messages_of_an_unknown_session_are_counted_and_only_vetoed(wire, figure):
    gate = wire.peer("gate")
    for message in of_session(b"\7" * 16):
        gate.send(encode(message))
    wire.wait_counted("unknown_session", 4)
    veto = decode_gate_reply(gate.recv())
    assert isinstance(veto, Veto)
    assert veto.reason == "SESSION_UNKNOWN"
    wire.assert_unharmed(figure, "an unknown session")


def test_a_stolen_session_token_is_worth_nothing_to_another_process(wire, figure):
    pair = wire.pair
    talker = pair.start_talker()
    token = bytes.fromhex(talker.ask(do="hello", run_id="one")["session"])
    gate = wire.peer("gate")
    for message in of_session(token):
        gate.send(encode(message))
    wire.wait_counted("foreign_process", 4)
    assert gate.poll(200) == 0
    wire.assert_unharmed(figure, "a stolen session")
    sessions = pair.status()["sessions"]
    assert [session["run_id"] for session in sessions] == ["one"]
    assert sessions[0]["iteration"] < 10**9
    pair.wait_for(lambda s: s["counters"]["foreign"] >= 4, "the strangers in the tally")
    assert pair.orders() == []
