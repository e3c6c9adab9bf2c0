"""One real process of a test, and how a test waits for what must come. It knows no product."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

Seen = TypeVar("Seen")
HOUSE = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0


def wait_until(look: Callable[[], Seen], what: str, limit_s: float = PATIENCE_S) -> Seen:
    """Look until there is something to see, and return it; an assertion names what never came."""
    until = time.monotonic() + limit_s
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < until, f"never came: {what}"
        time.sleep(0.01)


class Program:
    """One started process with what it says kept in files, so that no pipe can hold it up."""

    def __init__(self, words: list[str], env: dict[str, str], stem: Path, *, talk: bool) -> None:
        self.words = words
        self.out_path, self.err_path = stem.with_suffix(".out"), stem.with_suffix(".err")
        with self.out_path.open("wb") as out, self.err_path.open("wb") as err:
            self.process = subprocess.Popen(
                words,
                env=env,
                cwd=HOUSE,
                stdin=subprocess.PIPE if talk else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talk else out,
                stderr=err,
                text=True,
            )
        self.pid = self.process.pid

    @property
    def out(self) -> str:
        """What it said on standard output so far."""
        return self.out_path.read_text()

    @property
    def err(self) -> str:
        """What it said on standard error so far."""
        return self.err_path.read_text()

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.process.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        """Send it a real signal."""
        self.process.send_signal(number)

    def end(self, limit_s: float = PATIENCE_S) -> int:
        """Wait for its end by itself; the exit code, negative for a signal."""
        try:
            return self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running: {self.words}\n{self.err}") from None

    def ask(self, **command: Any) -> Any:
        """Give a talker one command and return its answer."""
        pipes = self.process
        assert pipes.stdin is not None
        assert pipes.stdout is not None
        pipes.stdin.write(json.dumps(command) + "\n")
        pipes.stdin.flush()
        line = pipes.stdout.readline()
        assert line, f"the talker ended: {self.err}"
        return json.loads(line)

    def clear(self) -> None:
        """End it at once, whatever state it is in."""
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
