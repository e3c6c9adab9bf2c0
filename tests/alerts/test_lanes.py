"""One route's queue: order, deadlines, retries, and no more than its share of processes."""

from __future__ import annotations

import pytest

from alerts.lanes import BACKOFF_NS, ORDER_NS, RUNNING_MAX, TRIES_MAX, Job, Lane
from alerts.sender import Sent
from ipc.clock import NS_PER_MS

BUDGET_NS = 4000 * NS_PER_MS
GOOD = Sent(delivered=True, detail="delivered")
BAD = Sent(delivered=False, detail="connection refused")


class ScriptedAttempt:
    """A send that ends when the test says so."""

    def __init__(self, alert, started_ns, lifetime_ms):
        self.alert = alert
        self.started_ns = started_ns
        self.lifetime_ms = lifetime_ms
        self.report_fd = -1
        self.sent = None
        self.ended = False

    def poll(self):
        return self.sent

    def end(self):
        self.ended = True

    def reap(self):
        return self.ended


@pytest.fixture
def started():
    return []


@pytest.fixture
def lane(started):
    def start(alert, now_ns, lifetime_ms):
        started.append(ScriptedAttempt(alert, now_ns, lifetime_ms))
        return started[-1]

    return Lane("r", start)


@pytest.fixture
def add(lane, alert):
    def put(alert_id, now_ns=0, severity="warning"):
        lane.add(
            Job(
                alert=alert(alert_id, severity=severity),
                deadline_ns=now_ns + BUDGET_NS,
                not_before_ns=now_ns,
            )
        )

    return put


def ids(attempts):
    return [attempt.alert.alert_id for attempt in attempts]


def test_a_good_send_is_settled_once(lane, add, started):
    add("a")
    assert lane.advance(0) == []
    started[0].sent = GOOD
    (settled,) = lane.advance(5)
    assert (settled.alert_id, settled.route, settled.attempt) == ("a", "r", 1)
    assert settled.sent.delivered
    assert started[0].ended
    assert lane.next_ns(6) is None


def test_a_young_send_keeps_the_next_one_in_its_order(lane, add, started):
    add("a")
    add("b")
    lane.advance(0)
    lane.advance(ORDER_NS - 1)
    assert ids(started) == ["a"]
    assert lane.next_ns(ORDER_NS - 1) == ORDER_NS
    lane.advance(ORDER_NS)
    assert ids(started) == ["a", "b"]


def test_the_next_one_goes_as_soon_as_the_one_before_is_done(lane, add, started):
    add("a")
    add("b")
    lane.advance(0)
    started[0].sent = GOOD
    lane.advance(1)
    assert ids(started) == ["a", "b"]


def test_louder_alerts_overtake_those_that_wait(lane, add, started):
    add("a")
    lane.advance(0)
    add("b")
    add("c", severity="critical")
    lane.advance(ORDER_NS)
    assert ids(started) == ["a", "c"]


def test_a_route_that_hangs_is_ended_at_the_deadline_and_what_waited_behind_it_is_told(
    lane, add, started
):
    for number in range(RUNNING_MAX + 2):
        add(f"a{number}")
    for turn in range(20):
        lane.advance(turn * ORDER_NS // 2)
    assert len(started) == RUNNING_MAX
    settled = lane.advance(BUDGET_NS)
    assert len(settled) == RUNNING_MAX + 2
    assert {one.sent.detail for one in settled} == {
        "no answer in time",
        "not sent in time: the route's earlier sends hang",
    }
    assert all(attempt.ended for attempt in started)


def test_a_quick_failure_is_tried_again_with_growing_waits_and_then_told(lane, add, started):
    add("a")
    now_ns = 0
    settled = []
    for turn in range(TRIES_MAX):
        lane.advance(now_ns)
        assert len(started) == turn + 1
        started[-1].sent = BAD
        settled = lane.advance(now_ns)
        if turn + 1 < TRIES_MAX:
            assert settled == []
            assert lane.advance(now_ns + BACKOFF_NS[turn] - 1) == []
            assert len(started) == turn + 1
            now_ns += BACKOFF_NS[turn]
    assert [(one.attempt, one.sent.detail) for one in settled] == [(3, "connection refused")]


def test_nothing_is_tried_again_when_no_time_is_left(lane, add, started):
    add("a")
    lane.advance(0)
    started[0].sent = BAD
    assert len(lane.advance(BUDGET_NS - 500 * NS_PER_MS)) == 1


def test_a_system_without_processes_is_a_failure_with_its_reason(alert):
    def no_process(alert, now_ns, lifetime_ms):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    lane = Lane("r", no_process)
    lane.add(Job(alert=alert(), deadline_ns=100 * NS_PER_MS, not_before_ns=0))
    (settled,) = lane.advance(0)
    assert settled.sent.detail == "no process for the send: Resource temporarily unavailable"


def test_a_send_outlives_its_deadline_by_no_more_than_its_own_alarm(lane, add, started):
    add("a")
    lane.advance(0)
    assert started[0].lifetime_ms == 4500
