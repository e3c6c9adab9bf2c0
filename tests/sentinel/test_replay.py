"""`sentinel replay`: the input and the output are a contract, and bad lines are named."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest

from sentinel.event_line import BadLine
from sentinel.replay import Replayer
from tests.sentinel.core.conftest import Desk, parsed

CONFIG = '[limits]\nsymbols = ["EURUSD"]\n'
FREE = f"[account]\nrequired = false\n{CONFIG}"
ORDER = {
    "at_ms": 5,
    "event": "order",
    "cl_ord_id": "a1",
    "symbol": "EURUSD",
    "side": "buy",
    "ord_type": "limit",
    "order_qty": "1000",
    "price": "1.1000",
}
OPENING = [
    {
        "at_ms": 0,
        "event": "account",
        "equity": "10000",
        "balance_free": "10000",
        "buying_power": "10000",
        "balances": {"USD": "10000"},
    },
    {"at_ms": 0, "event": "position", "symbol": "EURUSD", "qty": "0", "avg_price": "0"},
    {"at_ms": 0, "event": "quote", "symbol": "EURUSD", "bid": "1.0999", "ask": "1.1001"},
]


def decided(lines, toml=CONFIG):
    """What is printed for lines, given as objects or as texts."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    risk, config_hash = parsed(toml)
    return list(Replayer(risk, config_hash, parsed).feed(texts))


def verdicts(lines, toml=CONFIG):
    return [said for said in decided(lines, toml) if "verdict" in said]


@pytest.fixture
def replay(tmp_path):
    """Return a run of the command on a configuration and the bytes of its events."""

    def run(events, *, config=CONFIG, stdin=None, options=None):
        toml, lines = tmp_path / "sentinel.toml", tmp_path / "events.jsonl"
        toml.write_text(config)
        lines.write_bytes(events)
        where = ["--config", str(toml), "--events", "-" if stdin is not None else str(lines)]
        return subprocess.run(
            [sys.executable, "-m", "sentinel", "replay", *(where if options is None else options)],
            input=stdin,
            capture_output=True,
            check=False,
            cwd=tmp_path,
        )

    return run


def as_bytes(lines):
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def test_the_documented_history_gets_the_documented_answers():
    lines = [
        *OPENING,
        ORDER,
        {
            "at_ms": 6,
            "event": "replace",
            "cl_ord_id": "a2",
            "orig_cl_ord_id": "a1",
            "order_qty": "500",
            "price": "1.1000",
        },
        {"at_ms": 7, "event": "cancel", "cl_ord_id": "a3", "orig_cl_ord_id": "a2"},
        {
            "at_ms": 8,
            "event": "execution",
            "cl_ord_id": "a1",
            "exec_type": "fill",
            "last_qty": "1000",
            "last_price": "1.1000",
        },
        {"at_ms": 9, "event": "heartbeat", "iteration": 7},
        {"at_ms": 9, "event": "reduce", "cause": "operator"},
        {"at_ms": 9, "event": "halt", "cause": "operator"},
        {"at_ms": 9, "event": "resume", "by": "x", "why": "y"},
    ]
    said = decided(lines)
    approved = {"verdict": "approved", "reason": None, "limit": None, "observed": None}
    assert said[:3] == [
        {"at_ms": at, "cl_ord_id": name, **approved, "state": "ACTIVE", "seq": seq}
        for at, name, seq in ((5, "a1", 1), (6, "a2", 2), (7, "a3", 3))
    ]
    assert [s["effect"] for s in said[3:]] == [
        "reduce",
        "alert",
        "halt",
        "alert",
        "resume",
        "alert",
    ]
    assert ",".join(said[0]) == "at_ms,cl_ord_id,verdict,reason,limit,observed,state,seq"


def test_time_is_repeated_in_the_unit_that_was_given():
    first = {**ORDER, "at_ns": 5_000_001}
    del first["at_ms"]
    said = verdicts([first, {**ORDER, "at_ms": 6, "cl_ord_id": "b"}], FREE)
    assert [next(iter(s)) for s in said] == ["at_ns", "at_ms"]
    assert [s.get("at_ns", s.get("at_ms")) for s in said] == [5_000_001, 6]


def test_a_configuration_in_the_input_is_in_force_at_once_looser_or_not():
    small = f"{FREE}order_qty_max = 1\n"
    lines = [
        ORDER,
        {"at_ms": 5, "event": "config", "toml": FREE},
        {**ORDER, "cl_ord_id": "b"},
        {"at_ms": 5, "event": "config", "toml": small},
        {**ORDER, "cl_ord_id": "c"},
    ]
    assert [s["verdict"] for s in verdicts(lines, small)] == ["vetoed", "approved", "vetoed"]


