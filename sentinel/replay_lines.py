"""The event lines of `sentinel replay`: one JSON object a line becomes one event, strictly."""

from __future__ import annotations

from collections.abc import Callable

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
from sentinel.event_line import WRONG, Line, is_text

RUN_ID = "replay"
EXEC_TYPES = frozenset(
    {"ack", "fill", "partial_fill", "cancelled", "replaced", "rejected", "expired"}
)


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
