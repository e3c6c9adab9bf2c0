"""Recordings are read strictly, and a malformed row is named by file, line and field."""

import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scalper.feed import FeedBroken, QuoteRow, TradeRow
from scalper.feed_csv import HEADER, STRETCH, check_recording, read_rows, recorded

QUOTE = "1000,EUR/USD,quote,1.1,1.2,5,6,,,V,crossed"
TRADE = "2000,EUR/USD,trade,,,,,1.15,3,V,"


def write(path, *rows, header=HEADER):
    path.write_text("\n".join((header, *rows)) + "\n")
    return path


def test_rows_become_quotes_and_trades(tmp_path):
    quote, trade = read_rows(write(tmp_path / "a.csv", QUOTE, TRADE))
    assert isinstance(quote, QuoteRow)
    assert (quote.bid, quote.ask, quote.bid_size, quote.ts_ns) == ("1.1", "1.2", "5", 1000)
    assert isinstance(trade, TradeRow)
    assert (trade.last, trade.last_size) == ("1.15", "3")


def test_gzip_is_known_by_its_content(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(gzip.compress(f"{HEADER}\n{QUOTE}\n".encode()))
    assert check_recording(path, "EUR/USD") == 1


def test_windows_line_ends_and_a_missing_last_one_are_fine(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(f"{HEADER}\r\n{QUOTE}\r\n{TRADE}".encode())
    assert len(list(read_rows(path))) == 2


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("x,EUR/USD,quote,1,2,,,,,,", "ts_ns"),
        ("-1,EUR/USD,quote,1,2,,,,,,", "ts_ns"),
        ("1.5,EUR/USD,quote,1,2,,,,,,", "ts_ns"),
        ("99999999999999999999,EUR/USD,quote,1,2,,,,,,", "ts_ns"),
        ("9999999999999999999,EUR/USD,quote,1,2,,,,,,", "ts_ns"),
        ("3000,,quote,1,2,,,,,,", "symbol"),
        ("3000,EUR USD,quote,1,2,,,,,,", "symbol"),
        ("3000,EUR/USD,tick,1,2,,,,,,", "kind"),
        ("3000,EUR/USD,quote,nan,2,,,,,,", "bid"),
        ("3000,EUR/USD,quote,-1,2,,,,,,", "bid"),
        ("3000,EUR/USD,quote,1,1e5,,,,,,", "ask"),
        ('3000,EUR/USD,quote,1,"2",,,,,,', "ask"),
        ("3000,EUR/USD,quote,1,2,1_0,,,,,", "bid_size"),
        ("3000,EUR/USD,quote,1,2,,x,,,,", "ask_size"),
        ("3000,EUR/USD,trade,,,,,,,,", "last"),
        ("3000,EUR/USD,trade,,,,,0,,,", "last"),
        ("3000,EUR/USD,trade,,,,,1,-1,,", "last_size"),
        ("3000,EUR/USD,quote,1,2,,,,,", "row"),
        ("", "row"),
        ("999,EUR/USD,quote,1,2,,,,,,", "ts_ns"),
    ],
)
def test_a_malformed_row_is_named_by_file_line_and_field(tmp_path, row, field):
    path = write(tmp_path / "bad.csv", QUOTE, row)
    with pytest.raises(FeedBroken) as caught:
        check_recording(path, "EUR/USD")
    assert str(caught.value).startswith(f"{path}:3: {field}: expected ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("header", ["", "ts,symbol", HEADER + ",x", "\ufeff" + HEADER])
def test_another_header_is_refused(tmp_path, header):
    path = write(tmp_path / "a.csv", QUOTE, header=header)
    with pytest.raises(FeedBroken, match=r":1: header: expected ts_ns,"):
        check_recording(path, "EUR/USD")


def test_an_empty_file_has_no_header(tmp_path):
    (tmp_path / "a.csv").touch()
    with pytest.raises(FeedBroken, match=":1: header"):
        check_recording(tmp_path / "a.csv", "EUR/USD")


@pytest.mark.parametrize("name", ["nothing.csv", "."])
def test_what_cannot_be_opened_is_named(tmp_path, name):
    with pytest.raises(FeedBroken, match="cannot be read"):
        check_recording(tmp_path / name, "EUR/USD")


def test_a_torn_gzip_file_is_broken_and_not_short(tmp_path):
    whole = gzip.compress((HEADER + "\n" + (QUOTE + "\n") * 5000).encode())
    path = tmp_path / "a.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FeedBroken, match="intact gzip data"):
        check_recording(path, "EUR/USD")


def test_a_line_without_end_is_not_read_whole(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(HEADER + "\n" + "1" * 1_000_000)
    with pytest.raises(FeedBroken, match=r":2: line: expected at most 4096 bytes"):
        check_recording(path, "EUR/USD")


def test_a_symbol_that_is_not_there_is_told_with_those_that_are(tmp_path):
    path = write(tmp_path / "a.csv", QUOTE)
    with pytest.raises(FeedBroken, match="expected rows of BTC/USDT, the file has EUR/USD"):
        check_recording(path, "BTC/USDT")


def test_a_long_stretch_of_other_symbols_gives_the_loop_its_turn(tmp_path):
    other = "1000,X,quote,1,2,,,,,,"
    path = write(tmp_path / "a.csv", *[other] * (2 * STRETCH), QUOTE)
    rows = list(recorded(path, "EUR/USD"))
    assert rows[:2] == [None, None]
    assert isinstance(rows[2], QuoteRow)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_no_bytes_do_worse_than_a_broken_feed(tmp_path, data):
    path = tmp_path / "any.csv"
    path.write_bytes(HEADER.encode() + b"\n" + data)
    with pytest.raises(FeedBroken) as caught:
        check_recording(path, "EUR/USD")
    assert str(caught.value).isprintable()


_field = st.sampled_from(["", "0", "1", "1.5", "-1", "nan", "1e9", "x", "quote", "trade", "\u0661"])


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(_field, min_size=11, max_size=11), max_size=4))
def test_whatever_is_read_is_sound(tmp_path, rows):
    path = write(tmp_path / "any.csv", *(",".join(row) for row in rows))
    try:
        found = list(read_rows(path))
    except FeedBroken:
        return
    for row in found:
        if isinstance(row, QuoteRow):
            assert (row.bid_units or 0) >= 0
            assert (row.ask_units or 0) >= 0
        else:
            assert row.last_units > 0


@pytest.mark.parametrize(
    ("name", "symbol", "count"),
    [
        ("eurusd_20140508_ecb_ticks.csv.gz", "EUR/USD", 94_873),
        ("btcusdt_20210108_46s.csv.gz", "BTC/USDT", 2_452),
    ],
)
def test_the_real_recordings_are_read_whole(recordings, name, symbol, count):
    assert check_recording(recordings / name, symbol) == count
