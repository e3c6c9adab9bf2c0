"""Which limits hold for an order: `[limits]`, then its symbol's, then its strategy's. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final

import msgspec

from ipc.calendar import open_minutes, window_texts
from ipc.config.actions import effective_actions
from ipc.config.keys import Key, Looser
from ipc.config.limit_keys import LIMIT_KEYS
from ipc.config.values import LimitValues, RiskConfig
from ipc.numbers import parse_decimal

ANY_SYMBOL: Final = ("*",)


def number(value: object) -> int:
    """Return a decimal text or an integer at the scale of `ipc.numbers`, for comparing."""
    if isinstance(value, int):
        return value * 10**18
    parsed = parse_decimal(str(value))
    if parsed is None:
        raise ValueError("a value that no reader of ours has made")
    return parsed


def entries(value: object) -> tuple[str, ...]:
    """Return the entries of a list value."""
    if not isinstance(value, tuple):
        raise TypeError("a value that no reader of ours has made")
    return value


def _common(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    if old == ANY_SYMBOL:
        return new
    return old if new == ANY_SYMBOL else tuple(entry for entry in old if entry in set(new))


_TIGHTER: Final[dict[Looser, Callable[[Any, Any], Any]]] = {
    Looser.LARGER: lambda old, new: min(old, new, key=number),
    Looser.SMALLER: lambda old, new: max(old, new, key=number),
    Looser.WINDOW: max,
    Looser.ADDED: _common,
    Looser.TRUE: lambda old, new: old and new,
    Looser.FALSE: lambda old, new: old or new,
    Looser.HOURS: lambda old, new: window_texts(open_minutes(old) & open_minutes(new)),
}


def tighter(key: Key, old: object, new: object) -> object:
    """Return what lets through what both values of a limit let through; None is no limit."""
    if old is None or new is None:
        return new if old is None else old
    return _TIGHTER[key.looser](old, new)


def effective_limits(
    risk: RiskConfig, symbol: str | None = None, strategy: str | None = None
) -> LimitValues:
    """Return the limits that an order of this symbol and strategy is judged by.

    A symbol's override replaces the value of `[limits]`; a strategy's holds together with it, the
    tighter of both. Keys with a default have it; None is still "not checked".
    """
    values: dict[str, Any] = {key.name: key.default for key in LIMIT_KEYS}
    values["short_allowed"] = risk.account.kind == "margin"
    values.update(_given(risk.limits))
    limits = LimitValues(**values)
    for entry in risk.symbols:
        if entry.name == symbol:
            limits = overlay(limits, entry.limits)
    for own in risk.strategies:
        if own.name == strategy:
            limits = tightened(limits, own.limits)
    return limits


def overlay(limits: LimitValues, overrides: LimitValues) -> LimitValues:
    """Return `limits` with what a symbol overrides."""
    return msgspec.structs.replace(limits, **_given(overrides))


def tightened(limits: LimitValues, others: LimitValues) -> LimitValues:
    """Return the tighter of both for every key."""
    values: dict[str, Any] = {
        key.name: tighter(key, getattr(limits, key.name), getattr(others, key.name))
        for key in LIMIT_KEYS
    }
    return LimitValues(**values)


def _given(limits: LimitValues) -> dict[str, Any]:
    plain = msgspec.structs.asdict(limits)
    return {name: value for name, value in plain.items() if value is not None}


def _canonical(values: LimitValues) -> dict[str, Any]:
    plain = _given(values)
    for name in ("symbols", "ord_types"):
        if name in plain:
            plain[name] = sorted(plain[name])
    return plain


def limits_hash(risk: RiskConfig) -> str:
    """Return the SHA-256, in hex, of everything that decides a verdict, in canonical form.

    Comments, the order of tables and lists, `100.0` for `100`, and a default that is written out
    do not change it.
    """
    document = {
        "account": msgspec.structs.asdict(risk.account),
        "limits": _canonical(effective_limits(risk)),
        "actions": {reason.value: action for reason, action in effective_actions(risk).items()},
        "symbols": {
            entry.name: msgspec.structs.asdict(entry) | {"limits": _canonical(entry.limits)}
            for entry in risk.symbols
        },
        "throttles": {entry.name: msgspec.structs.asdict(entry) for entry in risk.throttles},
        "strategies": {entry.name: _canonical(entry.limits) for entry in risk.strategies},
        "heartbeat": msgspec.structs.asdict(risk.heartbeat),
        "kill": msgspec.structs.asdict(risk.kill),
    }
    return hashlib.sha256(msgspec.json.encode(document, order="deterministic")).hexdigest()
