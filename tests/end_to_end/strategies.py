"""Strategies that provoke: each does one thing that a guarded loop may do. They hide nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from ipc.messages import CancelIntent, Intent, OrderIntent
from ipc.numbers import format_decimal
from scalper.feed import QuoteRow, touch
from scalper.strategy import Strategy
from scalper.view import Setup, View

WORKING_MAX = 4


class Restless(Strategy):
    """Rests an order far below the market at every quote, and cancels when four are working."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.mine: list[str] = []

    def order(self, **terms: str) -> OrderIntent:
        """Make a new buy."""
        fields = {"side": "buy", "order_qty": self.setup.order_qty, **terms}
        return OrderIntent(
            cl_ord_id=self.setup.new_id(),
            symbol=self.setup.symbol,
            side=fields["side"],
            ord_type="limit" if "price" in fields else "market",
            order_qty=fields["order_qty"],
            price=fields.get("price"),
        )

    def on_quote(self, quote: QuoteRow, view: View) -> Sequence[Intent]:
        """Return one order, and a cancel of the oldest where there are too many."""
        if touch(quote) is None:
            return ()
        wanted: list[Intent] = [self.order(price="0.5")]
        self.mine = [cl_ord_id for cl_ord_id in self.mine if cl_ord_id in view.working]
        if len(self.mine) >= WORKING_MAX:
            new_id = self.setup.new_id()
            wanted.append(CancelIntent(cl_ord_id=new_id, orig_cl_ord_id=self.mine.pop(0)))
        self.mine += [order.cl_ord_id for order in wanted if isinstance(order, OrderIntent)]
        return wanted


class Holding(Restless):
    """Buys once at the market, then goes on as Restless."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.bought = False

    def on_quote(self, quote: QuoteRow, view: View) -> Sequence[Intent]:
        """Return the entry first."""
        if not self.bought and touch(quote) is not None:
            self.bought = True
            return (self.order(),)
        return super().on_quote(quote, view)

    def on_veto(self, intent: Intent, reason: str) -> None:
        """Try the entry again with the next quote."""
        if isinstance(intent, OrderIntent) and intent.price is None:
            self.bought = False


class Deaf(Restless):
    """Has a child, a grandchild and a daemon, and asks for far too much at every quote."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        started, starting = os.pipe()
        for _ in range(2):
            if os.fork() == 0:
                os.fork()
                os.write(starting, b"c")
                time.sleep(600)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.write(starting, b"d")
                time.sleep(600)
            os._exit(0)
        os.wait()
        born = 0
        while born < 5:
            born += len(os.read(started, 5))

    def on_quote(self, quote: QuoteRow, view: View) -> Sequence[Intent]:
        """Return an order that no limit allows."""
        return (self.order(order_qty="999999", price="0.5"),)


class Alone(Restless):
    """Leaves a double-forked daemon behind and otherwise only looks."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        started, starting = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                Path(os.environ["DAEMON_PID_FILE"]).write_text(str(os.getpid()))
                os.write(starting, b"d")
                time.sleep(600)
            os._exit(0)
        os.wait()
        os.read(started, 1)

    def on_quote(self, quote: QuoteRow, view: View) -> Sequence[Intent]:
        """Return nothing."""
        return ()


class Buyer(Restless):
    """Buys at the market at every quote until it is told to stop."""

    def on_quote(self, quote: QuoteRow, view: View) -> Sequence[Intent]:
        """Return a market order, and one the other way where something is held."""
        if touch(quote) is None:
            return ()
        if view.position > 0:
            return (self.order(side="sell", order_qty=format_decimal(view.position)),)
        return (self.order(),)
