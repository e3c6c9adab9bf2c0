"""The parts of a loop as fixtures."""

from pathlib import Path

import pytest

from tests.scalper.bench import Bench, HandClock, Link, ListFeed, Scripted, make_quote
from tests.scalper.house import House
from tests.scalper.sentinel_double import SentinelDouble
from tests.scalper.venue_double import Venue


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def link(clock):
    return Link(clock)


@pytest.fixture
def venue(clock):
    return Venue(clock)


@pytest.fixture
def bare_venue(clock):
    return Venue(clock, brackets=False)


@pytest.fixture
def quote():
    return make_quote


@pytest.fixture
def feed_of(clock):
    return lambda rows, **keywords: ListFeed(rows, clock, **keywords)


@pytest.fixture
def bench(clock, link, venue, feed_of, quote):
    def make(script=lambda number, view: (), rows=None, on=None, **bounds):
        rows = [quote("1.1", "1.2", at) for at in range(50)] if rows is None else rows
        return Bench(clock, link, on or venue, feed_of(rows), Scripted(script), **bounds)

    return make


@pytest.fixture
def sentinels():
    running = []

    def make(env):
        running.append(SentinelDouble(env))
        return running[-1]

    yield make
    for double in running:
        double.close()


@pytest.fixture
def house(short_tmp, sentinels, monkeypatch, capsys):
    monkeypatch.delenv("ALLOW_LIVE", raising=False)
    return House(Path(short_tmp), sentinels, monkeypatch, capsys)
