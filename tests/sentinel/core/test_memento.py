"""The state as bytes: nothing of it is lost, and bytes of another kind are refused."""

from __future__ import annotations

import json
import random

import msgspec
import pytest

from ipc.config.reader import limits_hash, parse_config
from sentinel.core import memento
from sentinel.core.memento import MementoRefused, dump, load
from sentinel.core.state import State
from sentinel.replay import Replayer

CONFIG = """
[account]
kind = "margin"
leverage = 5
fee_bps = 1
[limits]
symbols = ["EUR/USD", "GBP/USD"]
trades_max = 40
orders_working_max = 12
position_qty_max = 900
gross_exposure_max = 100000
repeat_max = 9
vetoes_max = 1000
daily_loss_max = 500
[[symbol]]
name = "GBP/USD"
base = "GBP"
quote = "EUR"
fx = "EUR/USD"
[[throttle]]
name = "all"
rate = 40
burst = 20
"""


def _risk(text):
    risk = parse_config(text, "test").risk
    return risk, limits_hash(risk)


def _lines(seed, count, start_ms=0):
    rng = random.Random(seed)
    at_ms = start_ms
    for number in range(count):
        at_ms += rng.choice((0, 1, 7, 40))
        symbol = rng.choice(("EUR/USD", "GBP/USD"))
        kind = rng.randrange(10)
        name = f"o{seed}-{number}"
        if kind < 2:
            price = 10000 + rng.randrange(-40, 40)
            line = {"event": "quote", "symbol": symbol}
            line |= {"bid": f"1.{price}", "ask": f"1.{price + 2}"}
        elif kind < 6:
            line = {"event": "order", "cl_ord_id": name, "symbol": symbol}
            line |= {"side": rng.choice(("buy", "sell")), "order_qty": str(rng.randrange(1, 300))}
            line |= {"ord_type": "limit", "price": "1.1"}
            if rng.random() < 0.5:
                line["group"] = "g"
        elif kind < 8:
            line = {"event": "execution", "cl_ord_id": f"o{seed}-{rng.randrange(number + 1)}"}
            line |= {"exec_type": rng.choice(("fill", "partial_fill", "cancelled"))}
            line |= {"last_qty": str(rng.randrange(1, 200)), "last_price": "1.1003"}
        elif kind == 8:
            line = {"event": "replace", "cl_ord_id": name, "order_qty": "50", "price": "1.2"}
            line |= {"orig_cl_ord_id": f"o{seed}-{rng.randrange(number + 1)}"}
        else:
            line = {"event": "account", "equity": "10000", "balance_free": "9000"}
        yield json.dumps({"at_ms": at_ms, **line})


def _replayer():
    risk, config_hash = _risk(CONFIG)
    replayer = Replayer(risk, config_hash, _risk)
    list(replayer.feed(_lines(0, 1)))
    return replayer


@pytest.mark.parametrize("seed", range(12))
def test_a_state_that_was_written_and_read_decides_as_the_one_that_was_not(seed):
    whole, stored = _replayer(), _replayer()
    first = list(_lines(seed, 300, 1000))
    assert list(whole.feed(first)) == list(stored.feed(first))
    stored.state = load(dump(stored.state))
    then = list(_lines(seed + 100, 300, 100_000))
    assert list(whole.feed(then)) == list(stored.feed(then))
    assert dump(whole.state) == dump(stored.state)


def test_reading_and_writing_again_gives_the_same_bytes():
    replayer = _replayer()
    list(replayer.feed(_lines(5, 400, 1000)))
    data = dump(replayer.state)
    assert dump(load(data)) == data


def test_every_field_of_every_class_of_the_core_is_known():
    replayer = _replayer()
    list(replayer.feed(_lines(7, 600, 1000)))
    _, shapes, _ = msgspec.msgpack.decode(dump(replayer.state))
    known = memento.sample_fields()
    assert {name: known[name] for name in shapes} == shapes


def test_bytes_whose_classes_had_other_fields_are_refused():
    version, shapes, rows = msgspec.msgpack.decode(dump(State()))
    shapes["Trading"].append("mood")
    with pytest.raises(MementoRefused):
        load(msgspec.msgpack.encode([version, shapes, rows]))


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x93\x01\x80\x90", b"\x93\x02\x80\x90", b"\x01"])
def test_bytes_that_are_no_state_are_refused(data):
    with pytest.raises(MementoRefused):
        load(data)
