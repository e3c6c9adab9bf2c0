"""The loop's control group: on a made-up hierarchy, and on a real one where it can be made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipc.clock import SystemClock
from sentinel.adapters import control_group
from sentinel.adapters.control_group import (
    GroupMount,
    directory_of,
    group_mounts,
    kill_group,
    processes_in,
)
from sentinel.adapters.process_tree import (
    ProcessTree,
    cgroup_is_private,
    identify,
    read_table,
)

SLEEP = "import time; print('ready', flush=True); time.sleep(600)"
MOUNTINFO = """\
22 1 0:20 / /proc rw - proc proc rw
30 22 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro
31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
33 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
34 30 0:30 /user/7 /odd\\040place rw shared:1 - cgroup2 none rw
broken line
"""


def test_only_the_unified_and_the_managers_hierarchy_are_found():
    found = group_mounts(MOUNTINFO)
    assert [str(mount.point) for mount in found] == [
        "/sys/fs/cgroup/unified",
        "/odd place",
        "/sys/fs/cgroup/systemd",
    ]
    assert [mount.unified for mount in found] == [True, True, False]


def made(root, *names):
    for name in names:
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / "cgroup.procs").write_text("7\n8\n")
    return root


def test_a_group_is_found_below_what_the_mount_shows(tmp_path):
    made(tmp_path, "loop.service", "deep/er")
    whole = (GroupMount(point=tmp_path, root="/", unified=True),)
    part = (GroupMount(point=tmp_path, root="/user/7", unified=True),)
    assert directory_of("/loop.service", whole) == tmp_path / "loop.service"
    assert directory_of("/user/7/deep/er", part) == tmp_path / "deep/er"
    assert directory_of("/user/77/deep", part) is None
    assert directory_of("/absent", whole) is None
    assert directory_of("/../loop.service", whole) is None


def test_the_groups_below_count_too(tmp_path):
    made(tmp_path, "a", "a/b")
    (tmp_path / "a/b/cgroup.procs").write_text("9\n")
    assert processes_in(tmp_path / "a") == {7, 8, 9}


def test_a_group_that_cannot_be_killed_as_one_says_so(tmp_path):
    assert not kill_group(tmp_path)
    (tmp_path / "cgroup.kill").write_text("")
    assert kill_group(tmp_path)
    assert (tmp_path / "cgroup.kill").read_text() == "1"


@pytest.fixture
def arranged(monkeypatch, nursery, tmp_path):
    """A loop whose control group is `/pair/loop.service` of a made-up hierarchy."""
    process = nursery.start(SLEEP)
    groups = {process.pid: "/pair/loop.service", os.getpid(): "/pair/sentinel.service"}
    made(tmp_path, "pair", "pair/loop.service")
    procs = tmp_path / "pair/loop.service/cgroup.procs"
    procs.write_text(f"{process.pid}\n")
    mounts = (GroupMount(point=tmp_path, root="/", unified=True),)
    monkeypatch.setattr(control_group, "cgroup_of", lambda pid: groups[pid])
    monkeypatch.setattr("sentinel.adapters.identity.cgroup_of", lambda pid: groups[pid])
    monkeypatch.setattr(control_group, "_mounts", lambda: mounts)
    return process, groups, procs


def test_a_group_of_the_loop_alone_is_private(arranged):
    process, _, procs = arranged
    assert cgroup_is_private(identify(process.pid), os.getpid()) == procs.parent


@pytest.mark.parametrize(
    ("loop", "own"),
    [
        ("/", "/pair/sentinel.service"),
        ("", "/pair/sentinel.service"),
        ("/pair/loop.service", "/pair/loop.service"),
        ("/pair", "/pair/sentinel.service"),
        ("/pair/../loop.service", "/pair/sentinel.service"),
    ],
)
def test_the_root_our_own_group_and_ours_above_are_not_private(arranged, loop, own):
    process, groups, _ = arranged
    groups[process.pid], groups[os.getpid()] = loop, own
    assert cgroup_is_private(identify(process.pid), os.getpid()) is None


def test_a_bystander_in_the_group_makes_it_common(arranged, nursery):
    process, _, procs = arranged
    root = identify(process.pid)
    bystander = nursery.start(SLEEP)
    procs.write_text(f"{process.pid}\n{bystander.pid}\n")
    assert cgroup_is_private(root, os.getpid()) is None
    tree = ProcessTree(root)
    assert tree.kill(clock=SystemClock(), deadline_ms=15_000).confirmed
    assert nursery.alive() == {bystander.pid}


def test_a_group_that_the_loop_has_left_is_not_used(arranged):
    process, groups, _ = arranged
    root = identify(process.pid)
    groups[process.pid] = "/elsewhere"
    assert cgroup_is_private(root, os.getpid()) is None


def test_an_older_process_makes_the_group_common(arranged):
    process, _, procs = arranged
    procs.write_text(f"{process.pid}\n1\n")
    assert cgroup_is_private(identify(process.pid), os.getpid()) is None


def test_after_the_loops_death_the_same_group_is_its_own_and_one_made_anew_is_not(arranged):
    process, _, procs = arranged
    group = control_group.LoopGroup(identify(process.pid), os.getpid(), read_table)
    assert group.processes() == {process.pid}
    process.kill()
    process.wait()
    procs.write_text("")
    assert group.directory() == procs.parent
    other = procs.parent.parent / "other"
    other.mkdir()
    procs.parent.rename(procs.parent.parent / "old")
    other.rename(procs.parent)
    procs.write_text("")
    assert group.directory() is None


@pytest.fixture
def real_group():
    """A real, empty control group of the unified hierarchy, removed when the test is over."""
    mounts = [it for it in group_mounts(Path("/proc/self/mountinfo").read_text()) if it.unified]
    if not mounts:
        pytest.skip("NOT TESTED: no unified control group hierarchy is mounted here")
    path = mounts[0].point / f"kill-test-{os.getpid()}"
    try:
        path.mkdir()
    except OSError as error:
        pytest.skip(f"NOT TESTED: no control group can be made here: {error}")
    yield path
    path.rmdir()


def inside(group, program):
    return f"open('{group}/cgroup.procs', 'w').write('0')\n" + program


HIDDEN_DAEMON = """
import os, sys, time
r, w = os.pipe()
os.set_inheritable(w, True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        code = f"import os, time; os.write({w}, b'x'); time.sleep(600)"
        os.execv(sys.executable, [sys.executable, '-c', code])
    os._exit(0)
os.wait()
os.read(r, 1)
print('ready', flush=True)
time.sleep(600)
"""


def emptied(group, eventually):
    return eventually(lambda: not processes_in(group))


def test_a_daemon_that_nothing_else_tells_dies_by_the_control_group(
    real_group, nursery, eventually
):
    process = nursery.start(inside(real_group, HIDDEN_DAEMON))
    assert len(nursery.alive()) == 2
    report = ProcessTree(identify(process.pid)).kill(clock=SystemClock(), deadline_ms=15_000)
    nursery.started[0].wait()
    assert report.confirmed
    assert report.by_group == (real_group / "cgroup.kill").exists()
    assert nursery.alive() == set()
    assert emptied(real_group, eventually)


def test_without_a_way_to_kill_the_group_as_one_its_processes_die_one_by_one(
    real_group, nursery, eventually, monkeypatch
):
    monkeypatch.setattr(control_group, "kill_group", lambda directory: False)
    process = nursery.start(inside(real_group, HIDDEN_DAEMON))
    report = ProcessTree(identify(process.pid)).kill(clock=SystemClock(), deadline_ms=15_000)
    assert report.confirmed
    assert not report.by_group
    assert nursery.alive() == set()
    assert emptied(real_group, eventually)


def test_the_group_of_a_crashed_loop_is_emptied(real_group, nursery, eventually):
    process = nursery.start(inside(real_group, HIDDEN_DAEMON))
    tree = ProcessTree(identify(process.pid))
    process.kill()
    process.wait()
    assert len(nursery.alive()) == 1
    assert tree.kill(clock=SystemClock(), deadline_ms=15_000).confirmed
    assert nursery.alive() == set()
    assert emptied(real_group, eventually)


def test_a_bystander_planted_in_a_real_group_lives(real_group, nursery, eventually):
    process = nursery.start(inside(real_group, SLEEP))
    bystander = nursery.start(inside(real_group, SLEEP))
    assert processes_in(real_group) == {process.pid, bystander.pid}
    tree = ProcessTree(identify(process.pid))
    assert tree.kill(clock=SystemClock(), deadline_ms=15_000).confirmed
    assert nursery.alive() == {bystander.pid}
    bystander.kill()
    bystander.wait()
    assert emptied(real_group, eventually)
