"""Checks on the order and its price: below a limit, exactly at it, above it."""

from __future__ import annotations

import pytest

BOTH = pytest.mark.parametrize("side", ["buy", "sell"])


@BOTH
@pytest.mark.parametrize(
    ("limit", "qty", "told"),
    [
        ("order_qty_max = 10", "9.999999999999999999", None),
        ("order_qty_max = 10", "10", None),
        (
            "order_qty_max = 10",
            "10.000000000000000001",
            ("ORDER_QTY_EXCEEDS_LIMIT", "10", "10.000000000000000001"),
        ),
        ("order_qty_min = 2", "2.1", None),
        ("order_qty_min = 2", "2", None),
        ("order_qty_min = 2", "1.9", ("ORDER_QTY_BELOW_MINIMUM", "2", "1.9")),
        ("order_notional_max = 110", "99", None),
        ("order_notional_max = 110", "100", None),
        ("order_notional_max = 110", "100.01", ("ORDER_NOTIONAL_EXCEEDS_LIMIT", "110", "110.011")),
        ("order_notional_min = 110", "101", None),
        ("order_notional_min = 110", "100", None),
        ("order_notional_min = 110", "99", ("ORDER_NOTIONAL_BELOW_MINIMUM", "110", "108.9")),
    ],
)
def test_size_is_judged_inclusively(desk, side, limit, qty, told):
    said = desk(limit).order(side, qty, "1.1000")
    assert said.told == (told or (None, None, None))


@pytest.mark.parametrize(
    ("side", "price", "approved"),
    [
        ("buy", "1.1010", True),
        ("buy", "1.1011", True),
        ("buy", "1.1012", False),
        ("buy", "1.0000", True),
        ("sell", "1.0990", True),
        ("sell", "1.0989", True),
        ("sell", "1.0988", False),
        ("sell", "1.2000", True),
    ],
)
def test_the_collar_holds_against_the_trader_only(desk, side, price, approved):
    said = desk("price_collar_bps = 10").order(side, "1", price)
    assert said.approved is approved
    assert said.reason in (None, "PRICE_OUTSIDE_COLLAR")


@pytest.mark.parametrize(
    ("side", "price", "approved"),
    [("buy", "1.0989", True), ("buy", "1.0988", False), ("sell", "1.1012", False)],
)
def test_a_collar_on_both_sides_holds_either_way(desk, side, price, approved):
    limits = "price_collar_bps = 10\nprice_collar_both_sides = true"
    assert desk(limits).order(side, "1", price).approved is approved


def test_a_collar_says_how_far_away_the_price_was(desk):
    assert desk("price_collar_bps = 10").buy("1", "1.1022").told == (
        "PRICE_OUTSIDE_COLLAR",
        "10",
        "20",
    )


@pytest.mark.parametrize(
    ("bid", "ask"),
    [
        ("1.1002", "1.1001"),
        ("0", "1.1001"),
        ("1.0999", "0"),
        (None, "1.1"),
        ("1.1", None),
        ("", "1.1"),
    ],
)
def test_a_crossed_zero_or_absent_quote_counts_as_missing(desk, bid, ask):
    stand = desk()
    stand.quote(bid, ask)
    assert stand.buy("1").reason == "REFERENCE_PRICE_MISSING"


def test_a_locked_quote_is_a_quote_without_a_spread(desk):
    stand = desk("spread_max_bps = 0").quote("1.1", "1.1")
    assert stand.buy("1").approved


def test_a_limit_order_needs_no_quote_where_no_limit_uses_one(desk):
    stand = desk()
    assert stand.buy("1", "2", symbol="NOQUOTE").approved


@pytest.mark.parametrize(
    "limit",
    ["price_collar_bps = 100", "reference_age_max_ms = 1000", "spread_max_bps = 100"],
)
def test_a_limit_order_needs_a_quote_where_a_limit_uses_one(desk, limit):
    assert desk(limit).buy("1", "2", symbol="NOQUOTE").reason == "REFERENCE_PRICE_MISSING"


