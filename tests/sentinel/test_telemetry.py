"""Copies for watchers: a verdict, a change of state and an alert each have their topic."""

from __future__ import annotations

import json

from ipc.codec import fingerprint
from ipc.messages import OrderIntent
from sentinel.core.effects import Answer, Halt, KillTree, Reduce, Reply, Resume, SendAlert
from sentinel.core.events import HaltRequested, IntentReceived
from sentinel.core.ledger import Entry
from sentinel.telemetry import telemetry_of

INTENT = OrderIntent(cl_ord_id="a", symbol="EURUSD", side="buy", ord_type="market", order_qty="1")
ASKED = IntentReceived(
    at_ns=1, wall_ns=2, run_id="r", intent=INTENT, fingerprint=fingerprint(INTENT)
)
SPOKEN = HaltRequested(at_ns=1, wall_ns=2, cause="C", by="x")


def told(event, *effects):
    entry = Entry(event=event, effects=effects)
    return [(topic, json.loads(text)) for topic, text in telemetry_of(entry, "ACTIVE")]


def test_a_verdict_is_told_whole():
    reply = Reply(
        cl_ord_id="a",
        kind="order",
        approved=False,
        reason="THROTTLE_EXCEEDED",
        limit="5",
        observed="5.75",
        state="ACTIVE",
        seq=7,
    )
    assert told(ASKED, reply) == [
        (
            b"verdict",
            {
                "wall_ns": 2,
                "state": "ACTIVE",
                "cl_ord_id": "a",
                "kind": "order",
                "symbol": "EURUSD",
                "verdict": "vetoed",
                "reason": "THROTTLE_EXCEEDED",
                "limit": "5",
                "observed": "5.75",
                "seq": 7,
            },
        )
    ]


def test_changes_and_alerts_have_topics_of_their_own_and_answers_none():
    effects = (
        Halt(halt_id="h", cause="C", by="x"),
        Reduce(cause="C"),
        Resume(cause="C"),
        KillTree(sequence=1, cause="C", processes=(), grace_ms=0),
        SendAlert(alert_id="i", severity="critical", code="HALTED", facts={"cause": "C"}),
        Answer(ok=True, code="DONE", detail=""),
    )
    said = told(SPOKEN, *effects)
    assert [topic for topic, _ in said] == [b"state"] * 4 + [b"alert"]
    assert [document.get("effect") for _, document in said] == [
        "halt",
        "reduce",
        "resume",
        "kill_tree",
        None,
    ]
    assert said[4][1] == {"wall_ns": 2, "state": "ACTIVE", "code": "HALTED", "severity": "critical"}
