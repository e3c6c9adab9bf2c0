"""From a status document to metric families: names, units and labels. It changes nothing.

Names are `sentinel_…`, units are seconds, labels come from closed lists or from the configuration,
and rows that a run could multiply are cut at a limit. What is not known has no sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from ipc.clock import NS_PER_S
from ipc.reasons import Reason
from sentinel.adapters.metrics_reading import GATE_BOUNDS_NS, Document, Reading
from sentinel.core.kill import (
    CANCELLING,
    DONE,
    IDLE,
    KILL_UNVERIFIED,
    KILLED_FLAT,
    KILLED_POSITION_OPEN,
    KILLING,
    POSITIONS,
    VERIFYING,
)
from sentinel.core.trading import ACTIVE, HALTED, REDUCING
from sentinel.core.vitals import Vitals

ROWS_MAX: Final = 500
"""The most rows of one family with a label of its own for each session, limit or scope."""
_MS: Final = 1000
_STATES: Final = (ACTIVE, REDUCING, HALTED)
_STAGES: Final = (IDLE, KILLING, CANCELLING, VERIFYING, POSITIONS, DONE)
_OUTCOMES: Final = (KILLED_FLAT, KILLED_POSITION_OPEN, KILL_UNVERIFIED)

_Path = tuple[str, ...]
GAUGES: Final[tuple[tuple[str, str, _Path, int], ...]] = (
    ("uptime_seconds", "Time since this sentinel started.", ("uptime_ms",), _MS),
    ("epoch", "How often a sentinel was started on this journal.", ("epoch",), 1),
    ("working_orders", "Orders that work, or were approved and may.", ("working_orders",), 1),
    ("equity", "Equity as last read, in account currency.", ("equity",), 1),
    ("account_age_seconds", "Age of the account's reading.", ("account_age_ms",), _MS),
    ("day_pnl", "Profit of the trading day, in account currency.", ("day", "pnl"), 1),
    ("day_trades", "Trades counted this trading day.", ("day", "trades"), 1),
    ("halt_timestamp_seconds", "When the halt latched (Unix time).", ("halt", "since"), _MS),
    ("drop_copy_age_seconds", "Age of the broker's record.", ("drop_copy", "age_ms"), _MS),
    ("alerts_pending", "Alerts that no route has settled yet.", ("alerts", "pending"), 1),
    ("journal_seq", "Number of the journal's newest entry.", ("journal", "seq"), 1),
    ("journal_lag_seconds", "How far the disk is behind.", ("journal", "lag_ms"), _MS),
    (
        "config_loaded_timestamp_seconds",
        "When the limits in force were loaded (Unix time).",
        ("config", "loaded_at"),
        _MS,
    ),
)
"""Name (without `sentinel_`), help, place in the document, and what one unit is divided by."""

COUNTERS: Final[tuple[tuple[str, str, _Path], ...]] = (
    ("cancels", "Cancel intents; they are never vetoed.", ("verdicts", "cancels")),
    ("alerts_sent", "Alerts that a route delivered.", ("alerts", "sent")),
    ("alerts_failed", "Alerts that were given up.", ("alerts", "failed")),
)
"""Name (without `sentinel_` and `_total`), help and place in the document."""

_SESSION_GAUGES: Final = (
    ("heartbeat_age_seconds", "Time since the loop's last heartbeat.", "heartbeat_age_ms", _MS),
    ("data_age_seconds", "Age of the loop's newest market data.", "data_age_ms", _MS),
    ("session_iteration", "Passes the loop has completed.", "iteration", 1),
)


class DocumentCollector(Collector):
    """Makes the families afresh at every scrape."""

    def __init__(self, reading: Callable[[], Reading]) -> None:
        self._reading = reading

    def collect(self) -> Iterable[Metric]:
        """Yield every family there is; before the first document only the gate's latency."""
        reading = self._reading()
        yield _gate(reading)
        if reading.document is None:
            return
        yield _gauge(
            "document_age_seconds", "Age of what is served here.", reading.age_ns / NS_PER_S
        )
        yield from families(reading.document)


