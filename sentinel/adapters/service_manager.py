"""What the service manager is told, sd_notify(3). It never blocks, and no child inherits it."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping

from ipc.clock import Clock, SystemClock

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
STATUS_MAX = 256


class ServiceManager:
    """The line to systemd, silent where there is none.

    It takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of `env` (give it os.environ before
    anything is started), so that no child can speak for us. Each method returns whether the
    message was handed over; `failures` counts those that were not.
    """

    __slots__ = ("_address", "_clock", "_fed_ns", "_socket", "failures", "watchdog_ms")

    def __init__(self, env: MutableMapping[str, str], *, clock: Clock | None = None) -> None:
        found = {name: env.pop(name, "") for name in VARIABLES}
        self._address = _address(found["NOTIFY_SOCKET"])
        self._clock: Clock = SystemClock() if clock is None else clock
        self._fed_ns: int | None = None
        self._socket: socket.socket | None = None
        self.failures = 0
        self.watchdog_ms = _watchdog_ms(found["WATCHDOG_USEC"], found["WATCHDOG_PID"])
        """How long the manager waits for a sign of life, milliseconds; None when it does not."""
        if self._address is not None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.settimeout(0)

    def ready(self, status: str = "armed") -> bool:
        """Say that the start is complete."""
        return self._send(f"READY=1\nSTATUS={_line(status)}")

    def watchdog(self) -> bool:
        """Say that a whole pass worked; sent at most eight times within the manager's patience."""
        if self.watchdog_ms is None:
            return False
        now = self._clock.elapsed_ns()
        if self._fed_ns is not None and (now - self._fed_ns) * 8 < self.watchdog_ms * 1_000_000:
            return True
        if not self._send("WATCHDOG=1"):
            return False
        self._fed_ns = now
        return True

    def status(self, text: str) -> bool:
        """Say in one line how things are, for `systemctl status`."""
        return self._send(f"STATUS={_line(text)}")

    def stopping(self) -> bool:
        """Say that the end has begun."""
        return self._send("STOPPING=1")

    def close(self) -> None:
        """Hang up; everything later is silent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> bool:
        if self._socket is None or self._address is None:
            return False
        try:
            self._socket.sendto(message.encode(errors="replace"), self._address)
        except OSError:
            self.failures += 1
            return False
        return True


def _address(text: str) -> str | None:
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else None


def _watchdog_ms(usec: str, pid: str) -> int | None:
    if not (usec.isascii() and usec.isdigit() and len(usec) <= 18) or int(usec) == 0:
        return None
    if pid and pid != str(os.getpid()):
        return None
    return max(1, int(usec) // 1000)


def _line(text: str) -> str:
    return " ".join(text.split())[:STATUS_MAX]
