"""What a simulated venue is like: account kind, fees, latency, seed. It guesses nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from msgspec import Struct

from broker_api.errors import BrokerSettingsInvalid
from ipc.clock import NS_PER_MS
from ipc.config.values import AccountValues, BrokerValues
from ipc.numbers import SCALE, parse_decimal

FILE_NAME: Final = "offline.sqlite3"
DEFAULT_ACCOUNT: Final = "OFFLINE"
_OPTIONS: Final = ("cash", "latency_max_ms", "latency_min_ms", "partial_pct", "path", "seed")
_LATENCY_LIMIT_MS: Final = 60_000
_SEED: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


class OfflineSettings(Struct, frozen=True, kw_only=True):
    """One simulated account; amounts are integers at scale 10¹⁸."""

    account_id: str = DEFAULT_ACCOUNT
    currency: str = "USD"
    kind: str = "cash"
    leverage: int = SCALE
    fee_bps: int = 0
    fee_fixed: int = 0
    """Per order, taken with its first fill."""
    cash: int = 100_000 * SCALE
    """What a new account starts with; an existing one keeps what it has."""
    seed: int | None = None
    """None keeps the seed of the file (0 in a new one)."""
    latency_min_ns: int = 0
    latency_max_ns: int = 2 * NS_PER_MS
    partial_pct: int = 20
    """Of a hundred fills at an unknown size, how many are partial."""
    busy_ms: int = 5000
    """How long one transaction waits for the other process."""
    owner: str = "scalper"
    """Whose orders a trading connection reports; several loops on one file need several names."""


def offline_path(broker: BrokerValues, state_dir: Path) -> Path:
    """Where the account's file is: `[broker.options] path`, else in the state directory."""
    chosen = broker.options.get("path")
    return Path(chosen) if chosen else state_dir / FILE_NAME


def offline_settings(account: AccountValues, broker: BrokerValues) -> OfflineSettings:
    """Read the configuration; BrokerSettingsInvalid names the key and what was expected."""
    unknown = sorted(set(broker.options) - set(_OPTIONS))
    if unknown:
        known = ", ".join(_OPTIONS)
        raise BrokerSettingsInvalid(f"[broker.options] {unknown[0]}: expected one of {known}")
    if broker.url is not None:
        raise BrokerSettingsInvalid("[broker] url: the offline broker has none")
    if account.kind not in {"cash", "margin"}:
        raise BrokerSettingsInvalid("[account] kind: expected cash or margin")
    low, high = (
        _milliseconds(broker, "latency_min_ms", 0),
        _milliseconds(broker, "latency_max_ms", 2 * NS_PER_MS),
    )
    if low > high:
        raise BrokerSettingsInvalid("[broker.options] latency_min_ms: above latency_max_ms")
    return OfflineSettings(
        account_id=account.account_id or DEFAULT_ACCOUNT,
        currency=account.currency,
        kind=account.kind,
        leverage=_number("[account] leverage", account.leverage, least=1),
        fee_bps=_number("[account] fee_bps", account.fee_bps),
        fee_fixed=_number("[account] fee_fixed", account.fee_fixed),
        cash=_number("[broker.options] cash", broker.options.get("cash", "100000")),
        seed=_seed(broker.options.get("seed")),
        latency_min_ns=low,
        latency_max_ns=high,
        partial_pct=_percent(broker.options.get("partial_pct", "20")),
        busy_ms=broker.timeout_ms,
    )


def _number(where: str, text: str, least: int = 0) -> int:
    value = parse_decimal(text)
    if value is None or value < least * SCALE:
        raise BrokerSettingsInvalid(f"{where}: expected a decimal of at least {least}")
    return value


def _milliseconds(broker: BrokerValues, key: str, default_ns: int) -> int:
    text = broker.options.get(key)
    if text is None:
        return default_ns
    value = parse_decimal(text)
    if value is None or not 0 <= value <= _LATENCY_LIMIT_MS * SCALE:
        raise BrokerSettingsInvalid(
            f"[broker.options] {key}: expected milliseconds from 0 to {_LATENCY_LIMIT_MS}"
        )
    return value * NS_PER_MS // SCALE


def _percent(text: str) -> int:
    value = parse_decimal(text)
    if value is None or not 0 <= value <= 100 * SCALE or value % SCALE:
        raise BrokerSettingsInvalid("[broker.options] partial_pct: expected 0 to 100")
    return value // SCALE


def _seed(text: str | None) -> int | None:
    if text is None:
        return None
    if _SEED.fullmatch(text) is None:
        raise BrokerSettingsInvalid("[broker.options] seed: expected a whole number, 18 digits")
    return int(text)
