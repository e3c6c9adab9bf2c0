"""The operator's and the watcher's clients on real sockets and real processes."""

from __future__ import annotations

import threading
import time

import pytest

from ipc.client import SentinelUnavailable
from ipc.clock import SystemClock
from ipc.control import ControlClient
from ipc.endpoints import resolve_paths
from ipc.messages import PROTOCOL, ControlReply, StatusRequest
from ipc.telemetry import TelemetryClient

GENEROUS_S = 10
"""Waits of 100 ms on a machine that does other things as well."""


@pytest.fixture
def paths(short_tmp):
    return resolve_paths({}, str(short_tmp), str(short_tmp / "r"))


def test_one_question_on_the_control_socket_gets_its_answer(wired):
    answers = []
    request = StatusRequest(protocol=PROTOCOL)

    def ask():
        answers.append(ControlClient(wired.paths.control, SystemClock()).ask(request, 10_000))

    asking = threading.Thread(target=ask)
    asking.start()
    _, control = wired.pump(lambda _gate, control: control)
    assert control[0].message == request
    reply = ControlReply(
        protocol=PROTOCOL, epoch=1, ok=True, code="DONE", detail="", document=b"{}" * 100_000
    )
    assert wired.server.send_control(control[0].peer, reply)
    asking.join()
    assert answers == [reply]


def test_a_control_socket_that_nobody_serves_is_said_so_in_time(paths):
    begun = time.monotonic()
    with pytest.raises(SentinelUnavailable, match="no sentinel answers"):
        ControlClient(paths.control, SystemClock()).ask(StatusRequest(protocol=PROTOCOL), 100)
    assert time.monotonic() - begun < GENEROUS_S


def test_a_frozen_sentinel_is_not_waited_for_longer_than_asked(start_process, paths):
    process = start_process()
    process.stop()
    begun = time.monotonic()
    try:
        with pytest.raises(SentinelUnavailable):
            ControlClient(paths.control, SystemClock()).ask(StatusRequest(protocol=PROTOCOL), 200)
    finally:
        process.go_on()
    assert time.monotonic() - begun < GENEROUS_S


def test_a_control_answer_that_is_none_is_an_error_in_one_line(wired):
    raised = []

    def ask():
        try:
            ControlClient(wired.paths.control, SystemClock()).ask(
                StatusRequest(protocol=PROTOCOL), 10_000
            )
        except SentinelUnavailable as error:
            raised.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    _, control = wired.pump(lambda _gate, control: control)
    wired.server._control.send_multipart([control[0].peer, b"\xc1 garbage"])
    asking.join()
    assert len(raised) == 1
    assert "malformed" in raised[0]
    assert "\n" not in raised[0]


def test_a_request_too_long_for_the_wire_is_refused_before_it_is_sent(paths):
    from ipc.messages import HaltRequest

    with pytest.raises(ValueError, match="shorten"):
        ControlClient(paths.control, SystemClock()).ask(
            HaltRequest(protocol=PROTOCOL, by="me", why="x" * 5000)
        )


def test_a_watcher_gets_the_topics_it_asked_for(wired):
    with TelemetryClient(wired.paths.telemetry, (b"state",)) as watcher:
        message = None
        for _ in range(200):
            wired.server.publish(b"verdict", b"1")
            wired.server.publish(b"state", b"2")
            message = watcher.receive(50)
            if message is not None:
                break
        assert message == (b"state", b"2")
        wired.server.publish(b"state", b"3")
        assert next(iter(watcher))[0] == b"state"


def test_a_watcher_of_nothing_waits_no_longer_than_asked(paths):
    with TelemetryClient(paths.telemetry) as watcher:
        assert watcher.receive(20) is None
