"""Where the two programs meet: directories and socket paths. It may never open a socket.

Directories are resolved from an environment that is handed in, and prepared so that no other user
can put a socket or a link in our way.
"""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

SOCKET_PATH_MAX: Final = 107
"""Bytes that fit in `sockaddr_un` beside the closing zero; see unix(7)."""
LIBZMQ_MIN: Final = (4, 3, 5)
"""Older ones let a raw connect block others, and worse: CVE-2020-15166, CVE-2021-20237."""
_SCHEME: Final = "ipc://"
_DIRECTORY_MODE: Final = 0o750
_TOO_WIDE: Final = 0o027
_EVERYBODYS: Final = frozenset({"/", "/tmp", "/var/tmp", "/dev/shm"})  # noqa: S108 - refused


class PathRefused(ValueError):
    """A directory or socket path that must not be used; one line that says why. Exit code 78."""


class EndpointTaken(RuntimeError):
    """Another sentinel serves this runtime directory. Exit code 69."""


class TransportRefused(RuntimeError):
    """The messaging library is too old to be trusted."""


class Paths(Struct, frozen=True, kw_only=True):
    """The directories of one installation and its three endpoints (`ipc://…`)."""

    state_dir: Path
    runtime_dir: Path
    gate: str
    control: str
    telemetry: str


def resolve_paths(
    env: Mapping[str, str], state_dir: str | None = None, runtime_dir: str | None = None
) -> Paths:
    """Find both directories; nothing is created.

    Flags (the arguments) beat SENTINEL_STATE_DIR and SENTINEL_RUNTIME_DIR, which beat the service
    manager's STATE_DIRECTORY and RUNTIME_DIRECTORY, which beat XDG. Where there is no
    XDG_RUNTIME_DIR the sockets are in `run/` of the state directory. PathRefused if no home is
    known or a socket path would be longer than 107 bytes.
    """
    state = _chosen(state_dir, env, "SENTINEL_STATE_DIR", "STATE_DIRECTORY") or _xdg_state(env)
    runtime = _chosen(runtime_dir, env, "SENTINEL_RUNTIME_DIR", "RUNTIME_DIRECTORY")
    if runtime is None:
        session = _absolute(env.get("XDG_RUNTIME_DIR", ""))
        runtime = session / "sentinel" if session else state / "run"
    gate, control, telemetry = (
        f"{_SCHEME}{runtime / name}" for name in ("gate.sock", "control.sock", "telemetry.sock")
    )
    for endpoint in (gate, control, telemetry):
        socket_path(endpoint)
    return Paths(
        state_dir=state, runtime_dir=runtime, gate=gate, control=control, telemetry=telemetry
    )


def _chosen(flag: str | None, env: Mapping[str, str], override: str, managed: str) -> Path | None:
    for text in (flag, env.get(override), env.get(managed, "").split(":")[0]):
        if text:
            if "\0" in text:
                raise PathRefused(f"{override}: a path cannot hold a zero byte")
            return Path(text).absolute()
    return None


def _absolute(text: str) -> Path | None:
    """Return an XDG directory; the XDG specification says to ignore a relative one."""
    path = Path(text)
    return path if path.is_absolute() else None


def _xdg_state(env: Mapping[str, str]) -> Path:
    base = _absolute(env.get("XDG_STATE_HOME", ""))
    if base is None:
        home = _absolute(env.get("HOME", ""))
        if home is None:
            raise PathRefused(
                "no state directory: set --state-dir, SENTINEL_STATE_DIR, XDG_STATE_HOME or HOME"
            )
        base = home / ".local" / "state"
    return base / "sentinel"


def socket_path(endpoint: str) -> Path:
    """Return the path of an `ipc://` endpoint; PathRefused if it is none or cannot be one."""
    if not endpoint.startswith(_SCHEME + "/"):
        raise PathRefused(f"{endpoint[:200]!r}: expected ipc:// and an absolute path")
    path = endpoint.removeprefix(_SCHEME)
    length = len(os.fsencode(path))
    if length > SOCKET_PATH_MAX:
        raise PathRefused(
            f"{path}: the socket path is {length} bytes long, the system allows {SOCKET_PATH_MAX};"
            " choose a shorter runtime directory"
        )
    return Path(path)


