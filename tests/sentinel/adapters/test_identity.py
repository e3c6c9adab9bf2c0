"""Who a process is, on real processes."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import pytest

from sentinel.adapters.identity import (
    ProcessGone,
    ancestors_of,
    identify,
    is_running,
    marks_of,
    open_pidfd,
    parse_stat,
    read_stat,
)

SLEEP = "import time; print('ready', flush=True); time.sleep(600)"


def test_a_name_with_spaces_and_parentheses_does_not_shift_the_fields():
    numbers = " ".join(str(number) for number in range(4, 53))
    stat = parse_stat(f"77 (a) S (b) R {numbers}".encode())
    assert (stat.name, stat.state, stat.parent, stat.start_ticks) == ("a) S (b", "R", 4, 22)
    assert stat.threads == 20
    assert stat.image == (26, 28, 45, 47)


@pytest.mark.parametrize("text", [b"", b"1 (x) S 1 2", b"x (y) " + b"0 " * 60, b"no parentheses"])
def test_what_is_no_stat_is_an_error(text):
    with pytest.raises(ValueError, match=r"."):
        parse_stat(text)


def test_an_identity_names_its_process(nursery):
    process = nursery.start(SLEEP, session=True)
    found = identify(process.pid)
    assert (found.pid, found.parent, found.uid) == (process.pid, os.getpid(), os.geteuid())
    assert found.session == found.group == process.pid
    assert "python" in found.command
    assert is_running(found)


def test_an_ended_process_has_no_identity(nursery):
    process = nursery.start(SLEEP)
    found = identify(process.pid)
    process.kill()
    process.wait()
    assert not is_running(found)
    with pytest.raises(ProcessGone):
        identify(process.pid)
    with pytest.raises(ProcessGone):
        open_pidfd(found)


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 5])
def test_a_number_that_nobody_owns_has_no_identity(pid):
    with pytest.raises(ProcessGone):
        identify(pid)


def test_a_zombie_counts_as_dead(nursery, eventually):
    process = nursery.start(SLEEP)
    found = identify(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    assert eventually(lambda: (it := read_stat(process.pid)) is not None and it.state == "Z")
    assert not is_running(found)
    with pytest.raises(ProcessGone):
        identify(process.pid)


def test_a_zombie_whose_threads_still_run_is_alive(nursery, eventually):
    process = nursery.start(
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(600,)).start()\n"
        "print('ready', flush=True)\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    found = identify(process.pid)
    assert eventually(lambda: (it := read_stat(process.pid)) is not None and it.state == "Z")
    assert is_running(found)


def descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_descriptor_of_a_reused_number_is_refused(nursery):
    process = nursery.start(SLEEP)
    earlier = identify(process.pid)
    stranger = type(earlier)(
        pid=earlier.pid, start_ticks=earlier.start_ticks - 1, uid=0, cgroup="/", command="old"
    )
    assert not is_running(stranger)
    before = descriptors()
    with pytest.raises(ProcessGone):
        open_pidfd(stranger)
    assert descriptors() == before


def test_a_descriptor_tells_of_death(nursery):
    process = nursery.start(SLEEP)
    fd = open_pidfd(identify(process.pid))
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        assert not poll.poll(0)
        process.kill()
        assert poll.poll(20_000)
    finally:
        os.close(fd)


def test_ancestors_lead_up_to_the_first_process():
    line = ancestors_of(os.getpid())
    assert line[0] == os.getppid()
    assert os.getpid() not in line


def test_run_marks_are_read_from_the_environment(nursery):
    process = nursery.start(SLEEP, SENTINEL_RUN_ID="r-1", OTHER="SENTINEL_RUN_ID=no")
    assert marks_of(process.pid) == {b"SENTINEL_RUN_ID=r-1"}
    assert marks_of(2**22 + 5) == frozenset()
