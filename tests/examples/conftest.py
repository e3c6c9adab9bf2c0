"""Runs the demo as a person would, in a directory for temporary files of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Demo:
    """The command, and what it leaves behind."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it."""
        return subprocess.Popen(
            [sys.executable, "examples/demo.py", *arguments],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(self.home), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run it to its end; return exit code, standard output and standard error."""
        with self.start(*arguments) as process:
            try:
                out, err = process.communicate(timeout=200)
            finally:
                process.terminate()
        return process.returncode, out, err

    def left(self) -> list[str]:
        """Name every file and every running process that is left of it."""
        marker = f"SENTINEL_STATE_DIR={self.home}".encode()
        found = [str(path) for path in self.home.iterdir()]
        for environment in Path("/proc").glob("[0-9]*/environ"):
            try:
                if marker in environment.read_bytes():
                    found.append(str(environment))
            except OSError:
                continue
        return found


@pytest.fixture
def demo(short_tmp):
    return Demo(short_tmp)
