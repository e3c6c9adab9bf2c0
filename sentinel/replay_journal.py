"""`sentinel replay --journal`: what a recorded day would have been under other limits. Reads only.

The executions of the day stay as they happened: what would have been vetoed still fills in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from ipc.clock import NS_PER_MS
from ipc.config.values import RiskConfig
from sentinel.adapters.journal_reader import read_records
from sentinel.core.decide import decide
from sentinel.core.effects import Effect, Reply
from sentinel.core.events import HelloReceived, IntentReceived, LimitsLoaded, LimitsPended
from sentinel.core.ledger import decode_entry
from sentinel.core.state import State


def otherwise(
    directory: Path, risk: RiskConfig, config_hash: str
) -> Iterator[tuple[dict[str, object], bool]]:
    """Yield each intent's verdict under `risk`, and whether it is another than the one recorded.

    Raises:
        JournalError: there is no journal, or it is damaged.
        msgspec.DecodeError: an entry is not one of this version.
    """
    state = State()
    for record in read_records(directory):
        entry = decode_entry(record.payload)
        event = entry.event
        if isinstance(event, LimitsPended):
            continue
        if isinstance(event, LimitsLoaded):
            event = msgspec.structs.replace(event, risk=risk, hash=config_hash)
        elif isinstance(event, HelloReceived):
            event = msgspec.structs.replace(event, limits_hash=config_hash)
        effects = decide(state, event)
        if isinstance(event, IntentReceived):
            now, then = _reply(tuple(effects)), _reply(entry.effects)
            if now is not None and then is not None:
                shown = {"at_ms": event.at_ns // NS_PER_MS, **_verdict(now)}
                other = (now.approved, now.reason) != (then.approved, then.reason)
                yield {**shown, "recorded": _verdict(then)}, other


def _reply(effects: tuple[Effect, ...]) -> Reply | None:
    return next((effect for effect in effects if isinstance(effect, Reply)), None)


def _verdict(reply: Reply) -> dict[str, object]:
    return {
        "cl_ord_id": reply.cl_ord_id,
        "verdict": "approved" if reply.approved else "vetoed",
        "reason": reply.reason,
        "limit": reply.limit,
        "observed": reply.observed,
        "state": reply.state,
        "seq": reply.seq,
    }
