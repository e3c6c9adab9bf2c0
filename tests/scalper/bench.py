"""A loop with its parts at hand: a clock moved by hand, a sentinel's answers, a list of rows."""

import logging

import structlog

from ipc.codec import fingerprint
from ipc.messages import Approval, OrderIntent, Veto
from ipc.numbers import parse_decimal
from scalper.desk import Desk
from scalper.feed import Nothing, QuoteRow
from scalper.gate import Gate
from scalper.loop import Bounds, Loop, Parts
from scalper.options import Ids
from scalper.strategy import Strategy
from scalper.tally import Tally
from scalper.withdraw import withdraw


class HandClock:
    """Stands still until it is moved, or slept on."""

    def __init__(self):
        self.now_ns = 1_000_000_000_000

    def elapsed_ns(self):
        return self.now_ns

    def wall_ns(self):
        return 1_700_000_000_000_000_000 + self.now_ns

    def sleep_ms(self, duration_ms):
        self.now_ns += int(duration_ms * 1_000_000)


class Link:
    """Answers as a sentinel would: yes, unless told otherwise."""

    def __init__(self, clock):
        self.clock = clock
        self.state = "ACTIVE"
        self.epoch = 7
        self.silent = False
        self.refusal = None
        self.said = []
        self.veto_with = None
        self.ttl_ns = 500_000_000
        self.on_request = None

    def request(self, intent):
        self.said.append(("intent", intent))
        if self.on_request is not None:
            self.on_request(intent)
        common = {
            "session": b"s",
            "seq": len(self.said),
            "cl_ord_id": intent.cl_ord_id,
            "fingerprint": fingerprint(intent),
            "epoch": self.epoch,
            "verdict_seq": 1,
            "state": self.state,
        }
        reason = self.veto_with and self.veto_with(intent)
        if reason:
            return Veto(reason=reason, limit=None, observed=None, **common)
        return Approval(expires_ns=self.clock.elapsed_ns() + self.ttl_ns, **common)

    def quote(self, symbol, bid, ask):
        self.said.append(("quote", (symbol, bid, ask)))
        return True

    def report(self, **fields):
        self.said.append(("report", fields))

    def heartbeat(self, iteration, data_age_ms):
        self.said.append(("beat", (iteration, data_age_ms)))

    def all(self, kind):
        return [what for name, what in self.said if name == kind]


class ListFeed:
    """Gives the rows it was made with, then ends; a None is "not yet"."""

    def __init__(self, rows, clock, step_ns=1_000_000):
        self.rows = iter(rows)
        self.clock = clock
        self.step_ns = step_ns
        self.asked = 0

    def next(self, wait_ms):
        self.asked += 1
        self.clock.now_ns += self.step_ns
        row = next(self.rows, Nothing.ENDED)
        if row is None:
            self.clock.now_ns += wait_ms * 1_000_000
            return Nothing.NOT_YET
        return row


def make_quote(bid, ask, at_ms=0, symbol="EUR/USD"):
    return QuoteRow(
        ts_ns=1_700_000_000_000_000_000 + at_ms * 1_000_000,
        symbol=symbol,
        bid=bid,
        ask=ask,
        bid_units=bid and parse_decimal(bid),
        ask_units=ask and parse_decimal(ask),
    )


class Scripted(Strategy):
    """Returns what a function makes of the number of the pass and the view."""

    def __init__(self, make):
        self.make = make
        self.number = 0
        self.vetoes = []
        self.trades = []

    def on_quote(self, quote, view):
        self.number += 1
        return self.make(self.number, view)

    def on_trade(self, trade, view):
        self.trades.append(trade)
        return ()

    def on_veto(self, intent, reason):
        self.vetoes.append((intent.cl_ord_id, reason))


def order(number, side="buy", **changes):
    fields = {"ord_type": "market", "order_qty": "10"} | changes
    return OrderIntent(cl_ord_id=f"o{number}", symbol="EUR/USD", side=side, **fields)


class Bench:
    """A loop on a bench, with all its parts at hand."""

    def __init__(self, clock, link, venue, feed, strategy, **bounds):
        self.clock, self.link, self.venue, self.strategy = clock, link, venue, strategy
        self.log = structlog.wrap_logger(logging.Logger("test", logging.CRITICAL))  # noqa: LOG001
        self.tally = Tally("EUR/USD", 0)
        self.gate = Gate(link, clock)
        self.desk = Desk(
            broker=venue,
            facts=venue.facts(),
            gate=self.gate,
            tally=self.tally,
            log=self.log,
            symbol="EUR/USD",
        )
        self.stop = False
        self.ids = Ids("T-", "run")
        self.loop = Loop(
            Parts(
                feed=feed,
                strategy=strategy,
                gate=self.gate,
                broker=venue,
                desk=self.desk,
                tally=self.tally,
                clock=clock,
                log=self.log,
                new_id=self.ids,
                stop_asked=lambda: self.stop,
                show=lambda tally: None,
            ),
            Bounds(**bounds),
        )

    def withdraw(self):
        return withdraw(
            self.desk, new_id=self.ids, settle=self.loop.settle, clock=self.clock, log=self.log
        )
