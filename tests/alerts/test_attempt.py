"""A send in a disposable child, with real processes."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from alerts.attempt import REPORT_MAX, Attempt
from alerts.sender import Sent
from tests.alerts.receivers import eventually

FOREVER = threading.Event()


@pytest.fixture
def attempt():
    made = []

    def start(send, lifetime_ms=20_000):
        made.append(Attempt(send, started_ns=0, lifetime_ms=lifetime_ms))
        return made[-1]

    yield start
    for one in made:
        one.end()
        assert eventually(one.reap)


def last_word(attempt):
    found = []
    assert eventually(lambda: found.append(attempt.poll()) or found[-1] is not None)
    return found[-1]


def hang():
    FOREVER.wait()
    return Sent(delivered=True, detail="never")


@pytest.mark.parametrize("delivered", [True, False])
def test_the_childs_word_comes_back(attempt, delivered):
    sent = Sent(delivered=delivered, detail="ünïcode")
    assert last_word(attempt(lambda: sent)) == sent


def test_a_child_that_raises_has_not_delivered(attempt):
    def broken():
        raise RuntimeError("with a secret in it")

    assert last_word(attempt(broken)) == Sent(delivered=False, detail="the sending process died")


def test_a_child_that_is_killed_has_not_delivered(attempt):
    one = attempt(hang)
    assert one.poll() is None
    os.kill(one._pid, signal.SIGKILL)
    assert not last_word(one).delivered


def test_a_child_that_nobody_ends_ends_itself(attempt):
    one = attempt(hang, lifetime_ms=200)
    assert last_word(one).detail == "the sending process died"
    assert eventually(one.reap)


def test_a_long_word_is_cut(attempt):
    sent = last_word(attempt(lambda: Sent(delivered=False, detail="x" * 5000)))
    assert len(sent.detail) < REPORT_MAX


def test_the_child_writes_nothing_and_keeps_no_descriptor_of_its_parent(attempt, capfd):
    def look():
        os.write(1, b"noise")
        held = sorted(int(path.name) for path in Path("/proc/self/fd").iterdir())
        return Sent(delivered=True, detail=str(held))

    read_fd, write_fd = os.pipe()
    detail = last_word(attempt(look)).detail
    os.close(read_fd)
    os.close(write_fd)
    held = [int(text) for text in detail.strip("[]").split(",")]
    assert held[:3] == [0, 1, 2]
    assert write_fd not in held
    assert len(held) <= 5
    assert capfd.readouterr().out == ""
