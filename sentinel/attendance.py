"""The processes of the open sessions: their descriptors in the poll set, their trees observed."""

from __future__ import annotations

import contextlib
import os

from ipc.server import Server
from sentinel.adapters.executioner import Executioner
from sentinel.adapters.identity import ProcessGone, ProcessUnreadable, open_pidfd_of
from sentinel.core.events import HelloReceived, SessionEnded
from sentinel.core.ledger import Entry
from sentinel.core.state import State
from sentinel.core.steps import TreeKilled


class Attendance:
    """Who is in. A descriptor that turns readable is the end of its run."""

    def __init__(self, server: Server, executioner: Executioner, state: State) -> None:
        self._server = server
        self._executioner = executioner
        self._state = state
        self._fds: dict[str, tuple[int, int, int]] = {}
        self._runs: dict[int, str] = {}
        self._born_dead: list[str] = []

    def note(self, entry: Entry) -> None:
        """Keep up with what was decided."""
        match entry.event:
            case HelloReceived(run_id=run_id, pid=pid, start_ticks=start_ticks):
                if run_id in self._state.sessions and run_id not in self._fds:
                    self._enter(run_id, pid, start_ticks)
            case SessionEnded(run_id=run_id):
                self._leave(run_id)
            case TreeKilled(survivors=0):
                for run_id in list(self._fds):
                    self._leave(run_id)
            case _:
                pass

    def ended(self, ready: list[int]) -> list[str]:
        """Return the runs whose process has ended, each once."""
        found, self._born_dead = self._born_dead, []
        for fd in ready:
            run_id = self._runs.get(fd)
            if run_id is not None:
                found.append(run_id)
                self._leave(run_id, forget=False)
        return found

    def _enter(self, run_id: str, pid: int, start_ticks: int) -> None:
        try:
            fd = open_pidfd_of(pid, start_ticks)
        except (ProcessGone, ProcessUnreadable):
            self._born_dead.append(run_id)
            return
        self._fds[run_id] = (fd, pid, start_ticks)
        self._runs[fd] = run_id
        self._server.register(fd)
        with contextlib.suppress(ProcessUnreadable):
            self._executioner.watch(pid, start_ticks)

    def _leave(self, run_id: str, *, forget: bool = True) -> None:
        """Close the descriptor; the tree of a process that just died is still to be killed."""
        found = self._fds.pop(run_id, None)
        if found is None:
            return
        fd, pid, start_ticks = found
        self._server.unregister(fd)
        del self._runs[fd]
        os.close(fd)
        if forget:
            self._executioner.forget(pid, start_ticks)

    def close(self) -> None:
        """Close every descriptor."""
        for run_id in list(self._fds):
            self._leave(run_id)
