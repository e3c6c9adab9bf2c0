"""What a quote fills, at what price, when."""

import pytest

from broker_api.offline import OfflineBroker
from ipc.clock import NS_PER_MS
from ipc.numbers import parse_decimal


def test_a_market_order_takes_the_far_side(desk):
    desk.quote("1.10", "1.12")
    desk.send("b", "buy")
    desk.send("s", "sell")
    assert desk.fills() == [("b", "buy", "100", "1.12"), ("s", "sell", "100", "1.1")]


def test_a_marketable_limit_is_filled_at_the_touch_not_at_its_price(desk):
    desk.quote("1.10", "1.12")
    desk.send("b", "buy", price="1.20")
    assert desk.fills() == [("b", "buy", "100", "1.12")]


@pytest.mark.parametrize("ask", ["1.10", "1.05"])
def test_a_resting_buy_fills_at_its_own_price_when_the_ask_reaches_or_crosses_it(desk, ask):
    desk.quote("1.10", "1.12")
    desk.send("b", "buy", price="1.10")
    desk.quote("1.01", "1.11")
    assert desk.fills() == []
    desk.quote("1.01", ask)
    assert desk.fills() == [("b", "buy", "100", "1.1")]


def test_a_resting_sell_fills_when_the_bid_reaches_it(desk):
    desk.quote("1.10", "1.12")
    desk.send("b")
    desk.send("s", "sell", price="1.15")
    desk.quote("1.149", "1.16")
    assert desk.working() == {"s": "100"}
    desk.quote("1.17", "1.18")
    assert desk.fills()[-1] == ("s", "sell", "100", "1.15")


@pytest.mark.parametrize(
    ("bid", "ask"),
    [
        ("1.2", "1.1"),
        ("1.1", "1.1"),
        (None, "1.1"),
        ("1.0", None),
        (None, None),
        ("0", "1.1"),
        ("nan", "1.1"),
        ("1e3", "1.1"),
        ("-1", "1.1"),
    ],
)
def test_a_quote_that_is_crossed_locked_absent_or_no_number_fills_nothing(desk, bid, ask):
    desk.quote("2.0", "2.1")
    desk.send("b", "buy", price="1.5")
    desk.quote(bid, ask)
    desk.send("m", "buy")
    assert desk.fills() == []
    assert desk.working() == {"b": "100", "m": "100"}
    desk.quote("1.99", "2.00")
    assert desk.fills() == [("m", "buy", "100", "2")]


def test_a_buy_stop_waits_for_the_ask_and_a_sell_stop_for_the_bid(desk):
    desk.quote("1.10", "1.12")
    desk.send("b", "buy", ord_type="stop", stop_price="1.15")
    desk.quote("1.13", "1.149")
    assert desk.fills() == []
    desk.quote("1.16", "1.17")
    assert desk.fills() == [("b", "buy", "100", "1.17")]
    desk.send("s", "sell", ord_type="stop", stop_price="1.10")
    desk.quote("1.11", "1.12")
    assert len(desk.fills()) == 1
    desk.quote("1.08", "1.09")
    assert desk.fills()[-1] == ("s", "sell", "100", "1.08")


def test_a_stop_limit_that_triggered_beyond_its_limit_rests_there(desk):
    desk.quote("1.10", "1.12")
    desk.send("b", "buy", ord_type="stop_limit", stop_price="1.15", price="1.16")
    desk.quote("1.19", "1.20")
    assert desk.working() == {"b": "100"}
    desk.quote("1.10", "1.16")
    assert desk.fills() == [("b", "buy", "100", "1.16")]


def test_a_stop_limit_within_its_limit_takes_the_touch(desk):
    desk.quote("1.10", "1.12")
    desk.send("b", "buy", ord_type="stop_limit", stop_price="1.15", price="1.16")
    desk.quote("1.14", "1.155")
    assert desk.fills() == [("b", "buy", "100", "1.155")]


