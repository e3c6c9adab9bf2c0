"""Real processes for the lethal path, each found again by a mark of the test and ended with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

PATIENCE_S = 20.0
SLEEP = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
r, w = os.pipe()
for _ in range(3):
    if os.fork() == 0:
        if os.fork() == 0:
            os.write(w, b'x')
            time.sleep(600)
        time.sleep(600)
for _ in range(3):
    os.read(r, 1)
print('ready', flush=True)
time.sleep(600)
"""
DAEMON = """
import os, sys, time
r, w = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(w, b'x')
        time.sleep(600)
    os._exit(0)
os.wait()
os.read(r, 1)
print('ready', flush=True)
time.sleep(600)
"""
STORM = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
until = time.monotonic() + 20  # it ends by itself, whatever becomes of the test
def chain():
    while time.monotonic() < until:
        time.sleep(0.003)
        if os.fork() != 0:
            os._exit(0)
    os._exit(0)
for _ in range(8):
    if os.fork() == 0:
        chain()
print('ready', flush=True)
time.sleep(600)
"""


def wait_for(condition: Callable[[], bool]) -> bool:
    """Wait generously for what must come; the machine may be busy."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


class Nursery:
    """Starts Python programs, and knows all that came of them, by an environment mark of its own.

    It shares no code with what is tested.
    """

    sleep = SLEEP
    stubborn = STUBBORN
    daemon = DAEMON
    storm = STORM

    def __init__(self) -> None:
        self.mark = f"NURSERY={uuid.uuid4().hex}"
        self.started: list[subprocess.Popen[str]] = []
        self.holder = subprocess.Popen(["sleep", "600"], process_group=0)

    def start(self, program: str, *, session: bool = False, **extra: str) -> subprocess.Popen[str]:
        """Start a program and wait until it has printed a line."""
        name, value = self.mark.split("=")
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, name: value, **extra},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=session,
            process_group=None if session else self.holder.pid,
        )
        self.started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        return process

    def alive(self) -> set[int]:
        """Every process with our mark that is not a zombie."""
        found = set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and entry.name != str(os.getpid()):
                try:
                    marked = self.mark.encode() in (entry / "environ").read_bytes()
                    state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                except OSError:
                    continue
                if marked and state not in "ZX":
                    found.add(int(entry.name))
        return found

    def clear(self) -> None:
        """End everything, however it hides."""
        for group in (self.holder.pid, *(process.pid for process in self.started)):
            # At one stroke, which no fork escapes.
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        self.holder.wait()
        until = time.monotonic() + PATIENCE_S
        while (left := self.alive()) and time.monotonic() < until:
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in left:
                    try:
                        os.kill(pid, number)
                    except ProcessLookupError:
                        continue
        for process in self.started:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    """Processes that do not outlive the test."""
    found = Nursery()
    try:
        yield found
    finally:
        found.clear()


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], bool]:
    """Wait generously for a condition."""
    return wait_for
