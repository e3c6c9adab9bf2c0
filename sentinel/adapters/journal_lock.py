"""The lock of the state directory: one sentinel per state. It may never be released early.

The lock is the open descriptor: it goes with the process, however the process ends. It is not
inherited over exec; a child made by fork alone shares it, so workers are spawned, not forked.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final, Self

from sentinel.adapters.journal_format import JournalError, JournalFailed

LOCK_NAME: Final = "lock"
_PID_TEXT_MAX: Final = 20


class StateLocked(JournalError):
    """Another sentinel runs on this state; the text names its pid."""


class StateLock:
    """The held lock. Keep it for the life of the process."""

    __slots__ = ("_fd", "path")

    def __init__(self, fd: int, path: Path) -> None:
        self._fd = fd
        self.path = path

    def check_identity(self) -> None:
        """Raise JournalFailed if the lock's path no longer names the file that is locked."""
        held = os.fstat(self._fd)
        try:
            named = self.path.stat(follow_symlinks=False)
        except OSError as error:
            raise JournalFailed(f"{self.path}: the lock is gone: {error.strerror}") from None
        if (held.st_dev, held.st_ino) != (named.st_dev, named.st_ino):
            raise JournalFailed(f"{self.path}: the lock was replaced by another file")

    def close(self) -> None:
        """Give the lock up; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lock_state_dir(state_dir: Path) -> StateLock:
    """Take `<state_dir>/lock` for this process, without waiting.

    Raises:
        StateLocked: another process holds it; its pid is named.
        OSError: the directory is missing or not writable.
    """
    path = state_dir / LOCK_NAME
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.pwrite(fd, f"{os.getpid():<{_PID_TEXT_MAX - 1}}\n".encode(), 0)
    except BlockingIOError:
        holder = os.pread(fd, _PID_TEXT_MAX, 0).decode("ascii", "replace").strip()
        os.close(fd)
        pid = holder if holder.isdigit() else "unknown"
        raise StateLocked(f"{path}: another sentinel runs on this state, pid {pid}") from None
    except BaseException:
        os.close(fd)
        raise
    return StateLock(fd, path)
