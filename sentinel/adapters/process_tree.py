"""The loop's process tree and its end; the only importer of psutil.

It may never signal PID 1 or below, itself, its own ancestors, or a process that is not the loop's.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from threading import Lock

import psutil

from ipc.clock import NS_PER_MS, Clock
from sentinel.adapters.control_group import LoopGroup
from sentinel.adapters.identity import (
    Identity,
    ProcessGone,
    ProcessUnreadable,
    Stat,
    ancestors_of,
    identify,
    is_running,
    marks_of,
    open_pidfd,
    open_pidfd_of,
    read_stat,
)
from sentinel.adapters.killing import Killing, KillRefused, KillReport, Scan, Survivor
from sentinel.adapters.kinship import Kinship, Signs, own_image

__all__ = [
    "Identity",
    "KillRefused",
    "KillReport",
    "ProcessGone",
    "ProcessTree",
    "ProcessUnreadable",
    "Survivor",
    "become_subreaper",
    "cgroup_is_private",
    "end_orphans",
    "identify",
    "is_running",
    "kill_tree",
    "open_pidfd",
    "reap_children",
]

PR_SET_CHILD_SUBREAPER = 36
ORPHAN_SCANS = 2
"""How often nobody must be seen before an orphan's own child can no longer turn up."""
ORPHAN_PAUSE_MS = 2


class ProcessTree:
    """The processes of one loop. Make it as soon as the loop is known, observe it now and then.

    What a loop does before it is killed decides what can still be told apart: an orphan that
    made its own session is recognised when it, or its memory image, was known before. `observe`
    costs some milliseconds; call it from a worker thread. All methods may be called from any.

    `own_children` is given where this process is a subreaper: it returns the children that it
    started itself, every other child of it is then taken for an orphan of the loop.
    """

    def __init__(
        self, root: Identity, *, own_children: Callable[[], Collection[int]] | None = None
    ) -> None:
        self.root = root
        self._own_pid = os.getpid()
        self._own_children = own_children
        self._lock = Lock()
        self._own_line = (0, 1, self._own_pid, *ancestors_of(self._own_pid))
        self._kin = Kinship(root, protected=self._own_line, marks_of=marks_of)
        self._group = LoopGroup(root, self._own_pid, read_table)
        self._inside: frozenset[int] = frozenset()
        self._table = ProcessTable()
        self._table.read()
        table = self._table.stats
        above = _line_above(root, table)
        now = table.get(root.pid)
        if now is None or now.start_ticks != root.start_ticks:
            self._image, self._marks = None, frozenset[bytes]()
        else:
            self._image = own_image(now, above, table, randomized=_randomized())
            inherited = frozenset[bytes]().union(*map(marks_of, (self._own_pid, *above)))
            self._marks = marks_of(root.pid) - inherited
        self.observe()

    def observe(self) -> int:
        """Look who belongs to the loop now, remember it, and return how many are alive."""
        return len(self.members())

    def members(self) -> tuple[Stat, ...]:
        """Everyone of the loop's that is alive now, the loop itself first; none if /proc hides."""
        with self._lock:
            scan = self._scan()
            return () if scan is None else scan.alive

    def kill(self, *, clock: Clock, grace_ms: int = 0, deadline_ms: int = 1000) -> KillReport:
        """End the whole tree, and return not before it was seen empty twice or time is up.

        With `grace_ms` 0 everything is frozen (SIGSTOP, again until nobody new turns up), then
        killed (SIGKILL); with more, SIGTERM comes first and `grace_ms` of waiting. `deadline_ms`
        counts from the first SIGKILL. Blocks for up to both, plus one scan.

        Raises:
            KillRefused: the loop is this process, an ancestor of it, or PID 1.
        """
        if self.root.pid in self._own_line or self.root.pid in ancestors_of(os.getpid()):
            raise KillRefused(f"process {self.root.pid} is the sentinel's own or above it")
        with self._lock:
            killing = Killing(
                self.root, clock=clock, scan=self._scan, strike_group=self._group.strike
            )
            return killing.run(grace_ms=grace_ms, deadline_ms=deadline_ms)

    def _scan(self, *, only_new: bool = False) -> Scan | None:
        if not only_new:
            self._inside = self._group.processes()
        clean = self._table.read(only_new=only_new)
        table = self._table.stats
        if self._own_pid not in table:
            return None
        own = None if self._own_children is None else self._own_children()
        signs = Signs(
            image=self._image,
            marks=self._marks,
            forebears=frozenset(_line_above(self.root, table)[1:]),
            adopter=None if own is None else self._own_pid,
            own_children=frozenset(own or ()),
        )
        members = self._kin.members(table, signs, self._inside)
        ours = {stat.pid for stat in members}
        shared = {stat.group for stat in table.values() if stat.pid not in ours and not stat.dead}
        alive = tuple(stat for stat in members if not stat.dead)
        groups = frozenset(stat.group for stat in alive if stat.group > 1) - shared
        return Scan(alive=alive, groups=groups, clean=clean)


