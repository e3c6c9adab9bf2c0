"""One alert process as its parent sees it: started, spoken to, ended. It may never block.

The process gets its routes through the pipe: neither its arguments nor its environment say
anything of them, and it inherits nothing of the service manager's sockets.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import alerts
from alerts.frames import FramePipe, from_alert_process
from alerts.values import FromAlertProcess, Setup

PASSED_ON: Final = frozenset(
    {
        "HOME", "LANG", "LANGUAGE", "PATH", "TZ", "TMPDIR",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
        "http_proxy", "https_proxy", "all_proxy", "no_proxy",
        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    }
)  # fmt: skip
"""Of the environment only this (and LC_*) reaches the alert process."""

END_WAIT_S: Final = 0.5
"""How long a process that was sent SIGKILL is waited for."""


class AlertChild:
    """A running alert process; its pipe and its process id."""

    def __init__(self, setup: Setup, env: Mapping[str, str]) -> None:
        """Start it and send the set-up; OSError if it cannot be started."""
        to_read_fd, to_write_fd = os.pipe()
        from_read_fd, from_write_fd = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "alerts"],
                stdin=to_read_fd,
                stdout=from_write_fd,
                stderr=subprocess.DEVNULL,
                env=scrubbed(env),
                cwd="/",
                start_new_session=True,
            )
        except OSError:
            os.close(to_write_fd)
            os.close(from_read_fd)
            raise
        finally:
            os.close(to_read_fd)
            os.close(from_write_fd)
        self.pipe: FramePipe[FromAlertProcess] = FramePipe(
            from_read_fd, to_write_fd, from_alert_process
        )
        self.pipe.send(setup)

    @property
    def pid(self) -> int:
        """Its process id, which is its process group and session as well."""
        return self._process.pid

    def end(self) -> None:
        """Kill it with every send it started, and close the pipe."""
        self.pipe.close()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_WAIT_S)


def scrubbed(env: Mapping[str, str]) -> dict[str, str]:
    """The environment of the alert process: no NOTIFY_SOCKET, no credentials, no LISTEN_FDS."""
    kept = {
        name: value for name, value in env.items() if name in PASSED_ON or name.startswith("LC_")
    }
    kept["PYTHONPATH"] = str(Path(alerts.__file__).resolve().parent.parent)
    return kept
