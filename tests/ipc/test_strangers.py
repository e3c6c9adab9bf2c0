"""Who may connect at all, and what happens to those who may not or do not speak."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

import pytest

from ipc.arrivals import parse_credentials
from ipc.endpoints import socket_path

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
