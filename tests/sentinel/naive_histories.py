"""Random configurations and random event lines from a seed, for two opinions to be compared."""

from __future__ import annotations

import json

DAY_MS = 86_400_000
SYMBOLS = ("EURUSD", "EURJPY", "USDJPY", "BTCUSD")
PRICES = {"EURUSD": "1.1", "EURJPY": "160", "USDJPY": "0.0067", "BTCUSD": "30000"}
LADDER = ("0", "1", "2.5", "5", "10", "20", "50", "100", "250")
QUANTITIES = ("1", "2", "3", "5", "10", "0.5", "0.1", "7.25", "100", "1000")
MONEY = ("10", "100", "1000", "10000", "100000", "1000000")
DECIMAL_LIMITS = {
    "order_qty_max": QUANTITIES,
    "order_qty_min": ("0.1", "0.5", "1"),
    "spread_max_bps": LADDER,
    "price_collar_bps": LADDER,
    "order_notional_max": MONEY,
    "order_notional_min": ("0.5", "1", "10"),
    "position_qty_max": ("1", "5", "10", "100", "1000"),
    "position_notional_max": MONEY,
    "gross_exposure_max": MONEY,
    "net_exposure_max": MONEY,
    "concentration_max_pct": ("1", "10", "50", "100", "400"),
    "leverage_max": ("0.5", "1", "2", "10"),
    "balance_min": ("0", "10", "1000", "9000"),
    "daily_loss_max": ("0", "10", "100", "1000"),
    "drawdown_max_pct": ("1", "5", "50"),
    "order_to_fill_max": ("1", "2", "3.5", "10"),
}
COUNT_LIMITS = {
    "reference_age_max_ms": (0, 10, 100, 1000),
    "repeat_max": (1, 2, 3),
    "trades_max": (0, 1, 5, 20),
    "orders_working_max": (0, 1, 3, 10),
    "account_age_max_ms": (0, 100, 1000),
    "losses_in_a_row_max": (0, 1, 2),
    "venue_rejects_max": (0, 1, 2),
    "vetoes_max": (2, 5, 20),
    "exit_rate_max": (1, 2, 5),
}
WINDOWS = {
    "repeat_max": "repeat_window_ms",
    "venue_rejects_max": "venue_rejects_window_ms",
    "vetoes_max": "vetoes_window_ms",
}
OVERRIDES = ("position_notional_max", "position_qty_max", "price_collar_bps")
ACTIONABLE = (
    "ORDER_QTY_EXCEEDS_LIMIT",
    "PRICE_OUTSIDE_COLLAR",
    "POSITION_EXCEEDS_LIMIT",
    "THROTTLE_EXCEEDED",
    "REPEATED_ORDER",
    "VETO_STORM",
    "REJECT_STORM",
    "REJECT_STORM",
    "DAILY_LOSS_EXCEEDS_LIMIT",
)
WRONG = (None, "", 5, -1, 1.5, True, [], {}, "NaN", "1e3", "-1", "0", "+1", "01", " 1", "1_0", "٣")


SPOILED = (
    *("cl_ord_id", "symbol", "side", "ord_type", "order_qty", "price", "stop_price"),
    "reduce_only",
)


def random_config(rng):
    """Make a configuration: each limit on or off."""
    limits = random_limits(rng)
    config = {"account": random_account(rng), "limits": limits}
    if rng.random() < 0.3:
        picked = set(rng.sample(ACTIONABLE, 3))
        choices = ("veto", "reduce", "halt", "kill")
        config["actions"] = {reason: rng.choice(choices) for reason in sorted(picked)}
    if "venue_rejects_max" in limits and rng.random() < 0.7:
        config.setdefault("actions", {})["REJECT_STORM"] = "veto"
    config["symbol"] = [random_symbol(rng, name) for name in SYMBOLS if rng.random() < 0.5]
    config["throttle"] = [random_throttle(rng, f"t{n}") for n in range(rng.choice((0, 0, 1, 2)))]
    if rng.random() < 0.2:
        config["strategy"] = [{"name": "s1", "position_qty_max": "0.5"}]
    return config


