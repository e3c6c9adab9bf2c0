"""Counts and profit are exact."""

from hypothesis import given
from hypothesis import strategies as st

from broker_api.values import Report
from ipc.numbers import SCALE, format_decimal
from scalper.tally import SIDES_KEPT, Tally


def fill(cl_ord_id, qty, price, fee="0"):
    return Report(
        exec_id="x",
        cl_ord_id=cl_ord_id,
        exec_type="fill",
        last_qty=qty,
        last_price=price,
        fee=fee,
    )


def test_a_round_trip_earns_the_difference_less_fees(quote):
    tally = Tally("EUR/USD", 0)
    tally.mark(quote("1.1", "1.2"))
    tally.knows_side("a", "buy")
    tally.book(fill("a", "100", "1.2", "0.5"))
    tally.book(fill("a/tp", "100", "1.3", "0.5"))
    assert tally.profit() == "9"


def test_what_is_held_is_worth_the_mid(quote):
    tally = Tally("EUR/USD", 0)
    tally.mark(quote("1", "1.2"))
    tally.knows_side("a", "buy")
    tally.book(fill("a", "10", "1.2"))
    tally.position = 10 * SCALE
    assert tally.profit() == "-1"


def test_a_position_from_before_counts_from_the_first_mid(quote):
    tally = Tally("EUR/USD", -2 * SCALE)
    assert tally.profit() is None
    tally.mark(quote("1", "3"))
    assert tally.profit() == "0"
    tally.mark(quote("2", "4"))
    assert tally.profit() == "-2"


def test_a_multiplier_counts_for_prices_and_not_for_fees(quote):
    tally = Tally("ES", 0, 50 * SCALE)
    tally.mark(quote("1", "3", symbol="ES"))
    tally.knows_side("a", "sell")
    tally.knows_side("b", "buy")
    tally.book(fill("a", "1", "3", "1"))
    tally.book(fill("b", "1", "2", "1"))
    assert tally.profit() == "48"


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 999), st.integers(1, 10**6)), max_size=20))
def test_profit_equals_plain_arithmetic(fills):
    tally = Tally("X", 0)
    cash = held = 0
    for number, (buy, qty, cents) in enumerate(fills):
        tally.knows_side(str(number), "buy" if buy else "sell")
        tally.book(fill(str(number), str(qty), format_decimal(cents, 2)))
        held += qty if buy else -qty
        cash -= (qty if buy else -qty) * cents
    tally.position = held * SCALE
    tally._mid_twice = tally._start_mid_twice = 2 * SCALE
    assert tally.profit() == format_decimal(cash + held * 100, 2)


def test_vetoes_are_counted_by_reason():
    tally = Tally("X", 0)
    for reason in ("A", "B", "A"):
        tally.count_veto(reason)
    assert (tally.vetoes, tally.vetoed) == (3, {"A": 2, "B": 1})


def test_what_is_remembered_of_orders_is_bounded():
    tally = Tally("X", 0)
    for number in range(SIDES_KEPT + 5):
        tally.knows_side(str(number), "buy")
    assert tally.side_of("0") is None
    assert tally.side_of("5") == "buy"
