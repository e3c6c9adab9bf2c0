"""Who a process is, read from /proc. It only looks: it may never signal anything."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

ENVIRON_READ_MAX = 256 * 1024
COMMAND_MAX = 120
MARK_NAMES = (b"SENTINEL_RUN_ID=", b"SENTINEL_GUARD=")
KERNEL_THREADS = 2
DEAD_STATES = frozenset("ZXx")


class ProcessGone(Exception):
    """The process has ended, or its number belongs to another one by now."""


class ProcessUnreadable(Exception):
    """The process may exist, but /proc does not let us see it: treat it as danger."""


class Stat(Struct, frozen=True, kw_only=True):
    """One reading of /proc/PID/stat, proc(5).

    `image` is where the kernel put the program in memory: (code, stack, data, heap) addresses.
    They are drawn at random at each exec and copied by fork, so equal ones tell of a common
    exec. Where we may not see them they are 1 and zeros, where there is no memory all are zero.
    """

    pid: int
    name: str
    state: str
    parent: int
    group: int
    session: int
    threads: int
    start_ticks: int
    image: tuple[int, int, int, int]

    @property
    def key(self) -> tuple[int, int]:
        """What no later process can share: number and start time."""
        return (self.pid, self.start_ticks)

    @property
    def dead(self) -> bool:
        """A zombie is dead, unless threads of it outlive the first one."""
        return self.state in DEAD_STATES and self.threads <= 1

    @property
    def ending(self) -> bool:
        """It has given up its memory already, or is dead; a kernel thread is not meant."""
        return self.dead or (self.image[0] == 0 and KERNEL_THREADS not in {self.pid, self.parent})


class Identity(Struct, frozen=True, kw_only=True):
    """One process for ever: a later owner of the number has another start time.

    `start_ticks` is field 22 of /proc/PID/stat, clock ticks since boot; `group` and `session` are
    process group and session at the time of the reading; `command` is cut, for people only.
    """

    pid: int
    start_ticks: int
    uid: int
    cgroup: str
    command: str
    parent: int = 0
    group: int = 0
    session: int = 0


def parse_stat(text: bytes) -> Stat:
    """Read the text of /proc/PID/stat; the name may hold spaces and parentheses.

    Raises:
        ValueError: it is not such a text.
    """
    opened, closed = text.index(b"("), text.rindex(b")")
    fields = text[closed + 2 :].split()
    if len(fields) < 45:
        raise ValueError("expected at least 47 fields of /proc/PID/stat")
    return Stat(
        pid=int(text[:opened]),
        name=text[opened + 1 : closed].decode(errors="replace"),
        state=fields[0].decode(),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        threads=int(fields[17]),
        start_ticks=int(fields[19]),
        image=(int(fields[23]), int(fields[25]), int(fields[42]), int(fields[44])),
    )


def read_stat(pid: int) -> Stat | None:
    """Read one process; None when it is gone.

    Raises:
        ProcessUnreadable: /proc refuses.
    """
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return parse_stat(os.read(fd, 4096))
        finally:
            os.close(fd)
    except (FileNotFoundError, ProcessLookupError):
        return None
    except (OSError, ValueError) as error:
        raise ProcessUnreadable(f"/proc/{pid}/stat: {error}") from error


def identify(pid: int) -> Identity:
    """Say who owns this number now.

    Raises:
        ProcessGone: nobody does, or its owner has ended.
        ProcessUnreadable: it cannot be told.
    """
    stat = read_stat(pid) if pid > 0 else None
    if stat is None or stat.dead:
        raise ProcessGone(f"process {pid} has ended")
    try:
        uid = _effective_uid(pid)
        found = Identity(
            pid=pid,
            start_ticks=stat.start_ticks,
            uid=uid,
            cgroup=cgroup_of(pid),
            command=_command(pid) or stat.name,
            parent=stat.parent,
            group=stat.group,
            session=stat.session,
        )
    except (FileNotFoundError, ProcessLookupError) as error:
        raise ProcessGone(f"process {pid} has ended") from error
    except (OSError, ValueError) as error:
        raise ProcessUnreadable(f"/proc/{pid}: {error}") from error
    if not is_running(found):
        raise ProcessGone(f"process {pid} has ended")
    return found


def is_running(identity: Identity) -> bool:
    """True while this very process lives; a zombie does not.

    Raises:
        ProcessUnreadable: it cannot be told.
    """
    stat = read_stat(identity.pid)
    return stat is not None and stat.start_ticks == identity.start_ticks and not stat.dead


def is_left(pid: int, start_ticks: int) -> bool:
    """Whether exactly this process is still there, and no zombie."""
    found = read_stat(pid)
    return found is not None and found.start_ticks == start_ticks and not found.dead


def open_pidfd(identity: Identity) -> int:
    """Open a process descriptor (pidfd) of this very process; the caller closes it.

    The start time is compared after opening, so that a number that was given to another process
    in between cannot slip in.

    Raises:
        ProcessGone: it has ended and is reaped, or the number has a new owner.
        OSError: no descriptor is left.
    """
    return open_pidfd_of(identity.pid, identity.start_ticks)


def open_pidfd_of(pid: int, start_ticks: int) -> int:
    """Do as `open_pidfd` does, for a bare (number, start time)."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError as error:
        raise ProcessGone(f"process {pid} has ended") from error
    try:
        stat = read_stat(pid)
    except ProcessUnreadable:
        os.close(fd)
        raise
    if stat is None or stat.start_ticks != start_ticks:
        os.close(fd)
        raise ProcessGone(f"process {pid} has ended")
    return fd


def ancestors_of(pid: int) -> tuple[int, ...]:
    """Parents of a process, nearest first, up to the first process of the namespace."""
    chain: list[int] = []
    current = pid
    while len(chain) < 1024:
        stat = None
        with suppress(ProcessUnreadable):
            stat = read_stat(current)
        if stat is None or stat.parent <= 0 or stat.parent in chain:
            break
        chain.append(stat.parent)
        current = stat.parent
    return tuple(chain)


def marks_of(pid: int) -> frozenset[bytes]:
    """The run marks in the environment this process was started with; empty if we may not see."""
    try:
        fd = os.open(f"/proc/{pid}/environ", os.O_RDONLY | os.O_CLOEXEC)
        try:
            environ = os.read(fd, ENVIRON_READ_MAX)
        finally:
            os.close(fd)
    except OSError:
        return frozenset()
    return frozenset(entry for entry in environ.split(b"\0") if entry.startswith(MARK_NAMES))


def cgroup_of(pid: int) -> str:
    """The control group's path: of the unified hierarchy, else of the service manager's own.

    Raises:
        OSError: gone or unreadable.
    """
    unified, named = "/", "/"
    for line in Path(f"/proc/{pid}/cgroup").read_text(errors="surrogateescape").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            unified = path
        elif controllers == "name=systemd":
            named = path
    return unified if unified != "/" else named


def _effective_uid(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
        if line.startswith("Uid:"):
            return int(line.split()[2])
    raise ValueError("no Uid line in status")


def _command(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    return " ".join(word.decode(errors="replace") for word in words)[:COMMAND_MAX]
