"""Has a snapshot made when the journal has grown, by a process of its own. Never waits for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sentinel.adapters.journal_format import Position

EVERY = 25_000
"""Entries between snapshots: what a start has to fold at most, about a second of it."""
MODULE = "sentinel.snapshotter"


class Archivist:
    """Starts one snapshot process at a time."""

    def __init__(self, directory: Path, *, retain_days: int, snapshot_seq: int) -> None:
        self._directory = directory
        self._retain_days = retain_days
        self._seq = snapshot_seq
        self._process: subprocess.Popen[bytes] | None = None
        self.failures = 0

    @property
    def pid(self) -> int | None:
        """The running process, if there is one."""
        return None if self._process is None else self._process.pid

    def look(self, position: Position | None, wall_ns: int) -> None:
        """Collect a process that ended; start one if the journal has grown enough."""
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return
            self._process = None
            self.failures += code != 0
        if position is None or position.seq - self._seq < EVERY:
            return
        self._seq = position.seq
        words = (
            str(self._directory),
            str(position.seq),
            position.chain_hash.hex(),
            str(position.segment),
            str(position.offset),
            str(self._retain_days),
            str(wall_ns),
        )
        # Our own interpreter and module; the words are numbers and our own path.
        self._process = subprocess.Popen(
            (sys.executable, "-m", MODULE, *words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def close(self) -> None:
        """End a process that still runs: a snapshot is made whole or not at all."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
