"""What the pages tell a person to type is typed, as that person: an empty home, nothing set."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ipc.clock import NS_PER_S, SystemClock
from tests.docs.pages import (
    FILE,
    PAGES,
    ROOT,
    RUN,
    SAME,
    SHOWN,
    Block,
    Command,
    blocks,
    commands,
    fits,
)

PATIENCE_S = 60
SETTLE_NS = 15 * NS_PER_S
EASE = {
    "answer_timeout_ms = 100": "answer_timeout_ms = 1000",
    "sentinel_timeout_ms = 1000": "sentinel_timeout_ms = 10000",
    "approval_ttl_ms = 500": "approval_ttl_ms = 5000",
    "heartbeat_timeout_ms = 1000": "heartbeat_timeout_ms = 10000",
    "progress_timeout_ms = 5000": "progress_timeout_ms = 20000",
    "intent_age_max_ms = 1000": "intent_age_max_ms = 10000",
}
"""A machine that runs other tests beside this one answers later than one that trades."""


class Reader:
    """Somebody who follows one page to the letter, in a home of their own."""

    def __init__(self, home: Path) -> None:
        self.desk = home / "d"
        self.desk.mkdir()
        self._eased = False
        self._behind: list[subprocess.Popen[bytes]] = []
        self._env = {
            "HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PROJECT": str(ROOT),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "SENTINEL_METRICS_PORT": "0",
        }

    def follow(self, block: Block) -> None:
        """Save what is to be saved and type what is to be typed."""
        for mark in (FILE, SAME):
            if block.note.startswith(mark):
                name = Path(block.note.removeprefix(mark).strip()).name
                (self.desk / name).write_text(block.text)
        if block.kind == RUN and not block.note.startswith(SHOWN):
            for command in commands(block):
                self._type(command)

    def _type(self, command: Command) -> None:
        if command.background:
            self._behind.append(self._start(command.line))
            self._until_it_answers()
            return
        deadline_ns = SystemClock().elapsed_ns() + SETTLE_NS
        while True:
            done = self._run(command.line)
            problem = _problem(command, done)
            asked = command.line.startswith("sentinel status")
            if problem is None or not asked or SystemClock().elapsed_ns() > deadline_ns:
                break
            SystemClock().sleep_ms(100)
        assert problem is None, problem
        self._ease()

    def _run(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", line],
            cwd=self.desk,
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def _start(self, line: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["sh", "-c", f"exec {line}"], cwd=self.desk, env=self._env)

    def _until_it_answers(self) -> None:
        deadline_ns = SystemClock().elapsed_ns() + SETTLE_NS
        while self._run("sentinel status").returncode == 3:
            assert SystemClock().elapsed_ns() < deadline_ns
            SystemClock().sleep_ms(100)

    def _ease(self) -> None:
        file = self.desk / "sentinel.toml"
        if self._eased or not file.exists():
            return
        text = file.read_text()
        for short, long in EASE.items():
            assert text.count(short) == 1, short
            head, _, tail = text.partition(short)
            text = head.removesuffix("# ") + long + tail
        file.write_text(text)
        self._eased = True

    def leave(self) -> list[int]:
        """End what runs behind, as Ctrl-C does; returns the exit codes."""
        for process in self._behind:
            process.send_signal(signal.SIGINT)
        codes = []
        for process in self._behind:
            try:
                codes.append(process.wait(PATIENCE_S))
            except subprocess.TimeoutExpired:
                process.kill()
                codes.append(process.wait())
        return codes


def _problem(command: Command, done: subprocess.CompletedProcess[str]) -> str | None:
    seen = f"$ {command.line}\n{done.stdout}{done.stderr}(exit code {done.returncode})"
    if done.returncode != command.exits:
        return f"expected exit code {command.exits}:\n{seen}"
    if command.shows is None:
        return None
    outputs = (done.stdout, done.stderr, done.stdout + done.stderr)
    if any(fits(command.shows, output) for output in outputs):
        return None
    return f"expected\n{command.shows}but saw\n{seen}"


def is_followed(page: Path) -> bool:
    return any(block.kind == RUN and not block.note.startswith(SHOWN) for block in blocks(page))


FOLLOWED = [page for page in PAGES if is_followed(page)]
NEEDS_A_SENTINEL = {"runbook.md"}
"""Pages that are read while a sentinel runs."""


@pytest.mark.parametrize("page", FOLLOWED, ids=lambda page: str(page.relative_to(ROOT)))
def test_whoever_follows_the_page_sees_what_it_shows(page, short_tmp):
    reader = Reader(short_tmp)
    if page.name in NEEDS_A_SENTINEL:
        reader.follow(Block(kind=RUN, text="$ sentinel init\n$ sentinel run 2> log &\n", note=""))
    try:
        for block in blocks(page):
            reader.follow(block)
    finally:
        codes = reader.leave()
    assert set(codes) <= {0}


def test_the_pages_with_sessions_are_found():
    assert {"README.md", "replay.md", "own-strategy.md", "runbook.md"} <= {p.name for p in FOLLOWED}