def random_limits(rng):
    """Make `[limits]`; what is seldom reached has odds of its own."""
    limits = {"symbols": rng.choice((["*"], list(SYMBOLS[:2]), *[list(SYMBOLS)] * 5))}
    density = rng.choice((0.0, 0.03, 0.1, 0.25))
    for key, choices in (DECIMAL_LIMITS | COUNT_LIMITS).items():
        if rng.random() < density:
            limits[key] = rng.choice(choices)
            if key in WINDOWS and rng.random() < 0.7:
                limits[WINDOWS[key]] = rng.choice((1, 10, 100, 1000))
    if "order_qty_min" in limits:
        limits.pop("order_qty_max", None)
    extras = (
        (density / 3, {"ord_types": rng.sample(("market", "limit", "stop", "stop_limit"), 2)}),
        (0.3, {"short_allowed": rng.random() < 0.6}),
        (0.15, {"repeat_max": rng.choice((1, 2)), "repeat_window_ms": 1000}),
        (0.1 if density else 0.6, {"losses_in_a_row_max": 0}),
        (0.1, {"venue_rejects_max": 0, "venue_rejects_window_ms": 1000}),
        (0.15, {"daily_loss_max": rng.choice(("0.5", "5", "50"))}),
        (density, {"hours": [rng.choice(("00:00-12:00", "12:00-24:00", "00:00-24:00"))]}),
        (0.3 if "price_collar_bps" in limits else 0, {"price_collar_both_sides": True}),
    )
    for odds, extra in extras:
        if rng.random() < odds:
            limits |= extra
    return limits


def random_account(rng):
    account = {"kind": rng.choice(("cash", "margin", "margin"))}
    if rng.random() < 0.3:
        account["required"] = False
    if account["kind"] == "margin" and rng.random() < 0.6:
        account["leverage"] = rng.choice(("2", "30", "3"))
    if rng.random() < 0.4:
        account["fee_bps"] = rng.choice(("1", "7.5"))
    if rng.random() < 0.3:
        account["fee_fixed"] = rng.choice(("1", "0.35"))
    return account


def random_symbol(rng, name):
    entry = {"name": name}
    if name == "EURJPY":
        entry |= {"quote": "JPY", "fx": "USDJPY"}
    if name == "BTCUSD" and rng.random() < 0.5:
        entry |= {"base": "BTC", "quote": "USD"}
    if rng.random() < 0.2:
        entry["price_increment"] = rng.choice(("0.01", "0.0001", "0.5"))
    if rng.random() < 0.2:
        entry["qty_increment"] = rng.choice(("1", "0.5", "0.01"))
    if rng.random() < 0.2:
        entry["multiplier"] = rng.choice(("10", "0.1"))
    for key in OVERRIDES:
        if rng.random() < 0.1:
            entry[key] = rng.choice(DECIMAL_LIMITS[key][2:])
    return entry


def random_throttle(rng, name):
    return {
        "name": name,
        "scope": rng.choice(("account", "strategy", "symbol")),
        "counts": rng.choice(("orders", "messages")),
        "rate": rng.choice(("1", "5", "0.3", "1000")),
        "per_ms": rng.choice((1000, 7, 60_000)),
        "burst": rng.choice(("1", "2", "5", "1.5")),
    }


def as_toml(config):
    """Write a configuration as the file would say it."""
    lines = []
    for table in ("account", "limits"):
        lines += [f"[{table}]", *(f"{k} = {json.dumps(v)}" for k, v in config[table].items())]
    if config.get("actions"):
        lines += ["[limits.actions]", *(f'{k} = "{v}"' for k, v in config["actions"].items())]
    for table in ("symbol", "throttle", "strategy"):
        for entry in config.get(table, ()):
            lines += [f"[[{table}]]", *(f"{k} = {json.dumps(v)}" for k, v in entry.items())]
    return "\n".join(lines) + "\n"


def known(symbol):
    """The symbol, or another where a wrong one was sent."""
    return symbol if symbol in SYMBOLS else SYMBOLS[0]


