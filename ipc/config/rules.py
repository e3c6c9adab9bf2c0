"""The rules between keys: what one value demands of another. Judges values, reads no file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ipc.config.effective import effective_limits, number, overlay, tightened, tighter
from ipc.config.limit_keys import PAIRS, RANGES, STRATEGY_OVERRIDES
from ipc.config.locate import Path
from ipc.config.values import Config, LimitValues, RiskConfig

Broken = tuple[Path, str]

_LIVE_LIMITS: Final = (
    "trades_max",
    "order_notional_max",
    "price_collar_bps",
    "balance_min",
    "daily_loss_max",
)


def broken_rules(config: Config) -> Iterator[Broken]:
    """Yield where a rule is broken, and what was expected there."""
    yield from _duplicates(config)
    yield from _limits(config.risk)
    yield from _strategies(config.risk)
    yield from _times(config)
    yield from _routes(config)
    if config.risk.account.mode == "live":
        for path, what in live_missing(config):
            yield path, f"live requires {what}"


def live_missing(config: Config) -> tuple[Broken, ...]:
    """Return what a live account requires and this file lacks, each with its place."""
    account, limits = config.risk.account, config.risk.limits
    lacking: list[Broken] = []
    if account.account_id is None:
        lacking.append((("account", "account_id"), "account_id, the account's id at the broker"))
    if account.mode != "live":
        lacking.append((("account", "mode"), 'mode, and mode = "live"'))
    if not account.required:
        lacking.append((("account", "required"), "an account: required may not be false"))
    if limits.position_qty_max is None and limits.position_notional_max is None:
        what = "a position limit, position_qty_max or position_notional_max"
        lacking.append((("limits", "position_qty_max"), what))
    lacking += [(("limits", name), name) for name in _LIVE_LIMITS if getattr(limits, name) is None]
    if not config.risk.throttles:
        lacking.append((("throttle",), "at least one [[throttle]]"))
    if not config.routes:
        lacking.append((("route",), "at least one [[route]] for alerts"))
    return tuple(lacking)


def _duplicates(config: Config) -> Iterator[Broken]:
    risk = config.risk
    names = {
        "symbol": [entry.name for entry in risk.symbols],
        "throttle": [entry.name for entry in risk.throttles],
        "strategy": [entry.name for entry in risk.strategies],
        "route": [entry.name for entry in config.routes],
    }
    for table, given in names.items():
        first: dict[str, int] = {}
        for index, name in enumerate(given):
            if first.setdefault(name, index) != index:
                yield (table, index, "name"), f"expected each name once, {name} is a second time"


def _limits(risk: RiskConfig) -> Iterator[Broken]:
    for name, expected in _pairs_and_ranges(risk.limits):
        yield ("limits", name), expected
    general = effective_limits(risk)
    for index, entry in enumerate(risk.symbols):
        merged = overlay(general, entry.limits)
        for name, expected in _pairs_and_ranges(merged, own=entry.limits):
            yield ("symbol", index, name), expected
        if entry.fx == entry.name:
            yield ("symbol", index, "fx"), "expected another symbol, this one cannot convert itself"


def _pairs_and_ranges(
    limits: LimitValues, own: LimitValues | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the key and what it should be; with `own` only what those overrides have part in."""
    given = limits if own is None else own
    for count, window in PAIRS:
        if getattr(given, window) is not None and getattr(limits, count) is None:
            yield count, f"missing: {window} means nothing without it"
    for low_name, high_name in RANGES:
        low, high = getattr(limits, low_name), getattr(limits, high_name)
        touched = getattr(given, low_name) is not None or getattr(given, high_name) is not None
        if touched and low is not None and high is not None and number(low) > number(high):
            name = low_name if getattr(given, low_name) is not None else high_name
            yield name, f"expected {low_name} {low} to be no more than {high_name} {high}"


def _strategies(risk: RiskConfig) -> Iterator[Broken]:
    general = effective_limits(risk)
    for index, entry in enumerate(risk.strategies):
        merged = tightened(general, entry.limits)
        for name, expected in _pairs_and_ranges(merged, own=entry.limits):
            yield ("strategy", index, name), expected
        for key in STRATEGY_OVERRIDES:
            own = getattr(entry.limits, key.name)
            if own is not None and tighter(key, getattr(general, key.name), own) != own:
                expected = "expected a limit no looser than that of [limits]"
                yield ("strategy", index, key.name), expected


def _times(config: Config) -> Iterator[Broken]:
    beat = config.risk.heartbeat
    if beat.interval_ms >= beat.heartbeat_timeout_ms:
        yield (
            ("heartbeat", "interval_ms"),
            f"expected less than heartbeat_timeout_ms, {beat.heartbeat_timeout_ms}",
        )
    if beat.interval_ms >= beat.progress_timeout_ms:
        yield (
            ("heartbeat", "progress_timeout_ms"),
            f"expected more than interval_ms, {beat.interval_ms}",
        )
    if config.ipc.answer_timeout_ms > config.ipc.sentinel_timeout_ms:
        yield (
            ("ipc", "answer_timeout_ms"),
            f"expected no more than sentinel_timeout_ms, {config.ipc.sentinel_timeout_ms}",
        )


def _routes(config: Config) -> Iterator[Broken]:
    for index, route in enumerate(config.routes):
        if (route.url is None) == (route.url_file is None):
            yield ("route", index, "url"), "expected either url or url_file"
