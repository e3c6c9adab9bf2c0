"""Garbage on both sockets: counted, never an exception, never a stall."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import msgspec
import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipc.codec import encode
from ipc.endpoints import socket_path
from ipc.messages import PROTOCOL, Hello, StatusRequest, Submit
from ipc.server import DISCARD_MAX

SOCKETS = ("gate", "control")
PACK = msgspec.msgpack.encode
GARBAGE = {
    "nothing": b"",
    "one zero": b"\0",
    "no message at all": b"\xc1",
    "text": b"GET / HTTP/1.1\r\n\r\n",
    "JSON": b'{"type":"status","protocol":1}',
    "cut short": PACK(["status", 1])[:-1],
    "something after the end": PACK(["status", 1]) + b"\0",
    "unknown tag": PACK(["obey", 1]),
    "no tag": PACK([1, 2, 3]),
    "map instead of array": PACK({"type": "status", "protocol": 1}),
    "duplicate keys": b"\x82\xa4type\xa6status\xa4type\xa4halt",
    "a field too many": PACK(["status", 1, 2]),
    "a field too few": PACK(["status"]),
    "text for a number": PACK(["status", "1"]),
    "truth for a number": PACK(["status", True]),
    "float for a number": PACK(["status", 1.0]),
    "not UTF-8": b"\x93\xa4halt\x01\xa2\xff\xfe",
    "deeply nested": b"\x91" * 1500,
    "a length of 4 GiB": b"\xdd\xff\xff\xff\xff" + b"\x01" * 8,
    "a text of 4 GiB": b"\x92\xa6status\xdb\xff\xff\xff\xff",
    "an extension": b"\xc7\x01\x05x",
    "hello with text pid": PACK(["hello", 1, "1", 1, "r", "s", "m", "a", "h", None]),
    "beat with truth": PACK(["beat", b"s", True, 1, None]),
    "order in a quote": PACK(["quote", b"s", ["order"], "1", "2"]),
}


@pytest.mark.parametrize("name", SOCKETS)
@pytest.mark.parametrize("frame", GARBAGE.values(), ids=GARBAGE.keys())
def test_what_is_no_message_is_counted_and_dropped(wired, name, frame):
    wired.peer(getattr(wired.paths, name)).send(frame)
    gate, control = wired.pump_until_counted("malformed")
    assert (gate, control) == ([], [])
    wired.assert_alive()


@pytest.mark.parametrize("name", SOCKETS)
def test_a_message_of_the_other_socket_is_malformed_here(wired, build, name):
    frame = encode(StatusRequest(protocol=PROTOCOL)) if name == "gate" else encode(build.hello())
    wired.peer(getattr(wired.paths, name)).send(frame)
    gate, control = wired.pump_until_counted("malformed")
    assert (gate, control) == ([], [])


@pytest.mark.parametrize("name", SOCKETS)
def test_any_bytes_are_counted_and_the_next_good_message_arrives(wired, build, name):
    good = encode(build.hello()) if name == "gate" else encode(StatusRequest(protocol=PROTOCOL))
    peer = wired.peer(getattr(wired.paths, name))
    messages = st.lists(st.binary(max_size=200) | st.just(good[:-1]), min_size=1, max_size=5)

    @settings(
        max_examples=80,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(messages)
    def send(frames):
        before = wired.server.counters["malformed"]
        for frame in frames:
            peer.send(frame)
        peer.send(good)
        gate, control = wired.pump(lambda gate, control: gate or control)
        assert len(gate) + len(control) == 1
        assert wired.server.counters["malformed"] - before == len(frames)

    send()


@pytest.mark.parametrize("name", SOCKETS)
def test_an_oversized_frame_ends_its_connection_and_nothing_else(wired, name):
    wired.peer(getattr(wired.paths, name), reconnect_ivl=-1).send(b"x" * (1 << 20))
    gate, control = wired.pump_until_counted("disconnects")
    assert (gate, control) == ([], [])
    assert wired.server.counters["malformed"] == 0
    wired.assert_alive()


def test_the_longest_frame_passes_and_one_byte_more_does_not(wired):
    peer = wired.peer(reconnect_ivl=-1)
    peer.send(b"x" * 4096)
    wired.pump_until_counted("malformed")
    assert wired.server.counters["disconnects"] == 0
    peer.send(b"x" * 4097)
    wired.pump_until_counted("disconnects")
    assert wired.server.counters["malformed"] == 1


@pytest.mark.parametrize("name", SOCKETS)
@pytest.mark.parametrize("frames", [2, 3, 100, 30_000])
def test_a_message_of_many_frames_is_one_count_and_no_stall(wired, build, name, frames):
    peer = wired.peer(getattr(wired.paths, name))
    peer.send_multipart([encode(build.hello())] * frames, copy=False)
    longest, unfinished = 0.0, 0
    while not wired.server.counters["too_many_frames"] or wired.server._midway:
        begun = time.thread_time()
        batch = wired.server.poll(20)
        longest = max(longest, time.thread_time() - begun)
        unfinished += bool(wired.server._midway)
        assert batch.gate == batch.control == []
    assert unfinished == (frames - 1) // DISCARD_MAX
    assert wired.server.counters["too_many_frames"] == 1
    assert longest < 0.1  # of processor time; about 1 ms on an idle machine
    wired.assert_alive()


def test_a_request_socket_with_its_empty_delimiter_is_not_of_this_protocol(wired, build):
    peer = wired.socket(zmq.REQ)
    peer.connect(wired.paths.gate)
    peer.send(encode(build.hello()))
    gate, _ = wired.pump_until_counted("too_many_frames")
    assert gate == []


def test_a_hello_of_an_old_version_comes_through_for_the_decisions_to_refuse(wired, build):
    wired.peer().send(encode(build.hello(protocol=0)))
    gate, _ = wired.pump(lambda gate, _control: gate)
    assert isinstance(gate[0].message, Hello)
    assert gate[0].message.protocol == 0
    assert wired.server.counters["malformed"] == 0


def test_a_wrong_session_comes_through_for_the_decisions_to_refuse(wired, build):
    wired.peer().send(encode(build.submit(session=b"stolen")))
    gate, _ = wired.pump(lambda gate, _control: gate)
    assert isinstance(gate[0].message, Submit)
    assert gate[0].message.session == b"stolen"


def raw(wired, name="gate"):
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(0.5)
    made.connect(str(socket_path(getattr(wired.paths, name))))
    return made


@pytest.mark.parametrize("name", SOCKETS)
def test_random_bytes_on_the_bare_socket_are_survived(wired, name):
    with Path("/dev/urandom").open("rb") as source, raw(wired, name) as connection:
        try:
            for _ in range(64):
                connection.sendall(source.read(1 << 14))
        except OSError:
            pass  # the server has hung up, which is its right
        for _ in range(5):
            batch = wired.server.poll(20)
            assert batch.gate == batch.control == []
    wired.assert_alive()


def test_a_connection_that_says_half_a_greeting_holds_nobody_up(wired):
    connections = [raw(wired) for _ in range(10)]
    for connection in connections:
        connection.sendall(b"\xff\x00\x00\x00\x00")
    wired.assert_alive()
    for connection in connections:
        connection.close()
    wired.assert_alive()


def test_connections_that_come_and_go_are_counted_and_leave_no_descriptor(wired, build):
    def descriptors():
        return len(list(Path("/proc/self/fd").iterdir()))

    wired.assert_alive()
    before = descriptors()
    for _ in range(100):
        peer = wired.peer()
        peer.send(encode(build.hello()))
        wired.pump(lambda gate, _control: gate)
        peer.close()
    wired.pump_until_counted("disconnects", 100)
    end = time.monotonic() + 20
    while descriptors() > before + 10 and time.monotonic() < end:
        wired.server.poll(20)
    assert descriptors() <= before + 10


def flood(context, endpoint, frame, stop):
    peer = context.socket(zmq.DEALER)
    peer.setsockopt(zmq.LINGER, 0)
    peer.setsockopt(zmq.SNDTIMEO, 100)
    peer.connect(endpoint)
    while not stop.is_set():
        try:
            peer.send(frame, copy=False)
        except zmq.Again:
            continue
    peer.close()


@pytest.mark.parametrize("kind", ["malformed", "good"])
def test_a_flood_of_100_000_messages_is_taken_in_bounded_passes(wired, build, kind):
    frame = b"\x93\xa5order\x01\x02" if kind == "malformed" else encode(build.hello())
    stop = threading.Event()
    flooder = threading.Thread(target=flood, args=(wired.context, wired.paths.gate, frame, stop))
    flooder.start()
    taken, passes, processor_s, answered = 0, 0, 0.0, False
    try:
        while taken + wired.server.counters["malformed"] < 100_000:
            begun = time.thread_time()
            batch = wired.server.poll(1000)
            processor_s += time.thread_time() - begun
            passes += 1
            taken += len(batch.gate)
            assert len(batch.gate) <= 256
            if passes == 20:
                wired.peer(wired.paths.control).send(encode(StatusRequest(protocol=PROTOCOL)))
            answered = answered or bool(batch.control)
    finally:
        stop.set()
        flooder.join()
    assert answered, "the control socket starved"
    assert processor_s / passes < 0.05  # at most 256 messages of about 10 µs in one pass


def test_the_memory_of_the_server_does_not_follow_a_flood(wired, build):
    def resident():
        fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    frame = encode(build.submit("x" * 2000))
    peers = [wired.peer(sndhwm=64) for _ in range(4)]
    for peer in peers:
        assert peer.poll(5000, zmq.POLLOUT)
    before = resident()
    for _ in range(20_000):
        for peer in peers:
            try:
                peer.send(frame, zmq.NOBLOCK)
            except zmq.Again:
                continue
    assert resident() - before < 64 << 20
    wired.assert_alive()