@pytest.mark.parametrize("toml", ["[limits]", "x = 1\ny = 2\n[limits]", "\0", "["])
def test_a_configuration_that_is_not_valid_changes_nothing_and_is_told(toml):
    lines = [{"at_ms": 5, "event": "config", "toml": toml}, ORDER]
    said = decided(lines, f"{FREE}order_qty_max = 1\n")
    assert [s.get("code", s.get("reason")) for s in said] == [
        "LIMITS_REJECTED",
        "ORDER_QTY_EXCEEDS_LIMIT",
    ]


def test_a_session_is_taken_as_beating_until_one_beats():
    beat = {"at_ms": 10, "event": "heartbeat", "iteration": 1}
    later = [{**ORDER, "at_ms": 1_000_000, "cl_ord_id": "b"}]
    assert [s["verdict"] for s in verdicts([ORDER, *later], FREE)] == ["approved"] * 2
    said = decided([ORDER, beat, *later], FREE)
    assert said[1] == {"at_ms": 1010, "effect": "halt", "cause": "HEARTBEAT_QUIET"}
    assert said[3] == {"at_ms": 1010, "effect": "kill_tree", "cause": "HEARTBEAT_QUIET"}
    assert said[4]["reason"] == "HEARTBEAT_QUIET"


@pytest.mark.parametrize(("at_ms", "verdict"), [(1010, "approved"), (1011, "vetoed")])
def test_a_beat_is_good_to_its_very_deadline(at_ms, verdict):
    beat = {"at_ms": 10, "event": "heartbeat", "iteration": 1}
    order = {**ORDER, "at_ms": at_ms}
    assert verdicts([beat, order], FREE)[0]["verdict"] == verdict


def test_after_a_resume_nothing_is_approved_before_the_next_beat():
    lines = [
        {"at_ms": 0, "event": "heartbeat", "iteration": 1},
        {"at_ms": 5000, "event": "resume", "by": "x", "why": "y"},
        {**ORDER, "at_ms": 5000},
        {"at_ms": 5000, "event": "heartbeat", "iteration": 2},
        {**ORDER, "at_ms": 5001, "cl_ord_id": "b"},
    ]
    said = verdicts(lines, FREE)
    assert [s["reason"] for s in said] == ["SESSION_UNKNOWN", None]


def test_beats_without_progress_are_a_loop_that_is_stuck():
    beats = [{"at_ms": at, "event": "heartbeat", "iteration": 1} for at in range(0, 6000, 500)]
    said = decided(beats, FREE)
    assert said[0] == {"at_ms": 5000, "effect": "halt", "cause": "LOOP_STUCK"}


