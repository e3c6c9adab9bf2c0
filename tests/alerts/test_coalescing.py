"""De-duplication: the first at once, then one summary per interval."""

from __future__ import annotations

import itertools

import pytest

from alerts.coalescing import HELD_MAX, KINDS_MAX, OUTSTANDING_MAX, Coalescer
from alerts.values import Severity
from ipc.clock import NS_PER_S


@pytest.fixture
def coalescer():
    return Coalescer()


def test_the_first_alert_goes_out_at_once_as_it_is(coalescer, alert):
    coalescer.offer(alert("a1"), 0)
    (message,) = coalescer.due(0)
    assert message.alert == alert("a1")
    assert message.covers == ("a1",)


def test_a_storm_of_ten_thousand_is_a_handful_of_messages_that_answer_for_all(coalescer, alert):
    messages = []
    for number in range(10_000):
        now_ns = number * NS_PER_S // 1000
        assert coalescer.offer(alert(f"a{number}", severity="critical"), now_ns)
        for message in coalescer.due(now_ns):
            messages.append(message)
            coalescer.settle(message)
    for message in coalescer.due(100 * NS_PER_S):
        messages.append(message)
        coalescer.settle(message)
    assert len(messages) <= 5
    covered = [alert_id for message in messages for alert_id in message.covers]
    assert sorted(covered) == sorted(f"a{number}" for number in range(10_000))
    assert coalescer.held == 0


def test_a_summary_says_how_many_it_stands_for(coalescer, alert):
    coalescer.offer(alert("a0"), 0)
    coalescer.due(0)
    for number in range(1, 8):
        coalescer.offer(alert(f"a{number}"), NS_PER_S)
    assert coalescer.due(9 * NS_PER_S) == []
    (message,) = coalescer.due(10 * NS_PER_S)
    assert "7 alerts like this" in message.alert.body
    assert "Alert a7" in message.alert.body
    assert len(message.covers) == 7


def test_a_storm_that_goes_on_is_told_more_and_more_seldom(coalescer, alert):
    told_at = []
    for second in range(400):
        coalescer.offer(alert(f"x{second}"), second * NS_PER_S)
        coalescer.offer(alert(f"y{second}"), second * NS_PER_S)
        for message in coalescer.due(second * NS_PER_S):
            told_at.append(second)
            coalescer.settle(message)
    gaps = [later - earlier for earlier, later in itertools.pairwise(told_at)]
    assert gaps == sorted(gaps)
    assert gaps[-1] > gaps[0]


def test_a_lone_alert_after_a_storm_ends_the_long_intervals(coalescer, alert):
    coalescer.offer(alert("a"), 0)
    coalescer.due(0)
    coalescer.offer(alert("b"), NS_PER_S)
    coalescer.offer(alert("c"), NS_PER_S)
    for now_s, expected in ((10, 1), (29, 0)):
        assert len(coalescer.due(now_s * NS_PER_S)) == expected
    coalescer.offer(alert("d"), 1000 * NS_PER_S)
    assert [message.covers for message in coalescer.due(1000 * NS_PER_S)] == [("d",)]
    coalescer.offer(alert("e"), 1001 * NS_PER_S)
    assert coalescer.due(1009 * NS_PER_S) == []
    assert [message.covers for message in coalescer.due(1010 * NS_PER_S)] == [("e",)]


def test_a_critical_alert_never_waits_in_a_lesser_one(coalescer, alert):
    coalescer.offer(alert("w", severity="warning"), 0)
    coalescer.due(0)
    coalescer.offer(alert("w2", severity="warning"), 1)
    coalescer.offer(alert("c", severity="critical"), 1)
    (message,) = coalescer.due(1)
    assert message.alert.severity is Severity.CRITICAL
    assert message.covers == ("c",)


def test_critical_messages_come_first(coalescer, alert):
    for severity in ("info", "critical", "warning"):
        coalescer.offer(alert(severity, severity=severity), 0)
    assert [message.covers[0] for message in coalescer.due(0)] == ["critical", "warning", "info"]


def test_the_same_id_is_held_once(coalescer, alert):
    coalescer.offer(alert("a"), 0)
    coalescer.offer(alert("a"), 0)
    (message,) = coalescer.due(0)
    assert message.covers == ("a",)


def test_a_flood_of_kinds_shares_a_bounded_number_of_messages(coalescer, alert):
    for number in range(5000):
        coalescer.offer(alert(f"a{number}", code=f"CODE_{number}"), 0)
    messages = coalescer.due(0)
    assert len(messages) == KINDS_MAX + 1
    assert sum(len(message.covers) for message in messages) == 5000


def test_messages_that_are_not_settled_hold_the_next_ones_back(coalescer, alert):
    messages = []
    for number in range(100):
        coalescer.offer(alert(f"a{number}"), number * 10_000 * NS_PER_S)
        messages += coalescer.due(number * 10_000 * NS_PER_S)
    assert len(messages) == OUTSTANDING_MAX
    assert coalescer.next_ns() is None
    coalescer.settle(messages[0])
    (message,) = coalescer.due(10**9 * NS_PER_S)
    assert len(message.covers) == 100 - OUTSTANDING_MAX


def test_what_is_too_much_to_answer_for_is_still_counted(coalescer, alert):
    held = [coalescer.offer(alert(f"a{number}"), 0) for number in range(HELD_MAX + 10)]
    assert held.count(False) == 10
    (message,) = coalescer.due(0)
    assert f"{HELD_MAX + 10} alerts" in message.alert.body
    assert len(message.covers) == HELD_MAX


def test_a_quiet_kind_is_forgotten(coalescer, alert):
    coalescer.offer(alert("a"), 0)
    (message,) = coalescer.due(0)
    coalescer.settle(message)
    coalescer.due(1000 * NS_PER_S)
    assert coalescer._buckets == {}


def test_the_last_call_makes_everything_due(coalescer, alert):
    coalescer.offer(alert("a"), 0)
    coalescer.due(0)
    coalescer.offer(alert("b"), 1)
    coalescer.hurry()
    assert [message.covers for message in coalescer.due(2)] == [("b",)]
