"""The status document: every promised key, money as text, and nothing changed by asking."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sentinel.core.memento import dump
from sentinel.core.state import State
from sentinel.status_document import Surroundings, status_document
from tests.sentinel.core.conftest import Desk

AROUND = Surroundings(
    version="1.2.3",
    started_ns=0,
    journal_seq=9,
    journal_lag_ms=1,
    alerts_state="OK",
    required_routes_down=(),
    degraded=("x",),
    counters={"malformed": 2},
)
PROMISED = {
    "schema": None,
    "version": None,
    "answering": None,
    "state": None,
    "halt": None,
    "epoch": None,
    "uptime_ms": None,
    "mode": None,
    "account_id": None,
    "sessions": None,
    "verdicts": {"approved", "vetoed", "by_reason"},
    "limits": None,
    "working_orders": None,
    "positions": None,
    "equity": None,
    "day": {"key", "baseline_equity", "pnl", "trades"},
    "config": {"hash", "pending_hash", "loaded_at"},
    "drop_copy": {"state", "age_ms"},
    "dead_mans_switch": {"state"},
    "alerts": {"pending", "sent", "failed"},
    "journal": {"seq", "lag_ms"},
    "kill": {"stage", "outcome"},
}


@pytest.fixture
def stand():
    limits = "trades_max = 9\norders_working_max = 5\nposition_qty_max = 500\ndaily_loss_max = 100"
    made = Desk(limits, account='kind = "margin"\nleverage = 10').account().quote("1.1", "1.1")
    made.say("heartbeat", iteration=3)
    made.buy("100", "1.1", cl_ord_id="a")
    made.fill("a", "100", "1.1")
    made.buy("20", "1.1")
    made.buy("0")
    made.quote("1.05", "1.05").cancel("nothing")
    return made


def shown(stand, at_ms=100):
    return status_document(stand.state, AROUND, at_ms * 1_000_000)


def test_every_promised_key_is_there(stand):
    document = shown(stand)
    for key, inner in PROMISED.items():
        assert key in document
        assert inner is None or inner <= set(document[key]), key
    assert document["schema"] == 1
    assert set(document["sessions"][0]) >= {
        "run_id",
        "strategy",
        "pid",
        "vitals",
        "heartbeat_age_ms",
        "iteration",
        "data_age_ms",
    }
    json.dumps(document)


def test_the_numbers_are_those_of_the_state(stand):
    document = shown(stand)
    assert document["verdicts"]["by_reason"] == {"ORDER_INVALID": 1}
    assert (document["verdicts"]["approved"], document["verdicts"]["cancels"]) == (2, 1)
    assert document["working_orders"] == 1
    assert document["positions"] == [
        {"symbol": "EURUSD", "qty": "100", "avg_price": "1.1", "mid": "1.05"}
    ]
    assert document["equity"] == "9995"
    assert document["day"]["pnl"] == "-5"
    assert document["day"]["trades"] == 2
    assert document["uptime_ms"] == 100


def test_each_limit_shows_its_use_and_its_headroom(stand):
    rows = {row["key"]: row for row in shown(stand)["limits"]}
    assert rows["trades_max"]["headroom"] == "7"
    assert rows["orders_working_max"]["used"] == "1"
    assert rows["position_qty_max"]["scope"] == "EURUSD"
    assert rows["position_qty_max"]["headroom"] == "400"
    assert rows["daily_loss_max"]["used"] == "5"
    for row in rows.values():
        assert all(isinstance(row[key], str) for key in ("limit", "used", "headroom"))


def test_a_halt_is_shown_with_who_and_since_when(stand):
    stand.say("halt", cause="operator")
    halt = shown(stand)["halt"]
    assert (halt["cause"], halt["by"], halt["since"]) == ("operator", "replay", 0)
    assert halt["id"]


def test_asking_changes_nothing(stand):
    before = dump(stand.state)
    shown(stand)
    assert dump(stand.state) == before


def test_no_number_but_counts_and_times_is_a_number(stand):
    def numbers(value, name=""):
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from numbers(inner, key)
        elif isinstance(value, list):
            for inner in value:
                yield from numbers(inner, name)
        elif isinstance(value, float):
            yield name

    assert list(numbers(shown(stand))) == []


def test_a_state_that_knows_nothing_yet_has_a_document_too():
    document = status_document(State(), AROUND, 0)
    assert (document["equity"], document["halt"], document["limits"]) == (None, None, [])
    drop_copy: Any = document["drop_copy"]
    assert (drop_copy["state"], drop_copy["age_ms"]) == ("WAITING", None)
