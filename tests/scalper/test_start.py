"""Whole runs as a person starts them: real processes, sockets, signals and files."""

import json
import signal

import pytest

from tests.scalper.house import told, wait_for


def test_a_dry_run_of_exactly_so_many_passes_tells_what_it_did(house):
    double = house.sentinel()
    done = house.run("--dry-run", "--feed", "synthetic:1", "--iterations", "100")
    assert (done.returncode, done.stderr) == (0, "")
    assert told(done, "passes") == "100"
    assert double.goodbyes == 1
    assert double.beats[-1].iteration <= 100


def test_a_run_places_what_was_approved_and_nothing_else(house):
    double = house.sentinel()
    log = house.place / "log.json"
    done = house.run(
        "--feed", "synthetic:1", "--iterations", "8000", "--max-trades", "3", "--log-file", str(log)
    )
    assert done.returncode == 0, done.stderr
    entries = [intent for intent in double.approved if not intent.reduce_only]
    assert len(entries) == 3
    assert house.orders() == len(double.approved)
    assert len({intent.cl_ord_id for intent in double.approved}) == len(double.approved)
    assert double.hellos[0].max_trades == 3
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"run_started", "intent_approved", "order_sent", "run_ended"} <= {
        event["event"] for event in events
    }
    assert len({event["run_id"] for event in events}) == 1
    assert oct(log.stat().st_mode & 0o777) == "0o640"


def test_vetoes_are_counted_by_reason_and_send_nothing(house):
    double = house.sentinel()
    double.veto_with = lambda intent: "THROTTLE_EXCEEDED"
    done = house.run("--feed", "synthetic:1", "--iterations", "3000")
    assert done.returncode == 0
    assert told(done, "THROTTLE_EXCEEDED") == told(done, "vetoed")
    assert house.orders() == 0
    assert 0 < len(double.intents) < 100


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_cancels_what_is_working_says_goodbye_and_exits_0(house, number):
    double = house.sentinel()
    process = house.start("--feed", "synthetic:1?speed=1", "--strategy", "probe_strategy:Rests")
    wait_for(lambda: any(report.exec_type == "ack" for report in double.reports))
    process.send_signal(number)
    done = house.end(process)
    assert (done.returncode, done.stderr) == (0, "")
    assert double.goodbyes == 1
    assert double.reports[-1].exec_type == "cancelled"


def test_a_silent_sentinel_makes_the_loop_withdraw_with_69(house):
    double = house.sentinel()
    process = house.start("--feed", "synthetic:1?speed=2", "--strategy", "probe_strategy:Asks")
    wait_for(lambda: len(double.approved) >= 3)
    double.mute = True
    done = house.end(process)
    assert done.returncode == 69
    assert "silent" in done.stderr
    assert "still working" not in done.stderr
    assert house.orders() <= len(double.approved)


def test_a_halt_during_the_run_is_heeded_with_75(house):
    double = house.sentinel()
    process = house.start("--feed", "synthetic:1?speed=1", "--strategy", "probe_strategy:Rests")
    wait_for(lambda: double.approved)
    double.state = "HALTED"
    done = house.end(process)
    assert done.returncode == 75
    assert "sentinel resume" in done.stderr
    assert double.goodbyes == 1


def test_a_strategy_that_fails_is_1_and_one_line(house):
    house.sentinel()
    done = house.run("--feed", "synthetic:1", "--strategy", "probe_strategy:Fails")
    assert done.returncode == 1
    assert "RuntimeError: one two" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_whole_recording_is_traded_and_its_orders_are_the_approvals(house, recordings):
    double = house.sentinel()
    path = recordings / "eurusd_20140508_ecb_ticks.csv.gz"
    done = house.run("--dry-run", "--feed", f"csv:{path}", "--symbol", "EUR/USD")
    assert (done.returncode, done.stderr) == (0, "")
    assert told(done, "passes") == "94873"
    assert house.orders() == len(double.approved) >= 20
