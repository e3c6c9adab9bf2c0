"""The demo, whole: real programs, real signals, and nothing of it left behind."""

from __future__ import annotations

import os
import re
import signal

import pytest

EURUSD = "eurusd_20140508_ecb_ticks.csv.gz"
HEADER = "ts_ns,symbol,kind,bid,ask,bid_size,ask_size,last,last_size,venue,flags"
QUOTE = "1399549200000000000,ABC/USD,quote,1.0999,1.1001,1000,1000,,,X,"


def row_of(out: str, name: str) -> list[int]:
    """Return the numbers of a row of the first table: asked, approved, at venue, vetoed."""
    found = re.search(rf"^{re.escape(name)} +(\d+) +(\d+) +(\d+) +(\d+)$", out, re.MULTILINE)
    assert found, out
    return [int(text) for text in found.groups()]


def assert_everything_happened(out: str) -> None:
    """Check the closing table, number by number."""
    assert "demo: all 17 checks hold" in out
    assert "FAILED" not in out
    for name in ("runaway", "hang: SIGSTOP", "hang: strategy", "STOP file"):
        assert re.search(rf"^{name} +\d+ ms +\d+ ms  KILLED_FLAT$", out, re.MULTILINE), out
    for cause in ("VETO_STORM", "HEARTBEAT_QUIET", "STOP_FILE_PRESENT"):
        assert f"\n  {cause}\n" in out
    asked, approved, orders, vetoed = row_of(out, "runaway")
    assert approved >= 5
    assert orders <= approved
    assert asked == approved + vetoed
    assert vetoed >= 200
    assert re.search(r"^  THROTTLE_EXCEEDED +(\d+)$", out, re.MULTILINE)
    assert row_of(out, "total")[1:3] == [
        sum(row_of(out, name)[place] for name in acts_of(out)) for place in (1, 2)
    ]
    assert max(map(len, out.split("what ran", 1)[1].splitlines())) <= 80


def acts_of(out: str) -> list[str]:
    """Return the names of the first table's rows, without the total."""
    table = out[out.index("what ran") : out.index("what stopped it")].splitlines()[1:]
    rows = (re.match(r"(\S.*?) +\d+ +\d+ +\d+ +\d+$", line) for line in table)
    return [row[1] for row in rows if row and row[1] != "total"]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_demo_shows_all_that_it_promises_on_the_synthetic_market(demo):
    code, out, err = demo.run()
    assert code == 0, out + err
    assert_everything_happened(out)
    assert row_of(out, "dry run, SYN/USD")[1] > 20
    assert "\x1b" not in out
    assert demo.left() == []


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_demo_shows_all_that_it_promises_on_a_recording(demo, recordings):
    code, out, err = demo.run("--feed", f"csv:{recordings / EURUSD}")
    assert code == 0, out + err
    assert_everything_happened(out)
    assert row_of(out, "dry run, EUR/USD")[1] > 100
    assert "passes    94873" in out
    assert demo.left() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_everything_and_removes_the_directory(demo, number):
    process = demo.start()
    try:
        assert process.stdout is not None
        assert "1 a guarded dry run" in process.stdout.readline()
        assert demo.left() != []
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert err == "demo: interrupted, everything it started is ended\n"
    assert demo.left() == []


def test_a_malformed_row_is_named_and_the_sentinels_last_words_are_shown(demo, tmp_path):
    feed = tmp_path / "bad.csv"
    feed.write_text(f"{HEADER}\n{QUOTE}\nx{QUOTE}\n")
    code, out, err = demo.run("--feed", f"csv:{feed}")
    assert code == 65, out + err
    assert "demo: FAILED: the dry run failed: scalper: " in err
    assert re.search(r"bad\.csv:3: ts_ns", err), err
    assert "  sentinel: " in err
    assert demo.left() == []


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["--feed", "csv:/nowhere/x.csv"], 65, "demo: /nowhere/x.csv: no such file\n"),
        (
            ["--feed", "ccxt:binance"],
            64,
            "demo: feed 'ccxt:binance': expected csv:PATH or synthetic:SEED\n",
        ),
        (["--fed"], 64, "demo: unrecognized arguments: --fed\n"),
    ],
)
def test_a_bad_argument_gets_one_line_and_starts_nothing(demo, arguments, code, line):
    assert demo.run(*arguments) == (code, "", line)
    assert demo.left() == []
