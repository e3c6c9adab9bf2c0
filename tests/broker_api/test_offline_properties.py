"""Whatever happens, the account adds up: exact cash, positions, orders, legs."""

from fractions import Fraction
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from broker_api.errors import VenueReject
from broker_api.offline_settings import OfflineSettings
from ipc.clock import NS_PER_MS
from ipc.numbers import SCALE, parse_decimal
from tests.broker_api.conftest import Desk, HandClock

PRICES = st.integers(90_000, 110_000).map(lambda n: f"{n // 1000}.{n % 1000:03d}")
QUANTITIES = st.integers(1, 5000).map(lambda n: f"{n // 10}.{n % 10}")
SYMBOLS = st.sampled_from(["EUR/USD", "ABC"])
SIDES = st.sampled_from(["buy", "sell"])
STEPS = st.one_of(
    st.tuples(st.just("quote"), SYMBOLS, PRICES, PRICES, st.none() | QUANTITIES),
    st.tuples(
        st.just("order"),
        SYMBOLS,
        SIDES,
        st.sampled_from(["market", "limit", "stop", "stop_limit"]),
        QUANTITIES,
        PRICES,
        PRICES,
        st.sampled_from([None, "g", "h"]),
        st.booleans(),
        st.booleans(),
    ),
    st.tuples(st.just("replace"), st.integers(0, 30), QUANTITIES, PRICES),
    st.tuples(st.just("cancel"), st.integers(0, 30)),
    st.tuples(st.just("cancel_all")),
    st.tuples(st.just("flatten"), SYMBOLS, SIDES, QUANTITIES),
    st.tuples(st.just("stop"), SYMBOLS, SIDES, QUANTITIES, PRICES),
)


def exact(text):
    value = parse_decimal(text)
    assert value is not None
    return Fraction(value, SCALE)


def perform(desk, step, names, serial):
    match step:
        case ("quote", symbol, one, two, size):
            bid, ask = sorted((one, two), key=exact)
            desk.quote(bid, ask, symbol=symbol, bid_size=size, ask_size=size)
        case ("order", symbol, side, kind, qty, price, other, group, reduce_only, bracket):
            name = f"o{next(serial)}"
            low, high = sorted((price, other), key=exact)
            legs = {"stop_loss": low, "take_profit": high} if bracket else {}
            if side == "sell" and bracket:
                legs = {"stop_loss": high, "take_profit": low}
            desk.send(
                name,
                side,
                qty,
                None if kind in {"market", "stop"} else price,
                ord_type=kind,
                symbol=symbol,
                stop_price=other,
                group=group,
                reduce_only=reduce_only,
                **legs,
            )
            names.append(name)
        case ("replace", nth, qty, price) if names:
            name = f"r{next(serial)}"
            desk.replace(name, names[nth % len(names)], qty, price)
            names.append(name)
        case ("cancel", nth) if names:
            desk.cancel(names[nth % len(names)])
        case ("cancel_all",):
            desk.eye.cancel_all()
        case ("flatten", symbol, side, qty):
            desk.eye.flatten(symbol, qty, side)
        case ("stop", symbol, side, qty, price):
            desk.eye.place_stop(symbol, side, qty, price)


def check(desk, placed):
    """Recompute the account from its fills with fractions, and compare exactly."""
    seen = desk.eye.snapshot(0)
    cash, held, filled = Fraction(100_000), {}, {}
    for fill in seen.fills:
        sign = 1 if fill.side == "buy" else -1
        qty, price, fee = exact(fill.qty), exact(fill.price), exact(fill.fee)
        assert qty > 0
        cash -= sign * qty * price + fee
        held[fill.symbol] = held.get(fill.symbol, 0) + sign * qty
        filled[fill.cl_ord_id] = filled.get(fill.cl_ord_id, 0) + qty
    assert exact(seen.balances["USD"]) == cash
    assert {p.symbol: exact(p.qty) for p in seen.positions} == {s: q for s, q in held.items() if q}
    marks = desk.broker._book.quotes
    worth = sum(
        qty * Fraction(marks[symbol].mark_bid + marks[symbol].mark_ask, 2 * SCALE)
        for symbol, qty in held.items()
    )
    assert exact(seen.equity) == cash + worth
    assert [f.fill_seq for f in seen.fills] == list(range(1, seen.last_fill_seq + 1))
    assert len({f.exec_id for f in seen.fills}) == len(seen.fills)
    assert seen.orders_placed == placed
    for order in seen.working:
        assert exact(order.leaves_qty) > 0
        assert exact(order.order_qty) == exact(order.leaves_qty) + exact(order.cum_qty)
    if desk.settings.kind == "cash":
        assert all(qty >= 0 for qty in held.values())
    return seen


@settings(max_examples=60)
@given(
    steps=st.lists(STEPS, max_size=40),
    kind=st.sampled_from(["cash", "margin"]),
    seed=st.integers(0, 10**6),
    latency_ms=st.integers(0, 3),
)
def test_cash_and_positions_are_exactly_the_sum_of_the_fills(
    tmp_path_factory, steps, kind, seed, latency_ms
):
    chosen = OfflineSettings(
        kind=kind,
        seed=seed,
        latency_max_ns=latency_ms * NS_PER_MS,
        partial_pct=40,
        fee_bps=3 * SCALE // 7,
        fee_fixed=SCALE // 3,
    )
    path = tmp_path_factory.mktemp("account") / "a.sqlite3"
    desk = Desk(path, HandClock(), chosen)
    names, serial = [], count()
    try:
        for symbol in ("EUR/USD", "ABC"):
            desk.quote("99.9", "100.1", symbol=symbol)
        for step in steps:
            try:
                perform(desk, step, names, serial)
            except VenueReject:
                continue
        desk.clock.sleep_ms(1000)
        desk.broker.reports()
        placed = sum(name.startswith("o") for name in names)
        seen = check(desk, placed)
        memory = {order.cl_ord_id: order for order in desk.broker.working()}
        assert memory == {order.cl_ord_id: order for order in seen.working}
    finally:
        desk.close()


@settings(max_examples=40)
@given(steps=st.lists(STEPS, max_size=40), seed=st.integers(0, 10**6))
def test_every_working_order_was_acknowledged_and_every_ended_one_says_so_once(
    tmp_path_factory, steps, seed
):
    chosen = OfflineSettings(kind="margin", seed=seed, latency_max_ns=0, partial_pct=40)
    path = tmp_path_factory.mktemp("account") / "a.sqlite3"
    desk = Desk(path, HandClock(), chosen)
    names, serial = [], count()
    try:
        desk.quote("99.9", "100.1")
        for step in steps:
            if step[0] == "replace":
                continue
            try:
                perform(desk, step, names, serial)
            except VenueReject:
                continue
        working = {name for name in desk.working() if not name.startswith("oversight")}
        told = desk.told()
    finally:
        desk.close()
    acked = [name for name, kind in told if kind == "ack"]
    over = [name for name, kind in told if kind in {"fill", "cancelled", "expired", "rejected"}]
    assert len(acked) == len(set(acked))
    assert len(over) == len(set(over))
    assert working == set(acked) - set(over)
