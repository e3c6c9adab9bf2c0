"""Tells which keys of a new configuration let more through than the old. Pure, decided by data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, assert_never

from ipc.calendar import open_minutes
from ipc.config.actions import ACTIONS, effective_actions
from ipc.config.effective import (
    ANY_SYMBOL,
    effective_limits,
    entries,
    number,
    overlay,
    tighter,
)
from ipc.config.keys import Key, Looser, Table
from ipc.config.limit_keys import LIMIT_KEYS, SYMBOL_OVERRIDES
from ipc.config.tables import SYMBOL, TABLES
from ipc.config.values import LimitValues, RiskConfig, SymbolValues, ThrottleValues, Values

_RISK_TABLES: Final = tuple(
    table for table in TABLES if table.name in ("account", "heartbeat", "kill")
)
_NARROWER_SCOPE: Final = frozenset(
    {("account", "account"), ("strategy", "strategy"), ("symbol", "symbol")}
    | {("strategy", "account"), ("symbol", "account")}
)
"""Changes of a throttle's scope, old and new, after which every bucket is shared by no fewer."""


def loosenings(old: RiskConfig, new: RiskConfig) -> tuple[str, ...]:
    """Return the keys by which `new` lets more through than `old`; none: it is equal or tighter.

    Limits are compared as they hold: in general, for each symbol and for each strategy that
    either file names. A change whose way cannot be told counts as looser.
    """
    return tuple(dict.fromkeys(_all(old, new)))


def looser_limit(key: Key, old: object, new: object) -> bool:
    """Whether the new value of a limit lets more through; None is no limit at all."""
    if old is None:
        return False
    return new is None or looser_value(key, old, new)


def looser_value(key: Key, old: object, new: object) -> bool:
    """Whether the new one of two values lets more through, by the key's own direction."""
    match key.looser:
        case Looser.LARGER:
            return number(new) > number(old)
        case Looser.SMALLER:
            return number(new) < number(old)
        case Looser.ADDED:
            return old != ANY_SYMBOL and not set(entries(new)) <= set(entries(old))
        case Looser.TRUE:
            return bool(new) and not old
        case Looser.FALSE:
            return bool(old) and not new
        case Looser.RANK:
            return key.choices.index(str(new)) > key.choices.index(str(old))
        case Looser.HOURS:
            return bool(open_minutes(entries(new)) & ~open_minutes(entries(old)))
        case Looser.GRID:
            return number(new) % number(old) != 0
        case Looser.WINDOW | Looser.CHANGED:
            return new != old
        case Looser.NEVER:
            return False
        case _:
            assert_never(key.looser)


def _all(old: RiskConfig, new: RiskConfig) -> Iterator[str]:
    for table in _RISK_TABLES:
        part = table.field[-1]
        yield from _settings(table, getattr(old, part), getattr(new, part))
    yield from _scoped("[limits]", LIMIT_KEYS, effective_limits(old), effective_limits(new))
    yield from _actions(old, new)
    yield from _symbols(old, new)
    yield from _throttles(old, new)
    yield from _strategies(old, new)


def _settings(table: Table, old: Values, new: Values) -> Iterator[str]:
    for key in table.keys:
        before, after = getattr(old, key.name), getattr(new, key.name)
        if key.looser is Looser.CHANGED:
            looser = before != after
        else:
            looser = looser_value(key, before, after)
        if looser:
            yield f"{table.header} {key.name}"


def _scoped(scope: str, keys: tuple[Key, ...], old: LimitValues, new: LimitValues) -> Iterator[str]:
    for key in keys:
        if looser_limit(key, getattr(old, key.name), getattr(new, key.name)):
            yield f"{scope} {key.name}"


def _actions(old: RiskConfig, new: RiskConfig) -> Iterator[str]:
    before, after = effective_actions(old), effective_actions(new)
    for reason, action in after.items():
        if ACTIONS.index(action) > ACTIONS.index(before[reason]):
            yield f"[limits.actions] {reason.value}"


def _symbols(old: RiskConfig, new: RiskConfig) -> Iterator[str]:
    before = {entry.name: entry for entry in old.symbols}
    after = {entry.name: entry for entry in new.symbols}
    old_general, new_general = effective_limits(old), effective_limits(new)
    for name in before | after:
        was = before.get(name, SymbolValues(name=name))
        becomes = after.get(name, SymbolValues(name=name))
        scope = f"[[symbol]] {name}"
        for key in SYMBOL.keys:
            value, other = getattr(was, key.name), getattr(becomes, key.name)
            changed = key.looser is Looser.CHANGED and value != other
            if changed or looser_limit(key, value, other):
                yield f"{scope} {key.name}"
        overridden = _own_keys(SYMBOL_OVERRIDES, was.limits, becomes.limits)
        yield from _scoped(
            scope,
            overridden,
            overlay(old_general, was.limits),
            overlay(new_general, becomes.limits),
        )


def _strategies(old: RiskConfig, new: RiskConfig) -> Iterator[str]:
    before = {entry.name: entry.limits for entry in old.strategies}
    after = {entry.name: entry.limits for entry in new.strategies}
    bases = list(_bases(old, new))
    for name in before | after:
        was, becomes = before.get(name, LimitValues()), after.get(name, LimitValues())
        for key in _own_keys(LIMIT_KEYS, was, becomes):
            for old_base, new_base in bases:
                held = tighter(key, getattr(old_base, key.name), getattr(was, key.name))
                holds = tighter(key, getattr(new_base, key.name), getattr(becomes, key.name))
                if looser_limit(key, held, holds):
                    yield f"[[strategy]] {name} {key.name}"
                    break


def _bases(old: RiskConfig, new: RiskConfig) -> Iterator[tuple[LimitValues, LimitValues]]:
    """The limits, old and new, that a strategy's own hold together with: of each symbol."""
    before = {entry.name: entry.limits for entry in old.symbols}
    after = {entry.name: entry.limits for entry in new.symbols}
    old_general, new_general = effective_limits(old), effective_limits(new)
    yield old_general, new_general
    for name in before | after:
        none = LimitValues()
        yield (
            overlay(old_general, before.get(name, none)),
            overlay(new_general, after.get(name, none)),
        )


def _own_keys(keys: tuple[Key, ...], *limits: LimitValues) -> tuple[Key, ...]:
    return tuple(
        key for key in keys if any(getattr(given, key.name) is not None for given in limits)
    )


def _throttles(old: RiskConfig, new: RiskConfig) -> Iterator[str]:
    after = {entry.name: entry for entry in new.throttles}
    for was in old.throttles:
        becomes = after.get(was.name)
        if becomes is None:
            yield f"[[throttle]] {was.name} removed"
            continue
        for key, looser in _throttle_changes(was, becomes).items():
            if looser:
                yield f"[[throttle]] {was.name} {key}"


def _throttle_changes(old: ThrottleValues, new: ThrottleValues) -> dict[str, bool]:
    faster = number(new.rate) * old.per_ms > number(old.rate) * new.per_ms
    return {
        "scope": (old.scope, new.scope) not in _NARROWER_SCOPE,
        "counts": (old.counts, new.counts) == ("messages", "orders"),
        "rate": faster,
        "burst": number(new.burst) > number(old.burst),
    }
