"""Where the venue keeps no stops, the loop watches them and never closes more than is held."""

import pytest

from ipc.messages import OrderIntent
from ipc.numbers import SCALE
from scalper.stops import WATCHED_MAX, StopWatch, crossed, exit_intent, protection_of


def entry(side="buy", stop="0.9", take="1.2", number=1):
    return OrderIntent(
        cl_ord_id=f"e{number}",
        symbol="EUR/USD",
        side=side,
        ord_type="limit",
        order_qty="5",
        price="1",
        stop_loss=stop,
        take_profit=take,
        group=f"g{number}",
    )


def guard(side="buy", stop="0.9", take="1.2"):
    protection = protection_of(entry(side, stop, take))
    assert protection is not None
    return protection


@pytest.mark.parametrize(
    ("side", "stop", "take", "bid", "ask", "hit"),
    [
        ("buy", "0.9", "1.2", "0.91", "0.92", False),
        ("buy", "0.9", "1.2", "0.9", "0.91", True),
        ("buy", "0.9", "1.2", "1.19", "1.2", False),
        ("buy", "0.9", "1.2", "1.2", "1.21", True),
        ("buy", None, "1.2", "0.1", "0.2", False),
        ("buy", "0.9", None, "5", "6", False),
        ("sell", "1.1", "0.8", "1.08", "1.09", False),
        ("sell", "1.1", "0.8", "1.09", "1.1", True),
        ("sell", "1.1", "0.8", "0.79", "0.8", True),
        ("sell", "1.1", "0.8", "0.8", "0.81", False),
        ("buy", "0.9", "1.2", "0.9", "0.9", False),
        ("buy", "0.9", "1.2", "0.9", "0.8", False),
        ("buy", "0.9", "1.2", None, "0.8", False),
    ],
)
def test_a_stop_is_judged_at_the_touch_that_closes(quote, side, stop, take, bid, ask, hit):
    protection = guard(side, stop, take)
    assert crossed(protection, quote(bid, ask)) is hit


def test_another_symbol_crosses_nothing(quote):
    assert not crossed(guard(), quote("0.1", "0.2", symbol="X"))


def test_an_entry_without_stops_or_an_exit_is_not_watched():
    assert protection_of(entry(stop=None, take=None)) is None


@pytest.mark.parametrize(
    ("held", "qty", "side"), [(3, "3", "sell"), (9, "5", "sell"), (0, None, None), (-3, None, None)]
)
def test_the_way_out_is_never_more_than_is_held_nor_than_was_entered(held, qty, side):
    out = exit_intent(guard(), held * SCALE, "x1")
    assert (out and out.order_qty, out and out.side) == (qty, side)
    if out:
        assert out.reduce_only
        assert out.group == "g1"


def test_a_stop_is_tried_again_only_after_a_second(quote):
    watch = StopWatch()
    watch.add(entry())
    low = quote("0.5", "0.6")
    tries = [at_ms for at_ms in range(0, 2500, 100) if watch.due(low, at_ms * 1_000_000)]
    assert tries == [0, 1000, 2000]
    watch.clear()
    assert watch.due(low, 10**12) == ()


def test_the_number_of_watched_stops_is_bounded():
    watch = StopWatch()
    for number in range(WATCHED_MAX + 10):
        watch.add(entry(number=number))
    assert len(watch) == WATCHED_MAX
