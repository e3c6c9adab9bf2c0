"""What the tests of the wire share: a clock moved by hand, a server, raw sockets, a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
import zmq

from ipc.clock import NS_PER_MS, SystemClock
from ipc.codec import encode
from ipc.conversation import Conversation
from ipc.endpoints import resolve_paths
from ipc.messages import (
    PROTOCOL,
    GateRequest,
    Hello,
    OrderIntent,
    StatusRequest,
    Submit,
)
from ipc.server import Server
from tests.ipc.approving_server import answer

HOUSE = Path(__file__).resolve().parents[2]
PATIENCE_S = 20


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now_ns = 1_000_000_000

    def elapsed_ns(self):
        return self.now_ns

    def wall_ns(self):
        return self.now_ns

    def sleep_ms(self, duration_ms):
        self.move_ms(duration_ms)

    def move_ms(self, duration_ms):
        self.now_ns += int(duration_ms * NS_PER_MS)


class Wired:
    """A server with what a test needs to talk to it: paths, raw peers, and a patient pump."""

    def __init__(self, directory):
        self.paths = resolve_paths({}, str(directory), str(directory / "r"))
        self.server = Server(self.paths, SystemClock())
        self.context = zmq.Context()
        self._sockets = []

    def socket(self, kind):
        """Make a raw socket that lives until the end of the test."""
        made = self.context.socket(kind)
        made.setsockopt(zmq.LINGER, 0)
        self._sockets.append(made)
        return made

    def peer(self, endpoint=None, **options):
        """Connect a raw DEALER to an endpoint (the gate, if none is given)."""
        socket = self.socket(zmq.DEALER)
        for name, value in options.items():
            socket.setsockopt(getattr(zmq, name.upper()), value)
        socket.connect(endpoint or self.paths.gate)
        return socket

    def pump(self, done):
        """Poll the server until `done(gate, control)` holds for all that came; return both."""
        gate, control = [], []
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            batch = self.server.poll(20)
            gate += batch.gate
            control += batch.control
            if done(gate, control):
                return gate, control
        pytest.fail(f"waited in vain: {self.server.counters} {len(gate)} {len(control)}")

    def pump_until_counted(self, name, least=1):
        """Poll until a counter reaches a number."""
        return self.pump(lambda _gate, _control: self.server.counters[name] >= least)

    def assert_alive(self):
        """Prove that both sockets still serve: a message on each arrives."""
        one, two = self.peer(), self.peer(self.paths.control)
        one.send(encode(hello()))
        two.send(status_frame())
        self.pump(lambda gate, control: len(gate) >= 1 and len(control) >= 1)
        one.close()
        two.close()

    def close(self):
        self.context.destroy(linger=0)
        self.server.close()


class Process:
    """An approving server in a process of its own, ended with the test."""

    def __init__(self, directory, epoch):
        self.seen_file = directory / "seen"
        script = Path(__file__).with_name("approving_server.py")
        self._child = subprocess.Popen(
            [sys.executable, str(script), str(directory), str(epoch)],
            cwd=HOUSE,
            env={**os.environ, "PYTHONPATH": str(HOUSE)},
            stdout=subprocess.PIPE,
        )
        assert self._child.stdout is not None
        with self._child.stdout as output:
            assert output.readline() == b"ready\n"

    def stop(self):
        os.kill(self._child.pid, signal.SIGSTOP)
        os.waitpid(self._child.pid, os.WUNTRACED)

    def go_on(self):
        os.kill(self._child.pid, signal.SIGCONT)

    def kill(self):
        self._child.kill()
        self._child.wait()

    def seen(self):
        return self.seen_file.read_text(encoding="utf-8").split()


class Scripted:
    """A channel whose other end is a function; waiting moves the clock."""

    def __init__(self, clock):
        self.clock = clock
        self.sent = []
        self.arrived = []
        self.renewals = 0
        self.connected = True
        self.closed = 0
        self.moving = True
        self.waited_ms = 0
        self.answer = self.approve
        self.sessions = 0
        self.epoch = 7

    def approve(self, message):
        if isinstance(message, Hello):
            self.sessions += 1
        token = bytes([self.sessions]) * 16
        return answer(message, self.epoch, token, self.clock.now_ns)

    def nothing(self, _message):
        return None

    def send(self, frame):
        if not self.connected:
            return False
        message = msgspec.msgpack.decode(frame, type=GateRequest)
        self.sent.append(message)
        reply = self.answer(message)
        if reply is not None:
            self.arrived.append([encode(reply)])
        return True

    def _pass(self, timeout_ms):
        self.waited_ms += timeout_ms
        if self.moving:
            self.clock.move_ms(timeout_ms)

    def wait_writable(self, timeout_ms):
        if not self.connected:
            self._pass(timeout_ms)
        return self.connected

    def receive(self, timeout_ms):
        if self.arrived:
            return self.arrived.pop(0)
        self._pass(timeout_ms)
        return None

    def renew(self):
        self.renewals += 1
        self.arrived.clear()

    def close(self):
        self.closed += 1

    def of(self, kind):
        return [message for message in self.sent if isinstance(message, kind)]


def hello(protocol=PROTOCOL):
    return Hello(
        protocol=protocol,
        pid=os.getpid(),
        start_ticks=1,
        run_id="run",
        strategy="fade",
        mode="paper",
        account_id="acc",
        limits_hash="h",
    )


def order(cl_ord_id="a1"):
    return OrderIntent(
        cl_ord_id=cl_ord_id, symbol="EUR/USD", side="buy", ord_type="market", order_qty="1"
    )


def submit(cl_ord_id="a1", session=b"s" * 16):
    return Submit(session=session, seq=1, created_ns=1, deadline_ns=2, intent=order(cl_ord_id))


def status_frame():
    return encode(StatusRequest(protocol=PROTOCOL))


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def channel(clock):
    return Scripted(clock)


@pytest.fixture
def talk(channel, clock):
    return Conversation(channel, clock, answer_timeout_ms=100, sentinel_timeout_ms=1000)


@pytest.fixture
def wired(short_tmp):
    made = Wired(short_tmp)
    yield made
    made.close()


@pytest.fixture
def start_process(short_tmp):
    """Return a function that starts an approving server of an epoch in the test's directory."""
    started = []

    def start(epoch=1):
        started.append(Process(short_tmp, epoch))
        return started[-1]

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def greet():
    """Return a function that says hello for a client."""

    def say(client):
        return client.hello(
            run_id="r",
            strategy="fade",
            mode="paper",
            account_id="acc",
            limits_hash="h",
            max_trades=3,
        )

    return say


@pytest.fixture
def build():
    """Return the builders of messages, for tests that cannot import this file."""

    class Build:
        hello = staticmethod(hello)
        order = staticmethod(order)
        submit = staticmethod(submit)

    return Build
