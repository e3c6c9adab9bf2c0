"""One run of killing: freeze, strike, look again until nothing is left.

It may never signal by a bare number what a process descriptor can reach, nor anyone that the scan
it was given did not name.
"""

from __future__ import annotations

import errno
import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from msgspec import Struct

from ipc.clock import NS_PER_MS, Clock
from sentinel.adapters.identity import (
    Identity,
    ProcessGone,
    ProcessUnreadable,
    Stat,
    is_running,
    open_pidfd,
    open_pidfd_of,
    read_stat,
)

ROUNDS_MAX = 20_000
FREEZE_SCANS_MAX = 256
FREEZE_UNCLEAN_MAX = 16
EMPTY_SCANS = 2
ROUND_PAUSE_MS = 1
GRACE_PAUSE_MS = 5


class KillRefused(Exception):
    """Killing this would kill ourselves, an ancestor of ours, or the host."""


class Scan(Struct, frozen=True, kw_only=True):
    """Who of the loop's is alive, the loop itself first.

    `groups` are the process groups in which nobody else is; `clean` is False when somebody came
    and went too fast to be read, so that seeing nobody proves nothing.
    """

    alive: tuple[Stat, ...]
    groups: frozenset[int]
    clean: bool


class Look(Protocol):
    """Looks who is alive; None when /proc does not tell. `only_new` reads only new numbers."""

    def __call__(self, *, only_new: bool = False) -> Scan | None:
        """Look once."""
        ...


class Survivor(Struct, frozen=True, kw_only=True):
    """One that was still there at the deadline; `state` as in ps(1), `D` cannot be killed yet."""

    pid: int
    start_ticks: int
    state: str
    name: str


class KillReport(Struct, frozen=True, kw_only=True):
    """What killing came to.

    `killed` counts processes seen alive and then gone, `denied` those we may not signal;
    `by_group` says whether the control group was killed as one. `confirmed` means that nothing was
    seen on two scans and the loop's descriptor says gone; without it nothing is claimed, even
    where `survivors` is empty.
    """

    confirmed: bool
    survivors: tuple[Survivor, ...]
    killed: int
    took_ms: int
    rounds: int
    denied: int
    by_group: bool


