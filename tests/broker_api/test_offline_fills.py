"""What follows from a fill: cash, position, fees, legs and siblings."""

import pytest

from broker_api.offline_book import Instrument
from ipc.numbers import SCALE, parse_decimal

BRACKET = {"stop_loss": "1.00", "take_profit": "1.30"}


@pytest.fixture
def held(desk):
    """Return a desk that holds 100 with both legs working."""
    desk.quote("1.10", "1.12")
    desk.send("e", **BRACKET)
    desk.told()
    return desk


def test_a_fill_moves_cash_position_and_fee_exactly(open_desk):
    desk = open_desk(fee_bps=parse_decimal("2.5"), fee_fixed=parse_decimal("0.35"))
    desk.quote("1.10", "1.12")
    desk.send("b")
    seen = desk.eye.snapshot(0)
    assert seen.fills[0].fee == "0.378"
    assert seen.balances == {"USD": "99887.622", "EUR": "100"}
    assert seen.equity == "99998.622"


def test_the_fixed_fee_is_taken_once_an_order(open_desk):
    desk = open_desk(fee_fixed=SCALE)
    desk.quote("1.10", "1.12", ask_size="40")
    desk.send("b")
    desk.quote("1.10", "1.12", ask_size="60")
    assert [f.fee for f in desk.eye.snapshot(0).fills] == ["1", "0"]


def test_a_multiplier_scales_cash_and_equity(open_desk):
    desk = open_desk(facts={"FUT": Instrument(multiplier=50 * SCALE)})
    desk.quote("10", "11", symbol="FUT")
    desk.send("b", qty="2", symbol="FUT")
    seen = desk.eye.snapshot(0)
    assert seen.balances == {"USD": "98900"}
    assert seen.equity == "99950"


def test_the_average_price_follows_what_enlarges_only(desk):
    desk.quote("1.10", "1.12")
    desk.send("a")
    desk.quote("1.20", "1.22")
    desk.send("b", qty="300")
    assert desk.broker.position("EUR/USD").avg_price == "1.195"
    desk.send("c", "sell", qty="150")
    assert desk.broker.position("EUR/USD").avg_price == "1.195"
    desk.send("d", "sell", qty="250")
    assert desk.broker.position("EUR/USD").avg_price == "0"


def test_an_entry_gets_legs_named_after_it_once_filled(desk):
    desk.quote("1.10", "1.12")
    desk.send("e", price="1.05", group="g", **BRACKET)
    assert desk.working() == {"e": "100"}
    desk.quote("1.04", "1.05")
    assert desk.told() == [("e", "ack"), ("e", "fill"), ("e/sl", "ack"), ("e/tp", "ack")]
    stop, target = desk.broker.working()
    assert (stop.ord_type, stop.side, stop.stop_price, stop.leg) == (
        "stop",
        "sell",
        "1",
        "stop_loss",
    )
    assert (target.ord_type, target.price, target.leg) == ("limit", "1.3", "take_profit")
    assert {(leg.parent, leg.origin, leg.reduce_only, leg.group) for leg in (stop, target)} == {
        ("e", "leg", True, "g")
    }


def test_legs_grow_with_the_entrys_partial_fills(desk):
    desk.quote("1.10", "1.12", ask_size="30")
    desk.send("e", **BRACKET)
    assert desk.working() == {"e": "70", "e/sl": "30", "e/tp": "30"}
    desk.quote("1.10", "1.12", ask_size="70")
    assert desk.working() == {"e/sl": "100", "e/tp": "100"}


@pytest.mark.parametrize(
    ("bid", "ask", "hit", "other", "price"),
    [("0.99", "1.01", "e/sl", "e/tp", "0.99"), ("1.31", "1.32", "e/tp", "e/sl", "1.3")],
)
def test_one_leg_cancels_the_other(held, bid, ask, hit, other, price):
    held.quote(bid, ask)
    assert held.fills()[-1] == (hit, "sell", "100", price)
    assert held.told() == [(hit, "fill"), (other, "cancelled")]
    assert held.working() == {}
    assert held.held() == "0"


def test_a_legs_partial_fill_shrinks_its_sibling(held):
    held.quote("1.31", "1.32", bid_size="40")
    assert held.working() == {"e/sl": "60", "e/tp": "60"}
    held.quote("0.99", "1.01", bid_size="60")
    assert held.working() == {}
    assert held.held() == "0"