BAD = {
    "empty": "",
    "blank": "   ",
    "no JSON": "order",
    "cut": '{"at_ms":0,"event":"ord',
    "no object": "[1]",
    "a number": "5",
    "two objects": '{"at_ms":0,"event":"quote"} {}',
    "no event": '{"at_ms":0}',
    "event is no text": '{"at_ms":0,"event":5}',
    "unknown event": '{"at_ms":0,"event":"withdraw"}',
    "no time": '{"event":"heartbeat","iteration":1}',
    "time is a text": '{"at_ms":"0","event":"heartbeat","iteration":1}',
    "time is no integer": '{"at_ms":0.5,"event":"heartbeat","iteration":1}',
    "time is a truth": '{"at_ms":true,"event":"heartbeat","iteration":1}',
    "time is negative": '{"at_ms":-1,"event":"heartbeat","iteration":1}',
    "time is too long": '{"at_ms":9223372036854775808,"event":"heartbeat","iteration":1}',
    "time has an exponent": '{"at_ms":1e6000000,"event":"heartbeat","iteration":1}',
    "time has 100,000 digits": '{"at_ms":' + "9" * 60_000 + ',"event":"heartbeat","iteration":1}',
    "NaN": '{"at_ms":NaN,"event":"heartbeat","iteration":1}',
    "NaN inside": '{"at_ms":0,"event":"order","price":NaN}',
    "Infinity": '{"at_ms":0,"event":"order","price":-Infinity}',
    "brackets": "[" * 100_000,
    "brackets that fit": "[" * 60_000,
    "objects in objects": '{"a":' * 10_000,
    "a key twice": '{"at_ms":0,"at_ms":5,"event":"heartbeat","iteration":1}',
    "a long line": '{"at_ms":0,"event":"heartbeat","x":"' + "x" * 10_000_000 + '"}',
    "a beat of truth": '{"at_ms":0,"event":"heartbeat","iteration":true}',
    "no equity": '{"at_ms":0,"event":"account","balance_free":"1"}',
    "equity is a number": '{"at_ms":0,"event":"account","equity":1,"balance_free":"1"}',
    "balances is a list": (
        '{"at_ms":0,"event":"account","equity":"1","balance_free":"1","balances":["1"]}'
    ),
    "no quantity": '{"at_ms":0,"event":"position","symbol":"A"}',
    "quote without symbol": '{"at_ms":0,"event":"quote","bid":"1","ask":"2"}',
    "quote with an exponent": '{"at_ms":0,"event":"quote","symbol":"A","bid":"1e2","ask":"2"}',
    "unknown exec_type": '{"at_ms":0,"event":"execution","cl_ord_id":"a","exec_type":"eaten"}',
    "fill without quantity": '{"at_ms":0,"event":"execution","cl_ord_id":"a","exec_type":"fill"}',
    "halt of no text": '{"at_ms":0,"event":"halt","cause":5}',
    "resume by nobody": '{"at_ms":0,"event":"resume","why":"y"}',
    "no toml": '{"at_ms":0,"event":"config"}',
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_a_bad_line_is_named_by_its_number(text):
    with pytest.raises(BadLine, match=r"^line 2: .") as caught:
        decided([{**ORDER, "at_ms": 0}, text], FREE)
    assert "above" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_a_time_before_the_line_above_is_bad():
    with pytest.raises(BadLine, match=r"^line 2: "):
        decided([ORDER, {**ORDER, "at_ms": 4, "cl_ord_id": "b"}], FREE)


@pytest.mark.parametrize(
    "field",
    [
        {"price": "1e6000000"},
        {"order_qty": 1},
        {"order_qty": True},
        {"side": "\ud800"},
        {"cl_ord_id": "\ud800"},
        {"symbol": "\udcff"},
        {"strategy": "\ud800"},
        {"time_in_force": {"a": [1]}},
        {"expire_at_ms": 10**30},
    ],
    ids=str,
)
def test_a_wrong_order_field_is_a_verdict(field):
    (said,) = decided([{**ORDER, **field}], FREE.replace("EURUSD", "*"))
    assert said["reason"] == "ORDER_INVALID"
    json.dumps(said).encode()


def test_ten_thousand_hostile_lines_are_verdicts_or_bad_lines_and_nothing_else():
    rng = random.Random(7)
    good = json.dumps(ORDER)
    junk = ["\0", "\\u0000", "\ud800", '"', "{", "}", "[", "]", ",", "1e999", "-", "null", "true"]
    words = [*junk, "NaN", "\\ud800", "é", "٣", "\x7f", "9" * 400, " ", "a" * 70, "0.0", "-0"]
    met = {"verdict": 0, "bad": 0}
    for number in range(10_000):
        text = good.replace("a1", f"a{number}")
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.randrange(len(text))
            text = text[:at] + rng.choice(words) + text[at + rng.choice((0, 1, 4)) :]
        try:
            for said in decided([text], FREE):
                json.dumps(said)
                met["verdict"] += 1
        except BadLine:
            met["bad"] += 1
    assert met["verdict"] > 1000
    assert met["bad"] > 1000


def test_what_came_before_a_bad_line_is_printed_and_the_exit_is_65(replay):
    ran = replay(as_bytes([ORDER]) + b"nonsense\n" + as_bytes([ORDER]), config=FREE)
    assert ran.returncode == 65
    assert len(ran.stdout.splitlines()) == 1
    assert b"line 2" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_bytes_that_are_no_text_are_a_bad_line(replay):
    ran = replay(
        as_bytes([ORDER]) + b'{"at_ms":9,"event":"halt","cause":"\xff\xfe"}\n', config=FREE
    )
    assert ran.returncode == 65
    assert b"line 2" in ran.stderr
    assert b"Traceback" not in ran.stderr


def test_events_come_from_standard_input_too(replay):
    ran = replay(b"", config=FREE, stdin=as_bytes([ORDER]))
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["verdict"] == "approved"
    assert ran.stderr == b""


def test_no_events_are_no_output(replay):
    ran = replay(b"")
    assert (ran.returncode, ran.stdout) == (0, b"")


def test_bad_usage_is_64_and_a_bad_configuration_78(replay, tmp_path):
    assert replay(b"", options=["--nonsense"]).returncode == 64
    assert replay(b"", options=[]).returncode == 64
    assert replay(b"", config="[limits]\n").returncode == 78
    absent = ["--config", str(tmp_path / "absent"), "--events", "-"]
    assert replay(b"", options=absent).returncode == 78
    nowhere = ["--config", str(tmp_path / "sentinel.toml"), "--events", str(tmp_path / "absent")]
    assert replay(b"", options=nowhere).returncode == 65


def test_a_burst_of_a_thousand_gets_five_in_the_first_instant():
    tables = '[[throttle]]\nname = "t"\nrate = 5\nburst = 5'
    stand = Desk(account="required = false", tables=tables)
    assert sum(stand.buy("1", "1").approved for _ in range(1000)) == 5


@pytest.mark.parametrize("at_ms", [(1 << 62) // 10**6 + 1, 253402300800000, 1 << 62])
def test_a_time_too_late_to_have_deadlines_is_a_bad_line(at_ms):
    with pytest.raises(BadLine, match=r"line 1: .*integer from 0"):
        decided([{"at_ms": at_ms, "event": "halt", "cause": "x"}])
