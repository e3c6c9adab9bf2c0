"""The parts of the demo: choosing a market, misbehaving on purpose, speaking, changing limits."""

from __future__ import annotations

import gzip
import io
import tomllib
from decimal import Decimal
from itertools import count, islice

import pytest

from examples.demo_line import Line
from examples.demo_market import FeedRefused, choose_market, order_qty_for
from examples.demo_stage import StepFailed, set_keys
from examples.demo_strategies import ENTRIES, Burst, resting_price
from ipc.config.sample import sample_text
from ipc.numbers import parse_decimal
from scalper.feed import QuoteRow
from scalper.view import Setup, View

HEADER = "ts_ns,symbol,kind,bid,ask,bid_size,ask_size,last,last_size,venue,flags\n"


def quote(bid: str | None = "1.09990", ask: str | None = "1.10010") -> QuoteRow:
    return QuoteRow(
        ts_ns=1,
        symbol="ABC/USD",
        bid=bid,
        ask=ask,
        bid_units=None if bid is None else parse_decimal(bid),
        ask_units=None if ask is None else parse_decimal(ask),
    )


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_file_is_traded_in_the_symbol_of_its_first_usable_quote(tmp_path, pack):
    rows = (
        "1,OLD/USD,trade,,,,,5,1,X,\n"
        "2,ONE/USD,quote,1.2,,,,,,X,\n"
        "3,TWO/USD,quote,1.2,1.2,,,,,X,\n"
        "4,BTC/USDT,quote,39432.48,39432.49,,,,,X,\n"
    )
    path = tmp_path / "market.csv"
    path.write_bytes(pack((HEADER + rows).encode()))
    market = choose_market(f"csv:{path}?speed=10")
    assert (market.symbol, market.order_qty, market.passes) == ("BTC/USDT", "0.01", None)
    assert (market.feed, market.title) == (f"csv:{path}?speed=10", "csv:market.csv?speed=10")


@pytest.mark.parametrize(
    ("price", "qty"),
    [("1.39", "1000"), ("2", "1000"), ("2.01", "100"), ("39432.49", "0.01"), ("0.001", "1000")],
)
def test_an_order_is_worth_no_more_than_a_small_account_can_bear(price, qty):
    assert order_qty_for(Decimal(price)) == qty


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no usable quote"),
        (HEADER.encode() + b"1,A/B,trade,,,,,5,1,X,\n", "no usable quote"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"\x1f\x8b\x08\x00broken", "cannot be read"),
        (gzip.compress(HEADER.encode())[:-6], "cannot be read"),
    ],
)
def test_a_file_that_is_no_recording_is_refused_in_one_line(tmp_path, content, said):
    path = tmp_path / "market.csv"
    path.write_bytes(content)
    with pytest.raises(FeedRefused, match=said) as refused:
        choose_market(f"csv:{path}")
    assert refused.value.code == 65
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


def test_the_burst_sends_its_whole_burst_and_not_one_more_whatever_is_answered():
    numbers = count()
    burst = Burst(Setup(symbol="ABC/USD", order_qty="1", new_id=lambda: f"id-{next(numbers)}"))
    sent = []
    for _ in range(ENTRIES + 50):
        for intent in burst.on_quote(quote(), View()):
            sent.append(intent)
            burst.on_veto(intent, "THROTTLE_EXCEEDED")
    assert len({intent.cl_ord_id for intent in sent}) == ENTRIES


@pytest.mark.parametrize(
    ("bid", "ask", "price"),
    [
        ("1.09990", "1.10010", "1.0988"),
        ("39432.48", "39432.49", "39393.04"),
        ("150", "151", "149"),
        ("1.2", "1.2", None),
        (None, "1.2", None),
    ],
)
def test_the_runaways_price_rests_below_the_bid_on_its_own_grid(bid, ask, price):
    assert resting_price(quote(bid, ask)) == price


def test_a_key_is_set_in_its_own_table_whether_it_was_a_comment_or_not():
    text = set_keys(sample_text(), "throttle", {"rate": '"5"', "burst": '"5"'})
    text = set_keys(text, "limits", {"vetoes_max": "200"})
    text = set_keys(text, "kill", {"positions": '"flatten"'})
    before, after = tomllib.loads(sample_text()), tomllib.loads(text)
    assert after["throttle"] == [{**before["throttle"][0], "rate": "5", "burst": "5"}]
    assert after["kill"] == {"positions": "flatten"}
    assert after["limits"] == {**before["limits"], "vetoes_max": 200}
    assert {key for key in after if after[key] != before[key]} == {"throttle", "limits", "kill"}


def test_a_key_that_the_sample_does_not_know_is_an_error():
    with pytest.raises(StepFailed, match=r"no port in \[kill\]"):
        set_keys(sample_text(), "kill", {"port": "0"})


class MovedClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_ns = 0

    def elapsed_ns(self) -> int:
        return self.now_ns

    def wall_ns(self) -> int:
        return self.now_ns

    def sleep_ms(self, duration_ms: float) -> None:
        self.now_ns += int(duration_ms * 1_000_000)


def played(*, terminal: bool) -> str:
    """Return what a Line writes that is shown something every 100 ms for five seconds."""
    stream, clock = io.StringIO(), MovedClock()
    line = Line(stream, clock, terminal=terminal)
    for number in islice(count(1), 50):
        clock.sleep_ms(100)
        line.show(f"pass {number}".strip)
    line.step("done")
    return stream.getvalue()


def test_a_terminal_sees_one_line_that_is_rewritten_and_then_cleared():
    text = played(terminal=True)
    assert text.count("\n") == 1
    assert text.count("\r\x1b[K") == 17
    assert text.endswith("\r\x1b[Kdone\n")


def test_elsewhere_there_are_plain_lines_two_seconds_apart():
    assert played(terminal=False) == "  pass 20\n  pass 40\ndone\n"