def test_an_order_meets_the_quote_in_force_when_it_arrives(open_desk):
    desk = open_desk(latency_min_ns=2 * NS_PER_MS, latency_max_ns=2 * NS_PER_MS)
    desk.quote("1.10", "1.12", 10)
    desk.send("b")
    desk.quote("1.20", "1.22", 11)
    assert desk.told() == []
    desk.quote("1.30", "1.32", 20)
    assert desk.fills() == [("b", "buy", "100", "1.22")]
    assert desk.eye.snapshot(0).fills[0].ts_ns == 12 * NS_PER_MS


def test_an_order_that_arrives_with_a_quote_meets_that_quote(open_desk):
    desk = open_desk(latency_min_ns=2 * NS_PER_MS, latency_max_ns=2 * NS_PER_MS)
    desk.quote("1.10", "1.12", 10)
    desk.send("b")
    desk.quote("1.30", "1.32", 12)
    assert desk.fills() == [("b", "buy", "100", "1.32")]


def test_the_market_does_not_go_back_when_the_other_side_wrote(open_desk):
    desk = open_desk(latency_min_ns=2 * NS_PER_MS, latency_max_ns=2 * NS_PER_MS)
    desk.quote("1.10", "1.12", 10)
    desk.send("w", price="1.05")
    desk.quote("1.10", "1.12", 20)
    desk.quote("1.20", "1.22", 100)
    desk.eye.cancel("w")
    desk.send("b")
    desk.quote("1.30", "1.32", 200)
    assert [(f.price, f.ts_ns) for f in desk.eye.snapshot(0).fills] == [("1.22", 102 * NS_PER_MS)]


def test_a_cancel_under_way_survives_an_earlier_market_and_a_restart(open_desk, clock):
    desk = open_desk(latency_min_ns=9 * NS_PER_MS, latency_max_ns=9 * NS_PER_MS)
    desk.quote("1.10", "1.12", 1_000_000)
    desk.send("w", price="1.05")
    desk.quote("1.10", "1.12", 1_000_100)
    desk.cancel("w")
    desk.quote("1.10", "1.12", 5)
    desk.broker.close()
    desk.broker = OfflineBroker(desk.path, clock, desk.settings)
    desk.quote("1.10", "1.12", 20)
    assert desk.working() == {}


def test_a_cancel_too_is_on_its_way_for_a_while(open_desk):
    desk = open_desk(latency_min_ns=2 * NS_PER_MS, latency_max_ns=2 * NS_PER_MS)
    desk.quote("1.10", "1.12", 10)
    desk.send("b", price="1.11")
    desk.quote("1.10", "1.12", 20)
    desk.cancel("b")
    desk.quote("1.10", "1.11", 21)
    assert desk.told() == [("b", "ack"), ("b", "fill")]
    desk.quote("1.10", "1.11", 30)
    assert desk.told() == []


def test_latency_stays_within_its_bounds_and_differs_by_order(open_desk):
    desk = open_desk(latency_min_ns=1 * NS_PER_MS, latency_max_ns=5 * NS_PER_MS)
    desk.quote("1.10", "1.12", 100)
    for n in range(30):
        desk.send(f"b{n}")
    desk.quote("1.10", "1.12", 200)
    times = [fill.ts_ns for fill in desk.eye.snapshot(0).fills]
    assert len(set(times)) > 10
    assert all(101 * NS_PER_MS <= t <= 105 * NS_PER_MS for t in times)


def test_a_known_size_bounds_the_fill_and_is_used_up(desk):
    desk.quote("1.10", "1.12", ask_size="150", bid_size="10")
    desk.send("b1")
    desk.send("b2")
    assert desk.working() == {"b2": "50"}
    desk.quote("1.10", "1.12", ask_size="20")
    assert [f[2] for f in desk.fills()] == ["100", "50", "20"]


def test_an_unknown_size_gives_partial_fills_from_the_seed_that_add_up(open_desk):
    desk = open_desk(partial_pct=90)
    desk.quote("1.10", "1.12")
    desk.send("b", qty="7")
    for _ in range(40):
        desk.quote("1.10", "1.12")
    parts = [int(fill[2]) for fill in desk.fills()]
    assert sum(parts) == 7
    assert len(parts) > 1
    kinds = [kind for _, kind in desk.told()]
    assert kinds == ["ack", *["partial_fill"] * (len(parts) - 1), "fill"]


