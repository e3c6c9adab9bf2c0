"""A sentinel and its loops as real processes in directories of their own. It mocks nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec

from ipc.client import SentinelUnavailable
from ipc.clock import SystemClock
from ipc.control import ControlClient
from ipc.endpoints import resolve_paths
from ipc.messages import PROTOCOL, OrderIntent, StatusRequest
from sentinel.adapters.journal_reader import read_records
from sentinel.core.effects import Reply
from sentinel.core.events import IntentReceived
from sentinel.core.ledger import Entry, decode_entry
from tests.end_to_end.program import PATIENCE_S, Program, wait_until

STRATEGIES = "tests.end_to_end.strategies"
CALM = {
    "account": 'kind = "margin"',
    "broker": "poll_ms = 200",
    "limits": 'symbols = ["EUR/USD", "SYN/USD"]\norder_qty_max = "1000"\ntrades_max = 100000',
    "heartbeat": "heartbeat_timeout_ms = 10000\nprogress_timeout_ms = 20000",
    "ipc": "answer_timeout_ms = 3000\nsentinel_timeout_ms = 5000\napproval_ttl_ms = 3000",
    "metrics": "port = 0",
    "scalper": 'symbol = "SYN/USD"\norder_qty = "100"',
}
"""Time limits so wide that only what a test does crosses one, however busy the machine is."""

QUICK = "answer_timeout_ms = 500\nsentinel_timeout_ms = 1000\napproval_ttl_ms = 500"
"""An `[ipc]` table for what waits for a sentinel that is not there."""


def config_text(**tables: str) -> str:
    """Write a configuration: the calm one, with each table named here in place of its own.

    A double underscore in a name stands for a dot; `throttle` and `symbol` are lists of tables.
    """
    lines = []
    for name, body in (CALM | tables).items():
        header = f"[[{name}]]" if name in {"throttle", "symbol"} else f"[{name.replace('__', '.')}]"
        lines += [header, body]
    return "\n".join(lines) + "\n"


class Pair:
    """Starts sentinels, loops and talkers on one state; knows all that came of them by a mark."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state_dir, self.runtime_dir = root / "s", root / "r"
        self.config_path = root / "sentinel.toml"
        self.mark = uuid.uuid4().hex
        self.programs: list[Program] = []
        self.configure(config_text())

    def configure(self, text: str) -> None:
        """Put a configuration in place at one stroke, as an editor does."""
        new = self.root / "new.toml"
        new.write_text(text)
        new.chmod(0o640)
        new.replace(self.config_path)

    @property
    def env(self) -> dict[str, str]:
        """The environment that both programs share."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in {"ALLOW_LIVE", "NOTIFY_SOCKET", "XDG_RUNTIME_DIR"}
        }
        return kept | {
            "SENTINEL_CONFIG": str(self.config_path),
            "SENTINEL_STATE_DIR": str(self.state_dir),
            "SENTINEL_RUNTIME_DIR": str(self.runtime_dir),
            "END_TO_END": self.mark,
            "TERM": "dumb",
        }

    def start(self, *words: str, **env: str) -> Program:
        """Start `python -m …`."""
        return self._started(words, env, talk=False)

    def _started(self, words: tuple[str, ...], env: dict[str, str], *, talk: bool) -> Program:
        stem = self.root / f"program-{len(self.programs)}"
        program = Program([sys.executable, "-m", *words], self.env | env, stem, talk=talk)
        self.programs.append(program)
        return program

    def start_sentinel(self) -> Program:
        """Start a sentinel and wait until it answers; it may be halted."""
        program = self.start("sentinel", "run")
        wait_until(lambda: program.ended or self.answers(50), "a sentinel that answers")
        assert not program.ended, program.err
        return program

    def start_loop(self, *flags: str, strategy: str = "fade", **env: str) -> Program:
        """Start a loop with one of the test's strategies, or the shipped one."""
        name = strategy if strategy == "fade" else f"{STRATEGIES}:{strategy}"
        return self.start("scalper", "--strategy", name, *flags, **env)

    def start_talker(self) -> Program:
        """Start a guarded program that does what the test tells it."""
        return self._started(("tests.end_to_end.talker",), {}, talk=True)

    def run(self, *words: str, **env: str) -> Program:
        """Start `python -m …` and wait for its end."""
        program = self.start(*words, **env)
        program.end()
        return program

    def answers(self, timeout_ms: int = 200) -> dict[str, Any]:
        """Ask the sentinel for its status; empty if it is silent."""
        paths = resolve_paths({}, str(self.state_dir), str(self.runtime_dir))
        try:
            reply = ControlClient(paths.control, SystemClock()).ask(
                StatusRequest(protocol=PROTOCOL), timeout_ms
            )
        except SentinelUnavailable:
            return {}
        document: dict[str, Any] = msgspec.json.decode(reply.document)
        return document

    def status(self) -> dict[str, Any]:
        """Return the status document; the sentinel must be there."""
        return wait_until(self.answers, "an answer to status")

    def status_code(self) -> int:
        """Return the exit code of `sentinel status`."""
        return self.run("sentinel", "status", "--quiet").end()

    def wait_for(self, look: Callable[[dict[str, Any]], object], what: str) -> dict[str, Any]:
        """Ask for the status until it shows what is looked for; return that document."""

        def once() -> dict[str, Any]:
            document = self.answers()
            return document if document and look(document) else {}

        return wait_until(once, what)

    def wait_for_outcome(self) -> dict[str, Any]:
        """Wait for the end of the kill sequence."""
        return self.wait_for(lambda s: s["kill"]["stage"] == "DONE", "the kill sequence's end")

    def wait_for_orders(self, least: int) -> None:
        """Wait until that many orders were placed at the venue."""
        wait_until(lambda: len(self.orders()) >= least, f"{least} orders at the venue")

    # ----- what is on disk, read without the product's own queries -----------------------------

    def entries(self) -> list[Entry]:
        """Read the journal."""
        return [decode_entry(r.payload) for r in read_records(self.state_dir / "journal")]

    def verdicts(self) -> list[tuple[IntentReceived, Reply]]:
        """Return each new order's verdict, in the journal's order."""
        found = []
        for entry in self.entries():
            for effect in entry.effects:
                if isinstance(effect, Reply) and effect.kind == "order":
                    assert isinstance(entry.event, IntentReceived)
                    found.append((entry.event, effect))
        return found

    def approved_ids(self) -> list[str]:
        """Return the ids of the new orders that the journal says were approved, each once."""
        ids = [
            reply.cl_ord_id
            for event, reply in self.verdicts()
            if reply.approved and isinstance(event.intent, OrderIntent) and not reply.repeated
        ]
        assert len(ids) == len(set(ids))
        return ids

    def venue(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the venue's file itself; nothing before it and its tables are made."""
        path = self.state_dir / "offline.sqlite3"
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as file:
            made = file.execute("SELECT 1 FROM sqlite_master WHERE name = 'notices'").fetchall()
            return file.execute(query).fetchall() if made else []

    def orders(self) -> list[str]:
        """Return the ids of all orders that were ever placed, in order."""
        return [row[0] for row in self.venue("SELECT cl_ord_id FROM orders ORDER BY seq")]

    def working(self) -> list[str]:
        """Return the ids of the placed orders that are still alive at the venue."""
        alive = "SELECT cl_ord_id FROM orders WHERE status IN ('pending', 'working')"
        return [row[0] for row in self.venue(alive)]

    # ----- who is alive ------------------------------------------------------------------------

    def alive(self) -> dict[int, str]:
        """Return every process with our mark that is no zombie, with its command line."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and entry.name != str(os.getpid()):
                try:
                    marked = f"END_TO_END={self.mark}".encode() in (entry / "environ").read_bytes()
                    state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                    command = (entry / "cmdline").read_text().replace("\0", " ")
                except OSError:
                    continue
                if marked and state not in "ZX":
                    found[int(entry.name)] = command
        return found

    def clear(self) -> None:
        """End everything, however it hides."""
        for program in self.programs:
            program.clear()
        until = time.monotonic() + PATIENCE_S
        while (left := self.alive()) and time.monotonic() < until:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
