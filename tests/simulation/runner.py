"""Runs seeds and says what came of them; a failing one is cut to its shortest beginning."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.simulation.chance import EVENTS_MAX
from tests.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

NS_PER_HOUR = 3_600_000_000_000


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one seed showed."""

    seed: int
    events: int
    simulated_ns: int
    trace_hash: str
    orders: int
    faults: Counter[str]
    broken: list[tuple[str, str]]


@dataclass(kw_only=True)
class Totals:
    """What many seeds showed together."""

    seeds: int = 0
    events: int = 0
    orders: int = 0
    simulated_ns: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    violations: int = 0

    def add(self, outcome: Outcome) -> None:
        """Take one seed in."""
        self.seeds += 1
        self.events += outcome.events
        self.orders += outcome.orders
        self.simulated_ns += outcome.simulated_ns
        self.faults += outcome.faults
        self.failed += bool(outcome.broken)
        self.violations += len(outcome.broken)

    def line(self) -> str:
        """Say it in one line."""
        faults = " ".join(f"{kind}={count}" for kind, count in sorted(self.faults.items()))
        return (
            f"simulate: {self.seeds} seeds, {self.simulated_ns / NS_PER_HOUR:.1f} simulated hours,"
            f" {self.events} events, {self.orders} orders, faults: {faults or 'none'};"
            f" {self.violations} violations in {self.failed} seeds"
        )


def run_seed(seed: int, events_max: int = EVENTS_MAX) -> Outcome:
    """Run one seed; the same seed gives the same outcome, whoever runs it."""
    history = World(seed, events_max=events_max).run()
    return Outcome(
        seed=seed,
        events=history.events,
        simulated_ns=history.simulated_ns,
        trace_hash=history.trace_hash,
        orders=len(history.emitted),
        faults=history.faults,
        broken=history.broken,
    )


def run_seeds(first: int, count: int, *, events_max: int, processes: int) -> Iterator[Outcome]:
    """Run many seeds, on several processors if asked to; the order of outcomes is the seeds'."""
    seeds = range(first, first + count)
    if processes <= 1:
        for seed in seeds:
            yield run_seed(seed, events_max)
        return
    work = [(seed, events_max) for seed in seeds]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(_run, work, chunksize=8)
        pool.close()
        pool.join()


def _run(work: tuple[int, int]) -> Outcome:
    return run_seed(*work)


def shortest(outcome: Outcome) -> int:
    """Return the fewest events after which the seed still breaks what it broke first."""
    name = outcome.broken[0][0]
    low, high = 1, outcome.events
    while low < high:
        middle = (low + high) // 2
        if any(broken == name for broken, _ in run_seed(outcome.seed, middle).broken):
            high = middle
        else:
            low = middle + 1
    return high


def report(outcome: Outcome) -> list[str]:
    """Say what a failing seed broke, and how to see it again."""
    events = shortest(outcome)
    again = run_seed(outcome.seed, events)
    if not again.broken:
        events, again = outcome.events, outcome
    lines = [f"seed {outcome.seed}: {len(outcome.broken)} violations; repeat the first with"]
    lines.append(f"  make simulate SEEDS=1 FIRST={outcome.seed} EVENTS={events}")
    return lines + [f"  {name}: {what[:300]}" for name, what in again.broken[:3]]
