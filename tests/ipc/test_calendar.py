"""The trading day and the open hours, over the days on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipc.calendar import (
    ALWAYS_OPEN,
    DAYS,
    OpenHours,
    TradingCalendar,
    UnknownZone,
    load_zone,
    open_minutes,
    parse_window,
    window_texts,
)

S = 1_000_000_000
HOUR = 3600 * S
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")
INSTANTS = st.integers(0, 4_000_000_000 * S)
ROLLS = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.integers(0, 59))


def at(text: str, zone: str = "UTC", fold: int = 0) -> int:
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round((local - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 1000


def test_a_day_of_midnight_is_the_date_in_its_zone() -> None:
    calendar = TradingCalendar("America/New_York", "00:00")
    assert calendar.day_key(at("2026-11-22T03:59")) == "2026-11-21"
    assert calendar.day_key(at("2026-11-22T05:00")) == "2026-11-22"


def test_a_day_that_rolls_in_the_afternoon_has_the_date_of_the_next_day() -> None:
    calendar = TradingCalendar("America/New_York", "17:00")
    before = at("2026-11-22T16:59:59.999999", "America/New_York")
    roll = at("2026-11-22T17:00", "America/New_York")
    assert calendar.day_key(before) == "2026-11-22"
    assert calendar.day_key(roll) == "2026-11-23"
    assert calendar.next_roll_ns(before) == roll
    assert calendar.next_roll_ns(roll) == roll + 24 * HOUR


def test_a_day_that_rolls_in_the_morning_has_the_date_on_which_it_begins() -> None:
    calendar = TradingCalendar("UTC", "06:00")
    assert calendar.day_key(at("2026-11-22T05:59")) == "2026-11-21"
    assert calendar.day_key(at("2026-11-22T06:00")) == "2026-11-22"


def test_the_leap_day_is_a_day() -> None:
    calendar = TradingCalendar("UTC", "00:00")
    assert calendar.day_key(at("2028-02-29T12:00")) == "2028-02-29"
    assert calendar.next_roll_ns(at("2028-02-28T12:00")) == at("2028-02-29T00:00")
    assert calendar.next_roll_ns(at("2028-02-29T12:00")) == at("2028-03-01T00:00")


@pytest.mark.parametrize(
    ("zone", "noon", "hours"),
    [
        ("Europe/Berlin", "2026-03-29T12:00", 23),
        ("Europe/Berlin", "2026-10-25T12:00", 25),
        ("America/New_York", "2026-03-08T12:00", 23),
        ("America/New_York", "2026-11-01T12:00", 25),
        ("Europe/Berlin", "2026-06-15T12:00", 24),
    ],
)
def test_the_day_on_which_clocks_change_is_one_day(zone: str, noon: str, hours: int) -> None:
    calendar = TradingCalendar(zone, "00:00")
    begin = at(noon[:11] + "00:00", zone)
    end = calendar.next_roll_ns(begin)
    assert end - begin == hours * HOUR
    assert {calendar.day_key(begin), calendar.day_key(end - 1)} == {noon[:10]}


def test_a_roll_that_the_clocks_skip_is_at_the_instant_of_the_change() -> None:
    calendar = TradingCalendar("Europe/Berlin", "02:30")
    change = at("2026-03-29T01:00")
    assert calendar.next_roll_ns(at("2026-03-28T12:00")) == change
    assert calendar.day_key(change - 1) == "2026-03-28"
    assert calendar.day_key(change) == "2026-03-29"
    assert calendar.next_roll_ns(change) == at("2026-03-30T00:30")


def test_a_roll_that_the_clocks_repeat_is_at_the_first_of_the_two() -> None:
    calendar = TradingCalendar("Europe/Berlin", "02:30")
    first, second = (at("2026-10-25T02:30", "Europe/Berlin", fold) for fold in (0, 1))
    assert second - first == HOUR
    assert calendar.next_roll_ns(at("2026-10-24T12:00")) == first
    assert calendar.day_key(first - 1) == "2026-10-24"
    assert calendar.day_key(first) == calendar.day_key(second) == "2026-10-25"


def test_a_date_that_a_zone_leaves_out_is_no_day() -> None:
    calendar = TradingCalendar("Pacific/Apia", "00:00")
    roll = calendar.next_roll_ns(at("2011-12-29T12:00"))
    assert (calendar.day_key(roll - 1), calendar.day_key(roll)) == ("2011-12-29", "2011-12-31")


@given(st.sampled_from(ZONES), ROLLS, INSTANTS)
def test_the_next_roll_is_the_first_instant_of_another_and_later_day(
    zone: str, roll: str, wall_ns: int
) -> None:
    calendar = TradingCalendar(zone, roll)
    next_ns = calendar.next_roll_ns(wall_ns)
    key, next_key = calendar.day_key(wall_ns), calendar.day_key(next_ns)
    assert wall_ns < next_ns <= wall_ns + 26 * HOUR
    assert calendar.day_key(next_ns - 1) == key
    assert datetime.fromisoformat(next_key) - datetime.fromisoformat(key) == timedelta(days=1)


@given(st.integers(-(10**30), 10**30))
def test_no_instant_however_far_is_an_error(wall_ns: int) -> None:
    calendar = TradingCalendar("Europe/Berlin", "17:00")
    assert len(calendar.day_key(wall_ns)) == 10
    assert isinstance(calendar.next_roll_ns(wall_ns), int)
    assert OpenHours(["08:00-17:00"], "Europe/Berlin").is_open(wall_ns) in (True, False)


@pytest.mark.parametrize(
    "name", ["", "Mars/Base", "../../etc/passwd", "America", "a\0b", "x" * 999]
)
def test_a_zone_that_the_host_does_not_have_is_one_error(name: str) -> None:
    with pytest.raises(UnknownZone):
        load_zone(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "08:00",
        "8:00-9:00",
        "24:00-08:00",
        "08:00-24:01",
        "08:60-09:00",
        "08:00-08:00",
        "mon 08:00-09:00",
        "Mon-Fri08:00-09:00",
        "Mon,Tue 08:00-09:00",
        " 08:00-09:00",
        "08:00-09:00\n",
        "\u06608:00-09:00",
    ],
)
def test_what_is_no_window_is_none(text: str) -> None:
    assert parse_window(text) is None


def test_windows_may_run_over_midnight_and_over_the_end_of_the_week() -> None:
    assert window_texts(open_minutes(["Sun 22:00-02:00"])) == ("Mon 00:00-02:00", "Sun 22:00-24:00")
    assert window_texts(open_minutes(["Sat-Mon 10:00-11:00"])) == tuple(
        f"{day} 10:00-11:00" for day in ("Mon", "Sat", "Sun")
    )
    assert open_minutes(["00:00-24:00"]) == ALWAYS_OPEN
    assert open_minutes(["Mon 00:00-00:01"]) == 1


@settings(max_examples=20)
@given(st.integers(0, ALWAYS_OPEN))
def test_any_set_of_minutes_is_the_same_after_being_written(bits: int) -> None:
    assert open_minutes(window_texts(bits)) == bits


def test_both_ends_of_a_window_are_open() -> None:
    hours = OpenHours(["Mon-Fri 08:00-17:00"], "Europe/Berlin")
    opens, closes = (at(f"2026-11-23T{text}", "Europe/Berlin") for text in ("08:00", "17:00"))
    assert [hours.is_open(t) for t in (opens - 1, opens, closes - 1, closes, closes + 1)] == [
        *(False, True, True, True, False)
    ]
    assert not hours.is_open(at("2026-11-22T12:00", "Europe/Berlin"))
    assert hours.next_change_ns(opens - 1) == opens
    assert hours.next_change_ns(opens) == closes + 1
    assert hours.next_change_ns(at("2026-11-21T12:00")) == opens


def test_hours_are_those_of_the_wall_clock_when_clocks_change() -> None:
    hours = OpenHours(["02:15-02:45"], "Europe/Berlin")
    skipped = at("2026-03-28T12:00")
    assert hours.next_change_ns(skipped) == at("2026-03-30T02:15", "Europe/Berlin")
    first, second = (at("2026-10-25T02:15", "Europe/Berlin", fold) for fold in (0, 1))
    assert hours.is_open(first)
    assert hours.is_open(second)
    assert hours.next_change_ns(first - 1) == first
    assert hours.next_change_ns(at("2026-10-25T02:45", "Europe/Berlin") + 1) == second


def test_a_window_that_the_clocks_jump_into_opens_at_the_jump() -> None:
    hours = OpenHours(["Sun 02:30-04:00"], "Europe/Berlin")
    assert hours.next_change_ns(at("2026-03-29T00:00")) == at("2026-03-29T01:00")


@pytest.mark.parametrize("hours", [["00:00-24:00"], []])
def test_hours_that_never_change_say_so(hours: list[str]) -> None:
    assert OpenHours(hours, "UTC").next_change_ns(0) is None
    assert OpenHours(hours, "UTC").is_open(0) is bool(hours)


WINDOWS = st.builds(
    lambda day, start, length: (
        f"{day} {start // 60:02}:{start % 60:02}-"
        f"{(start + length) // 60 % 24:02}:{(start + length) % 60:02}"
    ),
    st.sampled_from(DAYS),
    st.integers(0, 1439),
    st.integers(1, 1439),
)


@given(
    st.lists(WINDOWS, min_size=1, max_size=3), st.sampled_from(ZONES), INSTANTS, st.integers(0, 99)
)
def test_nothing_changes_between_now_and_the_next_change(
    windows: list[str], zone: str, wall_ns: int, percent: int
) -> None:
    hours = OpenHours(windows, zone)
    change = hours.next_change_ns(wall_ns)
    assert change is not None
    assert change > wall_ns
    state = hours.is_open(wall_ns)
    assert hours.is_open(change) is not state
    assert hours.is_open(change - 1) is state
    assert hours.is_open(wall_ns + (change - wall_ns) * percent // 100) is state


def test_a_bad_window_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match="'25:00-26:00' is not a window"):
        OpenHours(["25:00-26:00"], "UTC")
