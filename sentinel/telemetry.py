"""Copies of verdicts and changes for whoever watches. Nothing is ever decided by them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sentinel.core.effects import Halt, KillTree, Reduce, Reply, Resume, SendAlert
from sentinel.core.events import IntentReceived
from sentinel.core.ledger import Entry

VERDICT, CHANGE, ALERT = b"verdict", b"state", b"alert"


def telemetry_of(entry: Entry, state: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield (topic, JSON) for everything in an entry that a watcher may want."""
    event = entry.event
    for effect in entry.effects:
        document: dict[str, object] = {"wall_ns": event.wall_ns, "state": state}
        match effect:
            case Reply() if isinstance(event, IntentReceived):
                topic = VERDICT
                document |= {
                    "cl_ord_id": effect.cl_ord_id,
                    "kind": effect.kind,
                    "symbol": getattr(event.intent, "symbol", None),
                    "verdict": "approved" if effect.approved else "vetoed",
                    "reason": effect.reason,
                    "limit": effect.limit,
                    "observed": effect.observed,
                    "seq": effect.seq,
                }
            case Halt(cause=cause) | Reduce(cause=cause) | Resume(cause=cause):
                topic = CHANGE
                document |= {"effect": type(effect).__name__.lower(), "cause": cause}
            case KillTree(cause=cause):
                topic = CHANGE
                document |= {"effect": "kill_tree", "cause": cause}
            case SendAlert():
                topic = ALERT
                document |= {"code": effect.code, "severity": effect.severity}
            case _:
                continue
        yield topic, msgspec.json.encode(document)