@pytest.mark.parametrize(("age", "approved"), [(99, True), (100, True), (101, False)])
def test_a_quote_is_good_until_its_age_limit(desk, age, approved):
    said = desk("reference_age_max_ms = 100").wait(age).buy("1")
    assert said.approved is approved
    if not approved:
        assert said.told == ("REFERENCE_PRICE_STALE", "100", "101")


@pytest.mark.parametrize(
    ("bid", "ask", "approved"),
    [("0.9991", "1.001", True), ("0.999", "1.001", True), ("0.9989", "1.0011", False)],
)
def test_the_spread_is_judged_in_bps_of_the_mid(desk, bid, ask, approved):
    said = desk("spread_max_bps = 20").quote(bid, ask).buy("1")
    assert said.approved is approved
    if not approved:
        assert said.told == ("SPREAD_EXCEEDS_LIMIT", "20", "22")


@pytest.mark.parametrize(
    ("fields", "worth"),
    [
        ({"ord_type": "market"}, "110.01"),
        ({"ord_type": "stop", "stop_price": "1.2"}, "120"),
        ({"ord_type": "stop", "stop_price": "1"}, "110.01"),
        ({"ord_type": "limit", "price": "1.05"}, "105"),
        ({"ord_type": "stop_limit", "price": "1.15", "stop_price": "1.2"}, "115"),
        ({"ord_type": "market", "stop_price": "9"}, "110.01"),
    ],
)
def test_each_type_has_its_valuation(desk, fields, worth):
    price = fields.pop("price", None)
    said = desk("order_notional_max = 1").buy("100", price, **fields)
    assert said.told == ("ORDER_NOTIONAL_EXCEEDS_LIMIT", "1", worth)


def test_a_market_sale_is_valued_at_the_bid(desk):
    assert desk("order_notional_max = 1").sell("100").observed == "109.99"


def test_the_multiplier_is_part_of_the_worth(desk):
    tables = '[[symbol]]\nname = "EURUSD"\nmultiplier = "50"'
    assert desk("order_notional_max = 1", tables=tables).buy("1", "1.1").observed == "55"


@pytest.mark.parametrize(
    ("price", "qty", "reason"),
    [
        ("1.1005", "1.5", None),
        ("1.1001", "1.5", "PRICE_INCREMENT_INVALID"),
        ("1.1005", "1.4", "QTY_INCREMENT_INVALID"),
    ],
)
def test_prices_and_quantities_are_on_the_grid(desk, price, qty, reason):
    grid = 'name = "EURUSD"\nprice_increment = "0.0005"\nqty_increment = "0.5"'
    assert desk(tables=f"[[symbol]]\n{grid}").buy(qty, price).reason == reason


def test_a_stop_price_is_on_the_grid_too(desk):
    tables = '[[symbol]]\nname = "EURUSD"\nprice_increment = "0.0005"'
    said = desk(tables=tables).buy("1", ord_type="stop", stop_price="1.1001")
    assert said.told == ("PRICE_INCREMENT_INVALID", "0.0005", "1.1001")


@pytest.mark.parametrize(
    "wrong",
    [
        *({"order_qty": value} for value in ("0", "-1", "", "1e3", "NaN", "01", "+1", " 1", 5, [])),
        *({"price": value} for value in ("0", "-1", "Infinity", "1.", ".5", "1,1", 1.1, True)),
        {"side": "BUY"},
        {"side": None},
        {"ord_type": "iceberg"},
        {"ord_type": "stop"},
        {"ord_type": "stop_limit"},
        {"time_in_force": "forever"},
        {"time_in_force": "gtd"},
        {"expire_at_ms": "soon"},
        {"expire_at_ms": -1},
        {"expire_at_ms": True},
        {"reduce_only": "yes"},
        {"reduce_only": 1},
        {"symbol": ""},
        {"symbol": 7},
        {"symbol": " x"},
        {"strategy": ""},
        {"group": 3},
        {"stop_loss": "1.2"},
        {"take_profit": "1.0"},
        {"order_qty": "1" * 19},
        {"order_qty": "0." + "1" * 19},
        {"cl_ord_id": "a b"},
        {"cl_ord_id": "x" * 65},
        {"cl_ord_id": 5},
    ],
    ids=str,
)
def test_a_wrong_field_is_an_invalid_order_and_no_bad_line(desk, wrong):
    fields = {"cl_ord_id": "a", "symbol": "EURUSD", "side": "buy", "ord_type": "limit"}
    fields |= {"order_qty": "1", "price": "1.1"} | wrong
    said = desk().say("order", **fields)
    assert [document["reason"] for document in said] == ["ORDER_INVALID"]


