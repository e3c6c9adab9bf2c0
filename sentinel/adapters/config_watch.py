"""Sees that the configuration file changed, and reads it safely. It never judges what it says."""

from __future__ import annotations

import errno
import hashlib
import os
import stat as modes
from collections.abc import Callable, Collection
from pathlib import Path
from threading import Event, Lock, Thread

from ipc.clock import NS_PER_MS, NS_PER_S, Clock
from sentinel.adapters.directory_watch import CONTENT_EVENTS, Change, DirectoryWatch

POLL_MS = 250
SETTLE_MS = 50
UNSETTLED_MAX_MS = 1000
SIZE_MAX = 1 << 20
REARM_NS = NS_PER_S
JOIN_S = 1.0


class FileRefused(ValueError):
    """The file may not be used as it is; the text is one clear line."""


def read_guarded(path: Path, *, owners: Collection[int] | None = None) -> bytes:
    """Read a file once, through one descriptor, whose owner and mode were checked on it.

    `owners` are the user ids that may own it, root and our own by default. A symbolic link is
    followed (mounted configurations are made of them) if an owner made it too.

    Raises:
        FileRefused: it is missing, unreadable, no regular file, over 1 MiB, of another owner, or
            group or others may write it.
    """
    allowed = frozenset((0, os.geteuid()) if owners is None else owners)
    try:
        link = path.lstat()
        if modes.S_ISLNK(link.st_mode) and link.st_uid not in allowed:
            raise FileRefused(f"{path}: a link of user {link.st_uid}, expected {_names(allowed)}")
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        if isinstance(error, FileRefused):
            raise
        told = error.strerror if isinstance(error, OSError) else str(error)
        raise FileRefused(f"{path}: {told}, expected a readable file") from error
    try:
        _check(path, os.fstat(fd), allowed)
        return _read_all(path, fd)
    except OSError as error:
        raise FileRefused(f"{path}: {error.strerror}, expected a readable file") from error
    finally:
        os.close(fd)


class ConfigWatch:
    """Calls `on_change()` from its own thread once for each new content, vanishing, coming back.

    A change counts when two looks `SETTLE_MS` apart agree on it, or, under an endless writer,
    after a second. Owner and write permissions count as content, a mere touch does not. If
    `on_change` returns False or raises, the same is told again.
    """

    def __init__(
        self,
        path: Path,
        on_change: Callable[[], object],
        clock: Clock,
        *,
        poll_ms: int = POLL_MS,
    ) -> None:
        self._path = Path(os.path.abspath(path))  # noqa: PTH100 - links must stay as they are
        self._on_change = on_change
        self._clock = clock
        self._poll_ms = poll_ms
        self._lock = Lock()
        self._wake = Event()
        self._closed = Event()
        self._known = _fingerprint(self._path)
        self._candidate: bytes | None = None
        self._candidate_ns = 0
        self._unsettled_ns: int | None = None
        self._home = _real_home(self._path)
        self._armed_ns = clock.elapsed_ns()
        self._looked_ns = clock.elapsed_ns()
        self._events = DirectoryWatch(
            (str(self._path.parent),), self._on_event, kinds=CONTENT_EVENTS
        )
        self._thread = Thread(target=self._run, name="config-watch", daemon=True)
        self.failures = 0
        """How often `on_change` raised or would not take it."""

    def start(self) -> None:
        """Arm the events and start the poll."""
        self._events.arm()
        self._thread.start()

    def look(self) -> bool:
        """Compare once; True when `on_change` was called and took it."""
        with self._lock:
            now = self._clock.elapsed_ns()
            self._looked_ns = now
            current = _fingerprint(self._path)
            if current == self._known:
                self._candidate, self._unsettled_ns = None, None
                return False
            if self._unsettled_ns is None:
                self._unsettled_ns = now
            if current != self._candidate:
                self._candidate, self._candidate_ns = current, now
            settled = now - self._candidate_ns >= SETTLE_MS * NS_PER_MS
            endless = now - self._unsettled_ns >= UNSETTLED_MAX_MS * NS_PER_MS
            if not (settled or endless) or not self._tell():
                return False
            self._known, self._candidate, self._unsettled_ns = current, None, None
            return True

    @property
    def degraded(self) -> str | None:
        """Why only the poll is left, in one line; None while file events work."""
        return self._events.problem

    def poll_age_ms(self) -> int:
        """Milliseconds since the last look; far more than `poll_ms` means that we are blind."""
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
            self.look()
            self._rearm_if_deaf()
            pending = self._unsettled_ns is not None
            # Events while something is pending would only make us spin.
            (self._closed if pending else self._wake).wait(
                (SETTLE_MS if pending else self._poll_ms) / 1000
            )

    def _tell(self) -> bool:
        try:
            taken = self._on_change() is not False
        except Exception:  # noqa: BLE001 - whatever the callee does, the watch goes on and retries
            taken = False
        self.failures += 0 if taken else 1
        return taken

    def _on_event(self, path: str, change: Change) -> None:  # noqa: ARG002 - any of them
        # Any entry may be the link or the directory that the file is reached through.
        self._wake.set()

    def _rearm_if_deaf(self) -> None:
        home = _real_home(self._path)
        now = self._clock.elapsed_ns()
        deaf = home != self._home or self._events.problem is not None
        if deaf and now - self._armed_ns >= REARM_NS:
            self._armed_ns, self._home = now, home
            self._events.arm()


def _fingerprint(path: Path) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        return f"unreadable {getattr(error, 'errno', None)}".encode()
    try:
        status = os.fstat(fd)
        facts = f"{status.st_uid} {status.st_mode & 0o170022:o} {min(status.st_size, SIZE_MAX + 1)}"
        if not modes.S_ISREG(status.st_mode):
            return facts.encode()
        content = hashlib.sha256(_read_up_to(fd, SIZE_MAX + 1)).digest()
        return facts.encode() + b" " + content
    except OSError as error:
        return f"unreadable {error.errno}".encode()
    finally:
        os.close(fd)


def _check(path: Path, status: os.stat_result, allowed: frozenset[int]) -> None:
    mode = modes.S_IMODE(status.st_mode)
    if not modes.S_ISREG(status.st_mode):
        raise FileRefused(f"{path}: expected a regular file")
    if status.st_uid not in allowed:
        raise FileRefused(f"{path}: owned by user {status.st_uid}, expected {_names(allowed)}")
    if mode & 0o022:
        raise FileRefused(f"{path}: mode {mode:04o} lets others write, expected 0640 or tighter")
    if status.st_size > SIZE_MAX:
        raise FileRefused(f"{path}: {status.st_size} bytes, expected at most {SIZE_MAX}")


def _read_all(path: Path, fd: int) -> bytes:
    data = _read_up_to(fd, SIZE_MAX + 1)
    if len(data) > SIZE_MAX:
        raise FileRefused(f"{path}: grew over {SIZE_MAX} bytes while it was read")
    return data


def _read_up_to(fd: int, limit: int) -> bytes:
    parts: list[bytes] = []
    left = limit
    while left > 0:
        part = os.read(fd, left)
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _real_home(path: Path) -> tuple[int, int, str] | None:
    real = os.path.realpath(path.parent)
    try:
        status = os.stat(real)  # noqa: PTH116 - one path, one call
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        return (0, 0, real)
    return (status.st_dev, status.st_ino, real)


def _names(allowed: frozenset[int]) -> str:
    return " or ".join("root" if uid == 0 else f"user {uid}" for uid in sorted(allowed))
