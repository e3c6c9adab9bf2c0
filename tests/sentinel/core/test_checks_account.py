"""Checks on the account: what is known of it, what it can pay for, what it lost; then the pace."""

from __future__ import annotations

import pytest

from tests.sentinel.core.conftest import Desk

CASH = 'kind = "cash"'
SPOT = '[[symbol]]\nname = "BTCUSD"\nbase = "BTC"\nquote = "USD"'


def test_an_account_that_was_never_read_vetoes_what_needs_it():
    assert Desk().buy("1", "1.1").reason == "ACCOUNT_UNKNOWN"
    assert Desk(account="required = false").buy("1", "1.1").approved


@pytest.mark.parametrize(
    "limit", ["balance_min = 1", "account_age_max_ms = 1", "daily_loss_max = 1", "leverage_max = 1"]
)
def test_a_limit_that_needs_the_account_needs_it_even_where_none_is_required(limit):
    said = Desk(limit, account="required = false").buy("1", "1.1")
    assert said.reason == "ACCOUNT_UNKNOWN"


@pytest.mark.parametrize(("age", "reason"), [(99, None), (100, None), (101, "ACCOUNT_STALE")])
def test_a_reading_is_good_until_its_age_limit(desk, age, reason):
    assert desk("account_age_max_ms = 100").wait(age).buy("1", "1.1").reason == reason


def test_a_cash_purchase_needs_its_worth_and_its_fees(desk):
    stand = desk(account=f'{CASH}\nfee_bps = 100\nfee_fixed = "0.5"').account("100")
    assert stand.buy("98.6", "1").told == ("BALANCE_INSUFFICIENT", "100", "100.086")
    assert stand.buy("98.514851485148514851", "1").approved
    assert stand.buy("0.1", "1").reason == "BALANCE_INSUFFICIENT"


def test_a_fill_stays_reserved_until_the_next_reading(desk):
    stand = desk(account=CASH).account("100")
    stand.buy("60", "1", cl_ord_id="a")
    stand.fill("a", "60", "1")
    assert stand.buy("41", "1").told == ("BALANCE_INSUFFICIENT", "40", "41")
    stand.account("100", free="95")
    assert stand.buy("95", "1").approved


def test_a_cancelled_order_gives_its_money_back(desk):
    stand = desk(account=CASH).account("100")
    stand.buy("100", "1", cl_ord_id="a")
    assert not stand.buy("1", "1").approved
    stand.report("a", "cancelled")
    assert stand.buy("100", "1").approved


def test_a_purchase_is_paid_from_the_balance_of_its_currency(desk):
    stand = desk(account=CASH, tables=SPOT).account("100000", balances={"USD": "50"})
    assert stand.buy("51", "1", symbol="BTCUSD").told == ("BALANCE_INSUFFICIENT", "50", "51")
    assert stand.buy("50", "1", symbol="BTCUSD").approved


def test_a_fixed_fee_is_converted_into_the_currency_that_pays(desk):
    tables = '[[symbol]]\nname = "EURJPY"\nquote = "JPY"\nfx = "USDJPY"'
    stand = desk(account=f"{CASH}\nfee_fixed = 1", tables=tables)
    stand.account("100000", balances={"JPY": "300"})
    stand.quote("0.01", "0.01", symbol="USDJPY")
    assert stand.buy("1.01", "200", symbol="EURJPY").told == ("BALANCE_INSUFFICIENT", "300", "302")
    assert stand.buy("1", "200", symbol="EURJPY").approved


def test_a_cash_sale_needs_the_position_or_the_balance_of_the_base(desk):
    stand = desk(account=CASH, tables=SPOT).account(balances={"BTC": "2"})
    assert stand.sell("2.1", "1", symbol="BTCUSD").reason == "SHORT_NOT_ALLOWED"
    assert stand.sell("2", "1", symbol="BTCUSD").approved
    stand = desk("short_allowed = true", account=CASH)
    assert stand.sell("1", "1").told == ("BALANCE_INSUFFICIENT", "0", "1")


def test_margin_divides_the_worth_by_the_leverage_and_adds_the_fees(desk):
    stand = desk(account='kind = "margin"\nleverage = 10\nfee_bps = 10').account("100")
    assert stand.buy("990", "1").told[0] is None
    assert stand.buy("10", "1").told == ("BALANCE_INSUFFICIENT", "0.01", "1.01")


def test_buying_power_is_compared_with_the_whole_worth(desk):
    stand = desk(account='kind = "margin"\nleverage = 10').account("1000", buying_power="500")
    assert stand.sell("500", "1").approved
    assert stand.sell("1", "1").told == ("BALANCE_INSUFFICIENT", "0", "1")


@pytest.mark.parametrize(("free", "reason"), [("100", None), ("99", "BALANCE_BELOW_MINIMUM")])
def test_the_floor_of_the_free_balance_is_inclusive(desk, free, reason):
    assert desk("balance_min = 100").account("1000", free=free).buy("1", "1").reason == reason


def test_the_day_loss_counts_what_quotes_and_fills_did(desk):
    stand = desk("daily_loss_max = 10")
    stand.buy("1000", "1.1", cl_ord_id="a")
    stand.fill("a", "1000", "1.1")
    assert stand.quote("1.0900", "1.0900").buy("1", "1.1").approved
    said = stand.quote("1.0899", "1.0899").buy("1", "1.1")
    assert said.told == ("DAILY_LOSS_EXCEEDS_LIMIT", "10", "10.1")
    assert said.effects == [("reduce", "DAILY_LOSS_EXCEEDS_LIMIT")]
    assert said.state == "REDUCING"


