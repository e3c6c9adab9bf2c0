"""The trading state: what lowers it, what latches, and what alone may raise it."""

from __future__ import annotations

ACTIVE = "ACTIVE"
REDUCING = "REDUCING"
HALTED = "HALTED"


class HaltRecord:
    """A latched halt. A new cause while halted gets a new id, so that no old resume lifts it."""

    def __init__(self, halt_id: str, cause: str, by: str, why: str, since_wall_ns: int) -> None:
        self.halt_id = halt_id
        self.cause = cause
        self.by = by
        self.why = why
        self.since_wall_ns = since_wall_ns
        self.causes = [cause]


class Trading:
    """ACTIVE, REDUCING or HALTED. Down by itself; up by a named person, or after a condition."""

    def __init__(self) -> None:
        self.halt: HaltRecord | None = None
        self.halts = 0
        self.reduce_cause: str | None = None
        self.conditions: dict[str, int | None] = {}
        """Name → None while it lasts, or the `at_ns` at which it ended."""
        self.stop_paths: dict[str, str] = {}

    @property
    def state(self) -> str:
        """The state that follows from all of it."""
        if self.halt is not None:
            return HALTED
        if self.reduce_cause is not None or self.conditions:
            return REDUCING
        return ACTIVE

    @property
    def cause(self) -> str:
        """Why the state is what it is; empty when ACTIVE."""
        if self.halt is not None:
            return self.halt.cause
        if self.reduce_cause is not None:
            return self.reduce_cause
        return min(self.conditions, default="")

    def latch(self, epoch: int, cause: str, by: str, why: str, wall_ns: int) -> HaltRecord | None:
        """Latch a halt; None if this cause is latched already."""
        if self.halt is not None and cause in self.halt.causes:
            return None
        self.halts += 1
        halt_id = f"h{epoch}-{self.halts}"
        if self.halt is None:
            self.halt = HaltRecord(halt_id, cause, by, why, wall_ns)
        else:
            self.halt.halt_id = halt_id
            self.halt.causes.append(cause)
        return self.halt

    def begin_condition(self, name: str) -> bool:
        """A condition holds; True if it did not before."""
        fresh = self.conditions.get(name, 0) is not None
        self.conditions[name] = None
        return fresh

    def end_condition(self, name: str, at_ns: int) -> None:
        """A condition ended; its REDUCING ends later, by `expire`."""
        if name in self.conditions and self.conditions[name] is None:
            self.conditions[name] = at_ns

    def recovery_due_ns(self, recover_ns: int) -> list[int]:
        """Return when each ended condition's REDUCING is over."""
        return [ended + recover_ns for ended in self.conditions.values() if ended is not None]

    def expire(self, at_ns: int, recover_ns: int) -> bool:
        """Forget conditions that ended long enough ago; True if any was."""
        over = [
            name
            for name, ended in self.conditions.items()
            if ended is not None and at_ns >= ended + recover_ns
        ]
        for name in over:
            del self.conditions[name]
        return bool(over)

    def lift(self) -> str:
        """Lift halt and latched REDUCING; returns what had caused them."""
        cause = self.cause
        self.halt = None
        self.reduce_cause = None
        return cause
