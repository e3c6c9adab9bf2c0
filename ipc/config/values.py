"""What `sentinel.toml` says, as values. Made only by `ipc.config.reader`, which has checked them.

Decimals are canonical texts (`100`, never `100.0`), so that equal files have equal values and
equal hashes; who needs a number parses it with `ipc.numbers`. None is "left out".
"""

from __future__ import annotations

from typing import dataclass_transform

from msgspec import Struct


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Values(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What all tables are: immutable and closed."""


class AccountValues(Values, frozen=True, kw_only=True):
    """`[account]`: which account is guarded and how its day is counted."""

    broker: str = "offline"
    account_id: str | None = None
    mode: str = "paper"
    kind: str = "cash"
    currency: str = "USD"
    leverage: str = "1"
    fee_bps: str = "0"
    fee_fixed: str = "0"
    day_zone: str = "UTC"
    day_roll: str = "00:00"
    required: bool = True
    order_prefix: str = ""


class BrokerValues(Values, frozen=True, kw_only=True):
    """`[broker]`: how the venue is reached."""

    url: str | None = None
    key_file: str | None = None
    secret_file: str | None = None
    timeout_ms: int = 5000
    options: dict[str, str] = {}
    manual_orders: str = "alert"
    poll_ms: int = 500


class LimitValues(Values, frozen=True, kw_only=True):
    """`[limits]`, and the overrides of `[[symbol]]` and `[[strategy]]`; None is not checked."""

    symbols: tuple[str, ...] | None = None
    intent_age_max_ms: int | None = None
    ord_types: tuple[str, ...] | None = None
    short_allowed: bool | None = None
    order_qty_max: str | None = None
    order_qty_min: str | None = None
    reference_age_max_ms: int | None = None
    reference_divergence_max_bps: str | None = None
    spread_max_bps: str | None = None
    price_collar_bps: str | None = None
    price_collar_both_sides: bool | None = None
    order_notional_max: str | None = None
    order_notional_min: str | None = None
    repeat_max: int | None = None
    repeat_window_ms: int | None = None
    trades_max: int | None = None
    orders_working_max: int | None = None
    position_qty_max: str | None = None
    position_notional_max: str | None = None
    gross_exposure_max: str | None = None
    net_exposure_max: str | None = None
    concentration_max_pct: str | None = None
    leverage_max: str | None = None
    account_age_max_ms: int | None = None
    balance_min: str | None = None
    daily_loss_max: str | None = None
    drawdown_max_pct: str | None = None
    losses_in_a_row_max: int | None = None
    hours: tuple[str, ...] | None = None
    order_to_fill_max: str | None = None
    venue_rejects_max: int | None = None
    venue_rejects_window_ms: int | None = None
    vetoes_max: int | None = None
    vetoes_window_ms: int | None = None
    exit_rate_max: int | None = None
    """Exits per second, the rate cap of their own; None means 100."""
    recover_ms: int | None = None
    """How long a condition must be over before its REDUCING ends; None means 10,000."""


class SymbolValues(Values, frozen=True, kw_only=True):
    """`[[symbol]]`: one instrument's facts, and the limits it overrides."""

    name: str
    base: str | None = None
    quote: str | None = None
    price_increment: str | None = None
    qty_increment: str | None = None
    multiplier: str = "1"
    fx: str | None = None
    limits: LimitValues = LimitValues()


class StrategyValues(Values, frozen=True, kw_only=True):
    """`[[strategy]]`: one strategy's tighter limits."""

    name: str
    limits: LimitValues = LimitValues()


class ThrottleValues(Values, kw_only=True):
    """`[[throttle]]`: one token bucket; `rate` tokens come back every `per_ms`."""

    name: str
    scope: str = "account"
    counts: str = "orders"
    rate: str
    per_ms: int = 1000
    burst: str


class HeartbeatValues(Values, frozen=True, kw_only=True):
    """`[heartbeat]`: how life is proven, in milliseconds."""

    interval_ms: int = 250
    heartbeat_timeout_ms: int = 1000
    progress_timeout_ms: int = 5000
    data_timeout_ms: int = 30_000


class KillValues(Values, frozen=True, kw_only=True):
    """`[kill]`: how the loop's process tree and its orders end."""

    grace_ms: int = 0
    positions: str = "protect"


class RouteValues(Values, frozen=True, kw_only=True):
    """`[[route]]`: one way to a person or a machine."""

    name: str
    url: str | None = None
    url_file: str | None = None
    severity: str = "warning"
    events: tuple[str, ...] = ()
    required: bool = False


class JournalValues(Values, frozen=True, kw_only=True):
    """`[journal]`: the sentinel's memory; `durability` None is `power` in live, else `process`."""

    durability: str | None = None
    retain_days: int = 30
    segment_bytes: int = 64 * 1024 * 1024


class IpcValues(Values, frozen=True, kw_only=True):
    """`[ipc]`: the wire between the two programs."""

    answer_timeout_ms: int = 100
    sentinel_timeout_ms: int = 1000
    approval_ttl_ms: int = 500
    gate: str | None = None
    """An endpoint other than the gate socket of the runtime directory."""


class LogValues(Values, frozen=True, kw_only=True):
    """The loop's log file: rotation by size and count."""

    file: str | None = None
    level: str = "info"
    max_bytes: int = 10 * 1024 * 1024
    keep: int = 5


class ScalperValues(Values, frozen=True, kw_only=True):
    """`[scalper]`: the loop's own keys."""

    symbol: str | None = None
    strategy: str = "fade"
    feed: str = "synthetic:1?speed=60"
    order_qty: str = "1000"
    stop_loss_bps: str = "8"
    take_profit_bps: str = "4"
    time_stop_ms: int = 60_000
    log: LogValues = LogValues()
    options: dict[str, str] = {}


class RiskConfig(Values, frozen=True, kw_only=True):
    """What decides verdicts: everything in it is part of the limits hash."""

    account: AccountValues = AccountValues()
    limits: LimitValues = LimitValues()
    actions: dict[str, str] = {}
    symbols: tuple[SymbolValues, ...] = ()
    throttles: tuple[ThrottleValues, ...] = ()
    strategies: tuple[StrategyValues, ...] = ()
    heartbeat: HeartbeatValues = HeartbeatValues()
    kill: KillValues = KillValues()


class Config(Values, frozen=True, kw_only=True):
    """The whole file."""

    risk: RiskConfig = RiskConfig()
    broker: BrokerValues = BrokerValues()
    stop_file_paths: tuple[str, ...] = ()
    routes: tuple[RouteValues, ...] = ()
    journal: JournalValues = JournalValues()
    metrics_port: int = 9464
    ipc: IpcValues = IpcValues()
    scalper: ScalperValues = ScalperValues()
    budget_store: str = "local"
