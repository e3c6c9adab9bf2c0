"""`sentinel reasons`: the whole catalogue, in the order of the checks."""

from __future__ import annotations

import json

from ipc.reasons import Reason


def test_every_reason_is_a_line_in_the_order_of_the_checks(sentinel):
    code, out, err = sentinel("reasons")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == [reason.value for reason in Reason]
    assert all(reason.meaning in out for reason in Reason)


def test_the_document_has_action_and_meaning(sentinel):
    document = json.loads(sentinel("reasons", "--json")[1])
    rows = {row["reason"]: row for row in document["reasons"]}
    assert document["schema"] == 1
    assert rows["VETO_STORM"]["default_action"] == "kill"
    assert rows["PRICE_OUTSIDE_COLLAR"]["default_action"] == "veto"
    assert rows["TRADING_HALTED"]["default_action"] is None
    assert len(rows) == len(Reason)


def test_wrong_words_are_a_usage_error(sentinel):
    assert sentinel("reasons", "extra")[0] == 64
    assert sentinel("reasons", "--colour")[0] == 64
