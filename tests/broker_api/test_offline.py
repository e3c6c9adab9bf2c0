"""The trading connection: approvals, reports, marks, persistence."""

import csv
import gzip
import sqlite3
from itertools import islice

import pytest

from broker_api import offline as module
from broker_api.errors import BrokerUnavailable
from broker_api.offline import MARKS_EVERY_NS, OfflineBroker
from broker_api.protocol import QuoteDriven, Trading
from ipc.approved import ApprovalVoid, Approved
from ipc.clock import NS_PER_MS
from ipc.messages import OrderIntent, ReplaceIntent

ROWS = 25_000


def order(cl_ord_id="a", **fields):
    defaults = {"symbol": "EUR/USD", "side": "buy", "ord_type": "market", "order_qty": "10"}
    return OrderIntent(cl_ord_id=cl_ord_id, **{**defaults, **fields})


def count(path, table="orders"):
    with sqlite3.connect(path) as db:
        found = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    db.close()
    return found


def test_it_speaks_the_protocol_and_is_paper(desk):
    trading: Trading = desk.broker
    assert isinstance(trading, QuoteDriven)
    facts = trading.facts()
    assert (facts.broker, facts.mode, facts.account_id) == ("offline", "paper", "OFFLINE")
    assert facts == desk.eye.facts()
    assert facts.endpoint == f"offline:{desk.path}"
    assert trading.capabilities().protective_stops


def test_an_approval_is_spent_by_placing(desk):
    desk.quote("1.10", "1.12")
    approved = Approved(order(), desk.clock.elapsed_ns())
    desk.broker.place(approved)
    with pytest.raises(ApprovalVoid):
        desk.broker.place(approved)
    assert count(desk.path) == 1


def test_a_late_approval_places_nothing(desk):
    desk.quote("1.10", "1.12")
    with pytest.raises(ApprovalVoid):
        desk.broker.place(Approved(order(), desk.clock.elapsed_ns() - 1))
    assert count(desk.path) == 0
    assert desk.broker.reports() == []


def test_a_late_approval_replaces_nothing(desk):
    desk.quote("1.10", "1.12")
    desk.send("a", price="1.05")
    intent = ReplaceIntent(cl_ord_id="b", orig_cl_ord_id="a", order_qty="5")
    with pytest.raises(ApprovalVoid):
        desk.broker.replace(Approved(intent, desk.clock.elapsed_ns() - 1))
    assert desk.working() == {"a": "100"}


def test_each_door_takes_its_own_kind_of_intent(desk):
    replace = ReplaceIntent(cl_ord_id="b", orig_cl_ord_id="a", order_qty="5")
    with pytest.raises(TypeError):
        desk.broker.place(Approved(replace, 2**62))
    with pytest.raises(TypeError):
        desk.broker.replace(Approved(order(), 2**62))
    assert count(desk.path) == 0


def test_every_order_placed_is_one_row_and_legs_are_apart(desk):
    desk.quote("1.10", "1.12")
    for n in range(5):
        desk.send(f"o{n}", stop_loss="1.00", take_profit="1.30")
    desk.send("rejected", qty="0")
    desk.send("w", price="1.0")
    desk.replace("r", "w", "5")
    desk.eye.flatten("EUR/USD", "100", "sell")
    assert count(desk.path) == 7
    assert count(desk.path, "legs") == 10
    assert count(desk.path, "oversight_orders") == 1
    assert desk.eye.snapshot(0).orders_placed == 7


def test_reports_come_once_in_order_and_at_most_a_thousand_at_a_time(desk):
    desk.quote("1.10", "1.12")
    for n in range(600):
        desk.send(f"o{n}", qty="1")
    first, second = desk.broker.reports(), desk.broker.reports()
    assert (len(first), len(second)) == (1000, 200)
    ids = [report.exec_id for report in first + second]
    assert len(set(ids)) == 1200
    assert desk.broker.reports() == []


def test_a_fill_report_carries_its_numbers(desk):
    desk.quote("1.10", "1.12")
    desk.send("a", qty="10")
    ack, fill = desk.broker.reports()
    assert (ack.exec_id, ack.last_qty) == ("a#1", None)
    assert (fill.exec_id, fill.last_qty, fill.last_price, fill.fee) == ("a#2", "10", "1.12", "0")
    assert desk.eye.snapshot(0).fills[0].exec_id == fill.exec_id