def check_socket_place(path: Path) -> None:
    """Refuse a path where something other than an old socket stands; nothing is ever deleted."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise PathRefused(f"{path}: cannot look at the socket path: {error.strerror}") from None
    if not stat.S_ISSOCK(mode):
        kind = "symbolic link" if stat.S_ISLNK(mode) else "file that is not a socket"
        raise PathRefused(f"{path}: a {kind} is in the socket's place; move it away")


def prepare_directory(path: Path) -> str | None:
    """Make sure that `path` is a directory of ours, 0750 or tighter, that we can write.

    Missing ones are created with their parents. A wider one of ours is narrowed, and the returned
    line says so. PathRefused for one of another user, for one that is world-writable without the
    sticky bit, for /tmp and its like, for a link made by another user, and for one that cannot be
    made or written.
    """
    try:
        _create(path)
        _refuse_foreign_link(path)
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise PathRefused(f"{path}: cannot use this directory: {error.strerror}") from None
    try:
        return _judge(path, handle)
    except OSError as error:
        raise PathRefused(f"{path}: cannot narrow this directory: {error.strerror}") from None
    finally:
        os.close(handle)


def _create(path: Path) -> None:
    missing = []
    while not os.path.lexists(path):
        missing.append(path)
        path = path.parent
    for directory in reversed(missing):
        directory.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)


def _refuse_foreign_link(path: Path) -> None:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) and found.st_uid not in {0, os.geteuid()}:
        raise PathRefused(f"{path}: a symbolic link of another user (uid {found.st_uid})")


def _judge(path: Path, handle: int) -> str | None:
    found = os.fstat(handle)
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid != os.geteuid():
        raise PathRefused(f"{path}: belongs to another user (uid {found.st_uid}), not to us")
    if os.path.realpath(path) in _EVERYBODYS:
        raise PathRefused(f"{path}: belongs to everybody; expected a directory of its own below it")
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise PathRefused(f"{path}: anyone may write it (mode {mode:04o}); expected 0750")
    warning = None
    if mode & _TOO_WIDE:
        narrowed = mode & ~_TOO_WIDE
        os.fchmod(handle, narrowed)
        warning = f"{path}: narrowed from mode {mode:04o} to {narrowed:04o}"
    if not os.access(path, os.W_OK | os.X_OK, effective_ids=True):
        raise PathRefused(f"{path}: cannot write to this directory")
    return warning


def lock_directory(directory: Path) -> int:
    """Hold a runtime directory for life; the returned descriptor is the hold.

    libzmq would silently take another server's socket, so this comes before every bind.
    EndpointTaken names the process that holds it.
    """
    path = directory / "lock"
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        handle = os.open(path, flags, 0o600)
    except OSError as error:
        raise PathRefused(f"{path}: cannot open the lock file: {error.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(handle, 20).decode("ascii", "replace").strip() or "unknown"
        os.close(handle)
        raise EndpointTaken(f"{directory}: another sentinel serves here (pid {holder})") from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def file_identity(path: Path) -> tuple[int, int] | None:
    """Return (device, inode) of a directory entry, or None if there is none to see."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def check_libzmq(version: tuple[int, int, int]) -> None:
    """Refuse a libzmq with known holes; TransportRefused names both versions."""
    if version < LIBZMQ_MIN:
        have, need = (".".join(map(str, parts)) for parts in (version, LIBZMQ_MIN))
        raise TransportRefused(f"libzmq {have} is too old: {need} or newer is needed")


def start_ticks(pid: int) -> int:
    """Return a process's start in clock ticks since boot: field 22 of /proc/PID/stat, proc(5).

    The second field is the command's name in parentheses and may itself hold spaces and
    parentheses, so counting begins after the last one. ProcessLookupError if it is not there.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(f"no process {pid}") from None
    return int(text.rpartition(b")")[2].split()[19])
