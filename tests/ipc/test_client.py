"""The gate client, the control client and the watcher on real sockets and real processes."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
import zmq

from ipc.client import GateClient, GateMisused, SentinelUnavailable, Wire
from ipc.clock import SystemClock
from ipc.codec import encode
from ipc.endpoints import PathRefused, resolve_paths
from ipc.messages import Approval, Veto, Welcome

GENEROUS_S = 10
"""Waits of 100 ms on a machine that does other things as well."""


@pytest.fixture
def paths(short_tmp):
    return resolve_paths({}, str(short_tmp), str(short_tmp / "r"))


@pytest.fixture
def client(paths):
    with GateClient(
        paths.gate, SystemClock(), answer_timeout_ms=800, sentinel_timeout_ms=2000
    ) as made:
        yield made


def until(happened):
    end = time.monotonic() + GENEROUS_S
    while not happened():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def test_a_loop_says_hello_asks_beats_and_says_goodbye(start_process, client, build, greet):
    start_process()
    assert isinstance(greet(client), Welcome)
    verdict = client.request(build.order())
    assert isinstance(verdict, Approval)
    assert client.heartbeat(1, 10)
    assert client.quote("EUR/USD", "1.1", "1.2")
    assert client.report(cl_ord_id="a1", exec_type="ack")
    assert (client.state, client.epoch) == ("ACTIVE", 1)
    assert client.goodbye(timeout_ms=GENEROUS_S * 1000)


def test_without_a_sentinel_hello_fails_in_its_time(paths, greet):
    begun = time.monotonic()
    with (
        GateClient(paths.gate, SystemClock(), sentinel_timeout_ms=100) as client,
        pytest.raises(SentinelUnavailable),
    ):
        greet(client)
    assert time.monotonic() - begun < GENEROUS_S


def test_nothing_is_queued_for_a_sentinel_that_starts_later(
    start_process, client, build, paths, greet
):
    first = start_process()
    greet(client)
    assert isinstance(client.request(build.order("before")), Approval)
    first.kill()
    for number in range(3):
        verdict = client.request(build.order(f"between{number}"))
        assert isinstance(verdict, Veto)
        assert verdict.reason == "SENTINEL_SILENT"
    second = start_process(epoch=2)
    until(lambda: client.silent)
    with GateClient(
        paths.gate, SystemClock(), answer_timeout_ms=800, sentinel_timeout_ms=2000
    ) as other:
        greet(other)
        other.request(build.order("after"))
    assert second.seen() == ["before", "after"]


def test_a_sentinel_that_starts_within_the_wait_is_found(start_process, paths, greet):
    with GateClient(paths.gate, SystemClock(), sentinel_timeout_ms=20_000) as client:
        starter = threading.Timer(0.2, start_process)
        starter.start()
        try:
            assert isinstance(greet(client), Welcome)
        finally:
            starter.join()


def test_a_restarted_sentinel_is_silence(start_process, client, build, greet):
    first = start_process(epoch=1)
    greet(client)
    first.kill()
    second = start_process(epoch=2)
    until(lambda: client.heartbeat(1) and client.silent)
    assert client.counters["old_epoch"] >= 1
    assert isinstance(client.request(build.order("after")), Veto)
    assert second.seen() == []


def test_approvals_of_a_frozen_sentinel_are_void_when_it_goes_on(
    start_process, client, build, greet
):
    process = start_process()
    greet(client)
    process.stop()
    frozen = [client.request(build.order(f"late{number}")) for number in range(2)]
    process.go_on()
    assert {getattr(verdict, "reason", None) for verdict in frozen} == {"SENTINEL_SILENT"}
    until(lambda: "late0" in process.seen())
    verdicts = []
    end = time.monotonic() + GENEROUS_S
    while not any(isinstance(verdict, Approval) for verdict in verdicts):
        assert time.monotonic() < end
        verdicts.append(client.request(build.order(f"fresh{len(verdicts)}")))
    assert verdicts[-1].cl_ord_id == f"fresh{len(verdicts) - 1}"
    assert client.epoch == 1


def test_a_storm_of_signals_neither_loses_an_answer_nor_prolongs_a_wait(
    start_process, client, build, greet
):
    process = start_process()
    greet(client)
    seen = []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        for number in range(200):
            assert isinstance(client.request(build.order(f"a{number}")), Approval)
        process.stop()
        begun = time.monotonic()
        assert isinstance(client.request(build.order("frozen")), Veto)
        assert time.monotonic() - begun < GENEROUS_S
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        process.go_on()
    assert len(seen) >= 3


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_cannot_use_its_parents_client(start_process, client, build, greet):
    start_process()
    greet(client)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            client.request(build.order("from the child"))
        except GateMisused:
            client.close()
            code = 7
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert isinstance(client.request(build.order("from the parent")), Approval)


def test_another_thread_cannot_use_the_client(start_process, client, build, greet):
    start_process()
    greet(client)
    raised = []

    def use():
        try:
            client.request(build.order())
        except GateMisused as error:
            raised.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert len(raised) == 1


def test_closing_with_messages_under_way_does_not_hang(start_process, paths, greet):
    process = start_process()
    client = GateClient(paths.gate, SystemClock())
    greet(client)
    process.stop()
    try:
        for iteration in range(200):
            client.heartbeat(iteration)
        begun = time.monotonic()
        client.close()
        client.close()
        assert time.monotonic() - begun < GENEROUS_S
    finally:
        process.go_on()


def test_heartbeats_to_a_frozen_sentinel_never_wait_and_are_bounded(start_process, client, greet):
    process = start_process()
    greet(client)
    process.stop()
    try:
        begun = time.monotonic()
        for iteration in range(5000):
            client.heartbeat(iteration)
        assert time.monotonic() - begun < GENEROUS_S
        until(lambda: client.silent)
    finally:
        process.go_on()


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:5555", "ipc:///" + "x" * 200])
def test_an_endpoint_that_cannot_be_is_refused_before_anything_is_opened(endpoint):
    with pytest.raises(PathRefused):
        GateClient(endpoint, SystemClock())


def test_a_message_of_very_many_frames_ends_the_connection_and_not_the_client(wired, build):
    wire = Wire(wired.paths.gate, 4096)
    try:
        assert wire.wait_writable(10_000)
        assert wire.send(encode(build.hello()))
        gate, _ = wired.pump(lambda gate, _control: gate)
        wired.server._gate.send_multipart([gate[0].peer, *[b"x"] * 500])
        assert wire.receive(10_000) == []
        assert wire.receive(20) is None
        assert wire.wait_writable(10_000)
    finally:
        wire.close()


def test_an_oversized_answer_is_never_delivered(wired, build):
    wire = Wire(wired.paths.gate, 4096)
    try:
        assert wire.wait_writable(10_000)
        assert wire.send(encode(build.hello()))
        gate, _ = wired.pump(lambda gate, _control: gate)
        wired.server._gate.send_multipart([gate[0].peer, b"x" * 5000])
        assert wire.receive(300) is None
    finally:
        wire.close()


def test_the_sockets_have_the_options_that_keep_stale_orders_away(paths):
    wire = Wire(paths.gate, 4096)
    try:
        options = {
            name: wire._socket.getsockopt(getattr(zmq, name))
            for name in ("LINGER", "IMMEDIATE", "SNDHWM", "RCVHWM", "MAXMSGSIZE", "TYPE")
        }
    finally:
        wire.close()
    assert options == {
        "LINGER": 0,
        "IMMEDIATE": 1,
        "SNDHWM": 64,
        "RCVHWM": 64,
        "MAXMSGSIZE": 4096,
        "TYPE": zmq.DEALER,
    }
