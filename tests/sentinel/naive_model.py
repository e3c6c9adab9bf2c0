"""A second, naive opinion on every verdict: fractions, dicts and sums made anew for each line.

Written from the published rules, it shares no code with the program that it judges; where the
rules are silent it does as the program does.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

PATTERN = re.compile(r"(?!-0(\.0*)?$)-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?", re.ASCII)
TYPES = ("market", "limit", "stop", "stop_limit")
FIELDS = (
    *("cl_ord_id", "orig_cl_ord_id", "symbol", "side", "ord_type", "order_qty", "price"),
    *("stop_price", "time_in_force", "expire_at_ms", "reduce_only", "strategy", "group"),
)
DEFAULT_ACTIONS = {
    "REPEATED_ORDER": "halt",
    "REJECT_STORM": "kill",
    "VETO_STORM": "kill",
    "DAILY_LOSS_EXCEEDS_LIMIT": "reduce",
    "DRAWDOWN_EXCEEDS_LIMIT": "halt",
}
DAY_MS = 86_400_000


def number(text):
    """Return the fraction that a plain decimal text means, else None."""
    if not isinstance(text, str) or not PATTERN.fullmatch(text):
        return None
    return Fraction(text)


class Vetoed(Exception):
    """The first failure: reason, limit and observed."""

    def __init__(self, reason, limit=None, observed=None):
        super().__init__(reason)
        self.reason, self.limit, self.observed = reason, limit, observed


class NaiveState:
    """Answers each event line with what the verdict and the effects should be."""

    def __init__(self, config):
        self.config = config
        self.halts = []
        self.reduced = self.killing = False
        self.now = 0
        self.seq = 0
        self.answers = {}
        self.orders = {}
        self.live = []
        self.renamed = {}
        self.positions = {}
        self.quotes = {}
        self.account: Any = None
        self.beat: Any = None
        self.effects = []
        self.repeats = []
        self.quiet = self.beaten = False
        self.marks, self.rates, self.moved, self.round_trips, self.sold = (
            {},
            {},
            Fraction(0),
            {},
            {},
        )
        self.spent = []
        self.groups = {}
        self.tokens = {}
        self.trades = 0
        self.sent = 0
        self.fills = 0
        self.streak = 0
        self.vetoes = []
        self.rejects = []
        self.exit_tokens = (Fraction(config["limits"].get("exit_rate_max", 100)), 0)
        self.day: Any = None
        self.baseline: Any = None
        self.peak: Any = None

    # ----- what the configuration says

    def limit(self, key, symbol=None, strategy=None):
        value = self.config["limits"].get(key)
        for entry in self.config.get("symbol", ()):
            if entry["name"] == symbol and key in entry:
                value = entry[key]
        for entry in self.config.get("strategy", ()):
            if entry["name"] == strategy and key in entry:
                own = entry[key]
                pick = max if key.endswith(("_min", "_window_ms")) else min
                value = own if value is None else pick(value, own, key=Fraction)
        if isinstance(value, str):
            return Fraction(value)
        return value

    def listing(self, symbol):
        for entry in self.config.get("symbol", ()):
            if entry["name"] == symbol:
                return entry
        return {}

    def account_key(self, key, default):
        return self.config.get("account", {}).get(key, default)

    @property
    def cash(self):
        return self.account_key("kind", "cash") == "cash"

    # ----- prices

    def mid(self, symbol):
        bid, ask, _ = self.quotes.get(symbol, (None, None, 0))
        if bid is None or ask is None or bid <= 0 or ask <= 0 or bid > ask:
            return None
        return (bid + ask) / 2

    def rate(self, symbol):
        fx = self.listing(symbol).get("fx")
        return Fraction(1) if fx is None else self.mid(fx)

    def price_of(self, order):
        """An order's valuation price; None where it takes a quote that is not there."""
        if order["price"] is not None:
            return order["price"]
        bid, ask, _ = self.quotes.get(order["symbol"], (None, None, 0))
        if self.mid(order["symbol"]) is None:
            return None
        far = ask if order["side"] == "buy" else bid
        return max(far, order["stop_price"]) if order["ord_type"] == "stop" else far

    def order_named(self, cid):
        """The working order of that id, or the one that is to be replaced by it."""
        live = next((order for order in self.live if order["cl_ord_id"] == cid), None)
        return live or self.renamed.get(cid)

    def worth(self, order, qty):
        """What a quantity of an order is worth at its own valuation, in the account's currency."""
        return qty * self.unit(order) * order["rate"]

    # ----- what is working

    def working(self, symbol=None, side=None, plus=None, leaving_out=None):
        """The live orders (of a symbol, of a side) with one more and without another."""
        found = [o for o in self.live if o is not leaving_out]
        found += [plus] if plus is not None else []
        return [o for o in found if symbol in (None, o["symbol"]) and side in (None, o["side"])]

    @staticmethod
    def grouped(orders, amount):
        """Sum an amount over orders; a group's kinds of legs count once, at the largest kind."""
        total, kinds = Fraction(0), {}
        for order in orders:
            if order["leg"]:
                kind = order["ord_type"].removesuffix("_limit")
                legs = kinds.setdefault(order["group"], {})
                legs[kind] = legs.get(kind, 0) + amount(order)
            else:
                total += amount(order)
        return total + sum(max(legs.values()) for legs in kinds.values())

    @staticmethod
    def leaves(order):
        """What stays reserved: the larger of the order and its unconfirmed replacements."""
        return max([order["left"], *(new["qty"] - order["cum"] for new in order["pending"])])

    @staticmethod
    def unit(order):
        return max([order["unit"], *(new["unit"] for new in order["pending"])])

    def held(self, symbol):
        return self.positions.get(symbol, (Fraction(0), Fraction(0)))[0]

    def room(self, order, leaving_out=None):
        """How much an order of this side may still take off the position."""
        held = self.held(order["symbol"])
        if held == 0 or (held > 0) == (order["side"] == "buy"):
            return Fraction(0)
        others = self.working(order["symbol"], order["side"], leaving_out=leaving_out)
        kind = order["ord_type"].removesuffix("_limit")
        others = [
            o
            for o in others
            if not (o["leg"] and o["group"] == order["group"])
            or o["ord_type"].removesuffix("_limit") == kind
        ]
        return max(abs(held) - self.grouped(others, self.leaves), Fraction(0))

    def action(self, reason):
        return self.config.get("actions", {}).get(reason, DEFAULT_ACTIONS.get(reason, "veto"))

    def recent(self, times, window_key):
        """How many came in the window that ends now; what is older is forgotten."""
        window = self.config["limits"].get(window_key, 60_000)
        times[:] = [at for at in times if at > self.now - window]
        return len(times)

    def limit_of(self, order, key, default=None):
        value = self.limit(key, order["symbol"], order["strategy"])
        return default if value is None else value

    def sales(self, order):
        """The quantity that would be for sale with this order working."""
        if order["old"] is not None:
            order = {**order, "left": max(order["left"], order["old"]["left"])}
        return self.grouped(self.working(order["symbol"], "sell", plus=order), self.leaves)

    def owned(self, symbol):
        """The position, else the balance of the base currency."""
        held, base = self.held(symbol), self.listing(symbol).get("base")
        if held > 0:
            return held
        if held < 0 or base is None or self.account is None:
            return Fraction(0)
        return max(self.account["balances"].get(base, 0) - self.sold.get(base, 0), Fraction(0))

    def multiplier(self, symbol):
        return Fraction(self.listing(symbol).get("multiplier", "1"))

    def above(self, order, key, observed, reason):
        most = self.limit_of(order, key)
        if most is not None and observed > most:
            raise Vetoed(reason, most, observed)

    def below(self, order, key, observed, reason):
        least = self.limit_of(order, key)
        if least is not None and observed < least:
            raise Vetoed(reason, least, observed)

    # ----- the lines

    def feed(self, line):
        """Answer a line: the verdict or None, and the effects as (name, cause)."""
        self.now = line["at_ms"]
        self.effects = []
        if line["event"] not in ("quote", "heartbeat"):
            self.revalue()
        self.pass_time()
        return getattr(self, "on_" + line["event"])(line), self.effects

    def revalue(self):
        """Value what is held; how is told with the rest of the money."""
        raise NotImplementedError

    def on_account(self, line):
        amounts = {k: Fraction(v) for k, v in line.get("balances", {}).items()}
        power = line.get("buying_power")
        self.account = {
            "equity": Fraction(line["equity"]),
            "free": Fraction(line["balance_free"]),
            "power": None if power is None else Fraction(power),
            "balances": amounts,
            "at": self.now,
        }
        self.spent, self.sold, self.moved = [], {}, Fraction(0)

    def on_position(self, line):
        self.positions[line["symbol"]] = (Fraction(line["qty"]), Fraction(line["avg_price"]))

    def on_quote(self, line):
        self.quotes[line["symbol"]] = (number(line.get("bid")), number(line.get("ask")), self.now)

    def on_config(self, line):
        before, self.config = self.config, line["config"]
        old = {throttle["name"]: throttle for throttle in before.get("throttle", ())}
        new = {throttle["name"]: throttle for throttle in self.config.get("throttle", ())}
        for bucket, (tokens, since) in list(self.tokens.items()):
            name = bucket[0]
            del self.tokens[bucket]
            if name in new:
                used = Fraction(old[name]["burst"]) - self.filled_up(old[name], tokens, since)
                left = max(Fraction(new[name]["burst"]) - used, Fraction(0))
                self.tokens[bucket] = (left, self.now)
        most = before["limits"].get("exit_rate_max", 100)
        tokens = min(
            Fraction(most),
            self.exit_tokens[0] + Fraction((self.now - self.exit_tokens[1]) * most, 1000),
        )
        now_most = self.config["limits"].get("exit_rate_max", 100)
        self.exit_tokens = (max(now_most - (most - tokens), Fraction(0)), self.now)

    def filled_up(self, throttle, tokens, since):
        """The tokens of a bucket now: what came back since, but no more than it holds."""
        back = (self.now - since) * Fraction(throttle["rate"]) / throttle.get("per_ms", 1000)
        return min(Fraction(throttle["burst"]), tokens + back)

    def on_heartbeat(self, line):
        if self.quiet:
            return
        if self.beat is None or line["iteration"] > self.beat[1]:
            self.beat = (self.now, line["iteration"], self.now)
        else:
            self.beat = (self.now, self.beat[1], self.beat[2])
        self.beaten = True

    def on_reduce(self, line):
        self.act("reduce", line["cause"])

    def on_halt(self, line):
        self.act("halt", line["cause"])

    def on_resume(self, line):
        if self.state != "ACTIVE":
            self.halts, self.reduced, self.killing = [], False, False
            self.vetoes, self.rejects, self.repeats = [], [], []
            if self.quiet:
                self.quiet, self.beat = False, None

    @property
    def state(self):
        return "HALTED" if self.halts else "REDUCING" if self.reduced else "ACTIVE"

    def act(self, action, cause):
        if action == "reduce" and not self.reduced:
            self.reduced = True
            self.effects.append(("reduce", cause))
        if action in ("halt", "kill") and cause not in self.halts:
            self.halts.append(cause)
            self.effects.append(("halt", cause))
        if action == "kill" and not self.killing:
            self.killing = True
            self.effects.append(("kill_tree", cause))

    def pass_time(self):
        """Let the deadlines of the heartbeat come."""
        timing = {"heartbeat_timeout_ms": 1000, "progress_timeout_ms": 5000}
        timing |= self.config.get("heartbeat", {})
        if self.beat is None or self.quiet:
            return
        due = [
            (self.beat[0] + timing["heartbeat_timeout_ms"], "HEARTBEAT_QUIET"),
            (self.beat[2] + timing["progress_timeout_ms"], "LOOP_STUCK"),
        ]
        at, cause = min(due)
        if self.now > at:
            self.quiet = True
            self.act("kill", cause)
