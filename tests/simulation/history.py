"""What is recorded of a simulated run, for the checker that reads it. Decides nothing."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sentinel.core.effects import Reply
from sentinel.core.ledger import Entry, decode_entry

if TYPE_CHECKING:
    from sentinel.core.events import EpochStarted


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """One journal entry and when it was really written; `entering` if it approved an entry."""

    entry: Entry
    true_ns: int
    epoch: int
    entering: bool

    @property
    def event(self) -> Any:
        """What happened; which kind of event it is says the reader."""
        return self.entry.event

    @property
    def approval(self) -> Reply | None:
        """The approval of an order or a replace that was decided here, if any."""
        for effect in self.entry.effects:
            if isinstance(effect, Reply) and effect.approved and effect.kind != "cancel":
                return effect
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """An approval that left the sentinel, and whether the journal had it for good by then."""

    true_ns: int
    cl_ord_id: str
    seq: int
    durable: bool
    boot_ns: int
    deadline_ns: int | None
    """The deadline of the question it answers; None if no such question came."""
    repeated: bool
    """Whether it was decided before, and is the same verdict once more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Believed:
    """A loop got a permission from its own client: when, and when it had stopped waiting."""

    cl_ord_id: str
    boot_ns: int
    patience_ns: int
    true_ns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Emitted:
    """An order that left a loop for the venue."""

    cl_ord_id: str
    fingerprint: bytes
    run_id: str
    epoch: int
    boot_ns: int
    true_ns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Recovered:
    """What a restart remembered, against what loops had been told before it."""

    approved: int
    ids: frozenset[str]
    received: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposed:
    """The worst case at the venue itself, after an order was placed: quantity on one side."""

    true_ns: int
    symbol: str
    qty: int


@dataclass(slots=True)
class History:
    """Everything that happened in one run."""

    entries: list[Written] = field(default_factory=list)
    """The journal as it survived."""
    sent: list[Sent] = field(default_factory=list)
    believed: list[Believed] = field(default_factory=list)
    emitted: list[Emitted] = field(default_factory=list)
    recovered: list[Recovered] = field(default_factory=list)
    exposed: list[Exposed] = field(default_factory=list)
    in_force: list[tuple[str, str]] = field(default_factory=list)
    """The hash that the core says is in force, and that of the limits it has."""
    sums: list[dict[str, Any]] = field(default_factory=list)
    """Samples of the core's own sums beside what they are made of."""
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Container → its largest size ever seen, and its bound."""
    looked: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Epoch → how many entries there were, and when, as STOP was looked at behind its watch."""
    rolls: list[int] = field(default_factory=list)
    """When the true wall clock passed a roll of the trading day."""
    tight_bounds: bool = False
    last_facts: list[tuple[str, object]] | None = None
    """What the living core knew at the end, where there was one with nothing unwritten."""
    broken: list[tuple[str, str]] = field(default_factory=list)
    """Violations that are seen while running: a journal that cannot be folded, a dead end."""
    faults: Counter[str] = field(default_factory=Counter)
    events: int = 0
    simulated_ns: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    epoch: int = 0

    def trace(self, *parts: object) -> None:
        """Take something that happened into the trace hash."""
        self.digest.update(repr(parts).encode())

    def write(self, payload: bytes, true_ns: int, entering: frozenset[str]) -> None:
        """Record an entry that is whole in the file."""
        entry = decode_entry(payload)
        if type(entry.event).__name__ == "EpochStarted":
            event: EpochStarted = entry.event  # type: ignore[assignment]
            self.epoch = event.epoch
        replies = [e.cl_ord_id for e in entry.effects if isinstance(e, Reply)]
        self.entries.append(
            Written(
                entry=entry,
                true_ns=true_ns,
                epoch=self.epoch,
                entering=any(cl_ord_id in entering for cl_ord_id in replies),
            )
        )
        self.digest.update(payload)

    def size(self, name: str, size: int, bound: int) -> None:
        """Record the largest size of a container."""
        most, _ = self.sizes.get(name, (0, 0))
        if size >= most:
            self.sizes[name] = (size, bound)

    @property
    def trace_hash(self) -> str:
        """The hash of all that happened, in order."""
        return self.digest.hexdigest()
