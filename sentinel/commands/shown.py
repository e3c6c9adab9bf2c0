"""How instants and foreign texts look on a terminal. Nothing in a text can command it."""

from __future__ import annotations

from datetime import UTC, datetime

from ipc.clock import NS_PER_MS, NS_PER_S


def plain(text: object) -> str:
    """Return a text in which everything that does not print is escaped."""
    known = str(text)
    return known if known.isprintable() else known.encode("unicode_escape").decode("ascii")


def instant(wall_ns: int) -> str:
    """Return a wall time as UTC, to the millisecond."""
    seconds, rest = divmod(wall_ns, NS_PER_S)
    try:
        moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{wall_ns} ns"
    return f"{moment}.{rest // NS_PER_MS:03d}"


def duration(nanoseconds: int) -> str:
    """Return an elapsed time as milliseconds, or as microseconds below one."""
    if nanoseconds < NS_PER_MS:
        return f"{nanoseconds // 1000} µs"
    return f"{nanoseconds // NS_PER_MS:,} ms"
