"""Sees STOP files. It only looks at directory entries: it may never open, create or remove one.

The guarantee is an lstat of each path every `poll_ms`; file events only make it look earlier.
"""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from threading import Event, Lock, Thread

from ipc.clock import NS_PER_MS, NS_PER_S, Clock
from sentinel.adapters.directory_watch import ENTRY_EVENTS, Change, DirectoryWatch

POLL_MS = 100
REARM_NS = NS_PER_S
JOIN_S = 1.0


class StopCause(StrEnum):
    """Why a stop path means danger; that it cannot be looked at is danger too."""

    PRESENT = "STOP_FILE_PRESENT"
    DIRECTORY_MISSING = "STOP_DIRECTORY_MISSING"
    DIRECTORY_REPLACED = "STOP_DIRECTORY_REPLACED"
    UNREADABLE = "STOP_PATH_UNREADABLE"


OnSeen = Callable[[Path, StopCause], object]


def check_stop_directory(path: Path, uid: int) -> None:
    """Refuse a stop directory in which others could remove or hide a STOP file.

    Raises:
        ValueError: it is of another user than root and `uid`, world-writable without the sticky
            bit, or no directory. A missing one is not refused here: it is seen as a danger.
    """
    directory = path.parent
    try:
        status = directory.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise ValueError(f"stop directory {directory}: {error.strerror}") from error
    mode = modes.S_IMODE(status.st_mode)
    if not modes.S_ISDIR(status.st_mode):
        raise ValueError(f"stop directory {directory}: expected a directory")
    if status.st_uid not in {0, uid}:
        raise ValueError(
            f"stop directory {directory}: owned by user {status.st_uid}, expected root or {uid}"
        )
    if mode & modes.S_IWOTH and not mode & modes.S_ISVTX:
        raise ValueError(
            f"stop directory {directory}: mode {mode:04o} lets everybody write,"
            " expected no world write or the sticky bit"
        )


class StopFileWatch:
    """Tells of each STOP path, and of each directory that cannot be trusted any more, once.

    `on_seen(path, cause)` is called from one of our threads; if it returns False or raises, the
    same is told again at the next look. A condition that ended and came back is told anew. Give
    absolute paths; `state_dir/STOP` is the caller's to add. Start order: make it, `start`, then
    `check_now`, so that nothing falls between the look and the watch.

    Raises:
        ValueError: a stop directory is not safe, see `check_stop_directory`; or a path is relative.
    """

    def __init__(
        self, paths: Sequence[Path], on_seen: OnSeen, clock: Clock, *, poll_ms: int = POLL_MS
    ) -> None:
        for path in paths:
            if not path.is_absolute() or not path.name:
                raise ValueError(f"stop file {path}: expected an absolute path")
            check_stop_directory(path, os.geteuid())
        self._paths = tuple(dict.fromkeys(paths))
        self._on_seen = on_seen
        self._clock = clock
        self._poll_ms = poll_ms
        self._lock = Lock()
        self._wake = Event()
        self._closed = Event()
        self._told: set[tuple[Path, StopCause]] = set()
        self._glimpsed: set[Path] = set()
        self._homes = {path: _identity_of(path.parent) for path in self._paths}
        self._lost: set[Path] = set()
        self._by_real_path = {_real(path): path for path in self._paths}
        self._looked_ns = clock.elapsed_ns()
        self._armed_ns = clock.elapsed_ns()
        self._events = DirectoryWatch(
            sorted({str(path.parent) for path in self._paths}), self._on_event, kinds=ENTRY_EVENTS
        )
        self._thread = Thread(target=self._run, name="stop-file", daemon=True)
        self.failures = 0
        """How often `on_seen` raised or would not take it."""

    def start(self) -> None:
        """Arm the events and start the poll."""
        self._events.arm()
        self._thread.start()

    def check_now(self) -> tuple[tuple[Path, StopCause], ...]:
        """Look at every path at once, tell what is new, and return all that is wrong now."""
        with self._lock:
            wrong = [(path, cause) for path in self._paths for cause in self._look(path)]
            self._told.intersection_update(wrong)
            for path, cause in wrong:
                if (path, cause) not in self._told:
                    self._tell(path, cause)
            self._looked_ns = self._clock.elapsed_ns()
            return tuple(wrong)

    @property
    def degraded(self) -> str | None:
        """Why only the poll is left, in one line; None while file events work."""
        return self._events.problem

    def poll_age_ms(self) -> int:
        """Milliseconds since the last whole look; far more than `poll_ms` means that we are blind.

        A look can hang in the file system: the loop must take a large age for danger.
        """
        return (self._clock.elapsed_ns() - self._looked_ns) // NS_PER_MS

    def close(self) -> None:
        """End the threads; a look that hangs is left behind after a second."""
        self._closed.set()
        self._wake.set()
        self._events.close()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    def _run(self) -> None:
        while not self._closed.is_set():
            self._wake.clear()
            self.check_now()
            self._rearm_if_deaf()
            self._wake.wait(self._poll_ms / 1000)

    def _look(self, path: Path) -> list[StopCause]:
        causes = []
        if path in self._glimpsed:
            self._glimpsed.discard(path)
            causes.append(StopCause.PRESENT)
        try:
            os.lstat(path)
            causes.append(StopCause.PRESENT)
        except FileNotFoundError:
            pass
        except NotADirectoryError:
            causes.append(StopCause.DIRECTORY_REPLACED)
        except (OSError, ValueError):
            causes.append(StopCause.UNREADABLE)
        home = _identity_of(path.parent)
        if home is None:
            # A directory made anew may well get the number of the one that is gone.
            self._lost.add(path)
            causes.append(StopCause.DIRECTORY_MISSING)
        elif path in self._lost or self._homes[path] not in {None, home}:
            causes.append(StopCause.DIRECTORY_REPLACED)
        return list(dict.fromkeys(causes))

    def _tell(self, path: Path, cause: StopCause) -> None:
        try:
            taken = self._on_seen(path, cause) is not False
        except Exception:  # noqa: BLE001 - whatever the callee does, the watch goes on and retries
            taken = False
        if taken:
            self._told.add((path, cause))
        else:
            self.failures += 1
            if cause is StopCause.PRESENT:
                self._glimpsed.add(path)

    def _on_event(self, path: str, change: Change) -> None:
        stop = self._by_real_path.get(path)
        if stop is not None and change is Change.TOUCHED:
            # Gone again or not, it was there.
            self._glimpsed.add(stop)
        if stop is not None or change is Change.VANISHED:
            self._wake.set()

    def _rearm_if_deaf(self) -> None:
        with self._lock:
            homes = {path: _identity_of(path.parent) for path in self._paths}
            moved = any(
                home is not None and (path in self._lost or home != self._homes[path])
                for path, home in homes.items()
            )
            now = self._clock.elapsed_ns()
            deaf = moved or self._events.problem is not None
            if not deaf or now - self._armed_ns < REARM_NS:
                return
            self._armed_ns = now
            self._by_real_path = {_real(path): path for path in self._paths}
            for path, home in homes.items():
                if home is not None:
                    self._homes[path] = home
                    self._lost.discard(path)
        self._events.arm()


def _identity_of(directory: Path) -> tuple[int, int] | None:
    try:
        status = directory.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if modes.S_ISDIR(status.st_mode) else None


def _real(path: Path) -> str:
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118 - never normalised
