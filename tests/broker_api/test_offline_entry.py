"""What the simulated venue lets in, and what it says of the rest."""

import pytest

from broker_api import offline_entry
from broker_api.errors import VenueReject
from broker_api.offline_book import Instrument
from ipc.clock import NS_PER_MS
from ipc.numbers import SCALE, parse_decimal


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"qty": "0"}, "bad qty"),
        ({"qty": "-1"}, "bad qty"),
        ({"qty": "1e9"}, "bad qty"),
        ({"qty": "NaN"}, "bad qty"),
        ({"side": "long"}, "bad side"),
        ({"ord_type": "iceberg"}, "bad ord_type"),
        ({"time_in_force": "forever"}, "bad time_in_force"),
        ({"price": "0"}, "bad price"),
        ({"price": "x"}, "bad price"),
        ({"ord_type": "limit"}, "bad price"),
        ({"ord_type": "stop"}, "bad stop_price"),
        ({"ord_type": "stop_limit", "price": "1.2"}, "bad stop_price"),
        ({"symbol": "ABC"}, "unknown symbol"),
        ({"stop_loss": "zero"}, "bad stop_loss"),
        ({"stop_loss": "1.3", "take_profit": "1.2"}, "they cross"),
        ({"qty": "1000000"}, "insufficient funds"),
        ({"side": "sell"}, "insufficient position"),
    ],
)
def test_an_order_that_cannot_be_is_rejected_with_a_text_and_counted(desk, fields, text):
    desk.quote("1.10", "1.12")
    desk.send("x", **fields)
    (report,) = desk.broker.reports()
    assert (report.cl_ord_id, report.exec_type) == ("x", "rejected")
    assert text in report.text
    seen = desk.eye.snapshot(0)
    assert (seen.orders_placed, seen.working, seen.fills) == (1, (), ())
    assert seen.equity == "100000"


@pytest.mark.parametrize("name", ["", "a b", "a/sl", "a/tp2", "x" * 65, "naïve"])
def test_a_bad_id_is_rejected(desk, name):
    desk.quote("1.10", "1.12")
    desk.send(name)
    assert desk.told() == [(name, "rejected")]


def test_prices_and_quantities_off_a_known_increment_are_rejected(open_desk):
    facts = {"EUR/USD": Instrument(price_increment=parse_decimal("0.01"), qty_increment=10 * SCALE)}
    desk = open_desk(facts=facts)
    desk.quote("1.10", "1.12")
    desk.send("a", qty="15")
    desk.send("b", qty="20", price="1.105")
    desk.send("c", qty="20", price="1.10", stop_loss="1.001")
    desk.send("d", qty="20", price="1.10")
    assert [kind for _, kind in desk.told()] == ["rejected", "rejected", "rejected", "ack"]


@pytest.mark.parametrize("state", ["working", "filled", "rejected", "replaced", "replacing"])
def test_a_used_id_is_refused_and_leaves_the_first_order_alone(open_desk, state):
    desk = open_desk(latency_min_ns=0, latency_max_ns=NS_PER_MS * 3)
    desk.quote("1.10", "1.12", 10)
    desk.send("x", price={"filled": "1.12", "rejected": "0"}.get(state, "1.05"))
    desk.quote("1.10", "1.12", 20)
    if state.startswith("replac"):
        desk.replace("y", "x", "50", "1.05")
    if state == "replaced":
        desk.quote("1.10", "1.12", 30)
    before = desk.eye.snapshot(0)
    used = "y" if state == "replacing" else "x"
    with pytest.raises(VenueReject, match="duplicate"):
        desk.send(used)
    after = desk.eye.snapshot(0)
    assert (after.working, after.orders_placed) == (before.working, before.orders_placed)


def test_a_replace_changes_the_order_under_its_new_id(desk):
    desk.quote("1.10", "1.12")
    desk.send("a", price="1.05")
    desk.replace("b", "a", "70", "1.06")
    assert desk.told() == [("a", "ack"), ("b", "replaced")]
    (order,) = desk.broker.working()
    assert (order.cl_ord_id, order.order_qty, order.price) == ("b", "70", "1.06")
    assert desk.eye.snapshot(0).orders_placed == 1
    desk.cancel("a")
    assert desk.working() == {}


def test_a_replace_to_a_marketable_price_takes_the_touch(desk):
    desk.quote("1.10", "1.12")
    desk.send("a", price="1.05")
    desk.replace("b", "a", "70", "1.13")
    assert desk.fills() == [("b", "buy", "70", "1.12")]


@pytest.mark.parametrize(("qty", "text"), [("40", "filled"), ("900000", "insufficient funds")])
def test_a_replace_that_cannot_be_is_rejected_under_its_own_id(desk, qty, text):
    desk.quote("1.10", "1.12", ask_size="40")
    desk.send("a", price="1.12")
    desk.broker.reports()
    desk.replace("b", "a", qty)
    (report,) = desk.broker.reports()
    assert (report.cl_ord_id, report.exec_type) == ("b", "rejected")
    assert text in report.text
    assert desk.working() == {"a": "60"}


def test_a_replace_of_an_order_that_ended_on_the_way_is_rejected(open_desk):
    desk = open_desk(latency_min_ns=NS_PER_MS, latency_max_ns=NS_PER_MS)
    desk.quote("1.10", "1.12", 10)
    desk.send("a", price="1.11")
    desk.quote("1.10", "1.12", 20)
    desk.replace("b", "a", "50")
    desk.eye.cancel("a")
    desk.quote("1.10", "1.12", 30)
    assert desk.told() == [("a", "ack"), ("a", "cancelled"), ("b", "rejected")]


@pytest.mark.parametrize("fields", [{"qty": "0"}, {"qty": "5", "price": "-1"}, {"orig": "nobody"}])
def test_a_replace_without_sense_is_refused(desk, fields):
    desk.quote("1.10", "1.12")
    desk.send("a", price="1.05")
    with pytest.raises(VenueReject):
        desk.replace("b", **{"orig": "a", "qty": "5", **fields})
    assert desk.working() == {"a": "100"}


def test_a_cancel_ends_the_order_once(desk):
    desk.quote("1.10", "1.12")
    desk.send("a", price="1.05")
    desk.cancel("a")
    desk.cancel("a", "c2")
    assert desk.told() == [("a", "ack"), ("a", "cancelled")]


def test_a_cancel_follows_a_replace_that_is_still_on_its_way(open_desk):
    desk = open_desk(latency_min_ns=NS_PER_MS, latency_max_ns=3 * NS_PER_MS)
    desk.quote("1.10", "1.12", 10)
    desk.send("a", price="1.05")
    desk.replace("b", "a", "50")
    desk.cancel("b")
    desk.quote("1.10", "1.12", 30)
    assert desk.working() == {}
    assert desk.told()[-1][1] in {"cancelled", "rejected"}


def test_a_cancel_of_an_unknown_order_is_refused(desk):
    with pytest.raises(VenueReject, match="no such order"):
        desk.cancel("nobody")


def test_the_number_of_working_orders_is_bounded(desk, monkeypatch):
    monkeypatch.setattr(offline_entry, "OPEN_ORDERS_MAX", 5)
    desk.quote("1.10", "1.12")
    for n in range(6):
        desk.send(f"n{n}", qty="1", price="1")
    kinds = [kind for _, kind in desk.told()]
    assert kinds.count("ack") == 5
    assert kinds[-1] == "rejected"
