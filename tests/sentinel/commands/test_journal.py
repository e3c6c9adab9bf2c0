"""`sentinel journal`: verified and decided again, written out, and what is still owed."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys

import pytest

from sentinel.adapters.journal_reader import read_records
from sentinel.adapters.snapshots import save_snapshot
from sentinel.core.memento import dump
from tests.sentinel.recorded import RecordedDay


@pytest.fixture
def traded(day):
    """A day with an approval, a veto, a halt, a resume and one settled alert."""
    day.order("a1")
    day.order("a2", qty="5000")
    day.halt()
    day.resume()
    day.settle("a1-1")
    day.writer.check_identity()
    return day


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def queried(path, query):
    database = sqlite3.connect(path)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


def test_a_whole_journal_verifies_and_its_verdicts_are_decided_again(traded, sentinel):
    code, out, err = sentinel("journal", "verify")
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    assert "whole" in out
    assert "all 2 verdicts are the same" in out


def test_a_changed_byte_is_damage(traded, sentinel, tmp_path):
    segment = next((tmp_path / "journal").glob("*.seg"))
    data = bytearray(segment.read_bytes())
    place = data.index(b"EURUSD", len(data) // 3)
    data[place] ^= 1
    segment.write_bytes(data)
    code, out, _ = sentinel("journal", "verify")
    assert code == 1
    assert "DAMAGED" in out
    assert "offset" in out


def test_a_verdict_this_program_would_not_give_is_named(traded, sentinel, tmp_path):
    (tmp_path / "forged").mkdir()
    forged = RecordedDay(tmp_path / "forged" / "journal")
    for record in read_records(traded.directory):
        text = record.payload.replace(b"ORDER_QTY_EXCEEDS_LIMIT", b"ORDER_QTY_BELOW_MINIMUM")
        forged.writer.append([text])
    forged.close()
    code, out, _ = sentinel("journal", "verify", str(forged.directory))
    assert code == 1
    assert "ORDER_QTY_EXCEEDS_LIMIT" in out
    assert "ORDER_QTY_BELOW_MINIMUM" in out


def test_an_entry_of_another_version_is_named_and_nothing_is_raised(day, sentinel):
    day.writer.append([b"\x92\xa5never"])
    code, out, _ = sentinel("journal", "verify", "--json")
    document = json.loads(out)
    assert code == 1
    assert document["ok"] is False
    assert "not an entry of this version" in document["problem"]


def test_a_journal_whose_beginning_is_gone_is_decided_again_from_its_snapshot(tmp_path, sentinel):
    day = RecordedDay(tmp_path / "journal", segment_bytes=4096)
    day.begin()
    for number in range(60):
        day.order(f"a{number}", qty="5000")
    position = day.writer.position
    assert position is not None
    save_snapshot(day.directory, position, dump(day.ledger.state))
    day.order("b1")
    day.close()
    for segment in sorted(day.directory.glob("*.seg"))[:2]:
        segment.unlink()
    marker = day.directory.with_name("journal.marker")
    text = json.loads(marker.read_text())
    first = min(int(path.stem.removeprefix("journal-")) for path in day.directory.glob("*.seg"))
    marker.write_text(json.dumps({**text, "first_seq": first}))
    code, out, _ = sentinel("journal", "verify", "--json")
    document = json.loads(out)
    assert (code, document["problem"]) == (0, None)
    assert document["decided_again_from_seq"] == position.seq + 1
    assert document["verdicts_decided_again"] == 1


def test_a_journal_is_read_while_it_is_written(day, sentinel):
    seen = []
    for number in range(3):
        day.order(f"a{number}")
        code, out, _ = sentinel("journal", "export")
        assert code == 0
        seen.append(len(lines(out)))
    assert seen == sorted(set(seen))


def test_exported_lines_name_every_field(traded, sentinel):
    code, out, _ = sentinel("journal", "export")
    entries = lines(out)
    assert code == 0
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    intent = next(e for e in entries if e["event"]["type"] == "intent")
    assert intent["event"]["intent"]["order_qty"] == "1000"
    assert intent["effects"][0]["type"] == "reply"
    assert intent["effects"][0]["approved"] is True
    assert set(intent) == {"schema", "seq", "epoch", "at_ns", "wall_ns", "event", "effects"}


def test_exported_tables_answer_queries(traded, sentinel, tmp_path):
    out = tmp_path / "day.sqlite3"
    code, said, err = sentinel("journal", "export", "--format", "sqlite", "--out", str(out))
    assert (code, said) == (0, "")
    entries = int(err.split(": ")[1].split()[0])
    assert queried(out, "SELECT count(*) FROM events") == [(entries,)]
    assert queried(
        out, "SELECT cl_ord_id, verdict, reason, limit_value, observed, order_qty FROM verdicts"
    ) == [
        ("a1", "approved", None, None, None, "1000"),
        ("a2", "vetoed", "ORDER_QTY_EXCEEDS_LIMIT", "1000", "5000", "5000"),
    ]
    assert queried(out, "SELECT cause, by, resumed_by, resumed_why FROM halts") == [
        ("OPERATOR_HALT", "ada", "bob", "back")
    ]
    assert queried(out, "SELECT code, route, delivered FROM alerts WHERE settled_seq > 0") == [
        ("SENTINEL_STARTED", "phone", 1)
    ]
    assert out.stat().st_mode & 0o777 == 0o640


def test_a_second_halt_is_not_lifted_by_the_first_resume(traded, sentinel, tmp_path):
    traded.halt()
    out = tmp_path / "day.sqlite3"
    sentinel("journal", "export", "--format", "sqlite", "--out", str(out))
    assert queried(out, "SELECT halt_id, resumed_by FROM halts ORDER BY seq") == [
        ("h1-1", "bob"),
        ("h1-2", None),
    ]


@pytest.mark.parametrize("form", ["jsonl", "sqlite"])
def test_an_existing_file_is_not_overwritten(traded, sentinel, tmp_path, form):
    out = tmp_path / "kept"
    out.write_text("mine")
    code, _, err = sentinel("journal", "export", "--format", form, "--out", str(out))
    assert code == 65
    assert "exists" in err
    assert out.read_text() == "mine"
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("form", ["jsonl", "sqlite"])
def test_what_is_good_before_damage_is_exported_and_the_damage_is_told(
    traded, sentinel, tmp_path, form
):
    good = len(list(read_records(traded.directory)))
    traded.writer.append([b"\x92\xa5never"])
    out = tmp_path / "day"
    code, _, err = sentinel("journal", "export", "--format", form, "--out", str(out))
    assert code == 1
    assert f"seq {good + 1}" in err
    if form == "sqlite":
        assert queried(out, "SELECT count(*) FROM events") == [(good,)]
    else:
        assert len(lines(out.read_text())) == good


@pytest.mark.parametrize("form", ["jsonl", "sqlite"])
def test_a_place_that_cannot_be_written_is_one_line(traded, sentinel, tmp_path, form):
    out = str(tmp_path / "nowhere" / "day")
    code, _, err = sentinel("journal", "export", "--format", form, "--out", out)
    assert (code, err.count("\n")) == (1, 1)
    assert "No such file or directory" in err


def test_sqlite_without_a_file_is_a_usage_error(traded, sentinel):
    code, _, err = sentinel("journal", "export", "--format", "sqlite")
    assert code == 64
    assert "--out" in err


def test_the_outbox_is_what_was_never_settled(traded, sentinel):
    code, out, _ = sentinel("journal", "outbox")
    owed = lines(out)
    assert code == 0
    assert "SENTINEL_STARTED" not in [alert["code"] for alert in owed]
    assert [alert["code"] for alert in owed][-2:] == ["HALTED", "RESUMED"]
    assert owed[-2]["severity"] == "critical"
    assert owed[-2]["facts"]["by"] == "ada"


def test_an_alert_that_was_given_up_is_not_owed(day, sentinel):
    _, before, _ = sentinel("journal", "outbox")
    for alert in lines(before):
        day.settle(alert["alert_id"], delivered=False)
    assert sentinel("journal", "outbox") == (0, "", "")


def test_an_alert_repeated_at_a_restart_is_owed_once(day, sentinel):
    day.halt()
    day.epoch(2)
    _, out, _ = sentinel("journal", "outbox")
    ids = [alert["alert_id"] for alert in lines(out)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("words", [("verify",), ("export",), ("outbox",)])
def test_no_journal_is_one_line_and_65(sentinel, words):
    code, out, err = sentinel("journal", *words)
    assert (code, out, err.count("\n")) == (65, "", 1)
    assert "there is no journal" in err


def test_an_emptied_directory_is_damage_and_not_absence(traded, sentinel, tmp_path):
    for segment in (tmp_path / "journal").glob("*.seg"):
        segment.unlink()
    code, out, _ = sentinel("journal", "verify")
    assert code == 1
    assert "DAMAGED" in out


def test_a_reader_that_goes_away_is_no_failure(day, tmp_path):
    for number in range(300):
        day.order(f"a{number}", qty="5000")
    environment = {**os.environ, "SENTINEL_STATE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "sentinel", "journal", "export"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b'{"schema":1')
        process.stdout.close()
        assert process.wait(60) == 0
        assert process.stderr.read() == b""
