"""Intents become orders only through the gate, and each exactly once."""

from broker_api.protocol import BrokerUnavailable, OutcomeUnknown
from ipc.messages import CancelIntent
from ipc.numbers import SCALE
from scalper.endings import Ending
from tests.scalper.bench import order


def test_an_approved_intent_becomes_one_order_and_its_reports_are_told(bench, link, venue):
    made = bench(lambda number, view: (order(1),) if number == 3 else ())
    made.loop.run()
    assert venue.placed == [order(1)]
    assert [report["exec_type"] for report in link.all("report")] == ["ack", "fill"]
    assert (made.tally.approved, made.tally.entries, made.tally.position) == (1, 1, 10 * SCALE)


def test_a_vetoed_intent_never_reaches_the_venue_and_the_strategy_hears_why(bench, link, venue):
    link.veto_with = lambda intent: "THROTTLE_EXCEEDED"
    made = bench(lambda number, view: (order(number),) if number < 3 else ())
    made.loop.run()
    assert venue.placed == []
    assert made.strategy.vetoes == [("o1", "THROTTLE_EXCEEDED"), ("o2", "THROTTLE_EXCEEDED")]
    assert made.tally.vetoed == {"THROTTLE_EXCEEDED": 2}


def test_an_approval_that_expires_before_the_venue_is_no_order(bench, link, venue, clock):
    def late():
        clock.now_ns += 600_000_000
        return venue.present

    made = bench(lambda number, view: (order(1),) if number == 1 else ())
    place = venue.place
    venue.place = lambda approved: (late(), place(approved))
    made.loop.run()
    assert venue.placed == []
    assert made.tally.vetoed == {"APPROVAL_EXPIRED": 1}
    assert link.all("report")[0]["exec_type"] == "rejected"


def test_a_broker_that_turns_live_gets_no_order(bench, venue):
    made = bench(lambda number, view: (order(1),))
    venue.present = type(venue.present).resolved(
        broker="x", account_id="OFFLINE", endpoint="https://live"
    )
    assert made.loop.run() is Ending.BROKER_CHANGED
    assert venue.placed == []
    assert "https://live" in made.loop.problem


def test_a_broker_that_is_gone_ends_the_run(bench, venue):
    venue.error = BrokerUnavailable("cut")
    made = bench(lambda number, view: (order(1),))
    assert made.loop.run() is Ending.BROKER_UNAVAILABLE


def test_an_order_of_unknown_outcome_is_not_sent_again(bench, venue, link):
    venue.error = OutcomeUnknown("timeout")
    made = bench(lambda number, view: (order(1),) if number == 1 else ())
    assert made.loop.run() is Ending.FEED_ENDED
    assert len(link.all("intent")) == 1


def test_a_cancel_intent_reaches_the_venue_whatever_is_answered(bench, venue, link):
    link.veto_with = lambda intent: "SENTINEL_SILENT" if isinstance(intent, CancelIntent) else None

    def script(number, view):
        if number == 1:
            return (order(1, ord_type="limit", price="0.9"),)
        return (CancelIntent(cl_ord_id="c1", orig_cl_ord_id="o1"),) if number == 2 else ()

    bench(script).loop.run()
    assert venue.cancelled == ["o1"]
