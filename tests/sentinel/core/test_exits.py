"""The way out is never blocked: what provably reduces passes, in ACTIVE and in REDUCING."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sentinel.core.conftest import Desk

STRICT = """
trades_max = 0
orders_working_max = 0
position_qty_max = 0
position_notional_max = 0
gross_exposure_max = 0
net_exposure_max = 0
concentration_max_pct = 0
leverage_max = 0
account_age_max_ms = 0
balance_min = 1000000
daily_loss_max = 0
drawdown_max_pct = 0
losses_in_a_row_max = 0
order_to_fill_max = 0
spread_max_bps = 0
repeat_max = 1
repeat_window_ms = 1000000
venue_rejects_max = 0
hours = ["12:00-12:01"]
"""
EMPTY_BUCKET = '[[throttle]]\nname = "t"\nrate = "0.001"\nburst = 1'
MARGIN = 'kind = "margin"'


def strict(qty, side_of_entry="buy"):
    stand = Desk(STRICT, account=MARGIN, tables=EMPTY_BUCKET).account("0", free="0")
    stand.account("-10", free="0").quote("1.0", "1.2")
    return stand.position(qty if side_of_entry == "buy" else f"-{qty}").wait(10)


@pytest.mark.parametrize(("entry", "exit_side"), [("buy", "sell"), ("sell", "buy")])
@pytest.mark.parametrize("state", ["ACTIVE", "REDUCING"])
def test_an_exit_passes_every_limit_on_exposure_counts_losses_and_pace(entry, exit_side, state):
    stand = strict("10", entry)
    if state == "REDUCING":
        stand.say("reduce", cause="operator")
    for _ in range(5):
        said = stand.order(exit_side, "2")
        assert (said.approved, said.state) == (True, state)
    assert not stand.order(exit_side, "0.1").approved


@given(
    held=st.integers(1, 1000),
    parts=st.lists(st.integers(1, 400), min_size=1, max_size=8),
    short=st.booleans(),
    reducing=st.booleans(),
)
def test_no_order_that_only_reduces_is_ever_blocked_and_none_goes_through_zero(
    held, parts, short, reducing
):
    stand = strict(str(held), "sell" if short else "buy")
    if reducing:
        stand.say("reduce", cause="operator")
    room = held
    for part in parts:
        said = stand.order("buy" if short else "sell", str(part), reduce_only=True)
        if part <= room:
            assert said.approved
            room -= part
        else:
            assert said.told == ("REDUCE_ONLY_WOULD_FLIP", str(room), str(part))


@pytest.mark.parametrize("qty", ["0", "-5"])
def test_reduce_only_where_there_is_nothing_to_reduce_is_vetoed(desk, qty):
    said = desk().position(qty).sell("1", "1.1", reduce_only=True)
    assert said.told == ("REDUCE_ONLY_WOULD_FLIP", "0", "1")


def test_in_active_a_plain_order_that_crosses_zero_is_judged_whole(desk):
    stand = desk("position_qty_max = 5").position("10")
    assert stand.sell("15", "1.1").approved
    assert stand.sell("1", "1.1").told == ("POSITION_EXCEEDS_LIMIT", "5", "6")


@pytest.mark.parametrize(
    ("limits", "tables", "reason"),
    [
        ("order_qty_max = 1", "", "ORDER_QTY_EXCEEDS_LIMIT"),
        ("order_notional_max = 1", "", "ORDER_NOTIONAL_EXCEEDS_LIMIT"),
        ("price_collar_bps = 1", "", "PRICE_OUTSIDE_COLLAR"),
        ("", '[[symbol]]\nname = "EURUSD"\nqty_increment = 4', "QTY_INCREMENT_INVALID"),
        ('ord_types = ["market"]', "", "ORDER_TYPE_NOT_ALLOWED"),
    ],
)
def test_shape_grid_quantity_notional_and_collar_hold_for_exits_too(desk, limits, tables, reason):
    stand = desk(limits, tables=tables).position("10")
    assert stand.sell("5", "1.0").reason == reason


def test_exits_have_a_rate_cap_of_their_own(desk):
    stand = desk("exit_rate_max = 2").position("100")
    assert [stand.sell("1", "1.1").approved for _ in range(3)] == [True, True, False]
    said = stand.sell("1", "1.1")
    assert said.told == ("THROTTLE_EXCEEDED", "2", "3")
    assert stand.wait(500).sell("1", "1.1").approved


def test_an_exit_does_not_wait_for_the_rate_of_its_currency(desk):
    tables = '[[symbol]]\nname = "EURJPY"\nquote = "JPY"\nfx = "USDJPY"'
    stand = desk(tables=tables).quote("160", "160", symbol="EURJPY").position("5", symbol="EURJPY")
    assert stand.buy("1", "160", symbol="EURJPY").reason == "REFERENCE_PRICE_MISSING"
    assert stand.sell("5", "160", symbol="EURJPY").approved


def test_cancels_pass_in_every_state_and_however_empty_the_bucket(desk):
    tables = '[[throttle]]\nname = "t"\nrate = 1\nburst = 1\ncounts = "messages"'
    stand = desk(tables=tables)
    for cause in ("reduce", "halt"):
        for _ in range(5):
            assert stand.cancel("anything").approved
        stand.say(cause, cause="operator")
    assert stand.cancel("anything").state == "HALTED"
    stand.say("resume", by="x", why="y")
    assert stand.buy("1", "1.1").told == ("THROTTLE_EXCEEDED", "1", "2")


def test_in_reducing_only_what_stands_against_the_position_passes(desk):
    stand = desk().position("10")
    stand.say("reduce", cause="operator")
    assert stand.buy("1", "1.1").reason == "TRADING_REDUCING"
    assert stand.sell("11", "1.1").told == ("REDUCE_ONLY_WOULD_FLIP", "10", "11")
    assert stand.sell("1", "1.1", symbol="FLAT").reason == "TRADING_REDUCING"
    assert stand.sell("10", "1.1").approved


def test_orders_of_one_kind_in_one_group_add_up_and_cannot_oversell(desk):
    desk = desk()
    desk.position("5")
    first = desk.order("sell", "5", "1.1000", group="g")
    second = desk.order("sell", "5", "1.1000", group="g", reduce_only=True)
    stop = desk.order("sell", "5", ord_type="stop", stop_price="1.0990", group="g")
    assert (first.approved, stop.approved) == (True, True)
    assert second.told == ("REDUCE_ONLY_WOULD_FLIP", "0", "5")
