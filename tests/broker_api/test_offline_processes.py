"""Two real processes on one account, and what is left when one is killed (fault row 96)."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from broker_api.offline_oversight import OfflineOversight
from ipc.clock import SystemClock
from tests.broker_api.hammer import SETTINGS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def start():
    """Return a starter of hammering processes; what still runs at the end is killed."""
    running = []

    def starter(role, path, duration_ms):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.broker_api.hammer", role, str(path), str(duration_ms)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(child)
        return child

    yield starter
    for child in running:
        child.kill()
        child.communicate()


def audit(path):
    """Check the file and the account's sums with plain SQL; return the placed ids."""
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    cash = Fraction(100_000)
    held = Fraction(0)
    for side, qty, price, fee in db.execute("SELECT side, qty, price, fee FROM fills"):
        signed = Fraction(qty) if side == "buy" else -Fraction(qty)
        cash -= signed * Fraction(price) + Fraction(fee)
        held += signed
    assert Fraction(db.execute("SELECT cash FROM account").fetchone()[0]) == cash
    row = db.execute("SELECT qty FROM positions WHERE symbol = 'EUR/USD'").fetchone()
    assert Fraction(row[0] if row else 0) == held >= 0
    ids = {name for (name,) in db.execute("SELECT cl_ord_id FROM orders")}
    fills = db.execute("SELECT count(*), max(fill_seq) FROM fills").fetchone()
    assert fills[0] == (fills[1] or 0)
    db.close()
    return ids


def test_two_processes_under_load_see_no_lock_and_no_damage(start, tmp_path):
    path = tmp_path / "a.sqlite3"
    children = [start("trade", path, 2000), start("watch", path, 2000)]
    ends = [child.communicate(timeout=60) for child in children]
    assert [(child.returncode, end[1]) for child, end in zip(children, ends, strict=True)] == [
        (0, ""),
        (0, ""),
    ]
    placed = ends[0][0].split()
    assert len(placed) > 20
    assert audit(path) == set(placed)


def test_a_loop_killed_at_any_moment_leaves_a_sound_account(start, tmp_path):
    path = tmp_path / "a.sqlite3"
    watcher = start("watch", path, 60_000)
    dice, told = random.Random(96), set()
    for _ in range(6):
        child = start("trade", path, 60_000)
        told.add(child.stdout.readline().strip())
        SystemClock().sleep_ms(dice.randrange(300))
        child.send_signal(signal.SIGKILL)
        told |= set(child.communicate(timeout=30)[0].split())
        assert child.returncode == -signal.SIGKILL
    assert watcher.poll() is None
    watcher.send_signal(signal.SIGKILL)
    assert watcher.communicate(timeout=30)[1] == ""
    ids = audit(path)
    assert told - {""} <= ids
    assert len(ids - told) <= 6
    eye = OfflineOversight(path, SystemClock(), SETTINGS)
    eye.cancel_all()
    assert eye.snapshot(0).working == ()
    eye.close()


def test_a_write_that_was_cut_short_is_undone_by_whoever_comes_next(start, tmp_path):
    path = tmp_path / "a.sqlite3"
    eye = OfflineOversight(path, SystemClock(), SETTINGS)
    child = start("torn", path, 1)
    assert child.communicate(timeout=30) == ("", "")
    assert child.returncode == -signal.SIGKILL
    assert path.with_name("a.sqlite3-journal").stat().st_size > 0
    assert eye.snapshot(0).equity == "100000"
    eye.close()
    assert audit(path) == set()
    assert not path.with_name("a.sqlite3-journal").exists()


def test_a_sentinel_that_stands_still_in_a_write_holds_the_loop_up_but_not_down(start, tmp_path):
    path = tmp_path / "a.sqlite3"
    child = start("trade", path, 1500)
    child.stdout.readline()
    db = sqlite3.connect(path, isolation_level=None, timeout=30)
    db.execute("BEGIN IMMEDIATE")
    SystemClock().sleep_ms(1000)
    db.execute("ROLLBACK")
    db.close()
    out, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (0, "")
    assert out
