"""What the venue's tests share: a clock moved by hand, and a desk that speaks in short words."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker_api.offline import OfflineBroker
from broker_api.offline_oversight import OfflineOversight
from broker_api.offline_settings import OfflineSettings
from ipc.approved import Approved
from ipc.clock import NS_PER_MS
from ipc.messages import CancelIntent, OrderIntent, ReplaceIntent

FOREVER = 2**62
EXACT = {"latency_min_ns": 0, "latency_max_ns": 0, "partial_pct": 0}


class HandClock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000

    def elapsed_ns(self) -> int:
        return self.now_ns

    def wall_ns(self) -> int:
        return self.now_ns

    def sleep_ms(self, duration_ms: float) -> None:
        self.now_ns += int(duration_ms * NS_PER_MS)


class Desk:
    """A trading and an oversight connection on one account, and the shortest way to use them."""

    def __init__(self, path: Path, clock: HandClock, settings: OfflineSettings, facts=None) -> None:
        self.path = path
        self.clock = clock
        self.settings = settings
        self.broker = OfflineBroker(path, clock, settings, facts)
        self.eye = OfflineOversight(path, clock, settings)
        self.at_ms = 0

    def quote(self, bid, ask, at_ms=None, symbol="EUR/USD", bid_size=None, ask_size=None):
        self.at_ms = self.at_ms + 1 if at_ms is None else at_ms
        self.broker.on_quote(symbol, bid, ask, self.at_ms * NS_PER_MS, bid_size, ask_size)

    def send(self, cl_ord_id, side="buy", qty="100", price=None, **fields):
        fields.setdefault("ord_type", "market" if price is None else "limit")
        fields.setdefault("symbol", "EUR/USD")
        intent = OrderIntent(cl_ord_id=cl_ord_id, side=side, order_qty=qty, price=price, **fields)
        self.broker.place(Approved(intent, FOREVER))

    def replace(self, cl_ord_id, orig, qty, price=None, **fields):
        intent = ReplaceIntent(
            cl_ord_id=cl_ord_id, orig_cl_ord_id=orig, order_qty=qty, price=price, **fields
        )
        self.broker.replace(Approved(intent, FOREVER))

    def cancel(self, orig, cl_ord_id="c"):
        self.broker.cancel(CancelIntent(cl_ord_id=cl_ord_id, orig_cl_ord_id=orig))

    def told(self):
        """Return the new reports as (id, type)."""
        return [(r.cl_ord_id, r.exec_type) for r in self.broker.reports()]

    def fills(self):
        """Return all fills as (id, side, qty, price)."""
        return [(f.cl_ord_id, f.side, f.qty, f.price) for f in self.eye.snapshot(0).fills]

    def working(self):
        """Return what works as id: leaves."""
        return {order.cl_ord_id: order.leaves_qty for order in self.broker.working()}

    def held(self, symbol="EUR/USD"):
        return self.broker.position(symbol).qty

    def close(self):
        self.broker.close()
        self.eye.close()


@pytest.fixture
def clock():
    """Return a clock moved by hand."""
    return HandClock()


@pytest.fixture
def open_desk(tmp_path, clock):
    """Return a maker of desks; what it made is closed at the end."""
    made = []

    def make(name="a.sqlite3", facts=None, **changes):
        desk = Desk(tmp_path / name, clock, OfflineSettings(**{**EXACT, **changes}), facts)
        made.append(desk)
        return desk

    yield make
    for desk in made:
        desk.close()


@pytest.fixture
def desk(open_desk):
    """Return a desk on a new cash account of 100,000 without latency or partial fills."""
    return open_desk()
