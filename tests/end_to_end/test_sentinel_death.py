"""The sentinel dies, freezes or ends in mid-run: no order leaves without it, nothing is lost."""

from __future__ import annotations

import signal
import time

import pytest

from tests.end_to_end.pair import QUICK, config_text
from tests.end_to_end.program import wait_until

IN_FLIGHT = 1
"""One approval may have reached the loop in the very moment; it is in the journal."""
SLOW_BUCKET = 'name = "orders"\nrate = "1"\nper_ms = 1000000\nburst = "3"'
LASTING = "answer_timeout_ms = 3000\nsentinel_timeout_ms = 5000\napproval_ttl_ms = 60000"
FEED = ("--feed", "synthetic:1?speed=40", "--log-level", "info")


@pytest.fixture
def trading(pair):
    """A sentinel, and a loop in mid-run that wants an order at every quote."""
    pair.configure(config_text(ipc=QUICK))
    sentinel = pair.start_sentinel()
    loop = pair.start_loop(*FEED, strategy="Restless")
    pair.wait_for_orders(10)
    return sentinel, loop


def assert_withdrew(pair, loop, before):
    """The loop ended with 69, sent nothing more, and left nothing working at the venue."""
    assert loop.end() == 69, loop.err
    assert "the sentinel is silent: withdrew" in loop.err
    after = pair.orders()
    assert len(after) <= before + IN_FLIGHT
    assert set(after) <= set(pair.approved_ids())
    assert pair.working() == []


def test_after_kill_9_of_the_sentinel_no_order_leaves_and_the_loop_withdraws_with_69(
    pair, trading, figure
):
    sentinel, loop = trading
    sentinel.signal(signal.SIGKILL)
    assert sentinel.end() == -signal.SIGKILL
    before, began = len(pair.orders()), time.monotonic()
    assert_withdrew(pair, loop, before)
    figure("kill -9 of the sentinel to the loop's end", (time.monotonic() - began) * 1000)


def test_after_kill_9_and_a_restart_every_counter_is_intact(pair, trading):
    sentinel, loop = trading
    sentinel.signal(signal.SIGKILL)
    sentinel.end()
    loop.end()
    approved = pair.approved_ids()
    assert pair.status_code() == 3
    pair.start_sentinel()
    status = pair.status()
    assert status["epoch"] == 2
    assert status["state"] == "ACTIVE"
    assert status["sessions"] == []
    assert status["verdicts"]["approved"] == status["day"]["trades"] == len(approved)
    assert pair.approved_ids() == approved


def test_the_same_id_sent_again_after_a_crash_gets_the_same_verdict_and_counts_once(pair):
    pair.configure(config_text(throttle=SLOW_BUCKET, ipc=LASTING))
    sentinel = pair.start_sentinel()
    pair.wait_for(lambda s: s["equity"], "a reading of the account")
    talker = pair.start_talker()
    talker.ask(do="hello", run_id="one")
    first = [talker.ask(do="order", cl_ord_id=f"x{number}") for number in range(5)]
    assert [answer["approved"] for answer in first] == [True, True, True, False, False]

    sentinel.signal(signal.SIGKILL)
    sentinel.end()
    talker.clear()
    pair.start_sentinel()
    pair.wait_for(lambda s: s["equity"], "a reading of the account")
    again = pair.start_talker()
    again.ask(do="hello", run_id="two")
    for number in range(3):
        answer = again.ask(do="order", cl_ord_id=f"x{number}")
        assert answer == first[number]
    assert again.ask(do="order", cl_ord_id="x3")["reason"] == "THROTTLE_EXCEEDED"
    assert again.ask(do="order", cl_ord_id="new")["reason"] == "THROTTLE_EXCEEDED"
    other = again.ask(do="order", cl_ord_id="x0", order_qty="2")
    assert other["reason"] == "CL_ORD_ID_DUPLICATE"
    status = pair.status()
    assert status["verdicts"]["approved"] == status["day"]["trades"] == 3
    assert len(pair.approved_ids()) == 3


def test_a_sentinel_told_to_end_exits_0_within_two_seconds_and_latches_nothing(
    pair, trading, figure
):
    sentinel, loop = trading
    began = time.monotonic()
    sentinel.signal(signal.SIGTERM)
    assert sentinel.end() == 0
    took_s = time.monotonic() - began
    figure("SIGTERM of the sentinel to its end", took_s * 1000)
    assert took_s < 20
    assert_withdrew(pair, loop, len(pair.orders()))
    pair.start_sentinel()
    assert pair.status()["state"] == "ACTIVE"


def test_no_approval_of_a_frozen_sentinel_is_used_when_it_runs_again(pair, trading):
    sentinel, loop = trading
    sentinel.signal(signal.SIGSTOP)
    before = len(pair.orders())
    assert_withdrew(pair, loop, before)
    after = pair.orders()
    sentinel.signal(signal.SIGCONT)
    status = pair.wait_for_outcome()
    assert status["halt"]["cause"] == "LOOP_GONE"
    assert pair.orders() == after


def test_without_a_sentinel_no_loop_starts(pair):
    pair.configure(config_text(ipc=QUICK))
    loop = pair.run("scalper", "--feed", "synthetic:1")
    assert loop.end() == 69
    assert "no sentinel, no orders" in loop.err
    assert pair.orders() == []


def test_status_of_a_silent_sentinel_is_3_and_says_what_it_said_last(pair):
    sentinel = pair.start_sentinel()
    wait_until((pair.state_dir / "last.json").exists, "last.json")
    sentinel.signal(signal.SIGTERM)
    assert sentinel.end() == 0
    program = pair.run("sentinel", "status")
    assert program.end() == 3
    assert program.out.startswith("SENTINEL UNKNOWN - not answering, it last said ACTIVE")
    document = pair.run("sentinel", "status", "--json")
    assert document.end() == 3
    assert '"answering":false' in document.out