def test_fees_and_realised_losses_are_losses(desk):
    stand = desk("daily_loss_max = 10").quote("1.1", "1.1")
    stand.buy("1000", "1.1", cl_ord_id="a")
    stand.fill("a", "1000", "1.1", fee="4")
    stand.sell("1000", "1.0940", cl_ord_id="b")
    stand.fill("b", "1000", "1.0940", fee="0.5")
    assert stand.buy("1", "1.1").told == ("DAILY_LOSS_EXCEEDS_LIMIT", "10", "10.5")


def test_a_drawdown_is_judged_from_the_peak_and_halts(desk):
    stand = desk("drawdown_max_pct = 10").account("20000").account("18000")
    assert stand.buy("1", "1.1").approved
    said = stand.account("17999").buy("1", "1.1")
    assert said.told == ("DRAWDOWN_EXCEEDS_LIMIT", "10", "10.005")
    assert said.effects == [("halt", "DRAWDOWN_EXCEEDS_LIMIT")]


def test_losses_in_a_row_are_round_trips_and_a_gain_ends_them(desk):
    stand = desk("losses_in_a_row_max = 1").account("1000000")

    def trip(price):
        bought, sold = stand.new_id(), stand.new_id()
        assert stand.buy("10", "1.1", cl_ord_id=bought).approved
        stand.fill(bought, "10", "1.1")
        assert stand.sell("10", price, cl_ord_id=sold).approved
        stand.fill(sold, "10", price)

    trip("1.0")
    trip("1.2")
    trip("1.0")
    assert stand.buy("1", "1.1", cl_ord_id="x").approved
    stand.report("x", "cancelled")
    trip("1.0")
    assert stand.buy("1", "1.1").told == ("LOSS_STREAK_EXCEEDS_LIMIT", "1", "2")


def test_orders_for_each_fill(desk):
    stand = desk("order_to_fill_max = 2")
    stand.buy("1", "1.1", cl_ord_id="a")
    assert stand.buy("1", "1.1").approved
    assert stand.buy("1", "1.1").told == ("ORDER_TO_FILL_EXCEEDS_LIMIT", "2", "3")
    stand.fill("a", "1", "1.1")
    assert stand.buy("1", "1.1").told == ("ORDER_TO_FILL_EXCEEDS_LIMIT", "2", "3")
    stand.fill("o1", "1", "1.1")
    assert stand.buy("1", "1.1").approved


def test_hours_are_judged_in_their_zone(desk):
    stand = desk('hours = ["02:00-03:00"]', account='kind = "margin"\nday_zone = "Europe/Berlin"')
    stand.now = 3_600_000 - 1
    assert stand.buy("1", "1.1").reason == "SESSION_CLOSED"
    assert stand.wait(1).buy("1", "1.1").approved
    assert stand.wait(3_600_001).buy("1", "1.1").reason == "SESSION_CLOSED"


def test_a_venue_that_keeps_rejecting_kills_at_once(desk):
    stand = desk("venue_rejects_max = 1\nvenue_rejects_window_ms = 1000")
    for name in ("a", "b"):
        stand.buy("1", "1.1", cl_ord_id=name)
    assert stand.report("a", "rejected") == []
    said = stand.wait(999).report("b", "rejected")
    assert [d["effect"] for d in said] == ["halt", "alert", "kill_tree"]


def test_rejects_outside_the_window_are_forgotten(desk):
    stand = desk("venue_rejects_max = 1\nvenue_rejects_window_ms = 1000")
    for name in ("a", "b"):
        stand.buy("1", "1.1", cl_ord_id=name)
    stand.report("a", "rejected")
    assert stand.wait(1000).report("b", "rejected") == []


def test_a_loop_that_does_not_listen_is_killed_and_halted_vetoes_do_not_count(desk):
    stand = desk("order_qty_max = 1\nvetoes_max = 2\nvetoes_window_ms = 1000")
    stand.say("halt", cause="operator")
    for _ in range(5):
        assert stand.buy("2", "1.1").effects == []
    stand.say("resume", by="x", why="y")
    assert stand.buy("2", "1.1").effects == []
    assert stand.buy("2", "1.1").effects == []
    said = stand.buy("2", "1.1")
    assert said.reason == "ORDER_QTY_EXCEEDS_LIMIT"
    assert said.effects == [("halt", "VETO_STORM"), ("kill_tree", "VETO_STORM")]


@pytest.mark.parametrize(
    ("action", "effects", "state"),
    [
        ("veto", [], "ACTIVE"),
        ("reduce", ["reduce"], "REDUCING"),
        ("halt", ["halt"], "HALTED"),
        ("kill", ["halt", "kill_tree"], "HALTED"),
    ],
)
def test_a_crossed_limit_does_what_its_action_says(desk, action, effects, state):
    tables = f'[limits.actions]\nORDER_QTY_EXCEEDS_LIMIT = "{action}"'
    said = desk("order_qty_max = 1", tables=tables).buy("2", "1.1")
    assert [name for name, _ in said.effects] == effects
    assert (said.reason, said.state) == ("ORDER_QTY_EXCEEDS_LIMIT", state)
