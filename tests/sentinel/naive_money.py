"""The naive model's money: what an order needs, what the day lost, tokens, and executions."""

from __future__ import annotations

from fractions import Fraction

from tests.sentinel.naive_model import DAY_MS, NaiveState, Vetoed

ZERO = Fraction(0)
NEEDING = ("account_age_max_ms", "balance_min", "daily_loss_max", "drawdown_max_pct")


class NaiveMoney(NaiveState):
    """The naive state with balances, losses, throttles and fills."""

    def pass_time(self):
        super().pass_time()
        day = self.now // DAY_MS
        if day != self.day:
            self.revalue()
            self.day, self.trades, self.sent, self.fills = day, 0, 0, 0
            self.baseline = self.peak = None if self.account is None else self.equity()

    def on_account(self, line):
        super().on_account(line)
        equity = self.equity()
        self.baseline = equity if self.baseline is None else self.baseline
        self.peak = equity if self.peak is None else max(self.peak, equity)

    def equity(self):
        """Equity as read, and what quotes and fills have done to it since."""
        return self.account["equity"] + self.moved

    # ----- valuation

    def revalue(self):
        """Value what is held at the quotes of the moment, where they are usable."""
        for symbol, (held, average) in self.positions.items():
            mid = self.mid(symbol)
            if held:
                self.rates[symbol] = self.rate(symbol) or self.rates.get(symbol)
            if held and mid is not None:
                before = self.marks.get(symbol) or average or mid
                self.gain(symbol, held * (mid - before))
                self.marks[symbol] = mid

    def gain(self, symbol, amount):
        rate = self.rate(symbol)
        self.moved += amount * self.multiplier(symbol) * (1 if rate is None else rate)

    def on_position(self, line):
        symbol = line["symbol"]
        if not self.marks.get(symbol) or not self.held(symbol):
            self.marks[symbol] = self.mid(symbol) or Fraction(line["avg_price"])
        super().on_position(line)

    # ----- the account

    def check_account(self, order):
        if self.account is None:
            on = any(self.limit_of(order, key) is not None for key in NEEDING)
            if on or self.account_key("required", True):
                raise Vetoed("ACCOUNT_UNKNOWN")
            return
        age = self.now - self.account["at"]
        self.above(order, "account_age_max_ms", age, "ACCOUNT_STALE")
        if self.limit_of(order, "balance_min") is not None:
            leverage = 1 if self.cash else Fraction(self.account_key("leverage", "1"))
            taken = sum(worth / leverage + fees for _, worth, fees, _ in self.reserved())
            left = self.account["free"] - taken
            self.below(order, "balance_min", left, "BALANCE_BELOW_MINIMUM")

    def currency(self, symbol):
        return self.listing(symbol).get("quote", self.account_key("currency", "USD"))

    def needs(self, order, qty):
        """Currency; worth and fees in the account's; both in the symbol's own."""
        if not order["reserves"] or qty == 0:
            return (order["currency"], ZERO, ZERO, ZERO)
        worth = self.worth(order, qty)
        fees = worth * order["bps"] / 10_000 + order["fixed"]
        return (order["currency"], worth, fees, (worth + fees) / order["rate"])

    def reserved(self):
        return [self.needs(order, self.leaves(order)) for order in self.live] + self.spent

    def check_balance(self, order):
        if self.account is None:
            if self.account_key("required", True) and not order["exit"]:
                raise Vetoed("ACCOUNT_UNKNOWN")
        elif not self.cash:
            if not order["exit"]:
                self.check_margin(order)
        elif order["side"] == "sell":
            owned, sold = self.owned(order["symbol"]), self.sales(order)
            if sold > owned:
                raise Vetoed("BALANCE_INSUFFICIENT", owned, sold)
        else:
            self.check_purchase(order)

    def check_purchase(self, order):
        currency, worth, fees, own = self.needs(order, order["left"])
        named = self.account["balances"]
        if currency in named:
            free = named[currency] - sum(row[3] for row in self.reserved() if row[0] == currency)
            need = own
        else:
            rows = [row for row in self.reserved() if row[0] not in named]
            free = self.account["free"] - sum(row[1] + row[2] for row in rows)
            need = worth + fees
        if need > free:
            raise Vetoed("BALANCE_INSUFFICIENT", free, need)

    def check_margin(self, order):
        leverage = Fraction(self.account_key("leverage", "1"))
        _, worth, fees, _ = self.needs({**order, "reserves": True}, order["left"])
        rows = self.reserved()
        working = sum(row[1] for row in rows)
        free = self.account["free"] - sum(row[2] for row in rows) - working / leverage
        need = worth / leverage + fees
        if need > free:
            raise Vetoed("BALANCE_INSUFFICIENT", free, need)
        power = self.account["power"]
        if power is not None and worth > power - working:
            raise Vetoed("BALANCE_INSUFFICIENT", power - working, worth)

    # ----- losses, ratios, storms

    def check_loss(self, order):
        if self.account is not None:
            loss = self.baseline - self.equity()
            self.above(order, "daily_loss_max", loss, "DAILY_LOSS_EXCEEDS_LIMIT")
            if self.limit_of(order, "drawdown_max_pct") is not None:
                if self.peak <= 0:
                    raise Vetoed("ACCOUNT_UNKNOWN")
                fall = 100 * (self.peak - self.equity()) / self.peak
                self.above(order, "drawdown_max_pct", fall, "DRAWDOWN_EXCEEDS_LIMIT")
        self.above(order, "losses_in_a_row_max", self.streak, "LOSS_STREAK_EXCEEDS_LIMIT")
        hours = self.limit_of(order, "hours")
        if hours is not None:
            start, end = (int(text[:2]) * 3_600_000 for text in hours[0].split("-"))
            at = self.now % DAY_MS
            if not start <= at <= end and not (at == 0 and end == DAY_MS):
                raise Vetoed("SESSION_CLOSED")
        ratio = Fraction(self.sent + 1, max(self.fills, 1))
        self.above(order, "order_to_fill_max", ratio, "ORDER_TO_FILL_EXCEEDS_LIMIT")

    def check_storms(self, order):
        for key, window, times, reason in (
            ("venue_rejects_max", "venue_rejects_window_ms", self.rejects, "REJECT_STORM"),
            ("vetoes_max", "vetoes_window_ms", self.vetoes, "VETO_STORM"),
        ):
            most = self.limit(key)
            if most is not None and self.recent(times, window) > most:
                raise Vetoed(reason, most, most + 1)

    # ----- throttles

    def buckets(self, symbol, strategy, counted):
        """The buckets an order or a message draws from, each by name and scope."""
        for throttle in self.config.get("throttle", ()):
            if counted == "messages" and throttle.get("counts", "orders") != "messages":
                continue
            scope = throttle.get("scope", "account")
            owner = {"account": "", "symbol": symbol or "", "strategy": strategy or ""}[scope]
            yield throttle["name"], owner

    def level(self, bucket):
        """The tokens in a bucket now."""
        throttle = next(t for t in self.config["throttle"] if t["name"] == bucket[0])
        tokens, since = self.tokens.get(bucket, (Fraction(throttle["burst"]), self.now))
        return self.filled_up(throttle, tokens, since)

    def exit_level(self):
        most = self.config["limits"].get("exit_rate_max", 100)
        tokens, since = self.exit_tokens
        return most, min(Fraction(most), tokens + Fraction((self.now - since) * most, 1000))

    def check_throttles(self, order):
        if order["exit"]:
            most, tokens = self.exit_level()
            if tokens < 1:
                raise Vetoed("THROTTLE_EXCEEDED", most, most - tokens + 1)
            return
        for bucket in self.buckets(order["symbol"], order["strategy"], "orders"):
            tokens = self.level(bucket)
            if tokens < 1:
                burst = next(t["burst"] for t in self.config["throttle"] if t["name"] == bucket[0])
                burst = Fraction(burst)
                raise Vetoed("THROTTLE_EXCEEDED", burst, burst - tokens + 1)

    def take_tokens(self, order):
        if order["exit"]:
            self.exit_tokens = (self.exit_level()[1] - 1, self.now)
            return
        for bucket in list(self.buckets(order["symbol"], order["strategy"], "orders")):
            self.tokens[bucket] = (self.level(bucket) - 1, self.now)

    # ----- executions

    def on_execution(self, line):
        cid, kind = line["cl_ord_id"], line["exec_type"]
        if cid in self.renamed and kind not in ("rejected", "ack"):
            self.confirm(cid)
        order = self.order_named(cid) or self.orders.get(cid)
        if order is None:
            return
        if kind in ("fill", "partial_fill"):
            qty, price = Fraction(line["last_qty"]), Fraction(line["last_price"])
            if order["cum"] + qty <= max([order["qty"], *(new["qty"] for new in order["pending"])]):
                self.filled(order, qty, price, Fraction(line.get("fee", "0")), kind)
        if kind in ("cancelled", "expired"):
            self.end(order)
        if kind == "rejected":
            self.rejected(order, cid)

    def confirm(self, new_id):
        """The venue replaced an order: from here the new one stands for it."""
        old = self.renamed.pop(new_id)
        new = next(one for one in old["pending"] if one["cl_ord_id"] == new_id)
        others = [one for one in old["pending"] if one is not new]
        self.live.remove(old)
        old["pending"] = []
        new.update(cum=old["cum"], left=max(new["qty"] - old["cum"], ZERO), pending=others)
        for other in others:
            self.renamed[other["cl_ord_id"]] = new
        self.orders[new_id] = new
        if new["left"]:
            self.live.append(new)

    def rejected(self, order, cid):
        if cid in self.renamed:
            del self.renamed[cid]
            order["pending"] = [one for one in order["pending"] if one["cl_ord_id"] != cid]
        else:
            self.end(order)
        most = self.limit("venue_rejects_max")
        if most is None:
            self.rejects = []
            return
        self.rejects.append(self.now)
        if self.recent(self.rejects, "venue_rejects_window_ms") > most:
            self.act(self.action("REJECT_STORM"), "REJECT_STORM")

    def end(self, order):
        if order in self.live:
            self.live.remove(order)
            for new in order["pending"]:
                self.renamed.pop(new["cl_ord_id"], None)
                new.update(cum=order["cum"], left=ZERO)
                self.orders[new["cl_ord_id"]] = new
            order["pending"], order["left"] = [], ZERO

    def filled(self, order, qty, price, fee, kind):
        if order["reserves"]:
            self.spent.append(self.needs(order, qty))
            order["fixed"] = ZERO
        order["cum"] += qty
        order["left"] = max(order["left"] - qty, ZERO)
        if kind == "fill" or not self.leaves(order):
            self.end(order)
        self.fills += 1
        symbol = order["symbol"]
        signed = qty if order["side"] == "buy" else -qty
        if not self.held(symbol) or not self.marks.get(symbol):
            self.marks[symbol] = self.mid(symbol) or price
        mark = self.marks[symbol]
        self.gain(symbol, signed * (mark - price))
        self.moved -= fee
        self.move_position(symbol, signed, price, fee)

    def move_position(self, symbol, signed, price, fee):
        held, average = self.positions.get(symbol, (ZERO, ZERO))
        trip = self.round_trips.get(symbol, ZERO) - fee
        if held * signed >= 0:
            average = (abs(held) * average + abs(signed) * price) / (abs(held) + abs(signed))
        else:
            closed = min(abs(held), abs(signed)) * (1 if held > 0 else -1)
            trip += closed * (price - average) * self.multiplier(symbol)
            if abs(signed) >= abs(held):
                self.streak = self.streak + 1 if trip < 0 else 0 if trip > 0 else self.streak
                trip = ZERO
            if abs(signed) > abs(held):
                average = price
        self.round_trips[symbol] = trip
        after = held + signed
        base = self.listing(symbol).get("base")
        if after < 0 <= held and self.cash and base is not None:
            self.sold[base] = self.sold.get(base, ZERO) - after
            after = ZERO
        self.positions[symbol] = (after, average)
