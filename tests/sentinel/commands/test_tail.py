"""`sentinel tail`: a real sentinel is followed, and its end is noticed."""

from __future__ import annotations

import json
import os
import signal

import msgspec
import pytest

from sentinel.commands.tail import line_of

PATIENCE_S = 30


@pytest.fixture
def running(launch, short_tmp):
    """A sentinel that runs; returns a way to start a command beside it."""
    launch.sentinel(short_tmp, port="0")
    return lambda *words: launch(short_tmp, *words)


def halted(start):
    assert start("halt", "--why", "test").wait(PATIENCE_S) == 0


def resumed(start):
    assert start("resume", "--by", "ada", "--why", "test").wait(PATIENCE_S) == 0


def followed(start, *words):
    """Start a tail and make changes until its first line comes: a subscription takes a moment."""
    tail = start("tail", *words)
    os.set_blocking(tail.stdout.fileno(), False)
    for _ in range(20):
        halted(start)
        line = tail.stdout.readline()
        if line:
            os.set_blocking(tail.stdout.fileno(), True)
            return tail, line
        resumed(start)
    pytest.fail("nothing was followed")


def test_changes_are_followed_and_an_interrupt_ends_it_with_0(running):
    tail, line = followed(running)
    assert "HALTED  halt: OPERATOR_HALT" in line or "alert" in line or "resume" in line
    tail.send_signal(signal.SIGINT)
    assert tail.wait(PATIENCE_S) == 0
    assert tail.stderr.read() == ""


def test_each_line_is_a_versioned_document(running):
    _, line = followed(running, "--json")
    document = json.loads(line)
    assert document["schema"] == 1
    assert document["topic"] in ("state", "alert")
    assert document["wall_ns"] > 0


def test_without_a_sentinel_it_is_one_line_and_69(sentinel):
    code, out, err = sentinel("tail")
    assert (code, out, err.count("\n")) == (69, "", 1)


def test_wrong_words_are_a_usage_error(sentinel):
    assert sentinel("tail", "extra")[0] == 64


VETO = {
    "wall_ns": 1_700_000_000_123_000_000,
    "state": "REDUCING",
    "cl_ord_id": "a1\x1b[2J",
    "kind": "order",
    "symbol": "EURUSD",
    "verdict": "vetoed",
    "reason": "ORDER_QTY_EXCEEDS_LIMIT",
    "limit": "1",
    "observed": "2",
    "seq": 7,
}


def test_a_veto_is_one_line_with_its_numbers_and_cannot_command_the_terminal():
    line = line_of(b"verdict", msgspec.json.encode(VETO), as_json=False, vetoes=True)
    assert line == (
        "2023-11-14 22:13:20.123  vetoed   order a1\\x1b[2J EURUSD  ORDER_QTY_EXCEEDS_LIMIT"
        " limit 1 observed 2  (REDUCING)"
    )


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (b"verdict", msgspec.json.encode({**VETO, "verdict": "approved"})),
        (b"alert", b'{"wall_ns":1,"code":"X"}'),
        (b"verdict", b"not json"),
        (b"verdict", b"[1]"),
    ],
)
def test_what_is_no_veto_is_not_shown_among_vetoes(topic, payload):
    assert line_of(topic, payload, as_json=False, vetoes=True) is None
