"""Where the demo plays: a directory, a sentinel, loops, commands. It leaves none of them behind."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final, Self, TypeVar

from examples.demo_interrupts import Interrupts
from examples.demo_line import Line
from ipc.clock import NS_PER_MS, NS_PER_S, Clock

ROOT: Final = Path(__file__).resolve().parents[1]
OVERALL_S: Final = 120
"""No demo lasts longer; a step gets what is left of it, at most STEP_S."""
STEP_S: Final = 30
LEAVE_S: Final = 3
POLL_MS: Final = 20
PARENT_BYTES_MAX: Final = 60
"""A socket's path has 107 bytes at most, and our own part of it needs under 47."""
LOG_LINES_SHOWN: Final = 12
_OURS: Final = ("SENTINEL_", "ALLOW_LIVE", "RUNTIME_DIRECTORY", "STATE_DIRECTORY", "NOTIFY_SOCKET")
_SHORT: Final = "/tmp"  # noqa: S108 - mkdtemp makes a directory of our own in it
_T = TypeVar("_T")

Document = dict[str, Any]


class StepFailed(Exception):
    """A step did not come out as it had to; an exit code for the demo and one line."""

    def __init__(self, line: str, code: int = 1) -> None:
        super().__init__(line)
        self.code = code


def set_keys(text: str, table: str, values: Mapping[str, str]) -> str:
    """Set keys of one table of the written sample, each on its own line, commented out or not."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line in (f"[{table}]", f"[[{table}]]"))
    heads = (i for i in range(start + 1, len(lines)) if re.match(r"(# )?\[", lines[i]))
    end = next(heads, len(lines))
    for key, value in values.items():
        pattern = re.compile(rf"(# )?{key} *=")
        place = next((i for i in range(start, end) if pattern.match(lines[i])), None)
        if place is None:
            raise StepFailed(f"the sample configuration has no {key} in [{table}]")
        lines[place] = f"{key} = {value}"
    return "\n".join([*lines, ""])


class Loop:
    """One running `scalper`, its files, and a descriptor that tells its death at once."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        started_ns: int,
        *,
        out: Path,
        err: Path,
        log: Path,
    ) -> None:
        """Take a process just started; `started_ns` is no later than its start (elapsed)."""
        self.process = process
        self.started_ns = started_ns
        self.err = err
        self.out = out
        self.log = log
        self._pidfd = os.pidfd_open(process.pid)
        self._poll = select.poll()
        self._poll.register(self._pidfd, select.POLLIN)

    def died_within(self, wait_ms: int) -> bool:
        """Whether the process is dead, after waiting for it for a while."""
        return bool(self._poll.poll(wait_ms))

    def close(self) -> None:
        """Kill what still runs, and let go. Twice is once."""
        if self._pidfd < 0:
            return
        self.process.kill()
        self.process.wait()
        os.close(self._pidfd)
        self._pidfd = -1