@pytest.mark.parametrize(("expire", "reason"), [(99, "ORDER_EXPIRED"), (100, None), (101, None)])
def test_a_good_till_time_in_the_past_has_expired(desk, expire, reason):
    said = desk().wait(100).buy("1", "1.1", time_in_force="gtd", expire_at_ms=expire)
    assert said.reason == reason


def test_only_listed_types_may_be_sent(desk):
    stand = desk('ord_types = ["limit"]')
    assert stand.buy("1").reason == "ORDER_TYPE_NOT_ALLOWED"
    assert stand.buy("1", "1.1").approved


def test_only_listed_symbols_may_be_sent(desk):
    stand = desk()
    stand.say("config", toml='[limits]\nsymbols = ["OTHER"]')
    assert stand.buy("1", "1.1").reason == "SYMBOL_NOT_ALLOWED"
    assert stand.sell("1", "1.1", symbol="OTHER").reason == "SHORT_NOT_ALLOWED"


def test_an_id_is_good_for_one_order_only(desk):
    stand = desk()
    first = stand.buy("1", "1.1", cl_ord_id="a")
    again = stand.buy("1", "1.1", cl_ord_id="a")
    other = stand.buy("2", "1.1", cl_ord_id="a")
    assert (again.approved, again.seq) == (True, first.seq)
    assert other.reason == "CL_ORD_ID_DUPLICATE"
    assert stand.state.book.counts[""] == 1


def test_a_vetoed_id_stays_vetoed_however_often_it_is_sent(desk):
    stand = desk("order_qty_max = 1")
    first = stand.buy("2", "1.1", cl_ord_id="a")
    again = stand.buy("2", "1.1", cl_ord_id="a")
    assert (again.told, again.seq) == (first.told, first.seq)
    assert stand.buy("1", "1.1", cl_ord_id="a").reason == "CL_ORD_ID_DUPLICATE"
    assert stand.state.tally.vetoed == 2


def test_a_halt_voids_an_approval_that_is_asked_for_again(desk):
    stand = desk()
    stand.buy("1", "1.1", cl_ord_id="a")
    stand.say("halt", cause="operator")
    assert stand.buy("1", "1.1", cl_ord_id="a").reason == "TRADING_HALTED"


@pytest.mark.parametrize(
    ("kind", "short", "approved"),
    [("cash", None, False), ("margin", None, True), ("margin", "false", False)],
)
def test_short_sales_are_for_margin_accounts_that_allow_them(desk, kind, short, approved):
    limits = "" if short is None else f"short_allowed = {short}"
    said = desk(limits, account=f'kind = "{kind}"').sell("1", "1.1")
    assert said.approved is approved
    if not approved:
        assert said.told == ("SHORT_NOT_ALLOWED", "0", "1")


def test_a_sale_counts_what_already_works_against_the_holding(desk):
    stand = desk(account='kind = "cash"').position("10")
    assert stand.sell("6", "1.1").approved
    assert stand.sell("5", "1.1").told == ("SHORT_NOT_ALLOWED", "10", "11")
    assert stand.sell("4", "1.1").approved


def test_exact_arithmetic_beyond_any_float(desk):
    stand = desk("order_notional_max = 123456789012345678")
    assert stand.buy("123456789012345678", "1", symbol="X").reason != "ORDER_NOTIONAL_EXCEEDS_LIMIT"
    said = stand.buy("123456789012345678", "1.000000000000000001", symbol="X")
    assert said.told == (
        "ORDER_NOTIONAL_EXCEEDS_LIMIT",
        "123456789012345678",
        "123456789012345678.123456789012345678",
    )
