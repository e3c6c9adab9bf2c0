"""A place to run the command in: a configuration, a strategy of one's own, sockets, a database."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from ipc.clock import SystemClock
from scalper.cli import main
from scalper.feed_csv import HEADER

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
[limits]
symbols = ["EUR/USD"]

[heartbeat]
interval_ms = 50

[ipc]
answer_timeout_ms = 1000
sentinel_timeout_ms = 3000
"""
NOBODY = CONFIG.replace("1000", "100").replace("3000", "300")
"""For runs that wait for a sentinel which is not there."""
LIVE = (
    CONFIG.replace(
        "[heartbeat]",
        """trades_max = 5
order_notional_max = "1000"
price_collar_bps = "50"
position_qty_max = "1000"
balance_min = "0"
daily_loss_max = "100"

[heartbeat]""",
    )
    + """
[account]
mode = "live"
account_id = "A1"

[[throttle]]
name = "orders"
rate = 5
burst = 5

[[route]]
name = "desk"
url = "json://127.0.0.1:9"
"""
)
PROBE = """
from ipc.messages import OrderIntent
from scalper.strategy import Strategy

class Rests(Strategy):
    \"\"\"Rests one order that never fills.\"\"\"

    def __init__(self, setup):
        self.setup = setup
        self.sent = False

    def on_quote(self, quote, view):
        if self.sent or not quote.bid or not quote.ask:
            return ()
        self.sent = True
        return (OrderIntent(cl_ord_id=self.setup.new_id(), symbol=quote.symbol, side="buy",
                            ord_type="limit", order_qty="10", price="0.5"),)

class Asks(Rests):
    \"\"\"Asks for ever, one resting order a quote.\"\"\"

    def on_quote(self, quote, view):
        self.sent = False
        return super().on_quote(quote, view)

class Fails(Rests):
    def on_quote(self, quote, view):
        raise RuntimeError("one\\ntwo")
"""


class House:
    """A directory with a configuration, a strategy of one's own, and a way to run the command."""

    def __init__(self, place, double, monkeypatch, capsys):
        self.monkeypatch, self.capsys = monkeypatch, capsys
        self.place = place
        self.double = double
        self.env = {key: text for key, text in os.environ.items() if key != "ALLOW_LIVE"} | {
            "SENTINEL_STATE_DIR": str(place / "state"),
            "SENTINEL_RUNTIME_DIR": str(place / "run"),
            "PYTHONPATH": str(ROOT),
        }
        (place / "sentinel.toml").write_text(CONFIG)
        (place / "probe_strategy.py").write_text(PROBE)

    def start(self, *arguments, **env):
        return subprocess.Popen(
            [sys.executable, "-m", "scalper", *arguments],
            cwd=self.place,
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments, **env):
        return self.end(self.start(*arguments, **env))

    def call(self, *arguments, **env):
        """Run it in this process: quick, for what is refused before there is a run."""
        self.monkeypatch.chdir(self.place)
        for key, text in (self.env | env).items():
            self.monkeypatch.setenv(key, text)
        self.capsys.readouterr()
        code = main(list(arguments))
        out, err = self.capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, err)

    def end(self, process):
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def sentinel(self):
        return self.double(self.env)

    def recording(self, *rows):
        path = self.place / "feed.csv"
        path.write_text("\n".join((HEADER, *rows)) + "\n")
        return f"csv:{path}"

    def orders(self):
        (path,) = (self.place / "state").glob("*.sqlite*")
        with sqlite3.connect(path) as database:
            return database.execute("select count(*) from orders").fetchone()[0]


def wait_for(condition):
    clock = SystemClock()
    for _ in range(2000):
        if condition():
            return
        clock.sleep_ms(10)
    raise AssertionError("waited in vain")


def told(done, name):
    """Return what the closing table says of one thing."""
    rows = dict(line.strip().split(maxsplit=1) for line in done.stdout.splitlines())
    return rows[name]


def one_line(done):
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("scalper: ")
    assert "Traceback" not in done.stderr
    return lines[0]
