"""The token bucket: exact, whatever the rate, the time, or the number of refills."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipc.numbers import SCALE
from sentinel.core.throttle import TokenBucket

MS = 1_000_000
EPOCH = 1_800_000_000 * 10**9
RATES = st.integers(1, 10**24)
WINDOWS = st.integers(1, 86_400_000 * MS)


def bucket(rate="5", per_ns=1000 * MS, burst="5", at_ns=0):
    return TokenBucket(
        "t", int(Fraction(rate) * SCALE), per_ns, int(Fraction(burst) * SCALE), at_ns
    )


@given(
    rate=RATES,
    per_ns=WINDOWS,
    burst=st.integers(SCALE, 10**24),
    gaps=st.lists(st.integers(0, 10**12), max_size=40),
    start=st.sampled_from((0, EPOCH)),
)
def test_the_level_is_what_fractions_say_at_every_step(rate, per_ns, burst, gaps, start):
    tested = TokenBucket("t", rate, per_ns, burst, start)
    level, now = Fraction(burst, SCALE), start
    for gap in gaps:
        now += gap
        level = min(Fraction(burst, SCALE), level + Fraction(gap * rate, per_ns * SCALE))
        assert tested.has_token(now) == (level >= 1)
        if level >= 1:
            tested.take(now)
            level -= 1
        assert Fraction(tested.level, tested.token) == level


def test_a_billion_refills_and_one_jump_come_to_the_same():
    rate, step, refills = "0.333333333333333333", 7, 10**9
    jumped, stepped = (bucket(rate, burst="1000000000", at_ns=EPOCH) for _ in range(2))
    for one in (jumped, stepped):
        one.level = 0
    jumped.refill(EPOCH + step * refills)
    for number in range(1, 10_001):
        stepped.refill(EPOCH + step * number)
    before = stepped.level
    assert before * (refills // 10_000) == jumped.level


@given(rate=RATES, per_ns=WINDOWS, cuts=st.lists(st.integers(1, 10**9), min_size=1, max_size=30))
def test_however_time_is_cut_as_much_comes_back(rate, per_ns, cuts):
    whole, parts = (TokenBucket("t", rate, per_ns, 10**40, EPOCH) for _ in range(2))
    whole.level = parts.level = 0
    now = EPOCH
    for cut in cuts:
        now += cut
        parts.refill(now)
    whole.refill(now)
    assert parts.level == whole.level


def test_a_burst_of_a_thousand_gets_five_and_never_more_than_five_and_five_a_second():
    tested = bucket()
    taken = 0
    for at_ns in range(0, 10_000 * MS, 10 * MS):
        if tested.has_token(at_ns):
            tested.take(at_ns)
            taken += 1
        assert taken <= 5 + 5 * Fraction(at_ns, 1000 * MS)
    assert taken == 5 + 49


@pytest.mark.parametrize(("at_ns", "there"), [(200 * MS - 1, False), (200 * MS, True)])
def test_a_token_is_back_at_its_very_nanosecond(at_ns, there):
    tested = bucket()
    for _ in range(5):
        tested.take(0)
    assert tested.has_token(at_ns) is there


def test_time_that_goes_back_refills_nothing():
    tested = bucket(at_ns=EPOCH)
    for _ in range(5):
        tested.take(EPOCH)
    assert not tested.has_token(EPOCH - 10**15)
    assert not tested.has_token(EPOCH + 200 * MS - 1)
    assert tested.has_token(EPOCH + 200 * MS)


def test_tokens_in_use_with_one_more_are_what_is_told():
    tested = bucket()
    for _ in range(5):
        tested.take(0)
    tested.refill(50 * MS)
    assert tested.used_with_one_more() == int(Fraction("5.75") * SCALE)


def test_what_is_not_there_is_not_owed():
    tested = bucket(burst="1")
    for _ in range(100):
        tested.take(0)
    assert tested.has_token(200 * MS)


def test_new_numbers_leave_what_was_used_used():
    tested = bucket(burst="5")
    for _ in range(4):
        tested.take(0)
    tested.resize(10 * SCALE, 500 * MS, 3 * SCALE, 0)
    assert not tested.has_token(0)
    tested.resize(10 * SCALE, 500 * MS, 10 * SCALE, 0)
    assert Fraction(tested.level, tested.token) == 7


@pytest.mark.parametrize(
    ("rate", "per_ns", "burst"), [(0, 1, SCALE), (1, 0, SCALE), (1, 1, SCALE - 1), (-1, 1, SCALE)]
)
def test_a_bucket_without_a_rate_or_room_for_a_token_is_refused(rate, per_ns, burst):
    with pytest.raises(ValueError, match="throttle t"):
        TokenBucket("t", rate, per_ns, burst, 0)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("account", [True, False, False]),
        ("symbol", [True, False, True]),
        ("strategy", [True, True, False]),
    ],
)
def test_a_scope_has_a_bucket_for_each_of_its_own(desk, scope, expected):
    tables = f'[[throttle]]\nname = "t"\nscope = "{scope}"\nrate = "0.001"\nburst = 1'
    stand = desk(tables=tables)
    asked = [("A", "s"), ("A", "z"), ("B", "s")]
    said = [stand.buy("1", "1", symbol=s, strategy=z).approved for s, z in asked]
    assert said == expected


def test_a_vetoed_order_takes_no_token_from_any_bucket(desk):
    tables = """
[[throttle]]
name = "wide"
rate = "0.001"
burst = 2
[[throttle]]
name = "narrow"
scope = "symbol"
rate = "0.001"
burst = 1
"""
    stand = desk(tables=tables)
    assert stand.buy("1", "1", symbol="A").approved
    for _ in range(5):
        assert stand.buy("1", "1", symbol="A").told == ("THROTTLE_EXCEEDED", "1", "2")
    assert stand.buy("1", "1", symbol="B").approved
    assert stand.buy("1", "1", symbol="C").told == ("THROTTLE_EXCEEDED", "2", "3")
