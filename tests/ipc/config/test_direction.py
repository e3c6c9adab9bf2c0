"""Which change is looser, and what the limits hash is of."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipc.calendar import DAYS
from ipc.config.direction import loosenings, looser_limit
from ipc.config.effective import effective_limits, limits_hash, tightened, tighter
from ipc.config.keys import Kind, Looser
from ipc.config.limit_keys import LIMIT_KEYS
from ipc.config.reader import parse_config
from ipc.config.values import LimitValues, RiskConfig

BASE = """
[account]
kind = "margin"
[limits]
symbols = ["A", "B"]
order_qty_max = 10
order_qty_min = 2
balance_min = 100
trades_max = 5
repeat_max = 3
hours = ["Mon-Fri 08:00-17:00"]
ord_types = ["limit", "market"]
price_collar_both_sides = true
[limits.actions]
ORDER_INVALID = "halt"
[[symbol]]
name = "A"
price_increment = "0.01"
order_qty_max = 5
[[throttle]]
name = "t"
rate = 5
burst = 5
[[strategy]]
name = "s"
order_qty_max = 4
"""


def risk(text: str) -> RiskConfig:
    return parse_config(text, "s").risk


def changed(*swaps: tuple[str, str]) -> tuple[str, ...]:
    text = BASE
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new, 1)
    return loosenings(risk(BASE), risk(text))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("order_qty_max = 10", 'order_qty_max = "10.1"', "[limits] order_qty_max"),
        ("order_qty_min = 2", "order_qty_min = 1", "[limits] order_qty_min"),
        ("balance_min = 100", "balance_min = 99", "[limits] balance_min"),
        ("balance_min = 100\n", "", "[limits] balance_min"),
        ("trades_max = 5", "trades_max = 6", "[limits] trades_max"),
        ("trades_max = 5\n", "", "[limits] trades_max"),
        ('["A", "B"]', '["A", "B", "C"]', "[limits] symbols"),
        ('["A", "B"]', '["*"]', "[limits] symbols"),
        ("08:00-17:00", "07:59-17:00", "[limits] hours"),
        ('hours = ["Mon-Fri 08:00-17:00"]\n', "", "[limits] hours"),
        ('"limit", "market"', '"limit", "stop"', "[limits] ord_types"),
        ("price_collar_both_sides = true\n", "", "[limits] price_collar_both_sides"),
        ("repeat_max = 3", "repeat_max = 3\nrepeat_window_ms = 2000", "[limits] repeat_window_ms"),
        ("repeat_max = 3", "repeat_max = 3\nrepeat_window_ms = 500", "[limits] repeat_window_ms"),
        ("trades_max = 5", "trades_max = 5\nexit_rate_max = 101", "[limits] exit_rate_max"),
        ("trades_max = 5", "trades_max = 5\nrecover_ms = 9999", "[limits] recover_ms"),
        ('"halt"', '"reduce"', "[limits.actions] ORDER_INVALID"),
        ('[limits.actions]\nORDER_INVALID = "halt"\n', "", "[limits.actions] ORDER_INVALID"),
        ('"0.01"', '"0.015"', "[[symbol]] A price_increment"),
        ('price_increment = "0.01"\n', "", "[[symbol]] A price_increment"),
        ("order_qty_max = 5", "order_qty_max = 6", "[[symbol]] A order_qty_max"),
        ("order_qty_max = 5\n", "", "[[symbol]] A order_qty_max"),
        ('"0.01"', '"0.01"\nmultiplier = 2', "[[symbol]] A multiplier"),
        ('"0.01"', '"0.01"\nquote = "EUR"', "[[symbol]] A quote"),
        ("rate = 5", "rate = 6", "[[throttle]] t rate"),
        ("rate = 5", "rate = 5\nper_ms = 999", "[[throttle]] t rate"),
        ("burst = 5", "burst = 6", "[[throttle]] t burst"),
        ("burst = 5", 'burst = 5\nscope = "symbol"', "[[throttle]] t scope"),
        ('name = "t"\nrate', 'name = "u"\nrate', "[[throttle]] t removed"),
        ('[[strategy]]\nname = "s"\norder_qty_max = 4\n', "", "[[strategy]] s order_qty_max"),
        ('kind = "margin"', 'kind = "margin"\nleverage = 2', "[account] leverage"),
        ('kind = "margin"', 'kind = "margin"\nrequired = false', "[account] required"),
        ('kind = "margin"', 'kind = "margin"\nday_zone = "Europe/Berlin"', "[account] day_zone"),
        ("[limits]\n", "[heartbeat]\ndata_timeout_ms = 30001\n[limits]\n", "data_timeout_ms"),
        ("[limits]\n", "[kill]\ngrace_ms = 1\n[limits]\n", "[kill] grace_ms"),
        ("[limits]\n", '[kill]\npositions = "alert_only"\n[limits]\n', "[kill] positions"),
        ("[limits]\n", '[[symbol]]\nname = "B"\norder_qty_max = 11\n[limits]\n', "[[symbol]] B"),
    ],
)
def test_a_looser_key_is_named(old: str, new: str, named: str) -> None:
    found = changed((old, new))
    assert len(found) == 1
    assert named in found[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("order_qty_max = 10", "order_qty_max = 9"),
        ("order_qty_max = 10", 'order_qty_max = "10.0"'),
        ("order_qty_min = 2", "order_qty_min = 3"),
        ('["A", "B"]', '["B"]'),
        ("08:00-17:00", "08:00-12:00"),
        ("trades_max = 5", "trades_max = 5\ndaily_loss_max = 5"),
        ('"halt"', '"kill"'),
        ('"0.01"', '"0.02"'),
        ('price_increment = "0.01"', 'price_increment = "0.01"\nqty_increment = 1'),
        ("rate = 5", "rate = 5\nper_ms = 1001"),
        ("burst = 5", 'burst = 5\ncounts = "messages"'),
        ("[[throttle]]\n", '[[throttle]]\nname = "u"\nrate = 99\nburst = 99\n[[throttle]]\n'),
        ("order_qty_max = 4", "order_qty_max = 3"),
        ('kind = "margin"', 'kind = "cash"'),
        ("[limits]\n", "[heartbeat]\ninterval_ms = 500\n[limits]\n"),
        ("[limits]\n", '[kill]\npositions = "flatten"\n[limits]\n'),
        ("[limits]\n", '[[symbol]]\nname = "B"\norder_qty_max = 9\n[limits]\n'),
        ('[[strategy]]\nname = "s"\n', '[[strategy]]\nname = "s"\ntrades_max = 1\n'),
    ],
)
def test_what_is_tighter_or_equal_is_not_named(old: str, new: str) -> None:
    assert changed((old, new)) == ()


def test_a_removed_override_is_judged_by_what_holds_instead() -> None:
    assert (
        changed(("order_qty_max = 10", "order_qty_max = 5"), ("order_qty_max = 5\n[[t", "[[t"))
        == ()
    )


def test_a_wider_throttle_scope_is_looser_and_a_narrower_one_is_not() -> None:
    per_symbol = BASE.replace("burst = 5", 'burst = 5\nscope = "symbol"')
    assert loosenings(risk(per_symbol), risk(BASE)) == ()


WINDOWS = st.builds(
    lambda day, start, length: f"{day} {start:02}:00-{start + length:02}:00",
    st.sampled_from(DAYS),
    st.integers(0, 20),
    st.integers(1, 4),
)


def value_of(key: Any) -> st.SearchStrategy[Any]:
    match key.kind:
        case Kind.DECIMAL:
            return st.integers(0, 99).map(str)
        case Kind.COUNT | Kind.MILLISECONDS:
            return st.integers(1, 9)
        case Kind.FLAG:
            return st.booleans()
        case Kind.TEXTS:
            some = st.lists(st.sampled_from("ABCD"), min_size=1, unique=True)
            return st.one_of(some.map(tuple), st.just(("*",)))
        case Kind.CHOICES:
            some = st.lists(st.sampled_from(key.choices), min_size=1, unique=True)
            return some.map(tuple)
        case _:
            return st.lists(WINDOWS, min_size=1, max_size=3).map(tuple)


LIMITS = st.builds(
    lambda given: LimitValues(**given),
    st.fixed_dictionaries(
        {}, optional={k.name: st.one_of(st.none(), value_of(k)) for k in LIMIT_KEYS}
    ),
)


@given(LIMITS, LIMITS)
def test_the_tighter_of_two_is_never_looser_than_either(one: LimitValues, two: LimitValues) -> None:
    both = tightened(one, two)
    for key in LIMIT_KEYS:
        if key.looser is not Looser.WINDOW:
            assert not looser_limit(key, getattr(one, key.name), getattr(both, key.name))
            assert not looser_limit(key, getattr(two, key.name), getattr(both, key.name))


@given(LIMITS, LIMITS)
def test_two_files_that_loosen_neither_way_have_the_same_limits(
    one: LimitValues, two: LimitValues
) -> None:
    old, new = RiskConfig(limits=one), RiskConfig(limits=two)
    if not loosenings(old, new) and not loosenings(new, old):
        assert limits_hash(old) == limits_hash(new)
    assert loosenings(old, old) == ()


@given(st.decimals(0, 10**9, places=6), st.decimals(0, 10**9, places=6))
def test_larger_is_judged_exactly(one: Any, two: Any) -> None:
    key = next(key for key in LIMIT_KEYS if key.name == "order_qty_max")
    assert looser_limit(key, f"{one:f}", f"{two:f}") == (Fraction(two) > Fraction(one))


def test_effective_limits_are_the_symbols_then_the_tighter_of_the_strategys() -> None:
    config = risk(BASE)
    assert effective_limits(config).order_qty_max == "10"
    assert effective_limits(config, "A").order_qty_max == "5"
    assert effective_limits(config, "B", "s").order_qty_max == "4"
    tight = risk(BASE.replace("order_qty_max = 5", "order_qty_max = 3"))
    assert effective_limits(tight, "A", "s").order_qty_max == "3"
    assert effective_limits(config).short_allowed is True
    assert effective_limits(risk(BASE.replace("margin", "cash"))).short_allowed is False
    assert effective_limits(config).recover_ms == 10_000


def test_hours_of_a_strategy_hold_together_with_the_general_ones() -> None:
    hours = next(key for key in LIMIT_KEYS if key.name == "hours")
    assert tighter(hours, ("Mon-Wed 08:00-12:00",), ("Tue 10:00-14:00",)) == ("Tue 10:00-12:00",)


REORDERED = """
# the same, otherwise written
[[strategy]]
order_qty_max = "4.0"
name = "s"
[[throttle]]
burst = "5"
rate = "5.000"
per_ms = 1000
name = "t"
scope = "account"
[[symbol]]
order_qty_max = 5
name = "A"
multiplier = "1.0"
price_increment = "0.010"
[limits]
repeat_window_ms = 1000
recover_ms = 10_000
short_allowed = true
price_collar_both_sides = true
ord_types = ["market", "limit"]
hours = ["Mon-Thu 08:00-17:00", "Fri 08:00-12:00", "Fri 11:00-17:00"]
repeat_max = 3
trades_max = 5
balance_min = "100.00"
order_qty_min = 2
order_qty_max = "10.0"
symbols = ["B", "A"]
actions.ORDER_INVALID = "halt"
actions.VETO_STORM = "kill"
[account]
kind = "margin"
"""


def test_the_hash_is_of_the_meaning_not_of_the_writing() -> None:
    assert limits_hash(risk(REORDERED)) == limits_hash(risk(BASE))
    assert len(limits_hash(risk(BASE))) == 64


def test_what_decides_no_verdict_is_not_in_the_hash() -> None:
    assert limits_hash(risk(BASE + "[metrics]\nport = 0\n")) == limits_hash(risk(BASE))


def test_any_other_value_has_another_hash() -> None:
    base = risk(BASE)
    hashes = {limits_hash(base)}
    for old, new in [
        ("order_qty_max = 10", "order_qty_max = 11"),
        ("order_qty_max = 5", "order_qty_max = 6"),
        ("order_qty_max = 4", "order_qty_max = 3"),
        ("rate = 5", "rate = 6"),
        ('"halt"', '"kill"'),
        ("08:00", "09:00"),
        ('kind = "margin"', 'kind = "margin"\nfee_bps = 1'),
        ("[limits]\n", "[kill]\ngrace_ms = 1\n[limits]\n"),
    ]:
        hashes.add(limits_hash(risk(BASE.replace(old, new, 1))))
    assert len(hashes) == 9


def test_values_survive_a_round_trip() -> None:
    config = risk(BASE)
    again = msgspec.json.decode(msgspec.json.encode(config), type=RiskConfig)
    assert again == config
    assert limits_hash(again) == limits_hash(config)
