"""What the service manager is told, on real datagram sockets."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid

import pytest

from sentinel.adapters.service_manager import ServiceManager


class HandClock:
    def __init__(self):
        self.now_ns = 0

    def elapsed_ns(self):
        return self.now_ns

    def wall_ns(self):
        return self.now_ns

    def sleep_ms(self, duration_ms):
        self.now_ns += int(duration_ms * 1e6)


@pytest.fixture(params=["path", "abstract"])
def manager_socket(request, tmp_path):
    name = f"@sentinel-{uuid.uuid4().hex}" if request.param == "abstract" else str(tmp_path / "n")
    found = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    found.bind(name.replace("@", "\0"))
    found.settimeout(20)
    yield name, found
    found.close()


def test_it_says_ready_status_and_stopping(manager_socket):
    name, receiver = manager_socket
    service = ServiceManager({"NOTIFY_SOCKET": name})
    assert service.ready()
    assert service.status("one\nline\tonly")
    assert service.stopping()
    said = [receiver.recv(4096).decode() for _ in range(3)]
    assert said == ["READY=1\nSTATUS=armed", "STATUS=one line only", "STOPPING=1"]
    service.close()
    assert not service.status("late")


def test_the_watchdog_is_fed_often_enough_and_no_more(manager_socket):
    name, receiver = manager_socket
    clock = HandClock()
    service = ServiceManager({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "2000000"}, clock=clock)
    assert service.watchdog_ms == 2000
    for _ in range(1000):
        assert service.watchdog()
        clock.sleep_ms(1)
    assert [receiver.recv(4096) for _ in range(4)] == [b"WATCHDOG=1"] * 4
    receiver.settimeout(0)
    with pytest.raises(BlockingIOError):
        receiver.recv(4096)
    service.close()


def test_its_variables_leave_the_environment_so_that_no_child_inherits_them(monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/notify")
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    service = ServiceManager(os.environ)
    assert service.watchdog_ms == 2000
    code = "import os; print([k for k in os.environ if 'NOTIFY' in k or 'WATCHDOG' in k])"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"
    service.close()


def test_without_a_manager_it_is_silent():
    service = ServiceManager({})
    assert [service.ready(), service.watchdog(), service.status("x")] == [False] * 3
    assert service.failures == 0


@pytest.mark.parametrize("usec", ["0", "", "x", "-5", "٣", "9" * 400])
def test_a_senseless_watchdog_time_is_none(usec):
    assert ServiceManager({"WATCHDOG_USEC": usec}).watchdog_ms is None


def test_a_watchdog_meant_for_another_process_is_not_ours():
    assert ServiceManager({"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}).watchdog_ms is None


def test_a_manager_that_does_not_listen_is_counted_and_never_blocks(tmp_path):
    full = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    full.bind(str(tmp_path / "n"))
    service = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "n")})
    assert not all(service.status("x") for _ in range(10_000))
    assert service.failures == 1
    full.close()
    assert not service.status("x")
    assert service.failures == 2
    service.close()
