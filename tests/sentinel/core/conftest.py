"""A desk: an account, a flat book and a quote, ready to be asked for orders in a few words."""

from __future__ import annotations

import json

import pytest

from ipc.config.reader import limits_hash, parse_config
from sentinel.replay import Replayer

SYMBOL = "EURUSD"


def parsed(toml):
    risk = parse_config(toml, "test").risk
    return risk, limits_hash(risk)


class Said:
    """A verdict, with the effects that came with it."""

    def __init__(self, documents):
        verdict = next(document for document in documents if "verdict" in document)
        self.approved = verdict["verdict"] == "approved"
        self.reason, self.limit = verdict["reason"], verdict["limit"]
        self.observed, self.state, self.seq = verdict["observed"], verdict["state"], verdict["seq"]
        self.effects = [
            (document["effect"], document["cause"])
            for document in documents
            if document.get("effect") in {"halt", "reduce", "kill_tree"}
        ]

    @property
    def told(self):
        """Reason and both numbers."""
        return self.reason, self.limit, self.observed


class Desk:
    """A core in virtual time; amounts are texts, `now` is in milliseconds."""

    def __init__(self, limits="", *, account="", tables=""):
        toml = f'[account]\n{account}\n[limits]\nsymbols = ["*"]\n{limits}\n{tables}\n'
        risk, config_hash = parsed(toml)
        self.core = Replayer(risk, config_hash, parsed)
        self.now = 0
        self.count = 0

    @property
    def state(self):
        return self.core.state

    def say(self, event, **fields):
        """Feed one line; return all that came of it."""
        given = {key: value for key, value in fields.items() if value is not None}
        line = {"at_ms": self.now, "event": event, **given}
        return list(self.core.feed([json.dumps(line)]))

    def wait(self, milliseconds):
        self.now += milliseconds
        return self

    def account(self, equity="10000", free=None, **fields):
        self.say("account", equity=equity, balance_free=free or equity, **fields)
        return self

    def quote(self, bid="1.0999", ask="1.1001", symbol=SYMBOL):
        self.say("quote", symbol=symbol, bid=bid, ask=ask)
        return self

    def position(self, qty, avg_price="1.1000", symbol=SYMBOL):
        self.say("position", symbol=symbol, qty=qty, avg_price=avg_price)
        return self

    def new_id(self):
        self.count += 1
        return f"o{self.count}"

    def order(self, side, qty, price=None, *, symbol=SYMBOL, **fields):
        """Ask for an order: a limit order if it has a price, else a market order."""
        fields.setdefault("ord_type", "market" if price is None else "limit")
        fields["cl_ord_id"] = fields.get("cl_ord_id") or self.new_id()
        return Said(
            self.say("order", symbol=symbol, side=side, order_qty=qty, price=price, **fields)
        )

    def buy(self, qty, price=None, **fields):
        return self.order("buy", qty, price, **fields)

    def sell(self, qty, price=None, **fields):
        return self.order("sell", qty, price, **fields)

    def replace(self, orig, qty, price=None, **fields):
        fields["cl_ord_id"] = fields.get("cl_ord_id") or self.new_id()
        return Said(self.say("replace", orig_cl_ord_id=orig, order_qty=qty, price=price, **fields))

    def cancel(self, orig):
        return Said(self.say("cancel", cl_ord_id=self.new_id(), orig_cl_ord_id=orig))

    def fill(self, cl_ord_id, qty, price, kind="fill", **fields):
        self.say(
            "execution",
            cl_ord_id=cl_ord_id,
            exec_type=kind,
            last_qty=qty,
            last_price=price,
            **fields,
        )
        return self

    def report(self, cl_ord_id, kind):
        """Report an execution without a fill; return what came of it."""
        return self.say("execution", cl_ord_id=cl_ord_id, exec_type=kind)


@pytest.fixture
def desk():
    """Return the maker of desks: a margin account of 10,000 and a quote around 1.1000."""

    def make(limits="", *, account='kind = "margin"\nleverage = 100', tables=""):
        return Desk(limits, account=account, tables=tables).account().quote()

    return make
