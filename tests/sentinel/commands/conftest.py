"""What the tests of the commands share: a recorded day, and a way to run a command on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from ipc.config.sample import sample_text
from sentinel import cli
from tests.sentinel.recorded import RecordedDay


@pytest.fixture
def day(tmp_path):
    """A day that has begun, in the journal of the state directory `tmp_path`."""
    recorded = RecordedDay(tmp_path / "journal")
    recorded.begin()
    yield recorded
    recorded.close()


@pytest.fixture
def sentinel(tmp_path, monkeypatch, capfd):
    """Run `sentinel WORDS…` in the state directory; return its code, its output, its errors."""
    monkeypatch.setenv("SENTINEL_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SENTINEL_RUNTIME_DIR", str(tmp_path / "run"))

    def run(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli.main(list(words))
        said = capfd.readouterr()
        return code, said.out, said.err

    return run


class Launch:
    """Starts `sentinel WORDS…` as processes of their own, and ends them all."""

    def __init__(self):
        self.started: list[Any] = []

    def __call__(self, state, *words, port="0"):
        environment = {
            **os.environ,
            "SENTINEL_STATE_DIR": str(state),
            "SENTINEL_RUNTIME_DIR": str(state / "run"),
            "SENTINEL_METRICS_PORT": port,
            "PYTHONUNBUFFERED": "1",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "sentinel", *words],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def sentinel(self, state, *, port):
        """Start one with the sample configuration; return it once it is ready."""
        state.mkdir(exist_ok=True)
        config = state / "sentinel.toml"
        config.write_text(sample_text())
        process = self(state, "run", "--config", str(config), port=port)
        for line in process.stderr:
            if json.loads(line)["event"] == "ready":
                break
        return process

    def end(self):
        for process in self.started:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()


@pytest.fixture
def launch():
    """Start sentinels and commands beside them; every one is ended at the end."""
    launched = Launch()
    yield launched
    launched.end()
