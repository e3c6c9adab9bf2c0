"""The kill sequence as a table of stages: kill the tree, cancel, read back twice, positions.

Each step is an effect and comes back as an event, so that after a crash the sequence goes on
where it was. Nothing is called done that was not read back from the venue.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ipc.clock import NS_PER_S
from sentinel.core.effects import CancelOrders, Effect, HandlePositions, KillTree, ReadVenue
from sentinel.core.steps import OrdersCancelled, PositionsHandled, TreeKilled, VenueRead

IDLE, KILLING, CANCELLING, VERIFYING, POSITIONS, DONE = (
    "IDLE",
    "KILLING",
    "CANCELLING",
    "VERIFYING",
    "POSITIONS",
    "DONE",
)
RUNNING = frozenset({KILLING, CANCELLING, VERIFYING, POSITIONS})
KILLED_FLAT = "KILLED_FLAT"
KILLED_POSITION_OPEN = "KILLED_POSITION_OPEN"
KILL_UNVERIFIED = "KILL_UNVERIFIED"
RETRY_NS = NS_PER_S
REMIND_NS = 30 * NS_PER_S
READS_APART_NS = NS_PER_S
Process = tuple[int, int]
Step = OrdersCancelled | PositionsHandled | TreeKilled | VenueRead


class KillSequence:
    """One kill sequence at a time; asked for twice it is done once."""

    def __init__(self) -> None:
        self.number = 0
        self.stage = IDLE
        self.cause = ""
        self.outcome: str | None = None
        self.problem = ""
        self.processes: list[Process] = []
        self.open_positions: dict[str, str] = {}
        self.clean_at_ns = 0
        self.retry_at_ns = 0
        self.remind_at_ns = 0
        self.stage_at_ns: dict[str, int] = {}
        self.grace_ms = 0
        self.policy = "protect"

    @property
    def running(self) -> bool:
        """Whether a step is still to come."""
        return self.stage in RUNNING

    def start(self, cause: str, processes: list[Process], at_ns: int) -> list[Effect]:
        """Begin, or widen a running sequence to processes it does not have yet."""
        fresh = [p for p in processes if p not in self.processes]
        if self.running:
            self.processes += fresh
            if not fresh:
                return []
            return self._enter(KILLING, at_ns)
        self.number += 1
        self.cause = cause
        self.outcome = None
        self.problem = ""
        self.processes = list(processes)
        self.stage_at_ns = {}
        self.clean_at_ns = 0
        self.remind_at_ns = 0
        return self._enter(KILLING if processes else CANCELLING, at_ns)

    def step(self, event: Step) -> list[Effect]:
        """Take what became of a step; one of another sequence, or out of turn, changes nothing."""
        handler = TABLE.get((self.stage, type(event).__name__))
        if event.sequence != self.number or handler is None:
            return []
        return handler(self, event)

    def again(self, at_ns: int) -> list[Effect]:
        """Repeat the present stage: after a failure, a time-out or a restart."""
        return self._enter(self.stage, at_ns) if self.running else []

    def abandon(self) -> None:
        """A person took the rest over: no further step is asked for."""
        if self.running:
            self.stage = IDLE
            self.outcome = None
        self.retry_at_ns = 0

    def forget_processes(self) -> None:
        """The host rebooted: no process of before is left, and its number may be another's."""
        self.processes = []
        if self.stage == KILLING:
            self.stage = CANCELLING

    def _enter(self, stage: str, at_ns: int, delay_ns: int = 0) -> list[Effect]:
        self.stage = stage
        self.stage_at_ns.setdefault(stage, at_ns)
        self.retry_at_ns = 0
        match stage:
            case "KILLING":
                return [
                    KillTree(
                        sequence=self.number,
                        cause=self.cause,
                        processes=tuple(self.processes),
                        grace_ms=self.grace_ms,
                    )
                ]
            case "CANCELLING":
                return [CancelOrders(sequence=self.number, protect=self.policy == "protect")]
            case "VERIFYING":
                return [ReadVenue(sequence=self.number, not_before_ns=at_ns + delay_ns)]
            case "POSITIONS":
                return [HandlePositions(sequence=self.number, policy=self.policy)]
            case _:
                return []

    def _failed(self, problem: str, at_ns: int) -> list[Effect]:
        self.problem = problem
        self.outcome = KILL_UNVERIFIED
        self.clean_at_ns = 0
        self.retry_at_ns = at_ns + RETRY_NS
        return []

    def on_tree(self, event: TreeKilled) -> list[Effect]:
        """Killed and seen empty: go on. Survivors: again, and cancel at the venue meanwhile."""
        if event.survivors == 0:
            return self._enter(CANCELLING, event.at_ns)
        self._failed(f"{event.survivors} processes survived", event.at_ns)
        return [CancelOrders(sequence=self.number, protect=self.policy == "protect")]

    def on_cancelled(self, event: OrdersCancelled) -> list[Effect]:
        """The venue took the cancels: read back. It did not: again in a second."""
        if event.problem is not None:
            return self._failed(event.problem, event.at_ns)
        return self._enter(VERIFYING, event.at_ns)

    def on_read(self, event: VenueRead) -> list[Effect]:
        """Two clean reads at least one second apart make it verified."""
        if event.problem is not None:
            return self._failed(event.problem, event.at_ns)
        if event.working:
            self.stage = CANCELLING
            return self._failed(f"{len(event.working)} orders still work", event.at_ns)
        if self.clean_at_ns and event.read_at_ns >= self.clean_at_ns + READS_APART_NS:
            return self._enter(POSITIONS, event.at_ns)
        if not self.clean_at_ns:
            self.clean_at_ns = event.read_at_ns
        return self._enter(VERIFYING, event.at_ns, READS_APART_NS)

    def on_positions(self, event: PositionsHandled) -> list[Effect]:
        """Everything was read back: name the outcome."""
        if event.problem is not None:
            return self._failed(event.problem, event.at_ns)
        self.open_positions = dict(event.open_positions)
        self.outcome = KILLED_POSITION_OPEN if event.open_positions else KILLED_FLAT
        self.stage = DONE
        self.stage_at_ns.setdefault(DONE, event.at_ns)
        return []


Handler = Callable[[KillSequence, Any], list[Effect]]
TABLE: dict[tuple[str, str], Handler] = {
    (KILLING, "TreeKilled"): KillSequence.on_tree,
    (CANCELLING, "OrdersCancelled"): KillSequence.on_cancelled,
    (VERIFYING, "VenueRead"): KillSequence.on_read,
    (POSITIONS, "PositionsHandled"): KillSequence.on_positions,
}
"""Stage × event; an event that has no cell came out of turn and is only journaled."""
