"""The rules of the naive model, from top to bottom: the first that fails names the reason."""

from __future__ import annotations

import re
from fractions import Fraction

from tests.sentinel.naive_model import FIELDS, TYPES, Vetoed, number
from tests.sentinel.naive_money import NaiveMoney

WRONG = "\0"
KEPT_BY_A_REPLACE = (
    *("symbol", "side", "ord_type", "reduce_only", "strategy", "group", "leg", "cum"),
    "expire_at_ms",
)
LOSSES = ("daily_loss_max", "drawdown_max_pct")
EXPOSURES = ["gross_exposure_max", "net_exposure_max", "concentration_max_pct", "leverage_max"]


class NaiveSentinel(NaiveMoney):
    """The naive state with its verdicts."""

    def on_order(self, line):
        return self.answer(line, self.new_order)

    def on_replace(self, line):
        return self.answer(line, self.replacement)

    def answer(self, line, judge):
        order = self.as_given(line)
        cid = order["cl_ord_id"]
        before = self.answers.get(cid)
        if before is not None and before[0] == order:
            return self.again(before[1])
        self.seq += 1
        given = dict(order)
        try:
            judge(order)
        except Vetoed as veto:
            verdict = self.vetoed(veto)
        else:
            verdict = ("approved", None, None, None, self.state, self.seq)
        if before is None and self.valid_id(cid):
            self.answers[cid] = (given, verdict)
        return verdict

    @staticmethod
    def as_given(line):
        """The fields as they were given; what is no text is WRONG, and absent is None."""
        order = {key: line.get(key) for key in FIELDS}
        order["event"] = line["event"]
        for key in FIELDS:
            required = key in ("cl_ord_id", "side", "ord_type", "order_qty", "orig_cl_ord_id")
            text = isinstance(order[key], str) or (order[key] is None and not required)
            if key not in ("reduce_only", "expire_at_ms") and not text:
                order[key] = WRONG
        if line["event"] == "order":
            order["orig_cl_ord_id"] = None
            order["symbol"] = order["symbol"] if order["symbol"] not in (None, WRONG) else ""
        flag = line.get("reduce_only", False)
        order["side"] = order["side"] if isinstance(flag, bool) else WRONG
        order["reduce_only"] = flag is True
        return order

    def again(self, verdict):
        """The same verdict; but a halt voids what was approved before it."""
        if verdict[0] == "approved" and self.state == "HALTED":
            self.seq += 1
            return self.vetoed(Vetoed("TRADING_HALTED"))
        if verdict[0] == "vetoed":
            self.count_veto()
        return verdict

    def vetoed(self, veto):
        if self.state == "HALTED":
            self.act(self.action(veto.reason), veto.reason)
        else:
            self.act(self.action(veto.reason), veto.reason)
            self.count_veto(first=True)
        return ("vetoed", veto.reason, veto.limit, veto.observed, self.state, self.seq)

    def count_veto(self, *, first=False):
        """Vetoes given while HALTED do not count."""
        most = self.limit("vetoes_max")
        if most is None:
            self.vetoes = []
            return
        if first or self.state != "HALTED":
            self.vetoes.append(self.now)
        if self.recent(self.vetoes, "vetoes_window_ms") > most:
            self.act(self.action("VETO_STORM"), "VETO_STORM")

    @staticmethod
    def valid_id(cid):
        return isinstance(cid, str) and 0 < len(cid) <= 64 and all("!" <= c <= "~" for c in cid)

    # ----- the three intents

    def on_cancel(self, line):
        """Always approved; it draws on the throttles that count messages."""
        order = self.order_named(line["orig_cl_ord_id"]) or {"symbol": None, "strategy": None}
        for bucket in self.buckets(order["symbol"], order["strategy"], "messages"):
            self.tokens[bucket] = (max(self.level(bucket) - 1, Fraction(0)), self.now)
        self.seq += 1
        return ("approved", None, None, None, self.state, self.seq)

    def new_order(self, order):
        order["leg"] = False
        order.update(old=None, cum=Fraction(0), pending=[])
        good = self.shape(order)
        self.check_state(order if good else None)
        self.check_symbol(order["symbol"])
        if not good:
            raise Vetoed("ORDER_INVALID")
        self.judge(order)

    def replacement(self, order):
        old = self.order_named(order["orig_cl_ord_id"])
        if old is None:
            self.check_state(None)
            raise Vetoed("ORDER_INVALID")
        for key in KEPT_BY_A_REPLACE:
            order[key] = old[key]
        order["price"] = old["price_text"] if order["price"] is None else order["price"]
        order["stop_price"] = (
            old["stop_text"] if order["stop_price"] is None else order["stop_price"]
        )
        order.update(old=old, pending=[], time_in_force=None)
        good = self.shape(order) and order["qty"] > old["cum"]
        self.live.remove(old)
        try:
            self.check_state(order if good else None)
            self.check_symbol(order["symbol"])
            if not good:
                raise Vetoed("ORDER_INVALID")
            self.judge(order)
        finally:
            self.live.append(old)

    def judge(self, order):
        old = order["old"]
        self.weigh(order)
        self.check_identity(order)
        self.check_direction(order)
        self.check_kind(order)
        self.check_grid(order)
        self.check_qty(order)
        self.check_reference(order)
        order["unit"] = self.price_of(order) * self.multiplier(order["symbol"])
        fx = self.listing(order["symbol"]).get("fx")
        order["rate"] = Fraction(1) if fx is None else self.mid(fx)
        if order["rate"] is None:
            order["rate"] = self.rates.get(order["symbol"]) or Fraction(1)
        held = {**order, "left": order["left"]}
        if old is not None:
            held["left"] = max(order["left"], old["left"])
            held["unit"] = max(order["unit"], old["unit"])
        self.check_collar(order)
        self.check_notional(order)
        if not order["exit"]:
            self.check_counts(order)
            self.check_position(held)
            self.check_exposure(held)
            self.check_account(held)
        self.check_balance(held)
        if not order["exit"]:
            self.check_loss(order)
        self.check_throttles(order)
        if not order["exit"]:
            self.check_storms(order)
        self.take_tokens(order)
        self.approve(order)

    def weigh(self, order):
        """Whether it only reduces, and whether it is a leg of its group's entry."""
        old = order["old"]
        order["left"] = order["qty"] - order["cum"]
        entry = self.groups.get(order["group"])
        if old is None:
            order["leg"] = order["group"] is not None and entry not in (None, order["side"])
        order["exit"] = order["left"] <= self.room(order)
        order["leg"] = order["group"] is not None and (order["leg"] or order["exit"])
        order["reserves"] = order["side"] == "buy" if self.cash else not order["exit"]
        order["currency"] = self.currency(order["symbol"])
        order["fixed"] = Fraction(self.account_key("fee_fixed", "0"))
        order["bps"] = Fraction(self.account_key("fee_bps", "0"))

    def approve(self, order):
        self.sent += 1
        if order["old"] is not None:
            order["old"]["pending"].append(order)
            self.renamed[order["cl_ord_id"]] = order["old"]
            return
        self.live.append(order)
        self.orders[order["cl_ord_id"]] = order
        if self.limit_of(order, "repeat_max") is not None:
            self.repeats.append((self.now, self.likeness(order)))
        if not order["exit"]:
            self.trades += 1
            if order["group"] is not None and not order["leg"]:
                self.groups.setdefault(order["group"], order["side"])

    # ----- state, symbol, shape, identity

    def check_state(self, order):
        """`order` is None where it cannot be understood, so that it proves nothing."""
        if self.beaten and self.beat is None:
            raise Vetoed("SESSION_UNKNOWN")
        if self.quiet:
            raise Vetoed("HEARTBEAT_QUIET")
        if self.state == "HALTED":
            raise Vetoed("TRADING_HALTED")
        if self.state == "REDUCING":
            held = 0 if order is None else self.held(order["symbol"])
            if held == 0 or (held > 0) == (order["side"] == "buy"):
                raise Vetoed("TRADING_REDUCING")

    def check_symbol(self, symbol):
        allowed = self.config["limits"]["symbols"]
        if symbol == "":
            raise Vetoed("ORDER_INVALID")
        if "*" not in allowed and symbol not in allowed:
            raise Vetoed("SYMBOL_NOT_ALLOWED")

    def shape(self, order):
        """Read the numbers; False if a field is wrong, missing or not positive."""
        numbers = [number(order[key]) for key in ("order_qty", "price", "stop_price")]
        order["price_text"], order["stop_text"] = order["price"], order["stop_price"]
        for key, value in zip(("order_qty", "price", "stop_price"), numbers, strict=True):
            given = order[key] is not None
            if given and (value is None or value <= 0):
                return False
        kind = order["ord_type"]
        order["qty"] = numbers[0]
        order["price"] = numbers[1] if kind in ("limit", "stop_limit") else None
        order["stop_price"] = numbers[2] if kind in ("stop", "stop_limit") else None
        order["all_prices"] = numbers[1:]
        expire = order["expire_at_ms"]
        return (
            self.valid_id(order["cl_ord_id"])
            and re.fullmatch(r"[!-~](?:[ -~]{0,62}[!-~])?", order["symbol"]) is not None
            and order["side"] in ("buy", "sell")
            and kind in TYPES
            and order["qty"] is not None
            and (kind not in ("limit", "stop_limit") or order["price"] is not None)
            and (kind not in ("stop", "stop_limit") or order["stop_price"] is not None)
            and order["time_in_force"] in (None, "day", "gtc", "opg", "cls", "ioc", "fok")
            and (expire is None or (type(expire) is int and expire >= 0))
            and order["strategy"] != ""
            and order["group"] != ""
        )

    def check_identity(self, order):
        expire = order["expire_at_ms"]
        if expire is not None and expire < self.now:
            raise Vetoed("ORDER_EXPIRED")
        if order["cl_ord_id"] in self.answers:
            raise Vetoed("CL_ORD_ID_DUPLICATE")

    def check_direction(self, order):
        if not order["exit"] and (order["reduce_only"] or self.state == "REDUCING"):
            raise Vetoed(
                "REDUCE_ONLY_WOULD_FLIP",
                self.room(order, order["old"]),
                order["qty"] - order["cum"],
            )

    def check_kind(self, order):
        allowed = self.config["limits"].get("ord_types")
        if allowed is not None and order["ord_type"] not in allowed:
            raise Vetoed("ORDER_TYPE_NOT_ALLOWED")
        if order["side"] == "sell" and not self.limit_of(order, "short_allowed", not self.cash):
            owned, sold = self.owned(order["symbol"]), self.sales(order)
            if sold > owned and not order["exit"]:
                raise Vetoed("SHORT_NOT_ALLOWED", owned, sold)

    def check_grid(self, order):
        listing = self.listing(order["symbol"])
        step = listing.get("price_increment")
        for price in order["all_prices"]:
            if step and price is not None and price % Fraction(step):
                raise Vetoed("PRICE_INCREMENT_INVALID", Fraction(step), price)
        step = listing.get("qty_increment")
        if step and order["qty"] % Fraction(step):
            raise Vetoed("QTY_INCREMENT_INVALID", Fraction(step), order["qty"])

    def check_qty(self, order):
        self.above(order, "order_qty_max", order["qty"], "ORDER_QTY_EXCEEDS_LIMIT")
        self.below(order, "order_qty_min", order["qty"], "ORDER_QTY_BELOW_MINIMUM")

    # ----- prices

    def references(self, order):
        """The symbols whose quotes the limits that are on need."""
        symbol, entry = order["symbol"], not order["exit"]

        def on(*keys):
            return any(self.limit_of(order, key) is not None for key in keys)

        held = {one for one in self.positions if self.held(one)}
        needed = set()
        if order["ord_type"] in ("market", "stop") or on(
            "price_collar_bps", "reference_age_max_ms"
        ):
            needed.add(symbol)
        if entry and on("spread_max_bps"):
            needed.add(symbol)
        if entry and symbol in held and on("position_notional_max", "concentration_max_pct"):
            needed.add(symbol)
        if entry and on("gross_exposure_max", "net_exposure_max", "leverage_max", *LOSSES):
            needed |= held | {self.listing(one)["fx"] for one in held if "fx" in self.listing(one)}
        money = on("order_notional_max", "order_notional_min")
        paid = self.cash and order["side"] == "buy"
        if "fx" in self.listing(symbol) and (entry or money or paid):
            needed.add(self.listing(symbol)["fx"])
        return needed

    def check_reference(self, order):
        needed = self.references(order)
        if any(self.mid(symbol) is None for symbol in needed):
            raise Vetoed("REFERENCE_PRICE_MISSING")
        ages = [self.now - self.quotes[symbol][2] for symbol in needed]
        most = self.limit_of(order, "reference_age_max_ms")
        if most is not None and any(age > most for age in ages):
            raise Vetoed("REFERENCE_PRICE_STALE", most, tuple(age for age in ages if age > most))
        if self.limit_of(order, "spread_max_bps") is not None and not order["exit"]:
            bid, ask, _ = self.quotes[order["symbol"]]
            spread = (ask - bid) / self.mid(order["symbol"]) * 10_000
            self.above(order, "spread_max_bps", spread, "SPREAD_EXCEEDS_LIMIT")

    def check_collar(self, order):
        if order["price"] is None or self.limit_of(order, "price_collar_bps") is None:
            return
        mid = self.mid(order["symbol"])
        away = (order["price"] - mid) / mid * 10_000
        away = away if order["side"] == "buy" else -away
        if self.limit_of(order, "price_collar_both_sides", False):
            away = abs(away)
        self.above(order, "price_collar_bps", away, "PRICE_OUTSIDE_COLLAR")

    def check_notional(self, order):
        keys = ("order_notional_max", "order_notional_min")
        if any(self.limit_of(order, key) is not None for key in keys):
            worth = self.worth(order, order["qty"])
            self.above(order, keys[0], worth, "ORDER_NOTIONAL_EXCEEDS_LIMIT")
            self.below(order, keys[1], worth, "ORDER_NOTIONAL_BELOW_MINIMUM")

    # ----- counts

    @staticmethod
    def likeness(order):
        return (order["symbol"], order["side"], order["qty"], order["price"])

    def check_counts(self, order):
        if self.limit_of(order, "repeat_max") is not None and order["old"] is None:
            window = self.limit_of(order, "repeat_window_ms", 1000)
            same = [
                at
                for at, like in self.repeats
                if like == self.likeness(order) and at > self.now - window
            ]
            self.above(order, "repeat_max", len(same) + 1, "REPEATED_ORDER")
        if order["old"] is None:
            self.above(order, "trades_max", self.trades + 1, "TRADE_COUNT_EXCEEDS_LIMIT")
        working = self.working(plus=order)
        self.above(order, "orders_working_max", len(working), "WORKING_ORDERS_EXCEED_LIMIT")

    # ----- position and exposure

    def check_position(self, order):
        symbol, side = order["symbol"], order["side"]
        total = self.grouped(self.working(symbol, side, plus=order), self.leaves)
        worst = self.held(symbol) + total if side == "buy" else total - self.held(symbol)
        self.above(order, "position_qty_max", worst, "POSITION_EXCEEDS_LIMIT")
        if self.limit_of(order, "position_notional_max") is not None:
            value = self.extreme(symbol, side, order)
            value = value if side == "buy" else -value
            self.above(order, "position_notional_max", value, "POSITION_EXCEEDS_LIMIT")

    def extreme(self, symbol, side, order):
        """The worth of a symbol's position if everything of one side fills."""
        orders = self.working(symbol, side, plus=order)
        total = self.grouped(orders, lambda one: self.worth(one, self.leaves(one)))
        held = self.held(symbol)
        if held:
            held *= self.mid(symbol) * self.multiplier(symbol) * self.rate(symbol)
        return held + total if side == "buy" else held - total

    def check_exposure(self, order):
        gross_key, net_key, share_key, leverage_key = EXPOSURES
        on = {key for key in EXPOSURES if self.limit_of(order, key) is not None}
        symbol = order["symbol"]
        symbols = {symbol}
        if on - {share_key}:
            symbols |= {one["symbol"] for one in self.live}
            symbols |= {one for one in self.positions if self.held(one)}
        if not on:
            return
        sides = {
            s: (self.extreme(s, "buy", order), self.extreme(s, "sell", order)) for s in symbols
        }
        worst = {s: max(abs(up), abs(down)) for s, (up, down) in sides.items()}
        gross = sum(worst.values())
        self.above(order, gross_key, gross, "GROSS_EXPOSURE_EXCEEDS_LIMIT")
        net = max(abs(sum(up for up, _ in sides.values())), abs(sum(d for _, d in sides.values())))
        self.above(order, net_key, net, "NET_EXPOSURE_EXCEEDS_LIMIT")
        for key, value, reason in (
            (share_key, 100 * worst[symbol], "CONCENTRATION_EXCEEDS_LIMIT"),
            (leverage_key, gross, "LEVERAGE_EXCEEDS_LIMIT"),
        ):
            if key in on:
                if self.account is None or self.equity() <= 0:
                    raise Vetoed("ACCOUNT_UNKNOWN")
                self.above(order, key, value / self.equity(), reason)
