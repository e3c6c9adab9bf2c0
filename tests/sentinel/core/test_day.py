"""The trading day: it ends when time that really passed reaches its roll, and by nothing else."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from sentinel.core.decide import decide
from sentinel.core.events import ResumeRequested, TimePassed
from sentinel.core.trading import ACTIVE

S = 1_000_000_000
HOUR = 3600 * S
DAY = 24 * HOUR


def passed(state, at_ns, wall_ns):
    return decide(state, TimePassed(at_ns=at_ns, wall_ns=wall_ns))


def living(state, until_ns, offset_ns=0, step_ns=HOUR // 4):
    """Let time pass in small steps, the wall clock that far ahead; return the codes told."""
    told = []
    at_ns = state.now_ns
    while at_ns < until_ns:
        at_ns = min(at_ns + step_ns, until_ns)
        told += [effect.code for effect in passed(state, at_ns, at_ns + offset_ns)]
    return told


def test_a_new_day_begins_at_its_roll_and_gives_a_new_budget(desk):
    stand = desk("trades_max = 1")
    assert stand.buy("1", "1.1").approved
    stand.now = DAY // 10**6 - 1
    assert stand.buy("1", "1.1").reason == "TRADE_COUNT_EXCEEDS_LIMIT"
    assert stand.wait(1).buy("1", "1.1").approved
    assert stand.state.day.key == "1970-01-02"


def test_the_baseline_of_a_new_day_is_the_equity_it_begins_with(desk):
    stand = desk("daily_loss_max = 10").account("9995")
    assert stand.buy("1", "1.1").approved
    stand.now = DAY // 10**6
    assert stand.account("9986").buy("1", "1.1").approved
    said = stand.account("9984.99").buy("1", "1.1")
    assert said.told == ("DAILY_LOSS_EXCEEDS_LIMIT", "10", "10.01")


@pytest.mark.parametrize("jump_ns", [DAY, 30 * DAY, -2 * DAY, 2 * HOUR])
def test_a_wall_clock_that_jumps_starts_no_day(desk, jump_ns):
    state = desk("trades_max = 1").state
    living(state, HOUR)
    key = state.day.key
    told = living(state, 2 * HOUR, offset_ns=jump_ns)
    assert told.count("CLOCK_JUMPED") == 1
    assert state.day.key == key


def test_after_a_jump_the_day_still_ends_by_elapsed_time(desk):
    state = desk().state
    living(state, HOUR)
    living(state, DAY - S, offset_ns=10 * DAY)
    assert state.day.key == "1970-01-01"
    living(state, DAY + S, offset_ns=10 * DAY)
    assert state.day.key == "1970-01-02"


def test_a_jump_and_back_is_one_day_and_one_budget(desk):
    state = desk().state
    living(state, HOUR)
    living(state, 2 * HOUR, offset_ns=DAY)
    living(state, 3 * HOUR)
    assert state.day.key == "1970-01-01"
    living(state, DAY + HOUR)
    assert state.day.key == "1970-01-02"


def test_a_slow_drift_of_the_clock_is_followed(desk):
    state = desk().state
    offset = 0
    for number in range(1, 100):
        offset += S
        passed(state, number * 60 * S, number * 60 * S + offset)
    assert state.day.wall_ns == 99 * 60 * S + offset


def test_an_event_that_was_stamped_earlier_is_no_jump_of_the_clock(desk):
    state = desk().state
    living(state, 10 * HOUR)
    assert passed(state, HOUR, HOUR) == []
    assert state.day.wall_ns == 10 * HOUR


@pytest.mark.parametrize(
    ("month", "day", "hours"), [(3, 29, 23), (10, 25, 25), (6, 1, 24)], ids=["spring", "autumn", ""]
)
def test_a_day_of_the_zone_is_as_long_as_it_is(desk, month, day, hours):
    zone = ZoneInfo("Europe/Berlin")
    midnight = int(datetime(2026, month, day, tzinfo=zone).timestamp())
    stand = desk("trades_max = 1", account='kind = "margin"\nday_zone = "Europe/Berlin"')
    stand.now = midnight * 1000
    assert stand.buy("1", "1.1").approved
    stand.wait(hours * 3_600_000 - 1)
    assert stand.buy("1", "1.1").reason == "TRADE_COUNT_EXCEEDS_LIMIT"
    assert stand.wait(1).buy("1", "1.1").approved
    assert stand.buy("1", "1.1").reason == "TRADE_COUNT_EXCEEDS_LIMIT"


def test_a_person_who_resumes_trusts_the_clock_but_never_an_earlier_day(desk):
    stand = desk()
    state = stand.state
    living(state, 2 * HOUR)
    stand.now = 2 * 3_600_000
    stand.say("halt", cause="operator")
    for wall_ns in (3 * DAY, HOUR):
        decide(
            state,
            ResumeRequested(
                at_ns=3 * HOUR, wall_ns=wall_ns, halt_id=None, by="x", why="y", unverified=True
            ),
        )
    assert state.trading.state == ACTIVE
    assert state.day.wall_ns == 3 * DAY


def test_an_id_of_the_day_before_is_still_used(desk):
    stand = desk()
    stand.buy("1", "1.1", cl_ord_id="a")
    stand.now = DAY // 10**6
    assert stand.buy("2", "1.1", cl_ord_id="a").reason == "CL_ORD_ID_DUPLICATE"
