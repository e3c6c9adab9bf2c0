"""The sentinel's connection: one reading, cancels, closing, protective stops."""

import threading

import pytest

from broker_api.errors import BrokerUnavailable, VenueReject
from broker_api.protocol import Oversight
from broker_api.values import SwitchState
from ipc.clock import NS_PER_MS

BRACKET = {"stop_loss": "1.00", "take_profit": "1.30"}


@pytest.fixture
def held(desk):
    """Return a desk that holds 100 with both legs and one more buy working."""
    desk.quote("1.10", "1.12")
    desk.send("e", **BRACKET)
    desk.send("w", price="1.05")
    desk.told()
    return desk


def test_a_new_account_can_be_read_before_any_loop_ran(tmp_path, clock, open_desk):
    eye: Oversight = open_desk().eye
    seen = eye.snapshot(0)
    assert (seen.equity, seen.balance_free, seen.buying_power) == ("100000", "100000", None)
    assert (seen.balances, seen.positions, seen.working) == ({"USD": "100000"}, (), ())
    assert (seen.fills, seen.last_fill_seq, seen.orders_placed) == ((), 0, 0)


def test_a_snapshot_shows_position_orders_and_only_new_fills(held):
    seen = held.eye.snapshot(0)
    assert [(p.symbol, p.qty, p.avg_price) for p in seen.positions] == [("EUR/USD", "100", "1.12")]
    assert {o.cl_ord_id: o.origin for o in seen.working} == {
        "e/sl": "leg",
        "e/tp": "leg",
        "w": "place",
    }
    assert [f.fill_seq for f in seen.fills] == [1] == [seen.last_fill_seq]
    assert held.eye.snapshot(1).fills == ()
    assert seen.balance_free == "99783"
    assert seen.balances == {"USD": "99888", "EUR": "100"}


def test_a_closed_position_is_not_shown(held):
    held.eye.flatten("EUR/USD", "100", "sell")
    assert held.eye.snapshot(0).positions == ()


def test_cancel_all_is_seen_before_the_next_match_and_told_to_the_loop(held):
    assert held.eye.cancel_all() == 3
    held.quote("0.90", "0.91")
    assert held.fills() == [("e", "buy", "100", "1.12")]
    assert sorted(held.told()) == [("e/sl", "cancelled"), ("e/tp", "cancelled"), ("w", "cancelled")]


def test_cancel_all_keeps_what_it_is_told_to_keep(held):
    assert held.eye.cancel_all({"e/sl"}) == 2
    assert [order.cl_ord_id for order in held.eye.snapshot(0).working] == ["e/sl"]
    held.quote("0.99", "1.00")
    assert held.held() == "0"


def test_an_order_under_way_is_cancelled_too(open_desk):
    desk = open_desk(latency_min_ns=5 * NS_PER_MS, latency_max_ns=5 * NS_PER_MS)
    desk.quote("1.10", "1.12", 10)
    desk.send("b")
    assert desk.eye.cancel_all() == 1
    desk.quote("1.10", "1.12", 100)
    assert desk.fills() == []
    assert desk.told() == [("b", "cancelled")]


def test_a_cancel_under_way_is_forgotten_with_its_order(open_desk):
    desk = open_desk(latency_min_ns=5 * NS_PER_MS, latency_max_ns=5 * NS_PER_MS)
    desk.quote("1.10", "1.12", 10)
    desk.send("b", price="1.05")
    desk.quote("1.10", "1.12", 100)
    desk.cancel("b")
    desk.eye.cancel_all()
    desk.quote("1.10", "1.12", 200)
    assert desk.told() == [("b", "ack"), ("b", "cancelled")]


def test_one_cancel_ends_one_order_and_twice_is_once(held):
    held.eye.cancel("w")
    held.eye.cancel("w")
    assert held.told() == []
    assert held.working() == {"e/sl": "100", "e/tp": "100"}
    assert held.told() == [("w", "cancelled")]
    with pytest.raises(VenueReject, match="no such order"):
        held.eye.cancel("nobody")


def test_flatten_closes_at_the_far_side_and_ends_the_legs(held):
    name = held.eye.flatten("EUR/USD", "100", "sell")
    assert held.fills()[-1] == (name, "sell", "100", "1.1")
    assert {o.cl_ord_id for o in held.eye.snapshot(0).working} == {"w"}
    assert held.held() == "0"


def test_flatten_goes_never_beyond_the_position(held):
    held.eye.flatten("EUR/USD", "5000", "sell")
    assert held.held() == "0"
    with pytest.raises(VenueReject, match="nothing to close"):
        held.eye.flatten("EUR/USD", "1", "sell")
    assert held.held() == "0"


@pytest.mark.parametrize(
    ("qty", "side"), [("1", "buy"), ("0", "sell"), ("-5", "sell"), ("x", "sell"), ("1", "flat")]
)
def test_flatten_refuses_what_would_not_close(held, qty, side):
    before = held.eye.snapshot(0)
    with pytest.raises(VenueReject):
        held.eye.flatten("EUR/USD", qty, side)
    assert held.eye.snapshot(0) == before


def test_flatten_in_a_crossed_market_uses_the_last_usable_quote(held):
    held.clock.sleep_ms(1000)
    held.quote("1.30", "1.20")
    held.eye.flatten("EUR/USD", "100", "sell")
    assert held.fills()[-1][3] == "1.1"


def test_flatten_buys_a_short_back(open_desk):
    desk = open_desk(kind="margin")
    desk.quote("1.10", "1.12")
    desk.send("s", "sell")
    desk.eye.flatten("EUR/USD", "100", "buy")
    assert desk.held() == "0"


def test_a_protective_stop_rests_and_works_when_the_market_moves_on(held):
    held.eye.cancel_all()
    name = held.eye.place_stop("EUR/USD", "sell", "100", "1.05")
    (order,) = held.eye.snapshot(0).working
    assert (order.cl_ord_id, order.ord_type, order.origin) == (name, "stop", "oversight")
    assert order.reduce_only
    held.quote("1.04", "1.06")
    assert held.fills()[-1] == (name, "sell", "100", "1.04")
    assert held.eye.snapshot(0).orders_placed == 2


@pytest.mark.parametrize(
    ("side", "qty", "stop"),
    [("sell", "101", "1.0"), ("buy", "1", "1.2"), ("sell", "1", "0"), ("sell", "1", "nan")],
)
def test_a_protective_stop_is_for_no_more_than_the_position(held, side, qty, stop):
    with pytest.raises(VenueReject):
        held.eye.place_stop("EUR/USD", side, qty, stop)


def test_the_sentinels_own_orders_are_not_reported_to_the_loop(held):
    held.eye.place_stop("EUR/USD", "sell", "10", "1.05")
    held.quote("1.04", "1.20")
    assert [name for name, _ in held.told() if name.startswith("oversight")] == []


def test_there_is_no_dead_mans_switch(desk):
    assert desk.eye.dead_mans_switch(30_000) is SwitchState.NOT_SUPPORTED
    assert desk.eye.capabilities() == desk.broker.capabilities()
    assert not desk.eye.capabilities().dead_mans_switch


def test_threads_take_turns(held):
    problems = []

    def look():
        try:
            for _ in range(30):
                held.eye.snapshot(0)
                held.eye.cancel("w")
        except Exception as error:  # noqa: BLE001 - the thread must not swallow any
            problems.append(error)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_a_closed_connection_says_so(desk):
    desk.eye.close()
    desk.eye.close()
    with pytest.raises(BrokerUnavailable, match="closed"):
        desk.eye.snapshot(0)