class ProcessTable:
    """All processes that /proc shows us, as last read; empty when it shows nothing at all."""

    __slots__ = ("stats",)

    def __init__(self) -> None:
        self.stats: dict[int, Stat] = {}

    def read(self, *, only_new: bool = False) -> bool:
        """Read again, or only the numbers that were not there before, which is faster.

        Returns True when nobody came and went unread: one that forks and exits faster than we
        read would otherwise pass for nobody. A newcomer that is ending may have left a child that
        was too late for the list.
        """
        before, self.stats = self.stats, {}
        try:
            pids = psutil.pids()
        except (OSError, psutil.Error):
            return False
        clean = True
        for pid in pids:
            if only_new and pid in before:
                self.stats[pid] = before[pid]
                continue
            with suppress(ProcessUnreadable):
                stat = read_stat(pid)
                if stat is not None:
                    self.stats[pid] = stat
                if pid not in before and (stat is None or stat.ending):
                    clean = False
        return clean


def kill_tree(
    identity: Identity,
    *,
    clock: Clock,
    grace_ms: int = 0,
    deadline_ms: int = 1000,
    own_children: Callable[[], Collection[int]] | None = None,
) -> KillReport:
    """Do as `ProcessTree.kill` does, for a loop that nobody observed before.

    Raises:
        KillRefused: the loop is this process, an ancestor of it, or PID 1.
    """
    tree = ProcessTree(identity, own_children=own_children)
    return tree.kill(clock=clock, grace_ms=grace_ms, deadline_ms=deadline_ms)


def cgroup_is_private(identity: Identity, own_pid: int) -> Path | None:
    """The directory of the loop's control group where it is the loop's alone, else None.

    That is: not the root, not `own_pid`'s nor an ancestor of it, and every process in it is the
    loop or was started by it.
    """
    return LoopGroup(identity, own_pid, read_table).directory()


def read_table() -> dict[int, Stat]:
    """One reading of all processes that /proc shows us; empty when it shows nothing at all."""
    table = ProcessTable()
    table.read()
    return table.stats


def become_subreaper() -> None:
    """Adopt the orphans of all descendants from now on, prctl(2) PR_SET_CHILD_SUBREAPER.

    Raises:
        OSError: the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"cannot become a subreaper: {os.strerror(code)}")


def reap_children(own_children: Collection[int] = ()) -> tuple[int, ...]:
    """Collect the ended children that were adopted, and leave those that we started alone."""
    own_pid = os.getpid()
    reaped = []
    for stat in read_table().values():
        if stat.parent == own_pid and stat.dead and stat.pid not in own_children:
            with suppress(ChildProcessError):
                pid, _ = os.waitpid(stat.pid, os.WNOHANG)
                if pid:
                    reaped.append(pid)
    return tuple(reaped)


def end_orphans(
    own_children: Collection[int] = (), *, clock: Clock, deadline_ms: int = 1000
) -> int:
    """Kill whatever is below this process and not started by it; return how many are left.

    For a subreaper whose command has ended: what is below it now, the command left behind.
    """
    own_pid = os.getpid()
    until_ns = clock.elapsed_ns() + deadline_ms * NS_PER_MS
    empty = 0
    while True:
        reap_children(own_children)
        table = read_table()
        left = [
            stat
            for stat in table.values()
            if not stat.dead
            and stat.pid not in own_children
            and own_pid in _line_above(stat, table)
        ]
        empty = 0 if left else empty + 1
        if empty == ORPHAN_SCANS or clock.elapsed_ns() >= until_ns:
            return len(left)
        for stat in left:
            with suppress(ProcessGone, ProcessUnreadable, ProcessLookupError):
                descriptor = open_pidfd_of(stat.pid, stat.start_ticks)
                try:
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                finally:
                    os.close(descriptor)
        clock.sleep_ms(ORPHAN_PAUSE_MS)


def _line_above(root: Identity | Stat, table: dict[int, Stat]) -> tuple[int, ...]:
    line: list[int] = []
    parent = root.parent
    while parent > 0 and parent not in line and len(line) < 1024:
        line.append(parent)
        stat = table.get(parent)
        parent = 0 if stat is None else stat.parent
    return tuple(line)


def _randomized() -> bool:
    try:
        return Path("/proc/sys/kernel/randomize_va_space").read_text().strip() == "2"
    except OSError:
        return False
