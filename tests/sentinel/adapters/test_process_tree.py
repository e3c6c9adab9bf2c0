"""The kill path on real processes and signals."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ipc.clock import SystemClock
from sentinel.adapters.process_tree import (
    ProcessTree,
    identify,
    kill_tree,
    reap_children,
)

GENEROUS_MS = 15_000


def kill(root, **options):
    return kill_tree(root, clock=SystemClock(), deadline_ms=GENEROUS_MS, **options)


def test_a_tree_that_ignores_sigterm_dies_whole(nursery):
    root = identify(nursery.start(nursery.stubborn).pid)
    assert len(nursery.alive()) == 7
    report = kill(root)
    assert report.confirmed
    assert report.survivors == ()
    assert report.killed == 7
    assert nursery.alive() == set()


def test_a_stopped_process_dies(nursery):
    process = nursery.start(nursery.sleep)
    root = identify(process.pid)
    os.kill(process.pid, signal.SIGSTOP)
    assert kill(root).confirmed
    assert process.wait() == -signal.SIGKILL


def test_a_grace_lets_a_loop_end_by_itself(nursery):
    process = nursery.start(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    report = kill(identify(process.pid), grace_ms=GENEROUS_MS)
    assert report.confirmed
    assert process.wait() == 7


def test_a_grace_reaches_a_stopped_loop_too(nursery):
    process = nursery.start(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    os.kill(process.pid, signal.SIGSTOP)
    assert kill(identify(process.pid), grace_ms=GENEROUS_MS).confirmed
    assert process.wait() == 7


def test_after_the_grace_comes_sigkill(nursery):
    root = identify(nursery.start(nursery.stubborn).pid)
    report = kill(root, grace_ms=50)
    assert report.confirmed
    assert report.took_ms >= 50
    assert nursery.alive() == set()


def test_without_a_grace_no_sigterm_is_sent(nursery):
    process = nursery.start(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    assert kill(identify(process.pid)).confirmed
    assert process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("session", [True, False])
def test_a_fork_storm_dies_whole(nursery, session):
    root = identify(nursery.start(nursery.storm, session=session).pid)
    report = kill(root)
    assert report.confirmed
    time.sleep(0.05)
    assert nursery.alive() == set()


def test_a_double_forked_daemon_in_its_own_session_dies(nursery):
    root = identify(nursery.start(nursery.daemon).pid)
    assert len(nursery.alive()) == 2
    assert kill(root).confirmed
    assert nursery.alive() == set()


def test_a_daemon_that_ran_another_program_is_known_by_its_run_mark(nursery):
    program = nursery.daemon.replace(
        "time.sleep(600)\n    os._exit",
        "os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "    os._exit",
    )
    root = identify(nursery.start(program, SENTINEL_RUN_ID="run-of-this-test").pid)
    assert len(nursery.alive()) == 2
    assert kill(root).confirmed
    assert nursery.alive() == set()


def test_who_was_observed_is_killed_after_the_loop_is_gone(nursery, eventually):
    process = nursery.start(nursery.stubborn)
    tree = ProcessTree(identify(process.pid))
    assert tree.observe() == 7
    process.kill()
    process.wait()
    assert eventually(lambda: len(nursery.alive()) == 6)
    report = tree.kill(clock=SystemClock(), deadline_ms=GENEROUS_MS)
    assert report.confirmed
    assert report.killed == 6
    assert nursery.alive() == set()


def test_a_zombie_loop_is_confirmed_dead_at_once(nursery, eventually):
    process = nursery.start(nursery.sleep)
    root = identify(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    assert eventually(lambda: nursery.alive() == set())
    report = kill(root)
    assert report.confirmed
    assert report.killed == 0


def test_with_no_descriptor_left_the_tree_dies_all_the_same(nursery):
    root = identify(nursery.start(nursery.stubborn).pid)
    tree = ProcessTree(root)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        while len(held) < 256:
            try:
                held.append(os.open("/dev/null", os.O_RDONLY))
            except OSError:
                break
        os.close(held.pop())  # what a scan opens and closes, and nothing on top of it
        report = tree.kill(clock=SystemClock(), deadline_ms=GENEROUS_MS)
    finally:
        for fd in held:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert report.confirmed
    assert nursery.alive() == set()


class FrozenClock:
    """Time passes only by sleeping, so a deadline of zero is one round."""

    def elapsed_ns(self):
        return 0

    def wall_ns(self):
        return 0

    def sleep_ms(self, duration_ms):
        raise AssertionError("no time is left to sleep")


def test_at_the_deadline_survivors_are_named_and_nothing_is_claimed(nursery, monkeypatch):
    process = nursery.start(nursery.sleep)
    root = identify(process.pid)

    def denied(fd, number):
        raise PermissionError(1, "not permitted")

    with monkeypatch.context() as patched:
        patched.setattr("signal.pidfd_send_signal", denied)
        report = kill_tree(root, clock=FrozenClock(), deadline_ms=0)
    assert not report.confirmed
    assert [survivor.pid for survivor in report.survivors] == [process.pid]
    assert report.denied == 1
    assert report.killed == 0
    assert process.poll() is None


def test_a_blind_scan_claims_nothing_but_kills_the_loop_it_holds(nursery, monkeypatch):
    process = nursery.start(nursery.sleep)
    tree = ProcessTree(identify(process.pid))
    monkeypatch.setattr("psutil.pids", list)
    report = tree.kill(clock=SystemClock(), deadline_ms=200)
    assert not report.confirmed
    assert process.wait() == -signal.SIGKILL


GUARD = """
import os, subprocess, sys, time
from ipc.clock import SystemClock
from sentinel.adapters.process_tree import (
    ProcessTree, become_subreaper, identify, reap_children)
become_subreaper()
own = subprocess.Popen(
    [sys.executable, '-c', "import time; print('ready', flush=True); time.sleep(600)"],
    stdout=subprocess.PIPE, text=True)
own.stdout.readline()
loop = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=subprocess.PIPE, text=True)
assert loop.stdout.readline().strip() == 'ready'
children = lambda: (own.pid,)
tree = ProcessTree(identify(loop.pid), own_children=children)
report = tree.kill(clock=SystemClock(), deadline_ms=15000)
assert report.confirmed, report
assert loop.wait() == -9
reaped = reap_children((own.pid,))
assert len(reaped) == int(sys.argv[2]), reaped
assert reap_children((own.pid,)) == ()
assert own.poll() is None
own.kill(); own.wait(); own.stdout.close(); loop.stdout.close()
print('all held')
"""


def test_a_subreaper_kills_what_the_loop_orphaned_and_spares_its_own(nursery):
    name, value = nursery.mark.split("=")
    hidden = nursery.daemon.replace(
        "time.sleep(600)\n    os._exit",
        "os.execve(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)'],"
        f" {{'{name}': '{value}'}})\n    os._exit",
    )
    ran = subprocess.run(
        [sys.executable, "-c", GUARD, hidden, "1"],
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert ran.stdout.strip() == "all held", ran.stderr
    assert nursery.alive() == set()


def test_without_adopted_children_there_is_nothing_to_reap(nursery):
    process = nursery.start(nursery.sleep)
    process.kill()
    assert reap_children((process.pid, *(it.pid for it in nursery.started))) == ()
    assert process.wait() == -signal.SIGKILL
