"""`sentinel why`: one order's story, whole and in order, for a person and for a program."""

from __future__ import annotations

import json

import pytest

from sentinel.core.events import AccountRead, BrokerRead, FillSeen, QuoteReceived
from sentinel.core.steps import OrdersCancelled
from sentinel.story import Teller


@pytest.fixture
def why(sentinel):
    """Return the told document of an id."""

    def ask(cl_ord_id):
        code, out, err = sentinel("why", cl_ord_id, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    return ask


def seen_fill(day, cl_ord_id, exec_id, qty="400", price="1.1"):
    at_ns = day.at_ms * 1_000_000
    account = AccountRead(
        at_ns=at_ns, wall_ns=at_ns, read_at_ns=at_ns, equity="1", balance_free="1", balances={}
    )
    fill = FillSeen(
        exec_id=exec_id,
        cl_ord_id=cl_ord_id,
        symbol="EURUSD",
        side="buy",
        qty=qty,
        price=price,
        fee="0",
    )
    day.take(
        BrokerRead,
        read_at_ns=at_ns,
        account=account,
        positions=(),
        working=(),
        fills=(fill,),
        fill_seq=1,
    )


def test_an_approval_is_told_with_its_session_reference_and_state(day, why):
    day.take(QuoteReceived, symbol="EURUSD", bid="1.1", ask="1.1002")
    day.order("a1")
    story = why("a1")["story"]
    assert [chapter["what"] for chapter in story] == ["intent"]
    told = story[0]
    assert told["session"] == {"strategy": "fade", "pid": 4321}
    assert told["age_ns"] == 3_000_000
    assert (told["reference"]["bid"], told["reference"]["ask"]) == ("1.1", "1.1002")
    assert told["reference"]["age_ns"] == 1_000_000
    assert told["reference"]["seq"] < told["seq"]
    assert told["verdict"]["verdict"] == "approved"
    assert told["verdict"]["state"] == "ACTIVE"
    assert told["verdict"]["expires_in_ns"] == 500_000_000


def test_a_veto_is_told_with_its_reason_and_both_numbers(day, sentinel, why):
    day.order("a1", qty="5000")
    verdict = why("a1")["story"][0]["verdict"]
    assert (verdict["reason"], verdict["limit"], verdict["observed"]) == (
        "ORDER_QTY_EXCEEDS_LIMIT",
        "1000",
        "5000",
    )
    assert why("a1")["outcome"]["state"] == "vetoed"
    _, out, _ = sentinel("why", "a1")
    assert "VETOED ORDER_QTY_EXCEEDS_LIMIT" in out
    assert "the order's quantity is too large: limit 1000, observed 5000" in out


@pytest.mark.parametrize(
    ("reports", "state", "cum"),
    [
        ([], "approved", "0"),
        ([("ack", {})], "working", "0"),
        ([("partial_fill", {"exec_id": "x1"})], "partially_filled", "400"),
        ([("partial_fill", {"exec_id": "x1"}), ("cancelled", {})], "cancelled", "400"),
        ([("partial_fill", {"exec_id": "x1"})] * 3, "partially_filled", "400"),
        ([("rejected", {"text": "no"})], "rejected", "0"),
        ([("ack", {}), ("expired", {})], "expired", "0"),
    ],
)
def test_where_the_order_stands_follows_its_reports(day, why, reports, state, cum):
    day.order("a1")
    for exec_type, fields in reports:
        trade = {"last_qty": "400", "last_price": "1.1"} if "fill" in exec_type else {}
        day.report("a1", exec_type, **trade, **fields)
    outcome = why("a1")["outcome"]
    assert (outcome["state"], outcome["cum_qty"]) == (state, cum)


def test_a_fill_told_by_the_loop_and_by_the_broker_counts_once(day, why):
    day.order("a1")
    day.report("a1", "partial_fill", exec_id="x1", last_qty="400", last_price="1.1")
    seen_fill(day, "a1", "x1")
    seen_fill(day, "a1", "x2", qty="600", price="1.0")
    told = why("a1")
    assert told["outcome"] == {
        "state": "filled",
        "order_qty": "1000",
        "cum_qty": "1000",
        "avg_price": "1.04",
    }
    assert [c["what"] for c in told["story"]] == ["intent", "report", "fill_seen", "fill_seen"]


def test_a_replace_and_a_cancel_belong_to_both_stories(day, why):
    day.order("a1")
    day.report("a1", "ack")
    day.replace("a2", "a1", "500")
    day.report("a2", "replaced")
    day.cancel("a3", "a2")
    first, second = why("a1"), why("a2")
    assert [c["what"] for c in first["story"]] == ["intent", "report", "related_intent"]
    assert first["outcome"]["state"] == "replaced"
    assert [c["what"] for c in second["story"]] == ["intent", "report", "related_intent"]
    assert second["story"][0]["reference"]["bid"] == "1.0999"
    assert second["outcome"]["state"] == "working"


def test_the_same_id_asked_twice_is_told_twice_and_the_first_verdict_stands(day, why):
    day.order("a1")
    day.order("a1")
    story = why("a1")["story"]
    assert [c["verdict"]["repeated"] for c in story] == [False, True]


def test_an_id_that_begins_like_another_is_another(day, why):
    day.order("a1")
    day.order("a10")
    assert len(why("a1")["story"]) == 1


def test_an_order_the_sentinel_cancelled_stands_cancelled(day, why):
    day.order("a1")
    day.take(OrdersCancelled, sequence=1, cancelled=("a1",))
    told = why("a1")
    assert told["outcome"]["state"] == "cancelled"
    assert told["story"][-1]["what"] == "cancelled_by_sentinel"


def test_legs_that_the_venue_made_are_part_of_the_story(day, why):
    day.order("a1")
    day.report("a1", "fill", exec_id="x1", last_qty="1000", last_price="1.1")
    day.report("a1/sl", "fill", exec_id="x2", last_qty="1000", last_price="1.0")
    told = why("a1")
    assert told["story"][-1]["cl_ord_id"] == "a1/sl"
    assert told["outcome"]["cum_qty"] == "1000"


def test_a_person_reads_times_in_utc_and_where_each_thing_stands(day, sentinel):
    day.order("a1")
    day.report("a1", "rejected", text="no \x1b[31mmoney")
    code, out, err = sentinel("why", "a1")
    assert (code, err) == (0, "")
    assert out.startswith("a1\n  2023-11-14 22:13:21.")
    assert "fade (pid 4321) asked: buy 1000 EURUSD limit price 1.1" in out
    assert "APPROVED for 500 ms" in out
    assert "\x1b" not in out
    assert out.rstrip().endswith("stands: rejected")


@pytest.mark.parametrize("cl_ord_id", ["nobody", "\x1b[2J", "-" * 3000])
def test_an_unknown_id_is_one_line_and_1(day, sentinel, cl_ord_id):
    code, out, err = sentinel("why", "--", cl_ord_id)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "knows no such order" in err
    assert "\x1b" not in err


def test_no_journal_is_65_and_a_missing_id_64(sentinel):
    assert sentinel("why", "a1")[0] == 65
    assert sentinel("why")[0] == 64


def test_the_memory_of_quotes_and_sessions_is_bounded():
    teller = Teller("a1", lambda _: "")
    from sentinel.core.ledger import Entry

    for number in range(10_500):
        quote = QuoteReceived(at_ns=1, wall_ns=1, symbol=f"S{number}", bid="1", ask="2")
        teller.take(number, Entry(event=quote))
    assert len(teller._quotes) <= 10_000