class History:
    """Event lines from a random source; knows what it has sent, so that some of it makes sense."""

    def __init__(self, rng, config):
        self.rng, self.config = rng, config
        self.at_ms = 0
        self.count = 0
        self.sent = []
        self.beating = rng.random() < 0.1
        self.wild = rng.choice((0.0, 0.02, 0.1))
        self.iteration = 0
        self.jumped = False
        self.sizes = rng.choice((QUANTITIES, QUANTITIES[:7]))

    def lines(self, length):
        """Yield that many lines, in time."""
        yield from self.opening()
        makers = {
            self.order: 50,
            self.quote: 14,
            self.execution: 20,
            self.replace: 6,
            self.cancel: 5,
            self.account: 4,
            self.position: 2,
            self.again: 2,
            self.word: 4,
            self.same: 5,
            self.swap: 1,
        }
        for _ in range(length):
            self.at_ms += self.rng.choice((0, 0, 1, 1, 5, 20, 100, 900))
            if not self.jumped and self.rng.random() < 0.002:
                self.jumped = True
                self.at_ms += self.rng.choice((DAY_MS, DAY_MS // 2))
            make = self.rng.choices(tuple(makers), tuple(makers.values()))[0]
            line = self.heartbeat() if self.beating and self.rng.random() < 0.2 else make()
            yield line

    def line(self, event, **fields):
        given = {key: value for key, value in fields.items() if value is not None}
        return {"at_ms": self.at_ms, "event": event, **given}

    def opening(self):
        if self.rng.random() < 0.9:
            yield self.account()
        for symbol in SYMBOLS:
            if self.rng.random() < 0.9:
                yield self.quote(symbol)

    def heartbeat(self):
        self.iteration += self.rng.choice((0, 1, 1, 1))
        return self.line("heartbeat", iteration=self.iteration)

    def account(self):
        rng = self.rng
        equity = rng.choice(("10000", "10050.5", "9990", "8000", "100000", "10000", "0", "-5"))
        balances = {"USD": rng.choice(("10000", "500"))} if rng.random() < 0.3 else {}
        if rng.random() < 0.3:
            balances |= {"BTC": "2.5", "JPY": rng.choice(("1000000", "900"))}
        power = rng.choice((None, None, "20000", "500"))
        free = rng.choice(("10000", "9000", "500", "100000", "0"))
        return self.line(
            "account", equity=equity, balance_free=free, buying_power=power, balances=balances
        )

    def position(self):
        symbol = self.rng.choice(SYMBOLS)
        qty = self.rng.choice(("0", "5", "-5", "100", "-0.5", "12.5"))
        return self.line("position", symbol=symbol, qty=qty, avg_price=self.near(symbol))

    def near(self, symbol):
        """A price near the symbol's usual one."""
        base = PRICES[symbol]
        ticks = self.rng.choice((-20, -5, -2, -1, 0, 0, 1, 2, 5, 20))
        whole = int(base.replace(".", "")) * 1000 + int(base.replace(".", "")) * ticks
        places = len(base.partition(".")[2]) + 3
        text = f"{whole:0{places + 1}d}"
        return f"{text[:-places]}.{text[-places:]}"

    def quote(self, symbol=None):
        symbol = symbol or self.rng.choice(SYMBOLS)
        bid, ask = sorted((self.near(symbol), self.near(symbol)), key=float)
        shape = self.rng.random()
        if shape < 0.05:
            bid, ask = ask, bid
        elif shape < 0.1:
            bid = self.rng.choice((None, "0", ""))
        elif shape < 0.15:
            ask = self.rng.choice((None, "0", ""))
        return self.line("quote", symbol=symbol, bid=bid, ask=ask)

    def new_id(self):
        self.count += 1
        return f"c{self.count}"

    def order(self):
        rng = self.rng
        symbol = rng.choice(SYMBOLS)
        kind = rng.choice(("market", "limit", "limit", "limit", "stop", "stop_limit"))
        line = self.line(
            "order",
            cl_ord_id=self.new_id() if rng.random() < 0.97 or not self.sent else self.old_id(),
            symbol=symbol,
            side=rng.choice(("buy", "sell")),
            ord_type=kind,
            order_qty=rng.choice(self.sizes),
            price=self.near(symbol) if kind in ("limit", "stop_limit") else None,
            stop_price=self.near(symbol) if kind in ("stop", "stop_limit") else None,
            reduce_only=rng.choice((None,) * 10 + (False, True)),
            strategy=rng.choice((None, None, "s1", "s2")),
            group=rng.choice((None, None, None, None, "g1", "g2")),
            time_in_force=rng.choice((None, None, None, "day", "gtc", "ioc")),
            expire_at_ms=rng.choice((None,) * 60 + (self.at_ms, self.at_ms + 50, 0)),
        )
        if rng.random() < self.wild:
            key = rng.choice(SPOILED)
            line[key] = rng.choice(WRONG)
        self.sent.append(line)
        return line

    def same(self):
        """The last order once more, under another id."""
        orders = [line for line in self.sent[-5:] if line["event"] == "order"]
        if not orders:
            return self.quote()
        line = {**orders[-1], "at_ms": self.at_ms, "cl_ord_id": self.new_id()}
        self.sent.append(line)
        return line

    def old_id(self):
        """The id of some order sent before, mostly of a late one."""
        line = self.rng.choice(self.sent[-8:] or [{}]) if self.sent else {}
        cid = line.get("cl_ord_id")
        return cid if isinstance(cid, str) and cid else "never"

    def replace(self):
        rng = self.rng
        old = next((o for o in self.sent[::-1] if o.get("cl_ord_id") == self.old_id()), None)
        kind = (old or {}).get("ord_type", "limit")
        symbol = (old or {}).get("symbol", "EURUSD")
        symbol = known(symbol)
        line = self.line(
            "replace",
            cl_ord_id=self.new_id(),
            orig_cl_ord_id=(old or {"cl_ord_id": "never"})["cl_ord_id"],
            order_qty=rng.choice(self.sizes),
            price=self.near(symbol) if kind in ("limit", "stop_limit") else None,
            stop_price=self.near(symbol) if kind in ("stop", "stop_limit") else None,
        )
        if not isinstance(line["orig_cl_ord_id"], str):
            line["orig_cl_ord_id"] = "never"
        self.sent.append({**(old or {}), **line})
        return line

    def cancel(self):
        return self.line("cancel", cl_ord_id=self.new_id(), orig_cl_ord_id=self.old_id())

    def execution(self):
        rng = self.rng
        if not self.sent:
            return self.quote()
        kind = rng.choice(
            ("ack", "fill", "fill", "partial_fill", "cancelled", "replaced", "rejected", "expired")
        )
        cid = self.sent[-1].get("cl_ord_id") if rng.random() < 0.6 else self.old_id()
        cid = cid if isinstance(cid, str) and cid else "never"
        symbol = next((o.get("symbol") for o in self.sent if o.get("cl_ord_id") == cid), "EURUSD")
        fills = kind in ("fill", "partial_fill")
        whole = self.sent[-1].get("order_qty") if rng.random() < 0.5 else None
        whole = whole if whole in self.sizes else None
        return self.line(
            "execution",
            cl_ord_id=cid,
            exec_type=kind,
            last_qty=(whole or rng.choice(self.sizes)) if fills else None,
            last_price=self.near(known(symbol)) if fills else None,
            fee=rng.choice((None, None, "0.5")) if fills else None,
        )

    def again(self):
        """An intent sent once more as it was, or with one thing changed."""
        if not self.sent:
            return self.quote()
        line = {**self.rng.choice(self.sent[-5:]), "at_ms": self.at_ms}
        if line["event"] != "order":
            return self.cancel()
        if self.rng.random() < 0.3:
            line["order_qty"] = "4"
        return line

    def word(self):
        kind = self.rng.choice(("reduce", "halt", *("resume",) * 8))
        if kind == "resume":
            return self.line("resume", by="x", why="y")
        return self.line(kind, cause="operator")

    def swap(self):
        self.config = random_config(self.rng)
        return self.line("config", toml=as_toml(self.config), config=self.config)
