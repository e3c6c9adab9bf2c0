"""The shipped strategy is pure, waits for signals, and always knows its way out."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipc.messages import CancelIntent, OrderIntent
from ipc.numbers import SCALE, parse_decimal
from scalper.fade import Fade
from scalper.feed import QuoteRow, TradeRow, touch
from scalper.feed_csv import read_rows
from scalper.feed_synthetic import synthetic
from scalper.view import Setup, View

FLAT = View()


def make(**changes):
    numbers = itertools.count(1)
    return Fade(
        Setup(
            **({"symbol": "EUR/USD", "order_qty": "1000"} | changes),
            new_id=lambda: f"id-{next(numbers)}",
        )
    )


def warmed(quote, **changes):
    strategy = make(**changes)
    for at_ms in range(0, 20_001, 100):
        assert list(strategy.on_quote(quote("1.10000", "1.10002", at_ms), FLAT)) == []
    return strategy


def replay(rows, **changes):
    strategy = make(**changes)
    return [
        intent
        for row in rows
        if isinstance(row, QuoteRow)
        for intent in strategy.on_quote(row, FLAT)
    ]


def test_a_fall_below_the_average_is_bought_with_its_way_out_in_one_group(quote):
    (intent,) = warmed(quote).on_quote(quote("1.09970", "1.09972", 20_100), FLAT)
    assert intent == OrderIntent(
        cl_ord_id="id-1",
        symbol="EUR/USD",
        side="buy",
        ord_type="limit",
        order_qty="1000",
        price="1.09972",
        group="id-1",
        stop_loss="1.09884",
        take_profit="1.10016",
    )


def test_a_rise_is_sold_only_where_short_sales_are_allowed(quote):
    high = quote("1.10030", "1.10032", 20_100)
    assert list(warmed(quote).on_quote(high, FLAT)) == []
    (intent,) = warmed(quote, short_allowed=True).on_quote(high, FLAT)
    assert (intent.side, intent.price) == ("sell", "1.10030")
    take, stop = parse_decimal(intent.take_profit), parse_decimal(intent.stop_loss)
    assert take is not None
    assert take < high.bid_units < stop


def test_nothing_is_wanted_before_the_average_means_something(quote):
    strategy = make()
    strategy.on_quote(quote("1.1", "1.2", 0), FLAT)
    assert list(strategy.on_quote(quote("0.5", "0.6", 100), FLAT)) == []


@pytest.mark.parametrize(
    ("bid", "ask"), [("1.09972", "1.09970"), ("1.09970", "1.09970"), (None, "1.0"), ("0", "1.0")]
)
def test_a_useless_quote_never_makes_an_entry(quote, bid, ask):
    assert list(warmed(quote).on_quote(quote(bid, ask, 20_100), FLAT)) == []


@pytest.mark.parametrize("state", ["REDUCING", "HALTED", "UNKNOWN"])
def test_only_an_active_sentinel_is_asked_for_entries(quote, state):
    low = quote("1.09970", "1.09972", 20_100)
    assert list(warmed(quote).on_quote(low, View(state=state))) == []


def test_after_a_veto_it_waits_until_the_signal_is_over_and_comes_anew(quote):
    strategy = warmed(quote)
    (first,) = strategy.on_quote(quote("1.09970", "1.09972", 20_100), FLAT)
    strategy.on_veto(first, "THROTTLE_EXCEEDED")
    for at_ms in range(20_200, 22_000, 100):
        assert list(strategy.on_quote(quote("1.09960", "1.09962", at_ms), FLAT)) == []
    for at_ms in range(22_000, 80_000, 100):
        assert list(strategy.on_quote(quote("1.09990", "1.09992", at_ms), FLAT)) == []
    (second,) = strategy.on_quote(quote("1.09950", "1.09952", 80_000), FLAT)
    assert second.cl_ord_id != first.cl_ord_id


def test_an_entry_that_rests_too_long_is_cancelled_once_in_a_while(quote):
    strategy = warmed(quote)
    (entry,) = strategy.on_quote(quote("1.09970", "1.09972", 20_100), FLAT)
    resting = View(working=frozenset({entry.cl_ord_id}))
    cancels = [
        intent
        for at_ms in range(20_200, 24_201, 100)
        for intent in strategy.on_quote(quote("1.09980", "1.09982", at_ms), resting)
    ]
    assert cancels == [
        CancelIntent(cl_ord_id="id-2", orig_cl_ord_id=entry.cl_ord_id),
        CancelIntent(cl_ord_id="id-3", orig_cl_ord_id=entry.cl_ord_id),
    ]


def test_a_position_is_closed_when_its_time_is_up_by_exactly_what_is_held(quote):
    strategy = warmed(quote, time_stop_ms=3000)
    (entry,) = strategy.on_quote(quote("1.09970", "1.09972", 20_100), FLAT)
    held = View(position=400 * SCALE, protected_by=entry.cl_ord_id)
    wanted = [
        (at_ms, intent)
        for at_ms in range(20_200, 29_000, 100)
        for intent in strategy.on_quote(quote("1.09970", "1.09972", at_ms), held)
    ]
    assert [at_ms for at_ms, _ in wanted] == [23_200, 28_200]
    out = wanted[0][1]
    assert (out.side, out.ord_type, out.order_qty) == ("sell", "market", "400")
    assert out.reduce_only
    assert out.group == entry.cl_ord_id


def test_a_position_from_before_is_closed_in_the_group_of_its_legs(quote):
    strategy = make(time_stop_ms=1000)
    held = View(position=-SCALE, protected_by="older-1")
    strategy.on_quote(quote("1.1", "1.2", 0), held)
    (out,) = strategy.on_quote(quote("1.1", "1.2", 1000), held)
    assert (out.side, out.order_qty, out.group) == ("buy", "1", "older-1")


def test_trades_do_not_move_it():
    trade = TradeRow(ts_ns=1, symbol="EUR/USD", last="1", last_units=SCALE)
    assert list(make().on_trade(trade, FLAT)) == []


@pytest.mark.parametrize(
    "options",
    [
        {"entry_pips": "3"},
        {"entry_bps": "0"},
        {"entry_bps": "nan"},
        {"average_ms": "1.5"},
        {"average_ms": "-1"},
        {"cooldown_ms": "9999999999999"},
    ],
)
def test_a_wrong_option_is_named(options):
    with pytest.raises(ValueError, match=rf"\[scalper.options\] {next(iter(options))}: expected"):
        make(options=options)


def test_the_same_rows_give_the_same_intents():
    rows = list(itertools.islice(synthetic(9, "EUR/USD"), 3000))
    assert replay(rows) == replay(rows) != []


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**9), st.booleans())
def test_every_entry_is_on_the_grid_and_between_its_stops(seed, short):
    rows = list(itertools.islice(synthetic(seed, "EUR/USD"), 1500))
    strategy = make(short_allowed=short, price_increment="0.00001", symbol="EUR/USD")
    for row in rows:
        for intent in strategy.on_quote(row, FLAT):
            market = touch(row)
            assert market is not None
            assert isinstance(intent, OrderIntent)
            strategy.on_veto(intent, "TEST")
            prices = [parse_decimal(t or "") or 0 for t in (intent.price, *_stops(intent))]
            price, low, high = prices
            assert low < price < high
            assert all(p % (SCALE // 100_000) == 0 for p in prices)
            assert price == (market[1] if intent.side == "buy" else market[0])


def _stops(intent):
    stops = [intent.stop_loss, intent.take_profit]
    return stops if intent.side == "buy" else stops[::-1]


def test_it_trades_a_sensible_number_of_times_on_the_real_recording(recordings):
    rows = read_rows(recordings / "eurusd_20140508_ecb_ticks.csv.gz")
    entries = [intent for intent in replay(rows) if isinstance(intent, OrderIntent)]
    assert 20 <= len(entries) <= 400
