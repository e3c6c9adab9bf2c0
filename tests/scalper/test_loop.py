"""One row, one whole pass, one heartbeat; and every way in which a run ends."""

import pytest

from ipc.messages import Refused
from ipc.numbers import SCALE
from scalper.endings import Ending
from scalper.feed import FeedBroken, TradeRow
from tests.scalper.bench import order


def test_a_run_ends_with_its_feed(bench):
    made = bench()
    assert made.loop.run() is Ending.FEED_ENDED
    assert made.tally.passes == 50


def test_iterations_are_exactly_that_many_passes(bench):
    made = bench(iterations=17)
    assert made.loop.run() is Ending.ITERATIONS_DONE
    assert (made.tally.passes, made.strategy.number) == (17, 17)


def test_entries_stop_at_max_trades_and_the_run_ends_when_flat(bench, venue):
    def script(number, view):
        if number % 4 == 3:
            return (order(number, "sell"),)
        return (order(number),) if not view.position else ()

    made = bench(script, max_trades=3)
    assert made.loop.run() is Ending.TRADES_DONE
    assert [placed.side for placed in venue.placed] == ["buy", "sell"] * 3
    assert (made.tally.entries, made.tally.position) == (3, 0)


def test_an_entry_beyond_max_trades_is_not_even_asked_for(bench, link, venue):
    made = bench(lambda number, view: (order(number),), max_trades=2)
    assert made.loop.run() is Ending.FEED_ENDED
    assert len(link.all("intent")) == len(venue.placed) == 2
    assert made.strategy.vetoes[0] == ("o3", "TRADE_COUNT_EXCEEDS_LIMIT")


def test_the_heartbeat_comes_at_the_end_of_a_pass_and_at_most_once_an_interval(bench, link, clock):
    made = bench(lambda number, view: (order(1),) if number == 1 else (), interval_ms=10)
    made.loop.run()
    said = [name for name, _ in link.said]
    assert said.index("beat") > said.index("intent")
    assert [iteration for iteration, _ in link.all("beat")] == [1, 11, 21, 31, 41]


def test_a_mute_feed_lets_the_loop_beat_and_tells_how_old_its_data_is(bench, link, quote):
    made = bench(rows=[quote("1.1", "1.2"), *[None] * 8], interval_ms=100)
    made.loop.run()
    beats = link.all("beat")
    assert made.tally.passes == 1
    assert [iteration for iteration, _ in beats] == sorted({iteration for iteration, _ in beats})
    assert len(beats) >= 4
    assert beats[0][1] == 0
    assert beats[-1][1] >= 300


def test_before_any_data_there_is_no_age(bench, link):
    bench(rows=[None]).loop.run()
    assert link.all("beat") == [(1, None)]


def test_trades_go_to_the_strategy_and_do_not_move_the_market(bench, venue):
    trade = TradeRow(ts_ns=1, symbol="EUR/USD", last="5", last_units=5 * SCALE)
    made = bench(rows=[trade])
    made.loop.run()
    assert made.strategy.trades == [trade]
    assert venue.touch == {}


def test_a_signal_ends_the_run_before_the_next_pass(bench):
    made = bench()
    made.stop = True
    assert made.loop.run() is Ending.STOPPED
    assert made.tally.passes == 0


@pytest.mark.parametrize(
    ("change", "ending"),
    [
        ({"silent": True}, Ending.SENTINEL_SILENT),
        ({"state": "HALTED"}, Ending.HALTED),
        (
            {"refusal": Refused(protocol=1, epoch=7, code="PEER_MISMATCH", detail="x")},
            Ending.SESSION_REFUSED,
        ),
        (
            {"refusal": Refused(protocol=1, epoch=7, code="TRADING_HALTED", detail="x")},
            Ending.HALTED,
        ),
    ],
)
def test_a_closed_gate_ends_the_run_within_the_pass(bench, link, venue, change, ending):
    def request(intent):
        for name, value in change.items():
            setattr(link, name, value)

    link.on_request = request
    link.veto_with = lambda intent: "TRADING_HALTED"
    made = bench(lambda number, view: (order(1), order(2), order(3)))
    assert made.loop.run() is ending
    assert len(link.all("intent")) == 1
    assert venue.placed == []


def test_a_broken_feed_ends_the_run_with_its_line(bench, feed_of, quote):
    made = bench()
    rows = iter([quote("1", "2")])

    def broken(wait_ms):
        row = next(rows, None)
        if row is None:
            raise FeedBroken("f:3: bid: expected")
        return row

    made.loop._parts.feed.next = broken
    assert made.loop.run() is Ending.FEED_BROKEN
    assert made.loop.problem == "f:3: bid: expected"


@pytest.mark.parametrize(
    "script",
    [
        lambda number, view: 1 / 0,
        lambda number, view: None,
        lambda number, view: ["buy"],
        lambda number, view: (order(n) for n in range(10_001)),
    ],
)
def test_a_strategy_that_fails_ends_the_run_and_sends_nothing(bench, link, script):
    made = bench(script)
    assert made.loop.run() is Ending.STRATEGY_FAILED
    assert made.loop.problem
    assert link.all("intent") == []


def test_without_brackets_the_loop_sets_off_the_stop_itself(bench, bare_venue, quote, link):
    rows = [quote("1.1", "1.2", 0), quote("1.1", "1.2", 1), quote("0.9", "0.95", 2)]
    rows += [quote("0.9", "0.95", 3)]
    made = bench(
        lambda number, view: (order(1, stop_loss="1", take_profit="2"),) * (number == 1),
        rows=rows,
        on=bare_venue,
    )
    made.loop.run()
    out = bare_venue.placed[1]
    assert (out.side, out.ord_type, out.order_qty) == ("sell", "market", "10")
    assert out.reduce_only
    assert made.tally.position == 0
    assert len(bare_venue.placed) == len(link.all("intent")) == 2
