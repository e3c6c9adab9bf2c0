"""The trading day and the open hours in a named zone. Pure: time is given, never asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from ipc.clock import NS_PER_S

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MINUTES_A_DAY: Final = 1440
MINUTES_A_WEEK: Final = 7 * MINUTES_A_DAY
ALWAYS_OPEN: Final = (1 << MINUTES_A_WEEK) - 1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_S = -62_000_000_000
_LATEST_S = 253_000_000_000
"""About the years 5 and 9987: instants beyond are judged as these are."""

_DAY = "|".join(DAYS)
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_WINDOW = re.compile(rf"(?:({_DAY})(?:-({_DAY}))? )?({_TIME})-(24:00|{_TIME})")


class UnknownZone(ValueError):
    """A time zone that this host does not have."""


def load_zone(name: str) -> tzinfo:
    """Return the zone of that IANA name; UnknownZone if the host does not have it.

    UTC needs no data of the host.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        raise UnknownZone(f"no time zone of this host is named {name!a:.80}") from None


def parse_window(text: str) -> int | None:
    """Return the minutes of the week in `08:00-17:00` or `Mon-Fri 08:00-17:00` as a bit set.

    Bit 0 is Monday 00:00. Without days it holds on each; an end at or before the start is on the
    next day. None if the text is no window or an empty one.
    """
    match = _WINDOW.fullmatch(text)
    if match is None:
        return None
    first, last, *times = match.groups()
    start, end = (int(at[:2]) * 60 + int(at[3:]) for at in times)
    if start == end:
        return None
    length = (end - start) % MINUTES_A_DAY or MINUTES_A_DAY
    first_day = DAYS.index(first) if first else 0
    last_day = DAYS.index(last) if last else first_day if first else 6
    bits = 0
    for step in range((last_day - first_day) % 7 + 1):
        bits |= ((1 << length) - 1) << ((first_day + step) % 7 * MINUTES_A_DAY + start)
    return (bits & ALWAYS_OPEN) | (bits >> MINUTES_A_WEEK)


def open_minutes(hours: Iterable[str]) -> int:
    """Return the minutes of the week of all windows together; ValueError for a bad one."""
    bits = 0
    for text in hours:
        window = parse_window(text)
        if window is None:
            raise ValueError(f"{text!a:.80} is not a window such as 'Mon-Fri 08:00-17:00'")
        bits |= window
    return bits


def window_texts(bits: int) -> tuple[str, ...]:
    """Write a set of minutes of the week as windows, in order, none over midnight."""
    texts: list[str] = []
    for day, name in enumerate(DAYS):
        minutes = bits >> (day * MINUTES_A_DAY) & ((1 << MINUTES_A_DAY) - 1)
        at = 0
        while minutes >> at:
            at += (minutes >> at & -(minutes >> at)).bit_length() - 1
            closed = ~(minutes >> at)
            end = at + (closed & -closed).bit_length() - 1
            texts.append(f"{name} {at // 60:02}:{at % 60:02}-{end // 60:02}:{end % 60:02}")
            at = end
    return tuple(texts)


