"""A process that hammers one account: `python -m tests.broker_api.hammer ROLE PATH DURATION_MS`.

ROLE is `trade` (quotes, orders, replaces, cancels), `watch` (readings, cancels, closing) or `torn`
(dies by its own SIGKILL in the middle of a write). It writes out each order that was placed.
"""

import os
import random
import signal
import sys
from pathlib import Path

from broker_api.errors import VenueReject
from broker_api.offline import OfflineBroker
from broker_api.offline_oversight import OfflineOversight
from broker_api.offline_settings import OfflineSettings
from ipc.approved import Approved
from ipc.clock import NS_PER_MS, SystemClock
from ipc.messages import CancelIntent, OrderIntent

SETTINGS = OfflineSettings(latency_max_ns=3 * NS_PER_MS, partial_pct=40, fee_bps=10**18)


def order(name: str, mid: int) -> Approved:
    """Make an approved little bracket around a mid in thousandths."""
    intent = OrderIntent(
        cl_ord_id=name,
        symbol="EUR/USD",
        side="buy",
        ord_type="limit",
        order_qty="10",
        price=f"1.{mid + 2}",
        stop_loss=f"1.{mid - 9}",
        take_profit=f"1.{mid + 9}",
    )
    return Approved(intent, 2**62)


def trade(path: Path, until_ns: int) -> None:
    """Trade without a pause."""
    clock, dice = SystemClock(), random.Random(os.getpid())
    broker = OfflineBroker(path, clock, SETTINGS)
    tick = 0
    while clock.elapsed_ns() < until_ns:
        tick += 1
        mid = 500 + dice.randrange(-20, 20)
        broker.on_quote("EUR/USD", f"1.{mid}", f"1.{mid + 1}", tick * NS_PER_MS)
        if tick % 3 == 0:
            name = f"{os.getpid()}-{tick}"
            broker.place(order(name, mid))
            sys.stdout.write(name + "\n")
            sys.stdout.flush()
        if tick % 7 == 0 and (working := broker.working()):
            victim = dice.choice(working).cl_ord_id
            broker.cancel(CancelIntent(cl_ord_id=f"c{tick}", orig_cl_ord_id=victim))
        broker.reports()
    broker.close()


def watch(path: Path, until_ns: int) -> None:
    """Read, cancel and close without a pause."""
    clock, dice = SystemClock(), random.Random(os.getpid())
    eye = OfflineOversight(path, clock, SETTINGS)
    seen = rounds = 0
    while clock.elapsed_ns() < until_ns:
        rounds += 1
        snapshot = eye.snapshot(seen)
        assert snapshot.last_fill_seq >= seen
        seen = snapshot.last_fill_seq
        if rounds % 5 == 0:
            eye.cancel_all({o.cl_ord_id for o in snapshot.working if o.leg == "stop_loss"})
        if rounds % 11 == 0 and snapshot.positions:
            try:
                eye.flatten("EUR/USD", str(dice.randrange(1, 30)), "sell")
                eye.place_stop("EUR/USD", "sell", "1", "1.400")
            except VenueReject:
                continue
    eye.close()


def torn(path: Path, until_ns: int) -> None:
    """Die in the middle of a write whose first pages are in the file already."""
    broker = OfflineBroker(path, SystemClock(), SETTINGS)
    broker.on_quote("EUR/USD", "1.500", "1.501", until_ns)
    broker._store._db.execute("PRAGMA cache_size = 1")
    with broker._store.writing():
        for n in range(200):
            broker._store._db.execute("INSERT INTO order_ids VALUES (?, ?)", (f"{n:060d}", n))
        broker._store._db.execute("UPDATE account SET cash = '0'")
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    role, where, duration_ms = sys.argv[1:]
    end_ns = SystemClock().elapsed_ns() + int(duration_ms) * NS_PER_MS
    {"trade": trade, "watch": watch, "torn": torn}[role](Path(where), end_ns)
