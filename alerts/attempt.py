"""One send in a disposable child process. It may hang as it likes: it is killed at its deadline."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from typing import Final, NoReturn

from alerts.sender import Sent

REPORT_MAX: Final = 512
DESCRIPTORS_MAX: Final = 4096
_DELIVERED: Final = b"+"
_FAILED: Final = b"-"


class Attempt:
    """A running send. To be made in a process of one thread only: it forks without exec."""

    def __init__(self, send: Callable[[], Sent], started_ns: int, lifetime_ms: int) -> None:
        """Fork and send; OSError if the system has no process or descriptor left.

        The child ends itself after `lifetime_ms` even if nobody is left to kill it.
        """
        self.started_ns = started_ns
        self.report_fd, write_fd = os.pipe()
        try:
            self._pid = os.fork()
        except OSError:
            os.close(self.report_fd)
            os.close(write_fd)
            raise
        if self._pid == 0:
            _send_and_exit(send, write_fd, lifetime_ms)
        os.close(write_fd)
        os.set_blocking(self.report_fd, False)
        self._report = b""
        self._reaped = False

    def poll(self) -> Sent | None:
        """What the child reported, or None while it is still at it."""
        try:
            chunk = os.read(self.report_fd, REPORT_MAX)
        except BlockingIOError:
            return None
        self._report += chunk
        if chunk and len(self._report) < REPORT_MAX:
            return None
        if not self._report:
            return Sent(delivered=False, detail="the sending process died")
        detail = self._report[1:].decode("utf-8", "replace")
        return Sent(delivered=self._report[:1] == _DELIVERED, detail=detail)

    def end(self) -> None:
        """Kill the child if it still runs, and close the pipe. `reap` must follow, later."""
        with contextlib.suppress(ProcessLookupError):
            if not self.reap():
                os.kill(self._pid, signal.SIGKILL)
        os.close(self.report_fd)

    def reap(self) -> bool:
        """Take the child's exit status if it is there; True once it is gone."""
        if not self._reaped:
            try:
                self._reaped = os.waitpid(self._pid, os.WNOHANG)[0] == self._pid
            except ChildProcessError:
                self._reaped = True
        return self._reaped


def _send_and_exit(send: Callable[[], Sent], write_fd: int, lifetime_ms: int) -> NoReturn:
    """Be the child: send, report, and leave without any of the interpreter's exit work.

    It keeps no end of the pipes to the sentinel, or that would not see the alert process die.
    """
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, lifetime_ms / 1000)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        os.closerange(3, write_fd)
        os.closerange(write_fd + 1, DESCRIPTORS_MAX)
        sent = send()
        mark = _DELIVERED if sent.delivered else _FAILED
        os.write(write_fd, (mark + sent.detail.encode())[: REPORT_MAX - 1])
    finally:
        os._exit(0)
