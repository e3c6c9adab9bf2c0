"""What one seed draws: its configuration, its fault rates, its pace. Equal seeds draw equally."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

MS = 1_000_000
SECOND = 1000 * MS
HOUR = 3600 * SECOND
DAY = 24 * HOUR
NOON = 1_767_268_800 * SECOND
"""2026-01-01 12:00 UTC, in nanoseconds since the Unix epoch."""
MARKETS = {"EURUSD": (11_000, 4), "BTCUSD": (300_000, 1)}
"""Symbol → where its mid starts, in ticks, and how many places a tick has."""
QUANTITIES = ("1", "2", "3", "5", "0.5", "0.1", "7.25")
HOSTILE = ("NaN", "1e3", "Infinity", "+1", " 1", "01", "1_0", "0x1", "٣", "-1", "0", "", "-0", "1.")
EVENTS_MAX = 2000


@dataclass(frozen=True, kw_only=True)
class Draw:
    """The swarm's draw for one seed; rates are probabilities a message, a step or a write."""

    seed: int
    live: bool
    power: bool
    snapshots: bool
    tight_bounds: bool
    loops: int
    runaways: int
    pace_ms: int
    loss: float
    doubling: float
    slow: float
    pause: float
    crash: float
    power_loss: float
    torn: float
    write_error: float
    slow_sync: float
    clock_jump: float
    far_jumps: bool
    config_change: float
    operator: float
    stop_file: float
    hostile: float
    begin_wall_ns: int
    trades_max: int | None = None
    """A budget of entries that is not to be drawn."""


def draw(seed: int) -> Draw:
    """Draw the rates; each fault is off in part of the seeds, so that others are seen alone."""
    rng = random.Random(f"swarm {seed}")

    def rate(most: float, on: float = 0.6) -> float:
        return rng.random() * most if rng.random() < on else 0.0

    power = rng.random() < 0.5
    far_jumps = rng.random() < 0.5
    loops = rng.choice((1, 2, 3))
    return Draw(
        seed=seed,
        live=rng.random() < 0.4,
        power=power,
        snapshots=rng.random() < 0.5,
        tight_bounds=rng.random() < 0.35,
        loops=loops,
        runaways=rng.randrange(loops + 1),
        pace_ms=rng.choice((20, 40, 60, 150)),
        loss=rate(0.3),
        doubling=rate(0.5),
        slow=rate(0.2),
        pause=rate(0.05),
        crash=rate(0.02, 0.7),
        power_loss=rate(0.5) if power and not far_jumps else 0.0,
        torn=rate(1.0),
        write_error=rate(0.01, 0.3),
        slow_sync=rate(0.05, 0.3),
        clock_jump=rate(0.01, 0.9 if far_jumps else 0.5),
        far_jumps=far_jumps,
        config_change=rate(0.06, 0.6),
        operator=rng.choice((0.3, 0.7, 1.0)),
        stop_file=rate(0.01, 0.5),
        hostile=rate(0.2, 0.5),
        begin_wall_ns=NOON + (rng.choice((0, 0, 12 * HOUR - 3 * SECOND))),
    )


def draw_config(rng: random.Random, drawn: Draw) -> dict[str, Any]:
    """Draw a configuration: which limits are on, and how tight."""

    def maybe(name: str, *choices: object, on: float = 0.5) -> None:
        if drawn.live or rng.random() < on:
            limits[name] = rng.choice(choices)

    limits: dict[str, object] = {"symbols": sorted(MARKETS), "recover_ms": 500}
    maybe("order_qty_max", "5", "5", "7.25", "2", on=0.4)
    maybe("order_notional_max", "6", "150000", "200000.5", "300000", on=0.4)
    maybe("price_collar_bps", "5", "50", "100", on=0.3)
    maybe("repeat_max", 1, 2, 3, on=0.3)
    maybe("trades_max", 3, 3, 15, 40)
    if drawn.trades_max is not None:
        limits["trades_max"] = drawn.trades_max
    maybe("orders_working_max", 2, 8, 12, on=0.4)
    maybe("position_qty_max", "5", "10", "20.5", on=0.7)
    maybe("vetoes_max", 10, 50, 200, on=0.4)
    maybe("daily_loss_max", "5", "1000", "50000", "50000", on=0.3)
    maybe("balance_min", "0", "1000", on=0.3)
    maybe("reference_age_max_ms", 900, 5000, on=0.3)
    if rng.random() < 0.3:
        limits["exit_rate_max"] = rng.choice((1, 2, 5))
    if "repeat_max" in limits:
        limits["repeat_window_ms"] = rng.choice((500, 2000))
    config: dict[str, Any] = {
        "account": {
            "account_id": "A1",
            "mode": "live" if drawn.live else "paper",
            "kind": "margin",
            "leverage": 10,
            "fee_bps": rng.choice((0, 1)),
        },
        "limits": limits,
        "limits.actions": _actions(rng),
        "heartbeat": {"heartbeat_timeout_ms": 1500, "progress_timeout_ms": 3000},
        "throttle": [
            _throttle(rng, f"t{n}")
            for n in range(rng.choice((1, 1, 2) if drawn.live else (0, 1, 1, 2)))
        ],
    }
    if drawn.live:
        config["route"] = [{"name": "desk", "url": "json://127.0.0.1"}]
    return config


def _actions(rng: random.Random) -> dict[str, object]:
    picked = ("POSITION_EXCEEDS_LIMIT", "REPEATED_ORDER", "VETO_STORM", "THROTTLE_EXCEEDED")
    ways = ("veto", "veto", "veto", "veto", "reduce", "halt", "kill")
    return {reason: rng.choice(ways) for reason in picked if rng.random() < 0.4}


def _throttle(rng: random.Random, name: str) -> dict[str, object]:
    return {
        "name": name,
        "scope": rng.choice(("account", "account", "strategy", "symbol")),
        "counts": rng.choice(("orders", "messages")),
        "rate": rng.choice(("1", "0.3", "0.3", "4")),
        "burst": rng.choice(("1", "1", "3", "6")),
    }


def changed_config(rng: random.Random, config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration with one limit or throttle changed, either way."""
    limits = dict(config["limits"])
    throttles = [dict(entry) for entry in config["throttle"]]
    known = {"order_qty_max": "9", "trades_max": 60, "position_qty_max": "30"}
    known |= {"orders_working_max": 12, "order_notional_max": "300000"}
    key = rng.choice(sorted(known))
    if throttles and rng.random() < 0.3:
        throttles[0]["rate"] = rng.choice(("1", "2", "5"))
    elif key in limits and rng.random() < 0.5:
        limits[key] = rng.choice(("2", "3")) if isinstance(limits[key], str) else 2
    else:
        limits[key] = known[key]
    return {**config, "limits": limits, "throttle": throttles}


def as_toml(config: dict[str, Any]) -> str:
    """Write a configuration as the file says it."""
    lines: list[str] = []
    for name, table in config.items():
        for entry in table if isinstance(table, list) else [table]:
            lines.append(f"[[{name}]]" if isinstance(table, list) else f"[{name}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
    return "\n".join(lines) + "\n"
