"""Exact money: fees round up, the edge rounds down, the file takes all places."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_api.offline_money import (
    MONEY_PLACES,
    StoredNumberInvalid,
    edge_text,
    fee_of,
    notional,
    read_stored,
    read_stored_or_none,
    stored,
)
from ipc.numbers import SCALE, parse_decimal

NUMBERS = st.integers(-(10**36), 10**36)


@given(NUMBERS, st.sampled_from([18, MONEY_PLACES]))
def test_what_is_stored_is_read_back_exactly(value, places):
    assert read_stored(stored(value, places), places) == value


@pytest.mark.parametrize(
    "text", ["", "1e9", "NaN", "+1", " 1", "1.", ".5", "1_0", "\u0661", None, 5, b"1", "0" * 91]
)
def test_a_text_that_was_never_stored_is_refused(text):
    with pytest.raises(StoredNumberInvalid):
        read_stored(text)


def test_more_places_than_there_are_is_refused():
    with pytest.raises(StoredNumberInvalid):
        read_stored("0." + "1" * 19)


def test_an_absent_number_stays_absent():
    assert read_stored_or_none(None) is None


@given(st.integers(0, 10**30), st.integers(0, 10**25), st.integers(0, 100 * SCALE))
def test_a_fee_is_the_exact_one_rounded_up_at_the_18th_place(qty, price, bps):
    money = notional(qty, price, SCALE)
    exact = Fraction(qty * price, SCALE**2) * Fraction(bps, SCALE) / 10_000
    fee = Fraction(fee_of(money, bps, 0), SCALE)
    assert exact <= fee < exact + Fraction(1, SCALE)
    assert fee_of(-money, bps, 7) == fee_of(money, bps, 0) + 7


@given(st.integers(-(10**70), 10**70))
def test_the_edge_never_shows_more_than_there_is(money):
    shown = parse_decimal(edge_text(money))
    assert shown is not None
    assert 0 <= Fraction(money, 10**MONEY_PLACES) - Fraction(shown, SCALE) < Fraction(1, SCALE)
