"""What a run was asked for and what its configuration makes of it. Values and pure choices only."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct

from ipc.config.values import AccountValues, BrokerValues, Config, LimitValues, SymbolValues
from ipc.numbers import parse_decimal

_RUN_SECONDS_DIGITS: Final = 8


class Options(Struct, frozen=True, kw_only=True):
    """The command line."""

    live: bool = False
    config: str | None = None
    log_level: str | None = None
    log_file: Path | None = None
    max_trades: int | None = None
    iterations: int | None = None
    yes: bool = False
    feed: str | None = None
    strategy: str | None = None
    symbol: str | None = None


class Stopped(Exception):
    """The run cannot start: an exit code and the lines that say why."""

    def __init__(self, code: int, *lines: str) -> None:
        super().__init__("; ".join(lines))
        self.code = code
        self.lines = lines


def symbol_of(options: Options, config: Config) -> str | None:
    """Return the run's symbol: the flag, else the configuration, else the first allowed one."""
    chosen = options.symbol or config.scalper.symbol
    if chosen is not None:
        return chosen
    allowed = [name for name in config.risk.limits.symbols or () if name != "*"]
    return allowed[0] if allowed else None


def symbol_values(config: Config, symbol: str) -> SymbolValues:
    """Return what the configuration says of a symbol; the defaults where it says nothing."""
    for values in config.risk.symbols:
        if values.name == symbol:
            return values
    return SymbolValues(name=symbol)


def order_qty_of(config: Config, symbol: str) -> str:
    """Return the run's order size: `[scalper] order_qty`, or the symbol's cap where it is less."""
    caps = (
        config.scalper.order_qty,
        symbol_values(config, symbol).limits.order_qty_max,
        config.risk.limits.order_qty_max,
    )
    known = [(parse_decimal(text) or 0, text) for text in caps if text is not None]
    return min(known)[1]


def short_allowed(config: Config, symbol: str) -> bool:
    """Whether the account may go short: as configured, else only on margin."""
    layers: tuple[LimitValues, ...] = (
        symbol_values(config, symbol).limits,
        config.risk.limits,
    )
    for limits in layers:
        if limits.short_allowed is not None:
            return limits.short_allowed
    return config.risk.account.kind == "margin"


def venue_of(config: Config, *, live: bool) -> tuple[AccountValues, BrokerValues]:
    """Return where orders go: the configured venue when live, else always the offline broker."""
    account = config.risk.account
    if live or account.broker == "offline":
        return account, config.broker
    values = {name: getattr(account, name) for name in account.__struct_fields__}
    return AccountValues(**(values | {"broker": "offline"})), BrokerValues()


def run_id_of(wall_ns: int, chance: bytes) -> str:
    """Return a run's id: eight digits of the wall clock's second and four of chance, in hex."""
    return f"{wall_ns // 1_000_000_000:0{_RUN_SECONDS_DIGITS}x}{chance[:2].hex()}"


class Ids:
    """Gives client order ids that are unique across days: prefix, run, counter."""

    def __init__(self, prefix: str, run_id: str) -> None:
        self._stem = f"{prefix}{run_id}-"
        self._count = 0

    def __call__(self) -> str:
        """Return the next one."""
        self._count += 1
        return f"{self._stem}{self._count}"
