"""The status document (`status --json`, schema 1), built from the core's state. It changes nothing.

Money and quantities are decimal texts, counts and `_ms` integers; there are no display texts.
"""

from __future__ import annotations

from msgspec import Struct

from ipc.clock import NS_PER_MS, NS_PER_S
from ipc.numbers import SCALE, format_decimal
from sentinel.core.state import State
from sentinel.core.vitals import Session

SCHEMA = 1
STALE_NS = 10 * NS_PER_S
Document = dict[str, object]


class Surroundings(Struct, frozen=True, kw_only=True):
    """What the shell knows and the core does not."""

    version: str
    started_ns: int
    journal_seq: int
    journal_lag_ms: int
    alerts_state: str
    required_routes_down: tuple[str, ...]
    degraded: tuple[str, ...]
    counters: dict[str, int]


def status_document(state: State, around: Surroundings, at_ns: int) -> Document:
    """Return the whole document, as of `at_ns`."""
    trading = state.trading
    return {
        "schema": SCHEMA,
        "version": around.version,
        "answering": True,
        "state": trading.state,
        "cause": trading.cause or None,
        "halt": _halt(state),
        "epoch": state.epoch,
        "uptime_ms": (at_ns - around.started_ns) // NS_PER_MS,
        "mode": state.mode,
        "account_id": state.account_id,
        "sessions": [_session(s, at_ns) for s in state.sessions.values()],
        "verdicts": {
            "approved": state.tally.approved,
            "vetoed": state.tally.vetoed,
            "cancels": state.tally.cancels,
            "by_reason": dict(sorted(state.tally.by_reason.items())),
        },
        "limits": limits_rows(state, at_ns),
        "working_orders": len(state.book.working),
        "positions": _positions(state),
        "equity": format_decimal(state.account.equity2 * 5, 55) if state.account.known else None,
        "account_age_ms": _age(state.account.read_at_ns, at_ns) if state.account.known else None,
        "day": _day(state),
        "config": _config(state),
        "drop_copy": _drop_copy(state, at_ns),
        "dead_mans_switch": {"state": "NOT_SUPPORTED"},
        "alerts": {
            "pending": len(state.alerts),
            "sent": state.tally.alerts_sent,
            "failed": state.tally.alerts_failed,
            "process": around.alerts_state,
            "required_routes_down": list(around.required_routes_down),
        },
        "journal": {"seq": around.journal_seq, "lag_ms": around.journal_lag_ms},
        "kill": _kill(state),
        "conditions": sorted(trading.conditions),
        "degraded": list(around.degraded),
        "counters": {**around.counters, "foreign": state.tally.foreign},
    }


def _day(state: State) -> Document:
    day = state.day
    return {
        "key": day.key,
        "baseline_equity": _money2(day.baseline2),
        "pnl": _pnl(state),
        "trades": day.trades.get("", 0),
    }


def _config(state: State) -> Document:
    return {
        "hash": None if state.rules is None else state.rules.hash,
        "pending_hash": state.pending_hash,
        "pending_looser": list(state.pending_looser),
        "problem": state.limits_problem,
        "loaded_at": state.limits_at_wall_ns // NS_PER_MS,
    }


def _drop_copy(state: State, at_ns: int) -> Document:
    lost = "DROP_COPY_LOST" in state.trading.conditions
    read = state.broker_read_ns
    return {
        "state": "LOST" if lost else ("OK" if read else "WAITING"),
        "age_ms": _age(read, at_ns) if read else None,
        "stale": read != 0 and at_ns - read > _stale_ns(state),
    }


def _stale_ns(state: State) -> int:
    """The age from which a reading is too old: the limit in force, else ten seconds."""
    limit = None if state.rules is None else state.rules.base_limits.account_age_max_ns
    return STALE_NS if limit is None else limit


def _kill(state: State) -> Document:
    kill = state.kill
    return {
        "stage": kill.stage,
        "outcome": kill.outcome,
        "cause": kill.cause or None,
        "problem": kill.problem or None,
        "stages_ms": _stages(state),
    }


