"""Counts and worst-case exposure: working orders count, groups once, exactly at a limit passes."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(("side", "other"), [("buy", "sell"), ("sell", "buy")])
def test_the_worst_case_position_is_what_is_held_and_all_that_works_on_that_side(desk, side, other):
    stand = desk("position_qty_max = 10").position("4" if side == "buy" else "-4")
    assert stand.order(side, "3", "1.1").approved
    assert stand.order(other, "13", "1.1").approved
    assert stand.order(side, "3.1", "1.1").told == ("POSITION_EXCEEDS_LIMIT", "10", "10.1")
    assert stand.order(side, "3", "1.1").approved
    assert not stand.order(side, "0.000000000000000001", "1.1").approved


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("position_notional_max", "POSITION_EXCEEDS_LIMIT"),
        ("gross_exposure_max", "GROSS_EXPOSURE_EXCEEDS_LIMIT"),
        ("net_exposure_max", "NET_EXPOSURE_EXCEEDS_LIMIT"),
    ],
)
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_money_limits_value_the_position_at_the_mid_and_orders_at_their_own(
    desk, limit, reason, side
):
    stand = desk(f"{limit} = 230").position("100" if side == "buy" else "-100")
    assert stand.order(side, "100", "1.2000").approved
    assert stand.order(side, "1", "1.2000").told == (reason, "230", "231.2")


def test_gross_adds_symbols_and_net_sets_long_against_short(desk):
    stand = desk("gross_exposure_max = 300").position("100").quote(symbol="B")
    assert stand.sell("150", "1", symbol="B").approved
    assert stand.sell("50", "1", symbol="B").told == (
        "GROSS_EXPOSURE_EXCEEDS_LIMIT",
        "300",
        "310",
    )
    stand = (
        desk("net_exposure_max = 110")
        .position("100")
        .quote(symbol="B")
        .position("-100", symbol="B")
    )
    assert stand.buy("100", "1.1").approved
    assert stand.buy("1", "1.1").told == ("NET_EXPOSURE_EXCEEDS_LIMIT", "110", "111.1")


def test_concentration_and_leverage_are_shares_of_the_equity(desk):
    stand = desk("concentration_max_pct = 11").account("1000")
    assert stand.buy("100", "1.1").approved
    assert stand.buy("1", "1.1").told == ("CONCENTRATION_EXCEEDS_LIMIT", "11", "11.11")
    stand = desk('leverage_max = "0.11"').account("1000")
    assert stand.buy("50", "1.1").approved
    assert stand.sell("50", "1.1", symbol="B").approved
    assert stand.sell("1", "1.1", symbol="B").told == ("LEVERAGE_EXCEEDS_LIMIT", "0.11", "0.1111")


@pytest.mark.parametrize("limit", ["concentration_max_pct = 10", "leverage_max = 10"])
@pytest.mark.parametrize("equity", ["0", "-1"])
def test_without_equity_a_share_of_it_cannot_be_judged(desk, limit, equity):
    stand = desk(limit).account(equity, free="10000")
    assert stand.buy("1", "1.1").reason == "ACCOUNT_UNKNOWN"


def test_a_held_symbol_without_a_quote_leaves_the_portfolio_unknown(desk):
    stand = desk("gross_exposure_max = 1000").position("1", symbol="B")
    assert stand.buy("1", "1.1").reason == "REFERENCE_PRICE_MISSING"
    assert stand.quote(symbol="B").buy("1", "1.1").approved


def test_the_worth_of_what_is_held_follows_the_rate_that_converts_it(desk):
    tables = '[[symbol]]\nname = "EURJPY"\nquote = "JPY"\nfx = "USDJPY"'
    stand = desk("gross_exposure_max = 1000", tables=tables)
    stand.quote("160", "160", symbol="EURJPY").quote("0.005", "0.005", symbol="USDJPY")
    stand.position("1000", "160", symbol="EURJPY")
    assert stand.buy("1", "1").approved
    stand.quote("0.00625", "0.00625", symbol="USDJPY")
    assert stand.buy("1", "1").told == ("GROSS_EXPOSURE_EXCEEDS_LIMIT", "1000", "1002")


def test_a_foreign_symbol_without_its_rate_is_a_missing_reference(desk):
    tables = '[[symbol]]\nname = "EURJPY"\nquote = "JPY"\nfx = "USDJPY"'
    stand = desk("order_notional_max = 1000", tables=tables).quote("160", "160", symbol="EURJPY")
    assert stand.buy("1", "160", symbol="EURJPY").reason == "REFERENCE_PRICE_MISSING"
    stand.quote("0.005", "0.005", symbol="USDJPY")
    assert stand.buy("1250", "160", symbol="EURJPY").approved
    assert stand.buy("1251", "160", symbol="EURJPY").observed == "1000.8"


def test_legs_of_a_group_count_once_at_the_largest(desk):
    stand = desk("position_qty_max = 10").position("10")
    assert stand.sell("10", "1.2", group="g").approved
    assert stand.sell("10", ord_type="stop", stop_price="1.0", group="g", reduce_only=True).approved
    assert stand.sell("10", "1.3", group="h", reduce_only=True).told == (
        "REDUCE_ONLY_WOULD_FLIP",
        "0",
        "10",
    )


def test_two_entries_of_one_group_are_no_legs_of_each_other(desk):
    stand = desk("position_qty_max = 10")
    assert stand.buy("6", "1.1", group="g").approved
    assert stand.buy("6", "1.1", group="g").told == ("POSITION_EXCEEDS_LIMIT", "10", "12")


def test_trades_and_working_orders_are_counted_with_the_order_itself(desk):
    stand = desk("trades_max = 2")
    assert stand.buy("1", "1.1").approved
    assert stand.sell("1", "1.1").approved
    assert stand.buy("1", "1.1").told == ("TRADE_COUNT_EXCEEDS_LIMIT", "2", "3")
    stand = desk("orders_working_max = 1")
    first = stand.buy("1", "1.1", cl_ord_id="a")
    assert first.approved
    assert stand.buy("1", "1.1").told == ("WORKING_ORDERS_EXCEED_LIMIT", "1", "2")
    stand.report("a", "cancelled")
    assert stand.buy("1", "1.1").approved


def test_a_repeat_beyond_the_limit_halts_until_a_person_resumes(desk):
    stand = desk("repeat_max = 2\nrepeat_window_ms = 1000")
    assert stand.buy("1", "1.1").approved
    assert stand.wait(999).buy("1", "1.1").approved
    assert stand.sell("1", "1.1").approved
    assert stand.wait(1).buy("1", "1.1").approved
    said = stand.buy("1", "1.1")
    assert said.told == ("REPEATED_ORDER", "2", "3")
    assert said.effects == [("halt", "REPEATED_ORDER")]
    assert said.state == "HALTED"


def test_a_replace_is_judged_by_its_difference_and_holds_the_larger(desk):
    stand = desk("position_qty_max = 10\norders_working_max = 1\ntrades_max = 1")
    stand.buy("6", "1.1", cl_ord_id="a")
    assert stand.replace("a", "11", cl_ord_id="b").told == ("POSITION_EXCEEDS_LIMIT", "10", "11")
    assert stand.replace("a", "10", cl_ord_id="c").approved
    assert stand.replace("a", "2", cl_ord_id="d").approved
    assert stand.state.book.instruments["EURUSD"].buys.qty == 10 * 10**18
    stand.report("c", "rejected")
    assert stand.state.book.instruments["EURUSD"].buys.qty == 6 * 10**18
    stand.report("d", "ack")
    assert stand.state.book.instruments["EURUSD"].buys.qty == 6 * 10**18
    stand.report("d", "replaced")
    assert stand.state.book.instruments["EURUSD"].buys.qty == 2 * 10**18
    assert stand.replace("a", "1").reason == "ORDER_INVALID"
    assert stand.replace("d", "1").approved


def test_a_replace_below_what_is_filled_is_invalid(desk):
    stand = desk()
    stand.buy("6", "1.1", cl_ord_id="a")
    stand.fill("a", "4", "1.1", kind="partial_fill")
    assert stand.replace("a", "4").reason == "ORDER_INVALID"
    assert stand.replace("a", "5").approved
