"""The shared fixtures do what they promise; each is tried in a pytest of its own."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

LEAVES_A_CHILD = """
import subprocess, sys

def test_leaves_a_child():
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    child.returncode = 0
    print("child", child.pid)
"""
REAPS_ITS_CHILD = """
import subprocess, sys

def test_reaps_its_child():
    subprocess.run([sys.executable, "-c", ""], check=True)
"""
READS_A_RECORDING = """
def test_reads_a_recording(recordings):
    assert False, "there is no recording here"
"""


@pytest.fixture
def pytest_on(tmp_path):
    """Return a function that runs pytest on one file beside a copy of the shared conftest."""

    def _run(text: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "a" / "tests").mkdir(parents=True)
        shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path / "a" / "tests")
        shutil.copy(Path(__file__).parents[1] / "pyproject.toml", tmp_path / "a")
        (tmp_path / "a" / "tests" / "test_it.py").write_text(text)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-s", "tests"]
        return subprocess.run(
            command, cwd=tmp_path / "a", capture_output=True, text=True, timeout=60, check=False
        )

    return _run


def test_a_test_that_leaves_a_process_behind_fails_and_the_process_ends(pytest_on):
    if not Path("/proc/self/task", str(os.getpid()), "children").exists():
        pytest.skip("this kernel does not list children")
    run = pytest_on(LEAVES_A_CHILD)
    pid = run.stdout.partition("child ")[2].split()[0]
    assert (run.returncode, "left running" in run.stdout) == (1, True)
    assert not Path("/proc", pid).exists()


def test_a_test_that_reaps_its_process_passes(pytest_on):
    assert pytest_on(REAPS_ITS_CHILD).returncode == 0


def test_a_test_without_its_recording_skips_and_says_so(pytest_on):
    run = pytest_on(READS_A_RECORDING)
    assert (run.returncode, "no recorded markets" in run.stdout) == (0, True)


def test_a_short_directory_is_ours_alone_and_leaves_room_for_a_socket(short_tmp):
    assert stat.S_IMODE(short_tmp.stat().st_mode) == 0o700
    assert len(os.fsencode(short_tmp / "runtime" / "telemetry.sock")) < 60
