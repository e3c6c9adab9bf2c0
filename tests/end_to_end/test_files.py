"""The STOP file and the limits file of a running pair: existence stops, down is at once."""

from __future__ import annotations

import signal
import time

import pytest

from tests.end_to_end.pair import config_text
from tests.end_to_end.program import wait_until

FEED = ("--feed", "synthetic:1?speed=40", "--log-level", "info")
HOW = ("--by", "tester", "--why", "the cause is known")
POLL_MS = 100
TENFOLD = 10


def limits(qty):
    """A configuration whose largest order is `qty`."""
    return config_text(limits=f'symbols = ["SYN/USD"]\norder_qty_max = "{qty}"')


@pytest.fixture
def talker(pair):
    """A session under limits that allow 100."""
    pair.configure(limits(100))
    pair.start_sentinel()
    pair.wait_for(lambda s: s["equity"], "a reading of the account")
    made = pair.start_talker()
    made.ask(do="hello", run_id="one")
    return made


def swap(pair, text):
    """Put another file in place and wait until it is in force."""
    before = pair.status()["config"]["hash"]
    pair.configure(text)
    pair.wait_for(lambda s: s["config"]["hash"] != before, "the new limits")


def test_a_stop_file_kills_and_latches_and_its_removal_resumes_nothing(pair, figure):
    pair.start_sentinel()
    loop = pair.start_loop(*FEED, strategy="Restless")
    pair.wait_for_orders(5)
    stop = pair.state_dir / "STOP"
    began = time.monotonic()
    stop.touch()
    assert loop.end() == -signal.SIGKILL
    took_ms = (time.monotonic() - began) * 1000
    figure(f"STOP file to the loop's death (at most {POLL_MS} + the kill)", took_ms)
    assert took_ms < POLL_MS * TENFOLD * 2
    status = pair.wait_for_outcome()
    assert status["halt"]["cause"] == "STOP_FILE_PRESENT"
    assert status["kill"]["outcome"] == "KILLED_FLAT"
    assert pair.working() == []

    refused = pair.run("sentinel", "resume", *HOW)
    assert refused.end() == 1
    assert str(stop) in refused.err
    assert pair.run("scalper", *FEED).end() == 75
    stop.unlink()
    assert pair.status_code() == 2
    wait_until(lambda: pair.run("sentinel", "resume", *HOW).end() == 0, "the resume")
    assert pair.status_code() == 0


def test_a_stop_file_at_the_start_means_halted_and_status_still_answers(pair):
    pair.state_dir.mkdir(mode=0o700)
    stop = pair.state_dir / "STOP"
    stop.touch()
    sentinel = pair.start_sentinel()
    assert pair.status()["state"] == "HALTED"
    assert pair.status_code() == 2
    assert pair.run("scalper", *FEED).end() == 75
    sentinel.signal(signal.SIGTERM)
    assert sentinel.end() == 0
    stop.unlink()
    pair.start_sentinel()
    assert pair.status()["state"] == "HALTED"


def test_a_tightened_limits_file_counts_at_once(pair, talker):
    assert talker.ask(do="order", cl_ord_id="a", order_qty="100")["approved"]
    swap(pair, limits(50))
    assert talker.ask(do="order", cl_ord_id="b", order_qty="51")["reason"] == (
        "ORDER_QTY_EXCEEDS_LIMIT"
    )
    assert talker.ask(do="order", cl_ord_id="c", order_qty="50")["approved"]
    assert pair.status_code() == 0


def test_a_looser_limits_file_counts_at_once_in_a_dry_run(pair, talker):
    assert not talker.ask(do="order", cl_ord_id="a", order_qty="101")["approved"]
    swap(pair, limits(200))
    assert talker.ask(do="order", cl_ord_id="b", order_qty="200")["approved"]
    assert pair.status()["config"]["pending_hash"] is None


@pytest.mark.parametrize("broken", ["invalid", "empty", "vanished", "negative"])
def test_a_broken_limits_file_keeps_the_old_limits_and_shows_as_degraded(pair, talker, broken):
    texts = {
        "invalid": "[limits\n",
        "empty": "",
        "negative": limits(-5),
    }
    before = pair.status()["config"]["hash"]
    if broken == "vanished":
        pair.config_path.unlink()
    else:
        pair.configure(texts[broken])
    status = pair.wait_for(lambda s: s["config"]["problem"], "the problem in the status")
    assert str(pair.config_path) in status["config"]["problem"]
    assert status["config"]["hash"] == before
    assert pair.status_code() == 1
    assert not talker.ask(do="order", cl_ord_id="b", order_qty="101")["approved"]
    assert talker.ask(do="order", cl_ord_id="a", order_qty="100")["approved"]
    pair.configure(limits(100))
    pair.wait_for(lambda s: not s["config"]["problem"], "the end of the problem")
    assert pair.status_code() == 0
