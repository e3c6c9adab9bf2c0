"""The server's truths, on real sockets."""

from __future__ import annotations

import os
import stat
import time

import pytest
import zmq

from ipc.clock import SystemClock
from ipc.codec import decode_gate_reply, encode
from ipc.endpoints import EndpointTaken, PathRefused, resolve_paths, socket_path
from ipc.messages import PROTOCOL, BeatAck, ControlReply, Hello, StatusRequest, Veto
from ipc.server import FDS_MAX, GATE_MAX, Server


def test_a_message_arrives_with_the_kernels_word_on_its_sender(wired, build):
    before_ns = SystemClock().elapsed_ns()
    wired.peer().send(encode(build.hello()))
    gate, _ = wired.pump(lambda gate, _control: gate)
    assert gate[0].message == build.hello()
    assert (gate[0].uid, gate[0].pid) == (os.geteuid(), os.getpid())
    assert before_ns < gate[0].received_ns <= SystemClock().elapsed_ns()


def test_a_reply_goes_to_the_connection_that_asked_and_to_no_other(wired, build):
    asking, idle = wired.peer(), wired.peer()
    asking.send(encode(build.submit()))
    idle.send(encode(build.hello()))
    gate, _ = wired.pump(lambda gate, _control: len(gate) == 2)
    asker = next(one for one in gate if not isinstance(one.message, Hello))
    reply = BeatAck(session=b"s", seq=1, epoch=1, state="ACTIVE")
    assert wired.server.send_gate(asker.peer, reply)
    assert asking.poll(5000)
    assert decode_gate_reply(asking.recv()) == reply
    assert not idle.poll(50)


def test_control_requests_and_their_replies_have_a_socket_of_their_own(wired):
    peer = wired.peer(wired.paths.control)
    peer.send(encode(StatusRequest(protocol=PROTOCOL)))
    gate, control = wired.pump(lambda _gate, control: control)
    assert gate == []
    assert control[0].message == StatusRequest(protocol=PROTOCOL)
    big = ControlReply(
        protocol=PROTOCOL, epoch=1, ok=True, code="DONE", detail="", document=b"x" * 500_000
    )
    assert wired.server.send_control(control[0].peer, big)
    assert peer.poll(5000)
    assert peer.recv() == encode(big)


def test_an_identity_that_a_client_chose_is_served_to_its_first_connection_only(wired, build):
    first = wired.peer(identity=b"scalper")
    first.send(encode(build.submit("first")))
    gate, _ = wired.pump(lambda gate, _control: gate)
    thief = wired.peer(identity=b"scalper")
    thief.send(encode(build.submit("thief")))
    wired.server.poll(100)
    reply = BeatAck(session=b"s", seq=1, epoch=1, state="ACTIVE")
    assert wired.server.send_gate(gate[0].peer, reply)
    assert first.poll(5000)
    assert not thief.poll(50)


def test_a_reply_to_a_peer_that_has_gone_is_counted_and_not_raised(wired, build):
    peer = wired.peer()
    peer.send(encode(build.hello()))
    gate, _ = wired.pump(lambda gate, _control: gate)
    peer.close()
    wired.pump_until_counted("disconnects")
    assert not wired.server.send_gate(
        gate[0].peer, BeatAck(session=b"s", seq=1, epoch=1, state="ACTIVE")
    )
    assert wired.server.counters["unroutable"] == 1


def test_replies_to_a_peer_that_does_not_read_are_bounded_and_counted(wired, build):
    peer = wired.peer(rcvhwm=1)
    peer.send(encode(build.hello()))
    gate, _ = wired.pump(lambda gate, _control: gate)
    reply = Veto(
        session=b"s" * 16,
        seq=1,
        cl_ord_id="c" * 3000,
        fingerprint=b"f" * 32,
        epoch=1,
        verdict_seq=1,
        reason="ORDER_INVALID",
        limit=None,
        observed=None,
        state="ACTIVE",
    )
    sent = 0
    while wired.server.send_gate(gate[0].peer, reply):
        sent += 1
        assert sent < 10_000
    assert wired.server.counters["congested"] == 1
    wired.assert_alive()


def test_a_reply_that_the_peer_could_not_take_is_not_sent(wired, build):
    peer = wired.peer()
    peer.send(encode(build.hello()))
    gate, _ = wired.pump(lambda gate, _control: gate)
    long = BeatAck(session=b"s", seq=1, epoch=1, state="A" * 5000)
    assert not wired.server.send_gate(gate[0].peer, long)
    assert wired.server.counters["reply_too_long"] == 1


