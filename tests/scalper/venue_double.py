"""A venue of a few lines, for tests of the loop. It keeps no file and has no latency."""

import itertools
from collections import deque

from broker_api.protocol import VenueReject
from broker_api.values import BrokerFacts, Capabilities, Position, Report, WorkingOrder
from ipc.numbers import format_decimal, parse_decimal


class Venue:
    """Fills market orders and marketable limits at the touch, at once; keeps brackets if told."""

    def __init__(self, clock, *, brackets=True):
        self.clock = clock
        self.brackets = brackets
        self.present = BrokerFacts(
            broker="offline", mode="paper", account_id="OFFLINE", endpoint="offline:test"
        )
        self.orders = {}
        self.legs = {}
        self.held = {}
        self.placed = []
        self.cancelled = []
        self.touch = {}
        self.news: deque[Report] = deque()
        self.count = itertools.count(1)
        self.error = None

    def facts(self):
        return self.present

    def capabilities(self):
        return Capabilities(
            protective_stops=self.brackets, dead_mans_switch=False, account_lock=False
        )

    def place(self, approved):
        intent = approved.spend(self.clock.elapsed_ns())
        if self.error is not None:
            raise self.error
        self.placed.append(intent)
        self.orders[intent.cl_ord_id] = intent
        self._tell(intent.cl_ord_id, "ack")
        self._match()

    def replace(self, approved):
        intent = approved.spend(self.clock.elapsed_ns())
        if intent.orig_cl_ord_id not in self.orders:
            raise VenueReject("unknown order")

    def cancel(self, intent):
        self.cancelled.append(intent.orig_cl_ord_id)
        if self.orders.pop(intent.orig_cl_ord_id, None) or self.legs.pop(
            intent.orig_cl_ord_id, None
        ):
            self._tell(intent.orig_cl_ord_id, "cancelled")

    def reports(self):
        news, self.news = list(self.news), deque()
        return news

    def working(self):
        return tuple(self._working(i) for i in self.orders.values()) + tuple(self.legs.values())

    def position(self, symbol):
        return Position(symbol=symbol, qty=format_decimal(self.held.get(symbol, 0)), avg_price="0")

    def close(self):
        pass

    def on_quote(self, symbol, bid, ask, ts_ns, bid_size=None, ask_size=None):
        self.touch[symbol] = (parse_decimal(bid or "0"), parse_decimal(ask or "0"))
        self._match()

    def _working(self, intent):
        return WorkingOrder(
            cl_ord_id=intent.cl_ord_id,
            symbol=intent.symbol,
            side=intent.side,
            ord_type=intent.ord_type,
            order_qty=intent.order_qty,
            leaves_qty=intent.order_qty,
            cum_qty="0",
            reduce_only=intent.reduce_only,
            group=intent.group,
        )

    def _tell(self, cl_ord_id, exec_type, **fields):
        number = str(next(self.count))
        self.news.append(Report(exec_id=number, cl_ord_id=cl_ord_id, exec_type=exec_type, **fields))

    def _match(self):
        for intent in list(self.orders.values()):
            bid, ask = self.touch.get(intent.symbol, (0, 0))
            if not 0 < bid < ask:
                continue
            price = ask if intent.side == "buy" else bid
            limit = parse_decimal(intent.price) if intent.price else price
            if (price <= limit) if intent.side == "buy" else (price >= limit):
                self._fill(intent, price)

    def _fill(self, intent, price):
        del self.orders[intent.cl_ord_id]
        sign = 1 if intent.side == "buy" else -1
        held = self.held.get(intent.symbol, 0) + sign * (parse_decimal(intent.order_qty) or 0)
        self.held[intent.symbol] = held
        self._tell(
            intent.cl_ord_id,
            "fill",
            last_qty=intent.order_qty,
            last_price=format_decimal(price),
            fee="0",
        )
        if self.brackets and intent.stop_loss:
            self._leg(intent)
        if held == 0:
            self.legs.clear()

    def _leg(self, intent):
        leg = WorkingOrder(
            cl_ord_id=f"{intent.cl_ord_id}/sl",
            symbol=intent.symbol,
            side="sell" if intent.side == "buy" else "buy",
            ord_type="stop",
            order_qty=intent.order_qty,
            leaves_qty=intent.order_qty,
            cum_qty="0",
            stop_price=intent.stop_loss,
            reduce_only=True,
            parent=intent.cl_ord_id,
            leg="stop_loss",
            origin="leg",
        )
        self.legs[leg.cl_ord_id] = leg