def test_reports_that_nobody_fetches_stop_the_market(desk, monkeypatch):
    monkeypatch.setattr(module, "REPORTS_MAX", 3)
    desk.quote("1.10", "1.12")
    desk.send("a")
    desk.send("b")
    desk.send("c", price="1.05")
    with pytest.raises(BrokerUnavailable, match="fetched"):
        desk.quote("1.00", "1.01")
    desk.told()
    desk.quote("1.00", "1.01")
    assert desk.working() == {}


def test_quotes_are_written_at_most_every_quarter_second(desk):
    writes = []
    desk.broker._store.save_quotes = lambda quotes: writes.append(len(quotes))
    for n in range(1000):
        desk.quote("1.10", "1.12")
        if n % 100 == 99:
            desk.clock.now_ns += MARKS_EVERY_NS
    assert len(writes) == 10


def test_the_other_side_sees_a_mark_that_came_before_a_pause(desk):
    desk.quote("1.10", "1.12")
    desk.quote("1.20", "1.22")
    desk.clock.sleep_ms(300)
    desk.broker.reports()
    assert desk.eye.snapshot(0).quotes[0].bid == "1.2"


def test_nothing_is_lost_over_a_restart(desk, clock):
    desk.quote("1.10", "1.12")
    desk.send("e", stop_loss="1.00", take_profit="1.30")
    desk.send("w", price="1.01")
    before = desk.eye.snapshot(0)
    desk.close()
    desk.broker = OfflineBroker(desk.path, clock, desk.settings)
    assert desk.working() == {"e/sl": "100", "e/tp": "100", "w": "100"}
    assert desk.held() == "100"
    desk.eye = type(desk.eye)(desk.path, clock, desk.settings)
    assert desk.eye.snapshot(0) == before
    desk.quote("0.99", "1.00")
    assert desk.told() == [("e/sl", "fill"), ("e/tp", "cancelled"), ("w", "fill")]


def test_a_new_connection_is_not_told_an_old_ones_story(desk, clock):
    desk.quote("1.10", "1.12")
    desk.send("w", price="1.01")
    desk.broker.close()
    desk.eye.cancel_all()
    desk.broker = OfflineBroker(desk.path, clock, desk.settings)
    assert desk.told() == []


def test_two_loops_on_one_account_hear_of_their_own_orders(open_desk):
    one, two = open_desk(owner="one"), open_desk(owner="two")
    one.quote("1.10", "1.12")
    one.send("a", price="1.05")
    two.quote("1.04", "1.05", 500)
    assert two.told() == []
    one.quote("1.04", "1.05", 501)
    assert one.told() == [("a", "ack"), ("a", "fill")]


def test_after_a_failed_write_memory_and_file_agree(desk, monkeypatch):
    desk.quote("1.10", "1.12")

    def broken(*_):
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(desk.broker._store, "save_quotes", broken)
        with pytest.raises(BrokerUnavailable, match="disk I/O error"):
            desk.send("a")
    assert desk.held() == "0"
    assert desk.told() == []
    desk.send("a")
    assert desk.held() == "100"
    assert count(desk.path) == 1


def test_a_closed_connection_refuses_politely_and_closes_twice(desk):
    desk.broker.close()
    desk.broker.close()
    with pytest.raises(BrokerUnavailable, match="closed"):
        desk.send("a")


def test_a_recording_replays_with_every_order_accounted_for(open_desk, recordings):
    desk = open_desk(latency_max_ns=2 * NS_PER_MS, partial_pct=20)
    path = recordings / "eurusd_20140508_ecb_ticks.csv.gz"
    placed = quotes = 0
    with gzip.open(path, "rt", newline="") as lines:
        for row in islice(csv.DictReader(lines), ROWS):
            quotes += 1
            desk.broker.on_quote(
                row["symbol"], row["bid"] or None, row["ask"] or None, int(row["ts_ns"])
            )
            if quotes % 500 == 0:
                placed += 1
                desk.send(
                    f"o{placed}",
                    qty="1000",
                    price=row["ask"],
                    stop_loss="1.38",
                    take_profit="1.3995",
                )
            desk.broker.reports()
    assert quotes == ROWS
    assert desk.eye.snapshot(0).orders_placed == placed == count(desk.path)
    assert len(desk.fills()) > placed / 4
