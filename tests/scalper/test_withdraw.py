"""A run leaves the venue as it should: own orders gone, protection kept, nothing claimed unseen."""

from broker_api.protocol import BrokerUnavailable
from tests.scalper.bench import order


def test_withdrawing_cancels_own_orders_and_leaves_protection(bench, venue, link):
    def script(number, view):
        if number == 1:
            return (order(1, stop_loss="0.5", take_profit="2"),)
        return (order(2, ord_type="limit", price="0.9"),) if number == 2 else ()

    made = bench(script)
    made.loop.run()
    link.silent = True
    assert made.withdraw() is None
    assert venue.cancelled == ["o2"]
    assert list(venue.legs) == ["o1/sl"]
    assert "cancelled" in [report["exec_type"] for report in link.all("report")]


def test_withdrawing_when_flat_cancels_legs_that_guard_nothing(bench, venue):
    made = bench(lambda number, view: (order(1, stop_loss="0.5"),) if number == 1 else ())
    made.loop.run()
    venue.held.clear()
    assert made.withdraw() is None
    assert venue.cancelled == ["o1/sl"]


def test_orders_of_others_are_left_alone(bench, venue, link):
    venue.orders["foreign"] = order("x", ord_type="limit", price="0.1")
    made = bench()
    made.loop.run()
    assert made.withdraw() is None
    assert venue.cancelled == []


def test_what_is_still_working_after_a_cancel_is_named(bench, venue):
    made = bench(lambda number, view: (order(1, ord_type="limit", price="0.9"),) * (number == 1))
    made.loop.run()
    venue.cancel = lambda intent: None
    assert made.withdraw() == "still working at the venue: o1"


def test_a_venue_that_is_gone_is_told_and_not_raised(bench, venue):
    made = bench(lambda number, view: (order(1, ord_type="limit", price="0.9"),) * (number == 1))
    made.loop.run()

    def gone():
        raise BrokerUnavailable("cut")

    venue.working = gone
    assert "orders may still be working: cut" in made.withdraw()