def test_a_filled_leg_calls_off_the_rest_of_its_entry(desk):
    desk.quote("1.10", "1.12", ask_size="30")
    desk.send("e", price="1.12", **BRACKET)
    desk.quote("0.98", "1.50", bid_size="30")
    assert desk.told()[-2:] == [("e", "cancelled"), ("e/tp", "cancelled")]
    desk.quote("1.05", "1.06")
    assert len(desk.fills()) == 2
    assert desk.working() == {}


def test_legs_of_a_short_entry_buy(open_desk):
    desk = open_desk(kind="margin")
    desk.quote("1.10", "1.12")
    desk.send("e", "sell", stop_loss="1.20", take_profit="1.00")
    assert {order.side for order in desk.broker.working()} == {"buy"}
    desk.quote("1.21", "1.22")
    assert desk.fills()[-1] == ("e/sl", "buy", "100", "1.22")
    assert desk.working() == {}


def test_an_exit_of_the_same_group_and_the_legs_cancel_each_other(desk):
    desk.quote("1.10", "1.12")
    desk.send("e", group="g", **BRACKET)
    desk.quote("1.10", "1.12", bid_size="40")
    desk.send("x", "sell", price="1.10", group="g")
    assert desk.working() == {"e/sl": "60", "e/tp": "60", "x": "60"}
    desk.quote("0.99", "1.00", bid_size="60")
    assert desk.working() == {}
    assert desk.held() == "0"


def test_two_entries_of_one_group_keep_their_own_pairs(desk):
    desk.quote("1.10", "1.12")
    desk.send("e1", group="g", stop_loss="1.00", take_profit="1.20")
    desk.send("e2", group="g", stop_loss="0.90", take_profit="1.40")
    desk.quote("1.21", "1.22")
    assert desk.working() == {"e2/sl": "100", "e2/tp": "100"}
    desk.send("x", "sell", qty="30", group="g")
    assert desk.working() == {"e2/sl": "70", "e2/tp": "70"}


def test_an_exit_closes_the_oldest_pair_first(desk):
    desk.quote("1.10", "1.12")
    desk.send("e1", group="g", **BRACKET)
    desk.send("e2", group="g", **BRACKET)
    desk.send("x", "sell", qty="130", group="g", reduce_only=True)
    assert desk.working() == {"e2/sl": "70", "e2/tp": "70"}


def test_what_may_only_close_ends_when_nothing_is_left_to_close(held):
    held.send("x", "sell", reduce_only=True)
    assert held.held() == "0"
    assert held.working() == {}
    assert sorted(held.told()) == [
        ("e/sl", "cancelled"),
        ("e/tp", "cancelled"),
        ("x", "ack"),
        ("x", "fill"),
    ]


@pytest.mark.parametrize("kind", ["cash", "margin"])
def test_a_reduce_only_order_never_goes_through_zero(open_desk, kind):
    desk = open_desk(kind=kind)
    desk.quote("1.10", "1.12")
    desk.send("b", qty="60")
    desk.send("x", "sell", qty="100", reduce_only=True)
    assert desk.held() == "0"
    assert desk.told()[-2:] == [("x", "partial_fill"), ("x", "cancelled")]


def test_a_reduce_only_order_with_nothing_to_close_is_rejected(desk):
    desk.quote("1.10", "1.12")
    desk.send("x", "buy", reduce_only=True)
    assert desk.told() == [("x", "rejected")]


def test_legs_made_anew_after_a_cancel_get_new_names(desk):
    desk.quote("1.10", "1.12", ask_size="30")
    desk.send("e", **BRACKET)
    desk.eye.cancel("e/sl")
    desk.quote("1.10", "1.12", ask_size="70")
    assert desk.working() == {"e/tp": "100", "e/sl2": "70"}


def test_a_margin_account_may_go_through_zero_with_a_plain_order(open_desk):
    desk = open_desk(kind="margin")
    desk.quote("1.10", "1.12")
    desk.send("b", qty="60")
    desk.send("s", "sell", qty="100")
    position = desk.broker.position("EUR/USD")
    assert (position.qty, position.avg_price) == ("-40", "1.1")
