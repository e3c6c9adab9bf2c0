"""Opens the broker that the configuration names. It never falls back to another one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from broker_api.errors import BrokerSettingsInvalid
from broker_api.offline import OfflineBroker
from broker_api.offline_book import Instrument, base_of
from broker_api.offline_oversight import OfflineOversight
from broker_api.offline_settings import offline_path, offline_settings
from broker_api.protocol import Oversight, Trading
from ipc.clock import Clock
from ipc.config.values import AccountValues, BrokerValues, SymbolValues
from ipc.numbers import SCALE, parse_decimal


def open_trading(
    account: AccountValues,
    broker: BrokerValues,
    state_dir: Path,
    clock: Clock,
    symbols: Iterable[SymbolValues] = (),
) -> Trading:
    """Open the loop's connection; BrokerUnavailable (or BrokerSettingsInvalid) says why not."""
    _require_offline(account)
    settings = offline_settings(account, broker)
    facts = {symbol.name: _instrument(symbol) for symbol in symbols}
    return OfflineBroker(offline_path(broker, state_dir), clock, settings, facts)


def open_oversight(
    account: AccountValues, broker: BrokerValues, state_dir: Path, clock: Clock
) -> Oversight:
    """Open the sentinel's own connection to the same account."""
    _require_offline(account)
    settings = offline_settings(account, broker)
    return OfflineOversight(offline_path(broker, state_dir), clock, settings)


def _require_offline(account: AccountValues) -> None:
    if account.broker == "offline":
        return
    raise BrokerSettingsInvalid(
        f"[account] broker: {account.broker!r} is not in this version, which has offline alone"
    )


def _instrument(symbol: SymbolValues) -> Instrument:
    return Instrument(
        multiplier=parse_decimal(symbol.multiplier) or SCALE,
        base=symbol.base or base_of(symbol.name),
        price_increment=_step(symbol.price_increment),
        qty_increment=_step(symbol.qty_increment),
    )


def _step(text: str | None) -> int | None:
    return None if text is None else parse_decimal(text)