class Stage:
    """A directory of its own and all processes in it; use it as a context."""

    def __init__(self, clock: Clock, line: Line, interrupts: Interrupts, *, keep: bool) -> None:
        """Make the directory; its path is short, since sockets allow no long ones."""
        self._interrupts = interrupts
        self.clock = clock
        self.line = line
        self.home = Path(tempfile.mkdtemp(prefix="sentinel-demo-", dir=_short_parent()))
        self.config = self.home / "sentinel.toml"
        self.stop_file = self.home / "state" / "STOP"
        self.sentinel_log = self.home / "sentinel.log"
        self._keep = keep
        self._end_ns = clock.elapsed_ns() + OVERALL_S * NS_PER_S
        self._sentinel: subprocess.Popen[bytes] | None = None
        self._loops: list[Loop] = []
        kept = {name: text for name, text in os.environ.items() if not name.startswith(_OURS)}
        self._environment = kept | {
            "SENTINEL_CONFIG": str(self.config),
            "SENTINEL_STATE_DIR": str(self.home / "state"),
            "SENTINEL_RUNTIME_DIR": str(self.home / "run"),
        }

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End every process and, unless it is to be kept, remove the directory."""
        self._interrupts.ignore()
        self.line.clear()
        for loop in self._loops:
            loop.close()
        try:
            self.stop_sentinel()
        finally:
            if self._sentinel is not None:
                self._sentinel.kill()
                self._sentinel.wait()
            if not self._keep:
                shutil.rmtree(self.home, ignore_errors=True)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one `sentinel` command to its end."""
        try:
            return subprocess.run(
                [sys.executable, "-m", "sentinel", *arguments],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=self._left_s(),
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise StepFailed(f"`sentinel {arguments[0]}` did not end") from None

    def status(self) -> Document:
        """Return `sentinel status --json`."""
        return self._document("status", "--json")

    def account(self) -> Document:
        """Return what the venue itself says: `sentinel account --json`."""
        return self._document("account", "--json")

    def start_sentinel(self) -> None:
        """Start the sentinel and wait until it answers."""
        with self.sentinel_log.open("ab") as log, self._interrupts.deferred():
            self._sentinel = self._spawn("sentinel", "run", out=log, err=log)
        self.until("the sentinel answers", lambda: self.status()["answering"] or None)

    def stop_sentinel(self) -> None:
        """Tell the sentinel to end, and wait for it."""
        if self._sentinel is None or self._sentinel.poll() is not None:
            return
        self._sentinel.terminate()
        try:
            self._sentinel.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            raise StepFailed(f"the sentinel did not end within {LEAVE_S} s of SIGTERM") from None

    def start_loop(self, *arguments: str) -> Loop:
        """Start a `scalper` with these arguments, in a dry run."""
        stem = self.home / f"scalper-{len(self._loops) + 1}"
        out, err, log = (stem.with_suffix(end) for end in (".out", ".err", ".log"))
        started_ns = self.clock.elapsed_ns()
        with (
            out.open("wb") as out_file,
            err.open("wb") as err_file,
            self._interrupts.deferred(),
        ):
            process = self._spawn(
                *("scalper", "--dry-run", "--log-file", str(log), *arguments),
                out=out_file,
                err=err_file,
            )
            loop = Loop(process, started_ns, out=out, err=err, log=log)
            self._loops.append(loop)
        return loop

    def until(self, what: str, probe: Callable[[], _T | None], *, poll_ms: int = POLL_MS) -> _T:
        """Ask `probe` until it gives something; StepFailed when the step's time is over."""
        end_ns = self.clock.elapsed_ns() + int(self._left_s() * NS_PER_S)
        while True:
            found = probe()
            if found is not None:
                return found
            if self._sentinel is not None and self._sentinel.poll() is not None:
                raise StepFailed(f"{what}: the sentinel ended with {self._sentinel.returncode}")
            if self.clock.elapsed_ns() > end_ns:
                raise StepFailed(f"{what}: not within the time there is")
            self.clock.sleep_ms(poll_ms)

    def wait_end(self, loop: Loop, what: str, show: Callable[[], str] | None = None) -> int:
        """Wait until a loop has ended and return when (elapsed ns)."""
        end_ns = self.clock.elapsed_ns() + int(self._left_s() * NS_PER_S)
        while not loop.died_within(100):
            if self.clock.elapsed_ns() > end_ns:
                raise StepFailed(f"{what}: not within the time there is")
            if show is not None:
                self.line.show(show)
        died_ns = self.clock.elapsed_ns()
        loop.process.wait()
        return died_ns

    def since_ms(self, start_ns: int, end_ns: int | None = None) -> int:
        """Return the milliseconds from one moment to another, or to now."""
        return ((self.clock.elapsed_ns() if end_ns is None else end_ns) - start_ns) // NS_PER_MS

    def write_config(self, text: str) -> None:
        """Put a configuration in place, at once."""
        draft = self.config.with_suffix(".new")
        draft.write_text(text, encoding="utf-8")
        draft.chmod(0o640)
        draft.replace(self.config)

    def last_log(self) -> list[str]:
        """Return the last lines of the sentinel's log."""
        return last_lines(self.sentinel_log, LOG_LINES_SHOWN)

    def _document(self, *arguments: str) -> Document:
        answer = self.command(*arguments)
        try:
            document: Document = json.loads(answer.stdout)
        except json.JSONDecodeError:
            said = (answer.stderr or answer.stdout).strip()[:300]
            raise StepFailed(f"`sentinel {arguments[0]}` gave no document: {said}") from None
        return document

    def _spawn(self, *arguments: str, out: IO[bytes], err: IO[bytes]) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C reaches the demo alone, which then ends them in order.
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )

    def _left_s(self) -> float:
        left_ns = self._end_ns - self.clock.elapsed_ns()
        if left_ns <= 0:
            raise StepFailed(f"the demo's {OVERALL_S} s are over")
        return min(STEP_S, left_ns / NS_PER_S)


def last_lines(path: Path, count: int) -> list[str]:
    """Return the end of a text file, or nothing if there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - (1 << 16)))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return text.splitlines()[-count:]


def stop_process(loop: Loop) -> None:
    """Freeze a loop as a hang would: SIGSTOP."""
    loop.process.send_signal(signal.SIGSTOP)


def _short_parent() -> str:
    """Return where temporary files go; /tmp where that is too deep for a socket's path."""
    usual = tempfile.gettempdir()
    return usual if len(usual.encode()) <= PARENT_BYTES_MAX else _SHORT