def _age(then_ns: int, at_ns: int) -> int:
    return max(0, at_ns - then_ns) // NS_PER_MS


def _money2(money2: int | None) -> str | None:
    return None if money2 is None else format_decimal(money2 * 5, 55)


def _pnl(state: State) -> str | None:
    if not state.account.known or state.day.baseline2 is None:
        return None
    return _money2(state.account.equity2 - state.day.baseline2)


def _halt(state: State) -> Document | None:
    halt = state.trading.halt
    if halt is None:
        return None
    return {
        "id": halt.halt_id,
        "cause": halt.cause,
        "causes": list(halt.causes),
        "since": halt.since_wall_ns // NS_PER_MS,
        "by": halt.by,
        "why": halt.why,
    }


def _session(session: Session, at_ns: int) -> Document:
    return {
        "run_id": session.run_id,
        "strategy": session.strategy,
        "pid": session.pid,
        "vitals": session.vitals.value,
        "beating": session.beaten,
        "heartbeat_age_ms": _age(session.last_beat_ns, at_ns),
        "iteration": max(0, session.iteration),
        "data_age_ms": _age(session.data_at_ns, at_ns),
        "approved": session.approved,
        "vetoed": session.vetoed,
        "trades": session.trades,
    }


def _positions(state: State) -> list[Document]:
    return [
        {
            "symbol": instrument.symbol,
            "qty": format_decimal(instrument.position),
            "avg_price": format_decimal(instrument.avg_price),
            "mid": format_decimal((instrument.bid + instrument.ask) * 5, 19)
            if instrument.quoted
            else None,
        }
        for instrument in sorted(state.held(), key=lambda i: i.symbol)
    ]


def _stages(state: State) -> dict[str, int]:
    at = state.kill.stage_at_ns
    first = min(at.values(), default=0)
    return {stage: (ns - first) // NS_PER_MS for stage, ns in at.items()}


def _row(key: str, scope: str, limit: int, used: int) -> Document:
    return {
        "key": key,
        "scope": scope,
        "limit": format_decimal(limit),
        "used": format_decimal(used),
        "headroom": format_decimal(max(0, limit - used)),
    }


def limits_rows(state: State, at_ns: int) -> list[Document]:
    """Return the use and headroom of every limit that has them at rest."""
    if state.rules is None:
        return []
    rows: list[Document] = []
    limits, day = state.rules.base_limits, state.day
    if limits.trades_max is not None:
        used = day.trades.get("", 0) * SCALE
        rows.append(_row("trades_max", "account", limits.trades_max * SCALE, used))
    if limits.orders_working_max is not None:
        used = state.book.counts.get("", 0) * SCALE
        rows.append(_row("orders_working_max", "account", limits.orders_working_max * SCALE, used))
    if limits.position_qty_max is not None:
        for instrument in state.held():
            used = abs(instrument.position)
            rows.append(_row("position_qty_max", instrument.symbol, limits.position_qty_max, used))
    if limits.daily_loss_max is not None and state.account.known and day.baseline2 is not None:
        loss2 = max(0, day.baseline2 - state.account.equity2)
        rows.append(
            _row("daily_loss_max", "account", limits.daily_loss_max, loss2 // (2 * SCALE * SCALE))
        )
    if limits.losses_in_a_row_max is not None:
        used = state.loss_streak * SCALE
        rows.append(
            _row("losses_in_a_row_max", "account", limits.losses_in_a_row_max * SCALE, used)
        )
    for (name, scope), bucket in sorted(state.buckets.items()):
        level = min(bucket.capacity, bucket.level + max(0, at_ns - bucket.at_ns) * bucket.rate)
        used = -(-(bucket.capacity - level) * SCALE // bucket.token)
        rows.append(_row(f"throttle:{name}", scope or "account", bucket.burst, used))
    return rows
