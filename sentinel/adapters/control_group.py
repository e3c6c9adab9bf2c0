"""The loop's control group, where it is the loop's alone. It may never touch any other one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from sentinel.adapters.identity import (
    Identity,
    ProcessUnreadable,
    Stat,
    cgroup_of,
    is_running,
)
from sentinel.adapters.kinship import is_adopted

GROUPS_MAX = 512
READ_MAX = 1 << 20


class GroupMount(Struct, frozen=True, kw_only=True):
    """Where one hierarchy of control groups is mounted; `root` is the group it shows as its top."""

    point: Path
    root: str
    unified: bool


def group_mounts(mountinfo: str) -> tuple[GroupMount, ...]:
    """Find the unified hierarchy and the service manager's own in mountinfo's text, proc(5)."""
    found = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, kind = left.split(), right.split()
        if len(fields) < 5 or len(kind) < 3:
            continue
        named = kind[0] == "cgroup" and "name=systemd" in kind[2].split(",")
        if kind[0] == "cgroup2" or named:
            point = fields[4].encode().decode("unicode_escape")
            found.append(GroupMount(point=Path(point), root=fields[3], unified=not named))
    return tuple(sorted(found, key=lambda mount: not mount.unified))


def directory_of(group: str, mounts: tuple[GroupMount, ...]) -> Path | None:
    """The directory of a control group, None where it is not to be seen."""
    for mount in mounts:
        if mount.root == "/":
            inside = group
        elif group == mount.root or group.startswith(mount.root + "/"):
            inside = group[len(mount.root) :]
        else:
            continue
        path = mount.point / inside.lstrip("/")
        if ".." not in path.parts and (path / "cgroup.procs").exists():
            return path
    return None


class LoopGroup:
    """The control group of one loop.

    It is the loop's alone when it is not the root, not `own_pid`'s nor an ancestor of that, and
    everyone in it, and in the groups below, is the loop, a descendant, or an orphan younger than
    the loop. What cannot be read is not private. Once the loop has died, a group that was its
    alone before still is, as long as it was not made anew.
    """

    def __init__(
        self, root: Identity, own_pid: int, read_table: Callable[[], Mapping[int, Stat]]
    ) -> None:
        self._root = root
        self._own_pid = own_pid
        self._read_table = read_table
        self._known: tuple[int, int] | None = None
        self._mounts = _mounts() if root.cgroup.strip("/") else ()

    def directory(self) -> Path | None:
        """Where the group is, if it is the loop's alone at this moment."""
        found = self._look()
        return None if found is None else found[0]

    def processes(self) -> frozenset[int]:
        """Who is in it, if it is the loop's alone at this moment; else nobody."""
        found = self._look()
        return frozenset() if found is None else found[1]

    def strike(self) -> bool:
        """Kill everyone in it at one stroke, if it is the loop's alone and the kernel lets us."""
        found = self._look()
        return found is not None and bool(found[1]) and kill_group(found[0])

    def _look(self) -> tuple[Path, frozenset[int]] | None:
        try:
            directory = self._candidate()
            if directory is None:
                return None
            status = directory.stat()
            # The group is read before the table, so that who is missing there has ended.
            inside = processes_in(directory)
            table = self._read_table()
            made = (status.st_dev, status.st_ino)
            if is_running(self._root):
                known = self._root.pid in inside and cgroup_of(self._root.pid) == self._root.cgroup
            else:
                known = self._known == made
        except (OSError, ValueError, ProcessUnreadable):
            return None
        if not known or not table or not all(self._ours(pid, inside, table) for pid in inside):
            return None
        self._known = made
        return directory, inside

    def _candidate(self) -> Path | None:
        group = self._root.cgroup
        if not group.strip("/") or self._own_pid == self._root.pid or not self._mounts:
            return None
        own = cgroup_of(self._own_pid)
        if own == group or own.startswith(group.rstrip("/") + "/"):
            return None
        return directory_of(group, self._mounts)

    def _ours(self, pid: int, inside: frozenset[int], table: Mapping[int, Stat]) -> bool:
        stat = table.get(pid)
        if pid == self._root.pid or stat is None:
            return True
        for _ in range(len(inside) + 1):
            if stat.start_ticks < self._root.start_ticks:
                return False
            if stat.pid == self._root.pid or is_adopted(stat, table):
                return True
            if stat.parent not in inside or stat.parent not in table:
                return False
            stat = table[stat.parent]
        return False


def processes_in(directory: Path) -> frozenset[int]:
    """Every process of a control group and of the groups below it.

    Raises:
        OSError: a group cannot be read, or there are more groups than anyone has use for.
    """
    found: set[int] = set()
    waiting = [directory]
    for _ in range(GROUPS_MAX):
        if not waiting:
            return frozenset(found)
        current = waiting.pop()
        with (current / "cgroup.procs").open("rb") as procs:
            found.update(int(line) for line in procs.read(READ_MAX).split())
        with os.scandir(current) as entries:
            waiting.extend(current / e.name for e in entries if e.is_dir(follow_symlinks=False))
    raise OSError(f"{directory}: more than {GROUPS_MAX} control groups")


def kill_group(directory: Path) -> bool:
    """Kill everyone in a private group at one stroke (cgroup.kill, Linux 5.14); False if we cannot.

    Only ever give it what `LoopGroup` has just found to be the loop's alone.
    """
    try:
        fd = os.open(directory / "cgroup.kill", os.O_WRONLY | os.O_CLOEXEC)
        try:
            return os.write(fd, b"1") == 1
        finally:
            os.close(fd)
    except OSError:
        return False


def _mounts() -> tuple[GroupMount, ...]:
    try:
        return group_mounts(Path("/proc/self/mountinfo").read_text(errors="surrogateescape"))
    except OSError:
        return ()