def test_ioc_ends_what_is_not_filled_at_once(desk):
    desk.quote("1.10", "1.12", ask_size="30")
    desk.send("b", price="1.12", time_in_force="ioc")
    assert desk.told() == [("b", "ack"), ("b", "partial_fill"), ("b", "expired")]
    assert desk.held() == "30"


def test_fok_fills_whole_or_not_at_all(desk):
    desk.quote("1.10", "1.12", ask_size="30")
    desk.send("no", price="1.12", time_in_force="fok")
    desk.send("yes", qty="30", price="1.12", time_in_force="fok")
    assert desk.told() == [("no", "ack"), ("no", "expired"), ("yes", "ack"), ("yes", "fill")]


def test_a_good_till_time_ends_the_order_in_market_time(desk):
    desk.quote("1.10", "1.12", 10)
    desk.send("b", price="1.05", time_in_force="gtd", expire_at_ms=50)
    desk.quote("1.10", "1.12", 49)
    assert desk.working() == {"b": "100"}
    desk.quote("1.01", "1.02", 50)
    assert desk.told() == [("b", "ack"), ("b", "expired")]
    assert desk.fills() == []


def test_another_symbols_quote_fills_nothing_here(desk):
    desk.quote("1.10", "1.12")
    desk.send("b", price="1.11")
    desk.quote("1.00", "1.01", symbol="GBP/USD")
    assert desk.fills() == []


def test_a_market_that_starts_again_earlier_takes_waiting_orders_along(open_desk):
    desk = open_desk(latency_min_ns=NS_PER_MS, latency_max_ns=NS_PER_MS)
    desk.quote("1.10", "1.12", 1_000_000)
    desk.send("b")
    desk.quote("1.10", "1.12", 5)
    desk.quote("1.10", "1.12", 10)
    assert desk.told() == [("b", "ack"), ("b", "fill")]


@pytest.mark.parametrize("ts_ns", [-1, 2**63])
def test_a_time_that_is_none_is_refused(desk, ts_ns):
    with pytest.raises(ValueError, match="nanoseconds"):
        desk.broker.on_quote("EUR/USD", "1", "2", ts_ns)


def _session(desk, tag):
    """Trade a lively little market; the ids differ by `tag`."""
    for n in range(300):
        low = 10000 + (n * 7919) % 97
        desk.quote(f"1.{low}", f"1.{low + 3}", 10 + n * 3)
        if n % 10 == 0:
            desk.send(
                f"{tag}{n}",
                qty="70",
                price=f"1.{low + 3}",
                stop_loss=f"1.{low - 20}",
                take_profit=f"1.{low + 20}",
            )
        if n % 35 == 5 and f"{tag}{n - 5}" in desk.working():
            desk.replace(f"{tag}r{n}", f"{tag}{n - 5}", "90")
    return [
        (f.fill_seq, f.cl_ord_id.removeprefix(tag), f.side, f.qty, f.price, f.fee, f.ts_ns)
        for f in desk.eye.snapshot(0).fills
    ]


def test_the_same_seed_and_inputs_give_the_same_fills(open_desk):
    lively = {"partial_pct": 40, "latency_max_ns": 4 * NS_PER_MS, "fee_bps": parse_decimal("0.7")}
    first = _session(open_desk("1.db", seed=5, **lively), "a")
    second = _session(open_desk("2.db", seed=5, **lively), "b")
    other = _session(open_desk("3.db", seed=6, **lively), "a")
    assert len(first) > 30
    assert first == second
    assert first != other


def test_a_restart_in_the_middle_changes_no_fill(open_desk, clock):
    lively = {"partial_pct": 40, "latency_max_ns": 4 * NS_PER_MS}
    whole = _session(open_desk("1.db", seed=5, **lively), "a")
    desk = open_desk("2.db", seed=5, **lively)
    quote = desk.quote

    def interrupted(*args, **fields):
        desk.broker.close()
        desk.broker = OfflineBroker(desk.path, clock, desk.settings)
        quote(*args, **fields)

    desk.quote = interrupted
    assert _session(desk, "a") == whole