def test_one_pass_is_bounded_and_leaves_the_rest_for_the_next(wired, build):
    # One peer's pipe holds fewer than one pass takes, so several fill it.
    peers = [wired.peer() for _ in range(8)]
    for peer in peers:
        for _ in range(60):
            peer.send(encode(build.hello()))
    time.sleep(0.3)
    taken = []
    gate, _ = wired.pump(lambda gate, _control: taken.append(len(gate)) or len(gate) == 8 * 60)
    assert len(gate) == 8 * 60
    steps = [late - early for early, late in zip([0, *taken], taken, strict=False)]
    assert max(steps) <= GATE_MAX


def test_a_registered_descriptor_wakes_the_poll_until_it_is_unregistered(wired):
    wake = os.eventfd(0)
    try:
        wired.server.register(wake)
        wired.server.register(wake)
        assert wired.server.poll(0).ready_fds == []
        os.eventfd_write(wake, 1)
        assert wired.server.poll(10_000).ready_fds == [wake]
        wired.server.unregister(wake)
        assert wired.server.poll(0).ready_fds == []
    finally:
        os.close(wake)


def test_the_number_of_descriptors_is_bounded(wired):
    for number in range(10_000, 10_000 + FDS_MAX - 2):
        wired.server.register(number)
    with pytest.raises(ValueError, match="descriptors"):
        wired.server.register(9_999)


def test_telemetry_is_copied_to_watchers_and_never_waits_for_them(wired):
    watcher = wired.socket(zmq.SUB)
    watcher.setsockopt(zmq.SUBSCRIBE, b"verdict")
    watcher.connect(wired.paths.telemetry)
    for _ in range(200):
        wired.server.publish(b"verdict", b"one")
        if watcher.poll(50):
            break
    assert watcher.recv_multipart() == [b"verdict", b"one"]
    for _ in range(20_000):
        wired.server.publish(b"verdict", b"x" * 100)


def test_socket_files_are_for_the_owner_and_the_group_alone(short_tmp):
    umask = os.umask(0)
    try:
        server = Server(resolve_paths({}, str(short_tmp), str(short_tmp / "r")), SystemClock())
    finally:
        assert os.umask(umask) == 0
    try:
        modes = {
            path.name: stat.S_IMODE(path.lstat().st_mode) for path in (short_tmp / "r").iterdir()
        }
        assert modes == {
            "gate.sock": 0o660,
            "control.sock": 0o600,
            "telemetry.sock": 0o660,
            "lock": 0o600,
        }
        assert stat.S_IMODE((short_tmp / "r").stat().st_mode) == 0o750
    finally:
        server.close()


@pytest.mark.parametrize("name", ["gate", "control", "telemetry"])
@pytest.mark.parametrize("kind", ["file", "link", "directory"])
def test_what_stands_in_a_sockets_place_is_refused_and_left_alone(short_tmp, name, kind):
    paths = resolve_paths({}, str(short_tmp), str(short_tmp / "r"))
    place = socket_path(getattr(paths, name))
    place.parent.mkdir(mode=0o750)
    match kind:
        case "file":
            place.write_text("precious")
        case "link":
            place.symlink_to("precious")
        case _:
            place.mkdir()
    before = place.lstat()
    with pytest.raises(PathRefused, match=f"{name}.sock"):
        Server(paths, SystemClock())
    assert place.lstat().st_ino == before.st_ino
    place.rmdir() if kind == "directory" else place.unlink()
    Server(paths, SystemClock()).close()


def test_a_socket_left_by_a_killed_server_does_not_stop_the_next(start_process, short_tmp):
    start_process().kill()
    assert stat.S_ISSOCK((short_tmp / "r" / "gate.sock").lstat().st_mode)
    Server(resolve_paths({}, str(short_tmp), str(short_tmp / "r")), SystemClock()).close()


def test_a_second_server_is_told_who_serves_and_takes_nothing(wired):
    with pytest.raises(EndpointTaken, match=str(os.getpid())):
        Server(wired.paths, SystemClock())
    assert wired.server.check_identity()
    wired.assert_alive()


@pytest.mark.parametrize("name", ["gate", "control"])
def test_a_stolen_or_removed_socket_is_noticed(wired, name):
    place = socket_path(getattr(wired.paths, name))
    assert wired.server.check_identity()
    thief = wired.socket(zmq.ROUTER)
    thief.bind(getattr(wired.paths, name))
    assert not wired.server.check_identity()
    place.unlink()
    assert not wired.server.check_identity()


def test_closing_drops_what_is_unsent_and_does_not_wait(wired, build):
    peer = wired.peer(rcvhwm=1)
    peer.send(encode(build.hello()))
    gate, _ = wired.pump(lambda gate, _control: gate)
    for _ in range(50):
        wired.server.send_gate(
            gate[0].peer, BeatAck(session=b"s", seq=1, epoch=1, state="A" * 3000)
        )
    begun = time.monotonic()
    wired.server.close()
    wired.server.close()
    assert time.monotonic() - begun < 5
