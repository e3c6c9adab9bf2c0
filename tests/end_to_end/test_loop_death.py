"""The loop freezes, hangs, dies or runs wild: its tree is dead, its orders are gone, it is latched.

All of it is real: SIGSTOP and SIGKILL, /proc, and the venue's own file.
"""

from __future__ import annotations

import os
import select
import signal
import sqlite3
import time
from contextlib import closing, contextmanager

import pytest

from tests.end_to_end.pair import config_text
from tests.end_to_end.program import PATIENCE_S, wait_until

TIMEOUT_MS = 1000
SLACK_MS = 200
TENFOLD = 10
"""What a busy machine is allowed over a figure; the figure itself is printed."""
LETHAL = f"heartbeat_timeout_ms = {TIMEOUT_MS}\nprogress_timeout_ms = 20000"
FEED = ("--feed", "synthetic:1?speed=40", "--log-level", "info")
HOW = ("--by", "tester", "--why", "the cause is known")


@contextmanager
def watched(program):
    """Give a function that waits for a program's end and says how many ms that took from here."""
    descriptor = os.pidfd_open(program.pid)
    began = time.monotonic()
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)

    def wait_ms():
        assert poll.poll(PATIENCE_S * 1000), "it never died"
        return (time.monotonic() - began) * 1000

    try:
        yield wait_ms
    finally:
        os.close(descriptor)


def start_trading(pair, strategy="Restless", **tables):
    """Start both programs, and wait for the loop to be in mid-run."""
    pair.configure(config_text(**({"heartbeat": LETHAL} | tables)))
    sentinel = pair.start_sentinel()
    loop = pair.start_loop(*FEED, strategy=strategy)
    pair.wait_for_orders(10)
    return sentinel, loop


def test_a_frozen_loop_is_killed_in_time_and_its_working_orders_are_gone(pair, figure):
    _, loop = start_trading(pair)
    with watched(loop) as death:
        loop.signal(signal.SIGSTOP)
        assert pair.working()
        took_ms = death()
    figure(f"SIGSTOP of the loop to its death (at most {TIMEOUT_MS + SLACK_MS})", took_ms)
    assert took_ms < (TIMEOUT_MS + SLACK_MS) * TENFOLD
    assert loop.end() == -signal.SIGKILL
    status = pair.wait_for_outcome()
    assert status["halt"]["cause"] == "HEARTBEAT_QUIET"
    assert status["kill"]["outcome"] == "KILLED_FLAT"
    assert status["kill"]["stages_ms"]["POSITIONS"] >= 1000
    assert pair.working() == []
    assert set(pair.orders()) <= set(pair.approved_ids())