def _local(wall_ns: int, zone: tzinfo) -> datetime:
    seconds = min(max(wall_ns // NS_PER_S, _EARLIEST_S), _LATEST_S)
    return (_EPOCH + timedelta(seconds=seconds)).astimezone(zone)


def _instant_ns(local: datetime) -> int:
    return round((local - _EPOCH) / timedelta(seconds=1)) * NS_PER_S


class TradingCalendar:
    """Which trading day an instant belongs to. A day begins at `roll` in `zone`, once a day.

    Where the clocks skip the roll it is at the first instant after; where they repeat it, at the
    first of the two. A day that rolls in the morning has the date on which it begins; one that
    rolls at noon or later has the date of the next day, on which most of it falls.
    """

    __slots__ = ("_hour", "_minute", "_named_ahead", "_zone")

    def __init__(self, zone: str, roll: str) -> None:
        self._zone = load_zone(zone)
        self._hour, self._minute = int(roll[:2]), int(roll[3:])
        self._named_ahead = self._hour >= 12

    def _roll_ns(self, day: date) -> int:
        local = datetime(day.year, day.month, day.day, self._hour, self._minute, tzinfo=self._zone)
        at_ns = _instant_ns(local)
        shown = _local(at_ns, self._zone)
        skipped = (shown.date(), shown.hour, shown.minute) != (day, self._hour, self._minute)
        if not skipped:
            return at_ns
        late = shown.replace(tzinfo=None) - local.replace(tzinfo=None)
        return self._first_after_gap(at_ns - late // timedelta(seconds=1) * NS_PER_S, at_ns)

    def _first_after_gap(self, before_ns: int, after_ns: int) -> int:
        """Find by halving the instant between the two at which the zone's offset changes."""
        offset = _local(after_ns, self._zone).utcoffset()
        while after_ns - before_ns > NS_PER_S:
            middle = (before_ns + after_ns) // 2 // NS_PER_S * NS_PER_S
            if _local(middle, self._zone).utcoffset() == offset:
                after_ns = middle
            else:
                before_ns = middle
        return after_ns

    def _began(self, wall_ns: int) -> date:
        day = _local(wall_ns, self._zone).date() + timedelta(days=1)
        while self._roll_ns(day) > wall_ns and day.year > 4:
            day -= timedelta(days=1)
        return day

    def day_key(self, wall_ns: int) -> str:
        """Return the trading day of a wall-clock instant (ns since the epoch): `2026-11-22`."""
        day = self._began(wall_ns)
        return (day + timedelta(days=1) if self._named_ahead else day).isoformat()

    def next_roll_ns(self, wall_ns: int) -> int:
        """Return the instant after `wall_ns` at which the next trading day begins."""
        day = self._began(wall_ns) + timedelta(days=1)
        while (roll_ns := self._roll_ns(day)) <= wall_ns and day.year < 9990:
            day += timedelta(days=1)
        return roll_ns


class OpenHours:
    """When trading is open: windows of the week in `zone`, both ends included."""

    __slots__ = ("_bits", "_edges", "_zone")

    def __init__(self, hours: Iterable[str], zone: str) -> None:
        self._zone = load_zone(zone)
        self._bits = open_minutes(hours)
        turned = self._bits << 1 & ALWAYS_OPEN | self._bits >> (MINUTES_A_WEEK - 1)
        changes = self._bits ^ turned
        self._edges = tuple(at for at in range(MINUTES_A_WEEK) if changes >> at & 1)

    def is_open(self, wall_ns: int) -> bool:
        """Whether a wall-clock instant (ns since the epoch) lies in a window."""
        local = _local(wall_ns, self._zone)
        minute = local.weekday() * MINUTES_A_DAY + local.hour * 60 + local.minute
        if self._bits >> minute & 1:
            return True
        at_minute = local.second == 0 and wall_ns % NS_PER_S == 0
        return at_minute and bool(self._bits >> (minute - 1) % MINUTES_A_WEEK & 1)

    def next_change_ns(self, wall_ns: int) -> int | None:
        """Return the first instant after `wall_ns` that is open where it is not, or the reverse.

        None if there is none within eight days, as where the hours are always or never open.
        """
        state = self.is_open(wall_ns)
        before_ns = wall_ns
        for at_ns in self._candidates(wall_ns):
            if self.is_open(at_ns) != state:
                return self._first_change(before_ns, at_ns, state=state)
            before_ns = at_ns
        return None

    def _candidates(self, wall_ns: int) -> list[int]:
        today = _local(wall_ns, self._zone).date()
        instants: set[int] = set()
        for ahead in range(-1, 9):
            day = today + timedelta(days=ahead)
            begin = day.weekday() * MINUTES_A_DAY
            for edge in self._edges:
                if begin <= edge < begin + MINUTES_A_DAY:
                    hour, minute = divmod(edge - begin, 60)
                    for fold in (0, 1):
                        at_ns = _instant_ns(
                            datetime(
                                day.year,
                                day.month,
                                day.day,
                                hour,
                                minute,
                                tzinfo=self._zone,
                                fold=fold,
                            )
                        )
                        instants.update((at_ns, at_ns + 1))
        return sorted(at_ns for at_ns in instants if at_ns > wall_ns)

    def _first_change(self, before_ns: int, after_ns: int, *, state: bool) -> int:
        while after_ns - before_ns > 1:
            middle = (before_ns + after_ns) // 2
            if self.is_open(middle) == state:
                before_ns = middle
            else:
                after_ns = middle
        return after_ns