def registry_of(reading: Callable[[], Reading]) -> CollectorRegistry:
    """Return a registry that holds these families and nothing else."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DocumentCollector(reading))
    return registry


def families(document: Document) -> Iterator[Metric]:
    """Yield the families of one status document."""
    info = {"version": document["version"], "mode": document["mode"]}
    yield InfoMetricFamily("sentinel_build", "The program and its mode.", value=info)
    for name, text, path, divisor in GAUGES:
        yield _gauge(name, text, _number(_at(document, path), divisor))
    for name, text, path in COUNTERS:
        yield CounterMetricFamily(f"sentinel_{name}", text, value=_number(_at(document, path)))
    yield _one_of("state", "The trading state.", "state", _STATES, document["state"])
    yield _one_of("kill_stage", "The kill sequence.", "stage", _STAGES, document["kill"]["stage"])
    yield _one_of(
        "kill_outcome",
        "How the last kill sequence ended.",
        "outcome",
        _OUTCOMES,
        document["kill"]["outcome"],
    )
    yield from _conditions(document)
    yield from _verdicts(document["verdicts"])
    yield from _sessions(document["sessions"])
    yield from _limits(document["limits"])
    yield _incidents(document["counters"])


def _conditions(document: Document) -> Iterator[Metric]:
    """Yield what is either so or not."""
    config, alerts, drop_copy = document["config"], document["alerts"], document["drop_copy"]
    pending = config["pending_hash"] is not None
    yield _gauge("config_pending", "1 if a looser file waits for a person.", pending)
    yield _gauge("config_invalid", "1 if the file is not valid.", config["problem"] is not None)
    yield _gauge("drop_copy_up", "1 if the broker's record is read.", drop_copy["state"] == "OK")
    yield _gauge(
        "required_routes_down",
        "Required alert routes that do not work.",
        len(alerts["required_routes_down"]),
    )
    yield _gauge("degraded", "Parts that do not work as they should.", len(document["degraded"]))


def _verdicts(verdicts: dict[str, Any]) -> Iterator[Metric]:
    given = CounterMetricFamily("sentinel_verdicts", "Verdicts on orders.", labels=["verdict"])
    given.add_metric(["approved"], verdicts["approved"])
    given.add_metric(["vetoed"], verdicts["vetoed"])
    yield given
    vetoes = CounterMetricFamily("sentinel_vetoes", "Vetoes by reason.", labels=["reason"])
    for reason in Reason:
        vetoes.add_metric([reason.value], verdicts["by_reason"].get(reason.value, 0))
    yield vetoes


def _sessions(sessions: list[dict[str, Any]]) -> Iterator[Metric]:
    yield _gauge("sessions", "Open sessions.", len(sessions))
    shown = sessions[:ROWS_MAX]
    for name, text, key, divisor in _SESSION_GAUGES:
        family = GaugeMetricFamily(f"sentinel_{name}", text, labels=["strategy"])
        for session in shown:
            value = _number(session[key], divisor)
            if value is not None:
                family.add_metric([session["strategy"]], value)
        yield family
    vitals = GaugeMetricFamily(
        "sentinel_session_vitals", "Whether the loop lives.", labels=["strategy", "vitals"]
    )
    for session in shown:
        for known in Vitals:
            vitals.add_metric([session["strategy"], known.value], session["vitals"] == known.value)
    yield vitals


def _limits(rows: list[dict[str, Any]]) -> Iterator[Metric]:
    shown = rows[:ROWS_MAX]
    for name, text in (
        ("limit", "The limit itself."),
        ("used", "How much of a limit is used."),
        ("headroom", "How much of a limit is left."),
    ):
        full = "sentinel_limit" if name == "limit" else f"sentinel_limit_{name}"
        family = GaugeMetricFamily(full, text, labels=["key", "scope"])
        for row in shown:
            family.add_metric([row["key"], row["scope"]], float(row[name]))
        yield family
    omitted = len(rows) - len(shown)
    yield _gauge("limit_rows_omitted", "Rows of limits beyond what is shown.", omitted)


def _incidents(counters: dict[str, int]) -> Metric:
    family = CounterMetricFamily(
        "sentinel_incidents", "What was turned away, cut off or dropped.", labels=["kind"]
    )
    for kind, count in sorted(counters.items()):
        family.add_metric([kind], count)
    return family


def _gate(reading: Reading) -> Metric:
    buckets, total = [], 0
    for bound_ns, count in zip(GATE_BOUNDS_NS, reading.gate_counts, strict=False):
        total += count
        buckets.append((f"{bound_ns / NS_PER_S:g}", float(total)))
    buckets.append(("+Inf", float(sum(reading.gate_counts))))
    return HistogramMetricFamily(
        "sentinel_gate_latency_seconds",
        "From an intent's receipt to its verdict's departure.",
        buckets=buckets,
        sum_value=reading.gate_sum_ns / NS_PER_S,
    )


def _gauge(name: str, text: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(f"sentinel_{name}", text)
    if value is not None:
        family.add_metric([], value)
    return family


def _one_of(name: str, text: str, label: str, known: Iterable[str], now: str | None) -> Metric:
    family = GaugeMetricFamily(f"sentinel_{name}", text, labels=[label])
    for value in known:
        family.add_metric([value], value == now)
    return family


def _at(document: Document, path: _Path) -> int | str | None:
    """Return what stands at a place; None where there is no such place now."""
    found: Any = document
    for key in path:
        if not isinstance(found, dict):
            return None
        found = found.get(key)
    return found if isinstance(found, int | str) else None


def _number(value: int | str | None, divisor: int = 1) -> float | None:
    """Return a number or a decimal text as the format's only kind of number."""
    return None if value is None else float(value) / divisor