def test_a_killed_loop_that_held_a_position_ends_as_position_open_with_a_stop_at_the_venue(pair):
    _, loop = start_trading(pair, strategy="Holding")
    wait_until(lambda: pair.venue("SELECT 1 FROM fills"), "a fill")
    loop.signal(signal.SIGSTOP)
    status = pair.wait_for_outcome()
    assert status["kill"]["outcome"] == "KILLED_POSITION_OPEN"
    assert pair.working() == []
    stops = "SELECT ord_type, side, order_qty, reduce_only FROM oversight_orders WHERE status != ''"
    assert pair.venue(stops) == [("stop", "sell", "100", 1)]
    assert [p["qty"] for p in pair.status()["positions"]] == ["100"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_halt_outlives_the_sentinel_and_only_a_resume_lifts_it(pair, number):
    sentinel, loop = start_trading(pair)
    loop.signal(signal.SIGSTOP)
    halt_id = pair.wait_for_outcome()["halt"]["id"]
    sentinel.signal(number)
    sentinel.end()
    pair.start_sentinel()
    status = pair.status()
    assert (status["state"], status["halt"]["id"]) == ("HALTED", halt_id)
    assert pair.status_code() == 2
    refused = pair.run("scalper", *FEED)
    assert refused.end() == 75
    assert "sentinel resume --by NAME --why" in refused.err
    resumed = pair.run("sentinel", "resume", *HOW)
    assert resumed.end() == 0, resumed.err
    assert pair.status_code() == 0
    assert pair.run("scalper", *FEED, "--iterations", "20").end() == 0


def test_a_sentinel_killed_in_the_midst_of_a_kill_goes_on_with_it_when_it_is_back(pair):
    sentinel, loop = start_trading(pair)
    loop.signal(signal.SIGSTOP)
    pair.wait_for(lambda s: s["kill"]["stage"] == "VERIFYING", "the kill's read-back")
    sentinel.signal(signal.SIGKILL)
    sentinel.end()
    pair.start_sentinel()
    assert pair.wait_for_outcome()["kill"]["outcome"] == "KILLED_FLAT"
    assert pair.working() == []


def test_a_loop_that_beats_without_progress_is_stuck_and_killed(pair, figure):
    pair.configure(config_text(heartbeat="heartbeat_timeout_ms = 15000\nprogress_timeout_ms = 500"))
    pair.start_sentinel()
    talker = pair.start_talker()
    talker.ask(do="hello", run_id="one")
    with watched(talker) as death:
        talker.ask(do="hang")
        figure("progress_timeout_ms = 500 to death", death())
    assert pair.wait_for_outcome()["halt"]["cause"] == "LOOP_STUCK"


def test_a_loop_that_dies_without_goodbye_halts_and_its_orders_are_cancelled(pair, figure):
    _, loop = start_trading(pair)
    loop.signal(signal.SIGKILL)
    loop.end()
    began = time.monotonic()
    status = pair.wait_for(lambda s: s["state"] == "HALTED", "the halt")
    figure("kill -9 of the loop to the halt seen", (time.monotonic() - began) * 1000)
    assert status["halt"]["cause"] == "LOOP_GONE"
    assert pair.wait_for_outcome()["kill"]["outcome"] == "KILLED_FLAT"
    assert pair.working() == []


def test_the_children_and_the_daemon_of_a_loop_that_died_do_not_outlive_it(pair):
    sentinel = pair.start_sentinel()
    loop = pair.start_loop(*FEED, strategy="Deaf")
    pair.wait_for(lambda s: s["verdicts"]["vetoed"] > 5, "a loop in mid-run")
    assert len(pair.alive()) == 7
    loop.signal(signal.SIGKILL)
    wait_until(lambda: set(pair.alive()) == {sentinel.pid}, "the end of the whole tree")
    assert pair.wait_for_outcome()["halt"]["cause"] == "LOOP_GONE"


def test_a_position_is_flattened_where_that_is_configured(pair):
    _, loop = start_trading(pair, strategy="Holding", kill='positions = "flatten"')
    wait_until(lambda: pair.venue("SELECT 1 FROM fills"), "a fill")
    loop.signal(signal.SIGSTOP)
    assert pair.wait_for_outcome()["kill"]["outcome"] == "KILLED_FLAT"
    assert [row for row in pair.venue("SELECT qty FROM positions") if row != ("0",)] == []
    assert pair.working() == []


def test_nothing_is_called_cancelled_while_the_venue_cannot_be_read(pair):
    pair.configure(config_text(broker="poll_ms = 200\ntimeout_ms = 200"))
    pair.start_sentinel()
    loop = pair.start_loop(*FEED, strategy="Restless")
    pair.wait_for_orders(10)
    with closing(sqlite3.connect(pair.state_dir / "offline.sqlite3", timeout=20)) as venue:
        venue.isolation_level = None
        venue.execute("BEGIN EXCLUSIVE")
        (pair.state_dir / "STOP").touch()
        status = pair.wait_for(lambda s: s["kill"]["outcome"], "an outcome")
        assert status["kill"]["outcome"] == "KILL_UNVERIFIED"
        assert loop.end() in {69, -signal.SIGKILL}
        assert pair.status_code() == 2
        (pair.state_dir / "STOP").unlink()
        pair.wait_for(lambda s: s["kill"]["stage"] != "DONE", "a kill that goes on")
        refused = pair.run("sentinel", "resume", *HOW)
        assert refused.end() == 1
        assert "KILL_UNVERIFIED" in refused.err or "STOP" in refused.err
        venue.execute("ROLLBACK")
    assert pair.wait_for_outcome()["kill"]["outcome"] == "KILLED_FLAT"
    assert pair.working() == []


def test_a_lost_drop_copy_lets_only_exits_through_and_ends_by_itself(pair):
    pair.configure(
        config_text(
            broker="poll_ms = 200\ntimeout_ms = 200",
            limits='symbols = ["SYN/USD"]\nrecover_ms = 300',
        )
    )
    pair.start_sentinel()
    pair.wait_for(lambda s: s["equity"], "a reading of the account")
    talker = pair.start_talker()
    talker.ask(do="hello", run_id="one")
    assert talker.ask(do="order", cl_ord_id="a")["approved"]
    with closing(sqlite3.connect(pair.state_dir / "offline.sqlite3", timeout=20)) as venue:
        venue.isolation_level = None
        venue.execute("BEGIN EXCLUSIVE")
        pair.wait_for(lambda s: s["drop_copy"]["state"] == "LOST", "the loss")
        assert talker.ask(do="order", cl_ord_id="b")["reason"] == "TRADING_REDUCING"
        assert pair.status_code() == 1
        venue.execute("ROLLBACK")
    pair.wait_for(lambda s: s["state"] == "ACTIVE", "the recovery")
    assert talker.ask(do="order", cl_ord_id="c")["approved"]


def test_a_goodbye_leaves_the_state_as_it_was(pair):
    pair.start_sentinel()
    talker = pair.start_talker()
    talker.ask(do="hello", run_id="one")
    assert len(pair.status()["sessions"]) == 1
    assert talker.ask(do="goodbye") == {"confirmed": True}
    talker.clear()
    status = pair.status()
    assert (status["state"], status["sessions"]) == ("ACTIVE", [])
    assert status["kill"]["stage"] == "IDLE"


def test_a_second_loop_of_the_same_strategy_is_refused(pair):
    pair.start_sentinel()
    talker, other = pair.start_talker(), pair.start_talker()
    talker.ask(do="hello", run_id="one")
    assert other.ask(do="hello", run_id="two") == {"refused": "STRATEGY_TAKEN"}


def test_before_the_first_beat_nothing_is_approved(pair):
    pair.start_sentinel()
    pair.wait_for(lambda s: s["equity"], "a reading of the account")
    talker = pair.start_talker()
    talker.ask(do="hello", run_id="one", beats=False)
    assert talker.ask(do="order", cl_ord_id="x")["reason"] == "SESSION_UNKNOWN"


def test_a_veto_storm_kills_the_whole_tree_with_its_daemon(pair, figure):
    limits = (
        'symbols = ["SYN/USD"]\norder_qty_max = "1000"\nvetoes_max = 20\nvetoes_window_ms = 60000'
    )
    pair.configure(config_text(limits=limits))
    sentinel = pair.start_sentinel()
    loop = pair.start_loop(*FEED, strategy="Deaf")
    wait_until(lambda: len(pair.alive()) == 7, "both programs, four children and a daemon")
    tree = set(pair.alive()) - {sentinel.pid}
    assert loop.pid in tree
    wait_until(lambda: not (set(pair.alive()) & tree), "the end of the whole tree")
    assert loop.end() == -signal.SIGKILL
    status = pair.wait_for_outcome()
    assert status["halt"]["cause"] == "VETO_STORM"
    assert status["verdicts"]["by_reason"] == {
        "ORDER_QTY_EXCEEDS_LIMIT": 20,
        "SESSION_UNKNOWN": 1,
    }
    figure("veto storm to the seen end of the tree", status["kill"]["stages_ms"]["CANCELLING"])
    assert pair.orders() == []
    assert not sentinel.ended


def test_halt_stops_new_orders_and_the_loop_withdraws_with_75(pair):
    _, loop = start_trading(pair)
    halted = pair.run("sentinel", "halt", "--why", "lunch")
    assert halted.end() == 0, halted.err
    assert loop.end() == 75, loop.err
    assert pair.working() == []
    status = pair.status()
    assert (status["halt"]["cause"], status["kill"]["stage"]) == ("OPERATOR_HALT", "IDLE")
    assert pair.status_code() == 2


def test_kill_by_an_operator_ends_the_loop_at_once(pair, figure):
    _, loop = start_trading(pair)
    with watched(loop) as death:
        assert pair.run("sentinel", "kill", "--why", "now").end() == 0
        figure("`sentinel kill` (with its start) to the loop's death", death())
    assert loop.end() == -signal.SIGKILL
    status = pair.wait_for_outcome()
    assert status["halt"]["cause"] == "OPERATOR_KILL"
    assert pair.working() == []


def test_reduce_lets_only_exits_through_until_a_person_resumes(pair):
    pair.start_sentinel()
    pair.wait_for(lambda s: s["equity"], "a reading of the account")
    talker = pair.start_talker()
    talker.ask(do="hello", run_id="one")
    assert pair.run("sentinel", "reduce", "--why", "quiet").end() == 0
    assert talker.ask(do="order", cl_ord_id="x")["reason"] == "TRADING_REDUCING"
    assert pair.status_code() == 1
    assert pair.run("sentinel", "resume", *HOW).end() == 0
    assert talker.ask(do="order", cl_ord_id="y")["approved"]


def test_a_loop_that_froze_before_the_sentinel_died_is_killed_by_the_next_one(pair):
    sentinel, loop = start_trading(pair)
    loop.signal(signal.SIGSTOP)
    sentinel.signal(signal.SIGKILL)
    sentinel.end()
    pair.start_sentinel()
    with watched(loop) as death:
        assert death() > 0
    assert pair.wait_for_outcome()["halt"]["cause"] == "LOOP_GONE"
    assert pair.working() == []
