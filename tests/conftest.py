"""What all tests share: recordings, short directories, and no process left behind."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Wall time on a shared machine says nothing about a test, so hypothesis does not judge by it.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "data"
LEAVE_MS = 2000
KEPT_BY_PYTHON = (b"multiprocessing.resource_tracker", b"multiprocessing.forkserver")


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Return the folder of recorded markets; skips, and says so, where there is none."""
    if not RECORDINGS.is_dir():
        pytest.skip(f"no recorded markets: {RECORDINGS} is absent")
    return RECORDINGS


@pytest.fixture
def short_tmp():
    """Return a new directory (0700) whose path leaves room for a socket's 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="ss-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def pytest_collection_modifyitems(items):
    """Mark what reads a recording, and skip what needs root for everyone else."""
    for item in items:
        if "recordings" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.needs_recordings)
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))


def running_children() -> dict[int, bytes]:
    """Return pid and command line of each child of this process that is not dead."""
    found = {}
    for listing in Path("/proc/self/task").glob("*/children"):
        try:
            pids = [int(text) for text in listing.read_text().split()]
        except OSError:
            continue
        for pid in pids:
            command = command_of(pid)
            if command is not None and not any(text in command for text in KEPT_BY_PYTHON):
                found[pid] = command
    return found


def command_of(pid: int) -> bytes | None:
    """Return a process's command line, or None if it is gone or a zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return None
    return None if status in {b"Z", b"X"} else command.replace(b"\0", b" ").strip()


@pytest.fixture(autouse=True)
def nothing_left_running():
    """Fail a test that leaves a child process behind, and end that process."""
    before = running_children()
    yield
    left: dict[int, bytes] = {}
    for _ in range(LEAVE_MS // 20):
        left = {pid: name for pid, name in running_children().items() if pid not in before}
        if not left:
            return
        time.sleep(0.02)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    pytest.fail(f"left running: {left}")
