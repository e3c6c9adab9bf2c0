"""The way from worker threads into the loop."""

from __future__ import annotations

import select
import threading

import pytest

from sentinel.adapters.inbox import Inbox


@pytest.fixture
def inbox():
    found: Inbox[object] = Inbox(capacity=3, urgent_capacity=2)
    yield found
    found.close()


def readable(inbox):
    poll = select.poll()
    poll.register(inbox.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def test_it_wakes_the_loop_once_for_all_that_waits(inbox):
    assert not readable(inbox)
    assert inbox.put("a")
    assert inbox.put("b")
    assert readable(inbox)
    assert inbox.drain() == ["a", "b"]
    assert not readable(inbox)
    assert inbox.drain() == []


def test_a_full_inbox_refuses_and_counts(inbox):
    assert [inbox.put(number) for number in range(5)] == [True, True, True, False, False]
    assert inbox.dropped == 2
    assert inbox.drain() == [0, 1, 2]
    assert inbox.put(9)


def test_a_stop_gets_through_a_full_inbox_and_comes_first(inbox):
    for number in range(9):
        inbox.put(number)
    assert inbox.put_urgent("stop")
    assert inbox.drain() == ["stop", 0, 1, 2]


def test_more_stops_than_room_are_refused_and_counted(inbox):
    assert [inbox.put_urgent(number) for number in range(3)] == [True, True, False]
    assert inbox.dropped == 1


def test_a_limited_drain_leaves_the_loop_awake(inbox):
    for number in range(3):
        inbox.put(number)
    assert inbox.drain(2) == [0, 1]
    assert readable(inbox)
    assert inbox.drain(2) == [2]
    assert not readable(inbox)


def test_a_closed_inbox_refuses_and_counts_what_waited(inbox):
    inbox.put("a")
    inbox.close()
    inbox.close()
    assert not inbox.put("b")
    assert inbox.dropped == 2
    assert inbox.drain() == []
    with pytest.raises(ValueError, match="closed"):
        inbox.fileno()


def test_no_room_is_no_inbox():
    with pytest.raises(ValueError, match="room"):
        Inbox(capacity=0)


def test_nothing_is_lost_between_many_threads():
    inbox: Inbox[tuple[int, int]] = Inbox(capacity=100_000)
    threads = [
        threading.Thread(target=lambda n=n: [inbox.put((n, i)) for i in range(2000)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    taken = []
    poll = select.poll()
    poll.register(inbox.fileno(), select.POLLIN)
    while len(taken) < 8000:
        assert poll.poll(20_000)
        taken += inbox.drain(97)
    for thread in threads:
        thread.join()
    inbox.close()
    assert sorted(taken) == [(n, i) for n in range(4) for i in range(2000)]
    assert [it for it in taken if it[0] == 2] == [(2, i) for i in range(2000)]