class Killing:
    """Kills what `scan` names; `strike_group` kills the loop's own control group if it has one."""

    def __init__(
        self,
        root: Identity,
        *,
        clock: Clock,
        scan: Look,
        strike_group: Callable[[], bool],
    ) -> None:
        self._root = root
        self._clock = clock
        self._look = scan
        self._strike_group = strike_group
        self._seen: set[tuple[int, int]] = set()
        self._denied: set[tuple[int, int]] = set()
        self._by_group = False
        self._root_fd: int | None = None

    def run(self, *, grace_ms: int, deadline_ms: int) -> KillReport:
        """Ask first where a grace is given, then kill; see `ProcessTree.kill`."""
        began_ns = self._clock.elapsed_ns()
        self._root_fd = self._open_root()
        try:
            if grace_ms > 0:
                self._ask_to_end(grace_ms)
            rounds, confirmed = self._strike(deadline_ms)
        finally:
            if self._root_fd is not None:
                os.close(self._root_fd)
        last = None if confirmed else self._scan()
        survivors = () if last is None else last.alive
        return KillReport(
            confirmed=confirmed,
            survivors=tuple(
                Survivor(pid=it.pid, start_ticks=it.start_ticks, state=it.state, name=it.name)
                for it in survivors
            ),
            killed=len(self._seen - {stat.key for stat in survivors}),
            took_ms=(self._clock.elapsed_ns() - began_ns) // NS_PER_MS,
            rounds=rounds,
            denied=len(self._denied),
            by_group=self._by_group,
        )

    def _strike(self, deadline_ms: int) -> tuple[int, bool]:
        until = self._clock.elapsed_ns() + deadline_ms * NS_PER_MS
        empty = 0
        for rounds in range(1, ROUNDS_MAX):
            scan = self._scan()
            if self._is_over(scan):
                empty += 1
                if empty >= EMPTY_SCANS:
                    return rounds, True
            else:
                empty = 0
                self._kill_all(scan)
            if self._clock.elapsed_ns() >= until:
                return rounds, False
            self._clock.sleep_ms(ROUND_PAUSE_MS)
        return ROUNDS_MAX, False

    def _is_over(self, scan: Scan | None) -> bool:
        return scan is not None and scan.clean and not scan.alive and self._root_gone()

    def _kill_all(self, scan: Scan | None) -> None:
        frozen = None if scan is None else self._freeze(scan)
        if self._strike_group():
            self._by_group = True
        if frozen is None:
            self._kill_root_unseen()
            return
        for stat in frozen.alive:
            self._send(stat, signal.SIGKILL)
        self._send_groups(frozen, frozenset(stat.key for stat in frozen.alive), signal.SIGKILL)

    def _kill_root_unseen(self) -> None:
        # We see nobody, but this one we hold.
        if self._root_fd is not None:
            try:
                signal.pidfd_send_signal(self._root_fd, signal.SIGKILL)
            except ProcessLookupError:
                return
            except OSError:
                self._denied.add((self._root.pid, self._root.start_ticks))

    def _freeze(self, scan: Scan) -> Scan:
        stopped: set[tuple[int, int]] = set()
        for passes in range(1, FREEZE_SCANS_MAX):
            fresh = frozenset(stat.key for stat in scan.alive) - stopped
            for stat in scan.alive:
                if stat.key in fresh:
                    self._send(stat, signal.SIGSTOP)
            self._send_groups(scan, fresh, signal.SIGSTOP)
            stopped |= fresh
            if not fresh and (scan.clean or passes > FREEZE_UNCLEAN_MAX):
                break
            following = self._scan(only_new=True)
            if following is None:
                break
            scan = following
        return scan

    def _send_groups(
        self, scan: Scan, keys: frozenset[tuple[int, int]], number: signal.Signals
    ) -> None:
        # The kernel signals a whole group at one stroke, which no fork escapes. A member that we
        # have just stopped keeps the number from being given to another group.
        for group in {stat.group for stat in scan.alive if stat.key in keys} & scan.groups:
            with suppress(OSError):
                os.killpg(group, number)

    def _ask_to_end(self, grace_ms: int) -> None:
        until = self._clock.elapsed_ns() + grace_ms * NS_PER_MS
        asked: set[tuple[int, int]] = set()
        for _ in range(ROUNDS_MAX):
            scan = self._scan()
            if self._is_over(scan):
                return
            for stat in () if scan is None else scan.alive:
                if stat.key not in asked:
                    asked.add(stat.key)
                    self._send(stat, signal.SIGTERM)
                    # A stopped process would never see it.
                    self._send(stat, signal.SIGCONT)
            if self._clock.elapsed_ns() >= until:
                return
            self._clock.sleep_ms(GRACE_PAUSE_MS)

    def _scan(self, *, only_new: bool = False) -> Scan | None:
        scan = self._look(only_new=only_new)
        if scan is not None:
            self._seen.update(stat.key for stat in scan.alive)
        return scan

    def _send(self, stat: Stat, number: signal.Signals) -> None:
        try:
            signal_exactly(stat.pid, stat.start_ticks, number)
        except (ProcessGone, ProcessLookupError):
            return
        except (OSError, ProcessUnreadable):
            self._denied.add(stat.key)

    def _open_root(self) -> int | None:
        try:
            return open_pidfd(self._root)
        except (ProcessGone, ProcessUnreadable, OSError):
            return None

    def _root_gone(self) -> bool:
        if self._root_fd is not None:
            poll = select.poll()
            poll.register(self._root_fd, select.POLLIN)
            return bool(poll.poll(0))
        try:
            return not is_running(self._root)
        except ProcessUnreadable:
            return False


def signal_exactly(pid: int, start_ticks: int, number: signal.Signals) -> None:
    """Send a signal to this very process and to no later owner of its number.

    Raises:
        ProcessGone: it has ended, or the number has a new owner.
        ProcessUnreadable: that cannot be told.
        OSError: it may not be signalled.
    """
    try:
        fd = open_pidfd_of(pid, start_ticks)
    except (OSError, ProcessUnreadable) as error:
        if isinstance(error, OSError) and error.errno not in {errno.EMFILE, errno.ENFILE}:
            raise
        # No descriptor is left for either: better a number compared in vain than a survivor.
        stat = read_stat(pid)
        if stat is None or stat.start_ticks != start_ticks:
            raise ProcessGone(f"process {pid} has ended") from error
        os.kill(pid, number)
        return
    try:
        signal.pidfd_send_signal(fd, number)
    finally:
        os.close(fd)
