"""The alert process. It takes everything, routes included, from descriptor 0 and nothing else.

`python -m alerts`: length-prefixed frames in on descriptor 0 (`Setup` first, then `Alert`s), frames
out on descriptor 1 (`Ready`, `Outcome`, `Finished`). It ends when descriptor 0 does. Exit codes: 0
when the pipe ended, 65 when what came was not the protocol, 70 for a fault of its own.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys

from alerts.courier import Courier
from alerts.frames import FramePipe, FramesBroken, to_alert_process
from alerts.values import ToAlertProcess
from ipc.clock import SystemClock


def serve() -> int:
    """Run the courier on what were descriptors 0 and 1 and return the exit code."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        os.nice(5)
    read_fd, write_fd = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nowhere, descriptor)
    pipe: FramePipe[ToAlertProcess] = FramePipe(read_fd, write_fd, to_alert_process)
    try:
        Courier(pipe, SystemClock()).run()
    except FramesBroken as error:
        sys.stderr.write(f"alerts: {error}\n")
        return 65
    except Exception as error:  # noqa: BLE001 (its text could hold a URL, so the type alone is told)
        sys.stderr.write(f"alerts: {type(error).__name__}\n")
        return 70
    pipe.flush()
    return 0


if __name__ == "__main__":
    os._exit(serve())
