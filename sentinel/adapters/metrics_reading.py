"""What the metrics port is given to serve. Values only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

Document = dict[str, Any]
Judge = Callable[[Document], int]
"""Makes a plug-in's exit code of a status document: 0 armed, 1 degraded, 2 halted."""
GATE_BOUNDS_NS: Final = (
    *(50_000, 100_000, 250_000, 500_000),
    *(1_000_000, 2_500_000, 5_000_000, 10_000_000, 15_000_000, 25_000_000, 50_000_000),
    *(100_000_000, 250_000_000, 1_000_000_000),
)
"""Upper bounds of the gate's latency buckets; 15 ms and 100 ms are its two promises."""


class Reading(Struct, frozen=True, kw_only=True):
    """What is served: the newest document (None before the first), its age, the gate's latency."""

    document: Document | None
    age_ns: int
    gate_counts: tuple[int, ...]
    """How many verdicts fell in each bucket; the last one has no upper bound."""
    gate_sum_ns: int
