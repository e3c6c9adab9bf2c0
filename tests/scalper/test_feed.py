"""What specifications mean, and how rows are paced."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipc.numbers import SCALE
from scalper.feed import FeedSpecInvalid, Nothing, PacedFeed, parse_feed_spec, touch


@pytest.mark.parametrize(
    ("text", "kind", "argument", "speed"),
    [
        ("csv:a.csv", "csv", "a.csv", None),
        ("csv:/x/a?b.csv?speed=10", "csv", "/x/a?b.csv", 10 * SCALE),
        ("synthetic:7", "synthetic", "7", None),
        ("synthetic:7?speed=0.5", "synthetic", "7", SCALE // 2),
        ("alpaca:", "alpaca", "", None),
        ("ccxt:kraken", "ccxt", "kraken", None),
    ],
)
def test_a_specification_is_taken_apart(text, kind, argument, speed):
    spec = parse_feed_spec(text)
    assert (spec.kind, spec.argument, spec.speed) == (kind, argument, speed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "csv",
        "csv:",
        "file:x",
        "csv:x?speed=0",
        "csv:x?speed=-1",
        "csv:x?speed=nan",
        "csv:x?speed=1e3",
        "csv:x?pace=1",
        "synthetic:",
        "synthetic:x",
        "synthetic:-1",
        "synthetic:\u0661",
        "ccxt:",
    ],
)
def test_a_wrong_specification_is_refused_in_one_line(text):
    with pytest.raises(FeedSpecInvalid) as caught:
        parse_feed_spec(text)
    assert "\n" not in str(caught.value)
    assert "expected" in str(caught.value)


@given(st.text(max_size=60))
def test_no_text_does_worse_than_being_refused(text):
    try:
        spec = parse_feed_spec(text)
    except FeedSpecInvalid:
        return
    assert spec.kind in ("csv", "synthetic", "alpaca", "ccxt")


def test_full_speed_never_waits(clock, quote):
    feed = PacedFeed(iter([quote("1", "2", 0), quote("1", "2", 999_999)]), clock, None)
    before = clock.now_ns
    assert feed.next(100) is not Nothing.NOT_YET
    assert feed.next(100) is not Nothing.NOT_YET
    assert feed.next(100) is Nothing.ENDED
    assert clock.now_ns == before


@pytest.mark.parametrize(("speed", "expected_ms"), [(SCALE, 1000), (10 * SCALE, 100)])
def test_a_paced_row_comes_when_its_time_has_come(clock, quote, speed, expected_ms):
    feed = PacedFeed(iter([quote("1", "2", 0), quote("1", "2", 1000)]), clock, speed)
    feed.next(100)
    began = clock.now_ns
    waits = sum(1 for _ in itertools.takewhile(lambda row: row is Nothing.NOT_YET, _polls(feed)))
    assert (clock.now_ns - began) // 1_000_000 == expected_ms
    assert waits == expected_ms // 50 - 1


def _polls(feed):
    while True:
        yield feed.next(100)


def test_a_wait_is_bounded_so_that_signals_are_heeded(clock, quote):
    feed = PacedFeed(iter([quote("1", "2", 0), quote("1", "2", 60_000)]), clock, SCALE)
    feed.next(100)
    began = clock.now_ns
    assert feed.next(10_000) is Nothing.NOT_YET
    assert clock.now_ns - began <= 50_000_000


@pytest.mark.parametrize(
    ("bid", "ask"), [("2", "1"), ("1", "1"), (None, "1"), ("1", None), ("0", "1"), (None, None)]
)
def test_nobody_trades_on_a_crossed_locked_zero_or_absent_quote(quote, bid, ask):
    assert touch(quote(bid, ask)) is None


def test_a_sound_quote_has_a_touch(quote):
    assert touch(quote("1", "2")) == (SCALE, 2 * SCALE)
