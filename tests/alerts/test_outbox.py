"""What is owed, and until when."""

from __future__ import annotations

import pytest

from alerts.outbox import TOLD_WITHIN_NS, WINDOW_MAX, Outbox
from alerts.values import Finished, Outcome, Ready, RouteCheck
from ipc.clock import NS_PER_S


def heard(alert_id, delivered, route="r"):
    return Outcome(alert_id=alert_id, route=route, delivered=delivered, detail="said", at_wall_ns=5)


@pytest.fixture
def outbox(route):
    return Outbox((route("r"), route("s", severity="critical")))


def test_a_delivered_alert_is_final_and_no_longer_owed(outbox, alert):
    assert outbox.offer(alert("a"), 0, 0) == []
    assert outbox.counts.pending == 1
    assert [one.alert_id for one in outbox.to_send(0, connected=True)] == ["a"]
    (told,) = outbox.heard(heard("a", delivered=True), 1)
    assert told.final
    assert told.route == "r"
    outbox.heard(Finished(alert_id="a"), 2)
    assert outbox.counts.pending == 0
    assert outbox.counts.sent == 1
    assert outbox.next_ns(connected=True) is None


def test_a_failed_alert_stays_owed_and_is_tried_again_later(outbox, alert):
    outbox.offer(alert("a"), 0, 0)
    outbox.to_send(0, connected=True)
    (told,) = outbox.heard(heard("a", delivered=False), 1)
    assert not told.final
    outbox.heard(Finished(alert_id="a"), 2)
    assert outbox.counts.failed == 1
    assert outbox.to_send(NS_PER_S, connected=True) == []
    assert len(outbox.to_send(3 * NS_PER_S, connected=True)) == 1
    assert outbox.heard(heard("a", delivered=False), 4) == []
    outbox.heard(Finished(alert_id="a"), 4 * NS_PER_S)
    assert outbox.counts.failed == 1
    assert outbox.to_send(7 * NS_PER_S, connected=True) == []
    outbox.to_send(9 * NS_PER_S, connected=True)
    (told,) = outbox.heard(heard("a", delivered=True), 9 * NS_PER_S)
    assert told.final


def test_a_lost_process_owes_again_what_was_not_acknowledged(outbox, alert):
    outbox.offer(alert("a", code="A"), 0, 0)
    outbox.offer(alert("b", code="B"), 0, 0)
    assert len(outbox.to_send(0, connected=True)) == 2
    outbox.heard(heard("a", delivered=True), 1)
    outbox.lost()
    assert [one.alert_id for one in outbox.to_send(2, connected=True)] == ["b"]


def test_what_nobody_spoke_of_within_five_seconds_is_told_once(outbox, alert):
    outbox.offer(alert("a"), 0, 0)
    assert outbox.to_send(0, connected=False) == []
    assert outbox.next_ns(connected=False) == TOLD_WITHIN_NS
    assert outbox.overdue(TOLD_WITHIN_NS - 1, 0) == []
    (told,) = outbox.overdue(TOLD_WITHIN_NS, 0)
    assert (told.alert_id, told.delivered, told.final) == ("a", False, False)
    assert outbox.overdue(2 * TOLD_WITHIN_NS, 0) == []
    assert len(outbox.to_send(2 * TOLD_WITHIN_NS, connected=True)) == 1


def test_one_message_answers_for_all_that_it_sums_up(outbox, alert):
    for number in range(5):
        outbox.offer(alert(f"a{number}"), 0, 0)
    (message,) = outbox.to_send(0, connected=True)
    told = outbox.heard(heard(message.alert_id, delivered=True), 1)
    assert [one.alert_id for one in told] == [f"a{number}" for number in range(5)]
    assert all(one.final for one in told)
    assert outbox.counts.sent == 5


def test_the_alert_process_has_a_bounded_number_in_hand_and_the_loudest_first(outbox, alert):
    for number in range(WINDOW_MAX + 5):
        outbox.offer(alert(f"w{number}", code=f"C{number}"), 0, 0)
    outbox.offer(alert("c", code="LOUD", severity="critical"), 0, 0)
    first = outbox.to_send(0, connected=True)
    assert len(first) == WINDOW_MAX
    assert first[0].alert_id == "c"
    assert outbox.to_send(0, connected=True) == []
    assert outbox.next_ns(connected=True) == TOLD_WITHIN_NS
    outbox.heard(heard("c", delivered=True), 1)
    outbox.heard(Finished(alert_id="c"), 1)
    assert len(outbox.to_send(1, connected=True)) == 1


def test_an_alert_that_no_route_takes_is_final_and_not_called_delivered(outbox, alert):
    (told,) = outbox.offer(alert("a", severity="info"), 0, 7)
    assert (told.final, told.delivered, told.detail) == (
        True,
        False,
        "no route takes this severity",
    )
    assert outbox.counts.pending == 0


def test_words_about_the_unknown_change_nothing(outbox):
    assert outbox.heard(heard("x", delivered=True), 0) == []
    assert outbox.heard(heard("x", delivered=True, route="nobody"), 0) == []
    assert outbox.heard(Finished(alert_id="x"), 0) == []


def test_the_health_of_a_route_is_its_last_word(outbox, alert):
    assert [one.state for one in outbox.health] == ["untried", "untried"]
    check = RouteCheck(name="s", required=False, ok=False, detail="loads nothing")
    outbox.heard(Ready(checks=(check,)), 0)
    outbox.heard(heard("x", delivered=False), 0)
    assert [one.state for one in outbox.health] == ["failing", "unloadable"]
    outbox.heard(heard("x", delivered=True), 0)
    outbox.heard(heard("x", delivered=False, route="s"), 0)
    assert [one.state for one in outbox.health] == ["ok", "unloadable"]
