"""A guarded dry run: what the loop sends is what the sentinel approved, and bounds are exact."""

from __future__ import annotations

import re

import pytest

from ipc.config.sample import sample_text
from tests.end_to_end.pair import config_text

PATIENT = "\n[ipc]\nanswer_timeout_ms = 3000\nsentinel_timeout_ms = 5000\napproval_ttl_ms = 3000\n"
BUCKET = 'name = "orders"\nrate = "5"\nper_ms = 1000\nburst = "5"'


def told(table: str, row: str) -> int:
    """Read one number from the loop's closing table."""
    found = re.search(rf"^{row} +(\d+)$", table, re.MULTILINE)
    assert found, table
    return int(found[1])


@pytest.fixture
def sample(pair):
    """The shipped sample; only its clocks are made patient, for the machine may be busy."""
    pair.configure(sample_text().replace("\n[ipc]\n", PATIENT).replace("9464", "0"))
    return pair


def test_a_whole_recording_under_the_sample_trades_and_every_order_was_approved(sample, recordings):
    sample.start_sentinel()
    feed = f"csv:{recordings / 'eurusd_20140508_ecb_ticks.csv.gz'}"
    loop = sample.start_loop("--dry-run", "--feed", feed, "--symbol", "EUR/USD")
    assert loop.end(100) == 0, loop.err
    assert told(loop.out, "passes") == 94_873
    assert told(loop.out, "entries") > 20
    approved = sample.approved_ids()
    assert sample.orders() == approved
    assert len(approved) == told(loop.out, "approved") == sample.status()["verdicts"]["approved"]
    assert told(loop.out, "fills") == sample.venue("SELECT count(*) FROM fills")[0][0]
    assert sample.status()["state"] == "ACTIVE"


def test_at_most_three_entries_are_made_with_max_trades_3(sample):
    sample.start_sentinel()
    loop = sample.start_loop("--max-trades", "3", "--feed", "synthetic:1", "--symbol", "SYN/USD")
    assert loop.end() == 0, loop.err
    assert told(loop.out, "entries") == 3
    assert sample.status()["day"]["trades"] == 3
    assert "all allowed entries are made" in loop.out


def test_exactly_a_hundred_passes_are_made_with_iterations_100(pair):
    pair.start_sentinel()
    loop = pair.start_loop("--iterations", "100", "--feed", "synthetic:1", strategy="Restless")
    assert loop.end() == 0, loop.err
    assert told(loop.out, "passes") == 100
    assert len(pair.orders()) == told(loop.out, "approved") > 50
    assert pair.status()["sessions"] == []


def test_a_burst_of_1000_intents_through_5_per_second_gets_5_at_once_and_never_more_than_5_and_5t(
    pair,
):
    pair.configure(config_text(throttle=BUCKET))
    pair.start_sentinel()
    talker = pair.start_talker()
    talker.ask(do="hello", run_id="burst")
    pair.wait_for(lambda s: s["equity"], "a reading of the account")
    said = talker.ask(do="burst", count=1000, stem="b")

    verdicts = [(event.at_ns, reply) for event, reply in pair.verdicts()]
    assert len(verdicts) == len(said) == 1000
    began_ns = verdicts[0][0]
    approved_ns = [at_ns - began_ns for at_ns, reply in verdicts if reply.approved]
    assert len([at_ns for at_ns in approved_ns if at_ns < 200_000_000]) == 5
    for count, at_ns in enumerate(approved_ns, start=1):
        assert count <= 5 + 5 * at_ns / 1e9
    assert sum(answer["approved"] for answer in said) == len(approved_ns)
    assert {answer["reason"] for answer in said if not answer["approved"]} == {"THROTTLE_EXCEEDED"}
