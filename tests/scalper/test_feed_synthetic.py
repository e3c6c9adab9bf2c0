"""The synthetic market is the same everywhere and has everything a market may do to a loop."""

import hashlib
import itertools

from ipc.numbers import parse_decimal
from scalper.feed import touch
from scalper.feed_synthetic import synthetic


def rows(seed, count):
    return list(itertools.islice(synthetic(seed, "SYN/USD"), count))


def test_the_same_seed_gives_the_same_market():
    assert rows(3, 500) == rows(3, 500)
    assert rows(3, 500) != rows(4, 500)


def test_a_seed_means_the_same_for_ever():
    text = "".join(f"{row.ts_ns},{row.bid},{row.ask};" for row in rows(1, 1000))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "445e43c7b8b592bc"


def test_texts_and_units_agree_and_time_never_goes_back():
    found = rows(5, 2000)
    for row in found:
        assert row.bid is None or parse_decimal(row.bid) == row.bid_units
        assert row.ask is None or parse_decimal(row.ask) == row.ask_units
    assert all(a.ts_ns < b.ts_ns for a, b in itertools.pairwise(found))


def test_it_has_spreads_bursts_gaps_jumps_and_useless_quotes():
    found = rows(1, 20_000)
    steps_ms = [(b.ts_ns - a.ts_ns) // 1_000_000 for a, b in itertools.pairwise(found)]
    mids = [sum(market) / 2e13 for market in map(touch, found) if market]
    useless = sum(touch(row) is None for row in found)
    assert max(steps_ms) > 3000
    assert sum(step < 10 for step in steps_ms) > 200
    assert max(abs(b - a) for a, b in itertools.pairwise(mids)) > 20
    assert 100 < useless < 2000
    assert all(0.5e5 < mid < 2e5 for mid in mids)
