"""Who must live when a loop is killed, on real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ipc.clock import SystemClock
from sentinel.adapters.identity import read_stat
from sentinel.adapters.killing import signal_exactly
from sentinel.adapters.process_tree import (
    Identity,
    KillRefused,
    ProcessGone,
    ProcessTree,
    cgroup_is_private,
    identify,
    kill_tree,
)

GENEROUS_MS = 15_000


def kill(root, **options):
    return kill_tree(root, clock=SystemClock(), deadline_ms=GENEROUS_MS, **options)


@pytest.mark.parametrize("how", ["sibling", "same group", "same mark", "orphan"])
def test_a_bystander_lives(nursery, how):
    mark = {"SENTINEL_RUN_ID": "shared"} if how == "same mark" else {}
    process = nursery.start("import os; os.setpgid(0, 0)" + nursery.stubborn, **mark)
    root = identify(process.pid)
    assert root.group == root.pid
    if how == "orphan":
        bystander = nursery.start(nursery.daemon)
    elif how == "same group":
        bystander = nursery.start(
            f"import os, time; os.setpgid(0, {process.pid})\n"
            "print('ready', flush=True); time.sleep(600)"
        )
        assert os.getpgid(bystander.pid) == process.pid
    else:
        bystander = nursery.start(nursery.sleep, **mark)
    expected = {bystander.pid} if how != "orphan" else nursery.alive() - family(process.pid)
    assert kill(root).confirmed
    assert nursery.alive() == expected
    assert bystander.poll() is None


def family(pid):
    return {pid, *(stat.pid for stat in ProcessTree(identify(pid)).members())}


def test_a_loop_that_was_forked_and_not_started_does_not_drag_its_siblings_along(nursery):
    launcher = nursery.start(
        "import os, time\n"
        "pids = []\n"
        "for _ in range(2):\n"
        "    pids.append(os.fork())\n"
        "    if pids[-1] == 0:\n"
        "        time.sleep(600)\n"
        "open('/proc/self/comm', 'w').write('launcher')\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    loop, sibling = sorted(nursery.alive() - {launcher.pid})
    assert kill(identify(loop)).confirmed
    assert nursery.alive() == {launcher.pid, sibling}


def test_a_loop_without_a_random_image_does_not_drag_its_like_along(nursery):
    fixed = (
        "import ctypes, os, sys\n"
        "ctypes.CDLL(None).personality(0x0040000)\n"
        "os.execv(sys.executable, [sys.executable, '-c', os.environ['NEXT']])\n"
    )
    started = [nursery.start(fixed, NEXT=nursery.daemon) for _ in range(2)]
    images = {stat.image for it in started if (stat := read_stat(it.pid)) is not None}
    if len(images) > 1:
        pytest.skip("NOT TESTED: addresses cannot be fixed here")
    loop, like = (process.pid for process in started)
    assert kill(identify(loop)).confirmed
    assert like in nursery.alive()
    assert len(nursery.alive()) == 3  # the like, its daemon, and the daemon that could not be told


def test_two_loops_of_a_launcher_that_has_left_are_told_apart(nursery, eventually):
    launcher = nursery.start(
        "import os, time\n"
        "for _ in range(2):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        time.sleep(600)\n"
        "print('ready', flush=True)\n"
        "time.sleep(0.2)\n"
    )
    launcher.wait()
    assert eventually(lambda: len(nursery.alive()) == 2)
    loop, sibling = sorted(nursery.alive())
    assert kill(identify(loop)).confirmed
    assert nursery.alive() == {sibling}


def test_a_later_owner_of_the_number_lives(nursery):
    process = nursery.start(nursery.sleep)
    now = identify(process.pid)
    earlier = Identity(
        pid=now.pid,
        start_ticks=now.start_ticks - 1,
        uid=now.uid,
        cgroup=now.cgroup,
        command="earlier",
        group=now.pid,
        session=now.pid,
    )
    with pytest.raises(ProcessGone):
        signal_exactly(earlier.pid, earlier.start_ticks, signal.SIGKILL)
    report = kill(earlier)
    assert report.confirmed
    assert report.killed == 0
    assert process.poll() is None


REUSE = """
import os, subprocess, sys, time
from ipc.clock import SystemClock
from sentinel.adapters.process_tree import ProcessTree, identify
def start():
    return subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
loop = start()
tree = ProcessTree(identify(loop.pid))
loop.kill(); loop.wait()
time.sleep(0.05)
for _ in range(100):
    with open('/proc/sys/kernel/ns_last_pid', 'w') as last:
        last.write(str(loop.pid - 1))
    later = start()
    if later.pid == loop.pid:
        break
    later.kill(); later.wait()
assert later.pid == loop.pid
report = tree.kill(clock=SystemClock(), deadline_ms=15000)
assert report.confirmed and report.killed == 0, report
assert later.poll() is None
later.kill(); later.wait()
print('all held')
"""


def test_a_number_that_the_kernel_gave_out_again_is_left_alone():
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0:
        pytest.skip("NOT TESTED: a process namespace of one's own needs root and unshare")
    ran = subprocess.run(
        [unshare, "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-c", REUSE],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    if "unshare failed" in ran.stderr or "ns_last_pid" in ran.stderr:
        pytest.skip(f"NOT TESTED: {ran.stderr.strip().splitlines()[-1]}")
    assert ran.stdout.strip() == "all held", ran.stderr


def test_ourselves_our_ancestors_and_the_first_process_are_refused():
    for pid in (os.getpid(), os.getppid(), 1):
        with pytest.raises(KillRefused):
            kill(identify(pid))


def test_our_own_control_group_is_never_private(nursery):
    root = identify(nursery.start(nursery.sleep).pid)
    assert cgroup_is_private(root, os.getpid()) is None
