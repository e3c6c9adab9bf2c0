"""The event lines of `sentinel replay`: one JSON object a line becomes one event, strictly."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeGuard

from ipc.clock import NS_PER_MS
from ipc.codec import fingerprint
from ipc.messages import CancelIntent, Intent, OrderIntent, ReplaceIntent
from ipc.numbers import parse_decimal
from sentinel.core.events import (
    AccountRead,
    Event,
    ExecutionReceived,
    HaltRequested,
    HeartbeatReceived,
    IntentReceived,
    PositionRead,
    QuoteReceived,
    ReduceRequested,
    ResumeRequested,
)

RUN_ID = "replay"
LINE_MAX = 65_536
WRONG = "\0"
"""Stands for an order field that was not a text: no pattern matches it, so it is ORDER_INVALID."""
EXEC_TYPES = frozenset(
    {"ack", "fill", "partial_fill", "cancelled", "replaced", "rejected", "expired"}
)


class BadLine(ValueError):
    """A line that is no event; its text names the line's number and what was expected."""

    def __init__(self, number: int, expected: str) -> None:
        super().__init__(f"line {number}: {expected}")
        self.number = number


class Line:
    """One input line: its number, its time as it was given, and its fields."""

    def __init__(self, number: int, text: str) -> None:
        self.number = number
        self.fields = self._parsed(text)
        name = self.fields.get("event")
        if not isinstance(name, str):
            raise self.bad("an `event` was expected")
        self.event = name
        self.unit = "at_ns" if "at_ns" in self.fields else "at_ms"
        at = self.fields.get(self.unit)
        if not isinstance(at, int) or isinstance(at, bool) or not 0 <= at < 1 << 63:
            raise self.bad("`at_ms` or `at_ns`, an integer from 0, was expected")
        self.at_ns = at if self.unit == "at_ns" else at * NS_PER_MS

    def _parsed(self, text: str) -> dict[str, object]:
        if len(text) > LINE_MAX:
            raise self.bad(f"at most {LINE_MAX} characters were expected")
        try:
            text.encode()
            fields = json.loads(
                text, parse_constant=_refuse, parse_float=_keep, object_pairs_hook=_once
            )
        except UnicodeEncodeError:
            raise self.bad("UTF-8 was expected") from None
        except _Twice as error:
            raise self.bad(f"each key once was expected, {error} is there twice") from None
        except (ValueError, RecursionError):
            raise self.bad("a JSON object was expected") from None
        if not isinstance(fields, dict):
            raise self.bad("a JSON object was expected")
        return fields

    def bad(self, expected: str) -> BadLine:
        """Make the error that names this line."""
        return BadLine(self.number, expected)

    def shown(self, at_ns: int) -> dict[str, int]:
        """Return a time in the unit that the input used."""
        return {self.unit: at_ns if self.unit == "at_ns" else at_ns // NS_PER_MS}

    def text(self, key: str) -> str:
        """Return a field that must be a text."""
        value = self.fields.get(key)
        if not is_text(value):
            raise self.bad(f"`{key}`, a text, was expected")
        return value

    def decimal(self, key: str, *, optional: bool = False) -> str | None:
        """Return a field that must be a decimal text."""
        value = self.fields.get(key)
        if value is None and optional:
            return None
        if not isinstance(value, str) or parse_decimal(value) is None:
            raise self.bad(f"`{key}`, a decimal in quotes, was expected")
        return value


class _Twice(Exception):
    """An object that says one thing twice."""


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for key, value in pairs:
        if key in fields:
            raise _Twice(ascii(key)[:64])
        fields[key] = value
    return fields


def is_text(value: object) -> TypeGuard[str]:
    """Whether a value is a text; half a surrogate pair, which JSON can spell, is none."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(_: str) -> object:
    raise ValueError("not a JSON number")


def _keep(text: str) -> object:
    return float(text) if len(text) < 400 else WRONG


def _order_text(value: object) -> str:
    return value if is_text(value) else WRONG


def _order_option(value: object) -> str | None:
    return None if value is None else _order_text(value)


def _order(fields: dict[str, object]) -> OrderIntent:
    expire = fields.get("expire_at_ms")
    reduce_only, symbol = fields.get("reduce_only", False), fields.get("symbol")
    good = expire is None or (type(expire) is int and 0 <= expire < 1 << 63)
    return OrderIntent(
        cl_ord_id=_order_text(fields.get("cl_ord_id")),
        symbol=symbol if is_text(symbol) else "",
        side=_order_text(fields.get("side")) if type(reduce_only) is bool else WRONG,
        ord_type=_order_text(fields.get("ord_type")),
        order_qty=_order_text(fields.get("order_qty")),
        price=_order_option(fields.get("price")),
        stop_price=_order_option(fields.get("stop_price")),
        time_in_force=_order_option(fields.get("time_in_force")) if good else WRONG,
        expire_at_ms=expire if good and isinstance(expire, int) else None,
        reduce_only=reduce_only is True,
        strategy=_order_option(fields.get("strategy")),
        group=_order_option(fields.get("group")),
        stop_loss=_order_option(fields.get("stop_loss")),
        take_profit=_order_option(fields.get("take_profit")),
    )


def _intent(line: Line) -> Intent:
    fields = line.fields
    cl_ord_id = _order_text(fields.get("cl_ord_id"))
    if line.event == "order":
        return _order(fields)
    orig = _order_text(fields.get("orig_cl_ord_id"))
    if line.event == "cancel":
        return CancelIntent(cl_ord_id=cl_ord_id, orig_cl_ord_id=orig)
    return ReplaceIntent(
        cl_ord_id=cl_ord_id,
        orig_cl_ord_id=orig,
        order_qty=_order_text(fields.get("order_qty")),
        price=_order_option(fields.get("price")),
        stop_price=_order_option(fields.get("stop_price")),
    )


def _intent_event(line: Line) -> Event:
    intent = _intent(line)
    return IntentReceived(
        at_ns=line.at_ns,
        wall_ns=line.at_ns,
        run_id=RUN_ID,
        intent=intent,
        fingerprint=fingerprint(intent),
    )


def _quote(line: Line) -> Event:
    sides: dict[str, str | None] = {}
    for key in ("bid", "ask"):
        value = line.fields.get(key)
        sides[key] = None if value in (None, "") else line.decimal(key)
    return QuoteReceived(
        at_ns=line.at_ns,
        wall_ns=line.at_ns,
        symbol=line.text("symbol"),
        bid=sides["bid"],
        ask=sides["ask"],
    )


def _account(line: Line) -> Event:
    balances = line.fields.get("balances") or {}
    if not isinstance(balances, dict) or any(
        not isinstance(v, str) or parse_decimal(v) is None for v in balances.values()
    ):
        raise line.bad("`balances`, an object of decimals in quotes, was expected")
    return AccountRead(
        at_ns=line.at_ns,
        wall_ns=line.at_ns,
        read_at_ns=line.at_ns,
        equity=line.decimal("equity") or "",
        balance_free=line.decimal("balance_free") or "",
        buying_power=line.decimal("buying_power", optional=True),
        balances=balances,
    )


def _position(line: Line) -> Event:
    return PositionRead(
        at_ns=line.at_ns,
        wall_ns=line.at_ns,
        symbol=line.text("symbol"),
        qty=line.decimal("qty") or "",
        avg_price=line.decimal("avg_price", optional=True) or "0",
    )


def _execution(line: Line) -> Event:
    exec_type = line.text("exec_type")
    if exec_type not in EXEC_TYPES:
        raise line.bad(f"`exec_type`, one of {', '.join(sorted(EXEC_TYPES))}, was expected")
    is_fill = exec_type in ("fill", "partial_fill")
    exec_id = line.fields.get("exec_id")
    return ExecutionReceived(
        at_ns=line.at_ns,
        wall_ns=line.at_ns,
        cl_ord_id=line.text("cl_ord_id"),
        exec_type=exec_type,
        exec_id=exec_id if is_text(exec_id) else None,
        last_qty=line.decimal("last_qty", optional=not is_fill),
        last_price=line.decimal("last_price", optional=not is_fill),
        fee=line.decimal("fee", optional=True),
    )


def _heartbeat(line: Line) -> Event:
    iteration = line.fields.get("iteration")
    if not isinstance(iteration, int) or isinstance(iteration, bool) or iteration < 0:
        raise line.bad("`iteration`, an integer from 0, was expected")
    age = line.fields.get("data_age_ms", 0)
    return HeartbeatReceived(
        at_ns=line.at_ns,
        wall_ns=line.at_ns,
        run_id=RUN_ID,
        iteration=iteration,
        data_age_ms=age if isinstance(age, int) else 0,
    )


def _cause(line: Line) -> str:
    return line.text("cause") if "cause" in line.fields else "operator"


def _halt(line: Line) -> Event:
    return HaltRequested(at_ns=line.at_ns, wall_ns=line.at_ns, cause=_cause(line), by="replay")


def _reduce(line: Line) -> Event:
    return ReduceRequested(at_ns=line.at_ns, wall_ns=line.at_ns, cause=_cause(line), by="replay")


def _resume(line: Line) -> Event:
    return ResumeRequested(
        at_ns=line.at_ns,
        wall_ns=line.at_ns,
        halt_id=None,
        by=line.text("by"),
        why=line.text("why"),
        unverified=True,
    )


BUILDERS: dict[str, Callable[[Line], Event]] = {
    "account": _account,
    "position": _position,
    "quote": _quote,
    "order": _intent_event,
    "replace": _intent_event,
    "cancel": _intent_event,
    "execution": _execution,
    "heartbeat": _heartbeat,
    "reduce": _reduce,
    "halt": _halt,
    "resume": _resume,
}
