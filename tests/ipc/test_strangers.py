"""Who may connect at all, and what happens to those who may not or do not speak."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ipc.arrivals import parse_credentials
from ipc.endpoints import resolve_paths, socket_path

HOUSE = Path(__file__).resolve().parents[2]
OUTSIDER = """
import os, sys, time, zmq
os.setgid(65534); os.setuid(65534)
context = zmq.Context()
for endpoint in sys.argv[1:]:
    peer = context.socket(zmq.DEALER)
    peer.setsockopt(zmq.LINGER, 0)
    peer.connect(endpoint)
    peer.send(b"\\x92\\xa6status\\x01")
time.sleep(1)
context.destroy(linger=0)
"""


@pytest.mark.root
def test_another_user_is_turned_away_even_where_the_files_let_it_in(wired):
    directory = socket_path(wired.paths.gate).parent
    for path in (directory.parent, directory, *directory.iterdir()):
        path.chmod(0o777)
    outsider = subprocess.Popen(
        [sys.executable, "-c", OUTSIDER, wired.paths.gate, wired.paths.control]
    )
    try:
        gate, control = wired.pump_until_counted("foreign_uid", 2)
        for _ in range(10):
            batch = wired.server.poll(20)
            gate, control = gate + batch.gate, control + batch.control
        assert (gate, control) == ([], [])
    finally:
        outsider.kill()
        outsider.wait()
    wired.assert_alive()


ABSENT_MINDED = """
import sys
from ipc.clock import SystemClock
from ipc.endpoints import resolve_paths
from ipc.server import Server
clock = SystemClock()
server = Server(resolve_paths({}, sys.argv[1], sys.argv[1] + "/r"), clock)
print("ready", flush=True)
clock.sleep_ms(1500)
taken = 1
while taken:
    batch = server.poll(300)
    taken = len(batch.gate) + server.counters["malformed"]
    server.counters["malformed"] = 0
server.close()
"""
RUNAWAY = """
import os, signal, sys, zmq
peer = zmq.Context().socket(zmq.DEALER)
peer.connect(sys.argv[1])
peer.setsockopt(zmq.SNDTIMEO, 200)
try:
    for _ in range(1_000_000):
        peer.send(b"again" * 20)
except zmq.Again:
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_runaway_killed_while_nobody_reads_does_not_take_the_server_with_it(short_tmp):
    command = [sys.executable, "-c", ABSENT_MINDED, str(short_tmp)]
    gate = resolve_paths({}, str(short_tmp), str(short_tmp / "r")).gate
    with subprocess.Popen(
        command, cwd=HOUSE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            runaway = subprocess.run([sys.executable, "-c", RUNAWAY, gate], timeout=60, check=False)
            assert runaway.returncode == -signal.SIGKILL
            _, complaint = server.communicate(timeout=60)
            assert (server.returncode, complaint) == (0, b"")
        finally:
            server.kill()


def test_a_connection_that_never_speaks_is_closed(wired):
    raw = socket.socket(socket.AF_UNIX)
    raw.settimeout(0)
    raw.connect(str(socket_path(wired.paths.gate)))
    end = time.monotonic() + 20
    data = b"?"
    while data and time.monotonic() < end:
        wired.server.poll(50)
        try:
            data = raw.recv(1024)
        except BlockingIOError:
            continue
    raw.close()
    assert data == b""
    wired.assert_alive()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("localhost:1000:1001:77", (1000, 77)),
        ("127.0.0.1", None),
        ("", None),
        ("localhost:1:2", None),
        ("localhost:-1:2:3", None),
        ("localhost:1:2:x", None),
        ("localhost:1:2:3:4", None),
    ],
)
def test_credentials_are_read_strictly(address, expected):
    assert parse_credentials(address) == expected
