"""What the demo saw, whether it is all that was promised, and how a person reads it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

KILLED: Final = -9
VERIFIED: Final = ("KILLED_FLAT", "KILLED_POSITION_OPEN")
REFUSED_HALTED: Final = 75


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """One loop's life under the sentinel; counts are the sentinel's own, of this act alone."""

    name: str
    approved: int
    by_reason: dict[str, int]
    orders: int
    """Orders that reached the venue, counted by the venue."""
    late: int = 0
    """Answers that came too late for the loop, which then sends nothing whatever they say."""
    exit_code: int

    @property
    def vetoed(self) -> int:
        """Vetoes of all reasons."""
        return sum(self.by_reason.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """How one loop was stopped; times run from the cause, in milliseconds."""

    act: Act
    expected: str
    """The cause that has to stand in the halt."""
    cause: str | None
    outcome: str | None
    dead_ms: int
    verified_ms: int
    left_working: int
    """Orders that still worked at the venue afterwards and did more than protect a position."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Throttled:
    """The runaway's bucket: `burst` tokens, `per_s` back each second, over `elapsed_ms`."""

    burst: int
    per_s: int
    elapsed_ms: int

    @property
    def approvals_max(self) -> int:
        """The most that may have been approved."""
        return self.burst + self.per_s * self.elapsed_ms // 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Latch:
    """What the halts withstood. Codes are exit codes of the commands."""

    halt_before_restart: str
    halt_after_restart: str | None
    start_while_halted: int
    resume_with_stop_file: int
    start_with_stop_file: int
    start_after_resume: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """All of it."""

    dry_run: Act
    runaway: Stop
    throttled: Throttled
    others: tuple[Stop, ...]
    latch: Latch
    after: Act
    approved: int
    """Approvals by the sentinel's count at the end, restart included."""
    orders: int
    """Orders at the venue by its own count at the end."""

    @property
    def stops(self) -> tuple[Stop, ...]:
        """Every kill."""
        return (self.runaway, *self.others)

    @property
    def acts(self) -> tuple[Act, ...]:
        """Every loop's life, in order."""
        return (self.dry_run, *(stop.act for stop in self.stops), self.after)


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One promise, and whether it held."""

    text: str
    ok: bool


def checks(results: Results) -> list[Check]:
    """Return every promise of the demo with whether it held."""
    dry, run, bucket = results.dry_run, results.runaway, results.throttled
    found = [
        Check(text=f"the dry run ended by itself (exit {dry.exit_code})", ok=dry.exit_code == 0),
        Check(text=f"it traded: {dry.approved} orders approved", ok=dry.approved > 0),
        _orders_check(results),
        Check(
            text=f"the runaway got {run.act.approved} approvals:"
            f" {bucket.burst} at once, no more than {bucket.approvals_max}"
            f" in its {bucket.elapsed_ms} ms",
            ok=bucket.burst <= run.act.approved <= bucket.approvals_max
            and run.act.by_reason.get("THROTTLE_EXCEEDED", 0) > 0,
        ),
    ]
    for stop in results.stops:
        found += _stop_checks(stop)
    return [*found, *_latch_checks(results.latch)]


def _orders_check(results: Results) -> Check:
    """No order without an approval, and no approval unused but those that came too late."""
    text = f"orders at the venue {results.orders}, approvals {results.approved}"
    late = sum(act.late for act in results.acts)
    if late and results.orders != results.approved:
        text += f", the rest among {late} answers that came too late to be used"
    missing = [act.approved - act.orders for act in results.acts]
    within = all(0 <= gap <= act.late for gap, act in zip(missing, results.acts, strict=True))
    return Check(text=text, ok=within and sum(missing) == results.approved - results.orders)


def _stop_checks(stop: Stop) -> list[Check]:
    name = stop.act.name
    return [
        Check(
            text=f"{name}: halted by {stop.cause}, process killed"
            + ("" if stop.act.exit_code == KILLED else f" - no, it left with {stop.act.exit_code}"),
            ok=stop.cause == stop.expected and stop.act.exit_code == KILLED,
        ),
        Check(
            text=f"{name}: read back at the venue: {stop.outcome}, {stop.left_working} working",
            ok=stop.outcome in VERIFIED and stop.left_working == 0,
        ),
    ]


def _latch_checks(latch: Latch) -> list[Check]:
    kept = latch.halt_after_restart == latch.halt_before_restart
    return [
        Check(text="the halt outlived a restart of the sentinel", ok=kept),
        Check(
            text=f"a new loop was refused while halted (exit {latch.start_while_halted})",
            ok=latch.start_while_halted == REFUSED_HALTED,
        ),
        Check(
            text="with the STOP file there, a new loop was refused"
            f" (exit {latch.start_with_stop_file})",
            ok=latch.start_with_stop_file == REFUSED_HALTED,
        ),
        Check(
            text=f"... and so was `sentinel resume` (exit {latch.resume_with_stop_file})",
            ok=latch.resume_with_stop_file == 1,
        ),
        Check(
            text="with the STOP file gone, a named person resumed and the loop ran again",
            ok=latch.start_after_resume == 0,
        ),
    ]


def report(results: Results, *, colors: bool) -> str:
    """Return the closing text, at most 80 columns wide: acts, vetoes, stops, checks."""
    found = checks(results)
    failed = sum(not check.ok for check in found)
    lines = [*_acts(results), "", *_stops(results.stops), "", *_checks(found, colors=colors), ""]
    if failed:
        lines.append(f"demo: {failed} of {len(found)} checks do NOT hold")
    else:
        lines.append(f"demo: all {len(found)} checks hold")
    return "\n".join(line.rstrip() for line in lines)


def _acts(results: Results) -> list[str]:
    lines = [f"{'what ran':<34}{'asked':>7}{'approved':>10}{'at venue':>10}{'vetoed':>8}"]
    for act in results.acts:
        lines.append(
            f"{act.name[:33]:<34}{act.approved + act.vetoed:>7}{act.approved:>10}"
            f"{act.orders:>10}{act.vetoed:>8}"
        )
        for reason, count in sorted(act.by_reason.items()):
            lines.append(f"  {reason:<59}{count:>8}")
    asked = sum(act.approved + act.vetoed for act in results.acts)
    vetoed = sum(act.vetoed for act in results.acts)
    lines.append(f"{'total':<34}{asked:>7}{results.approved:>10}{results.orders:>10}{vetoed:>8}")
    return lines


def _stops(stops: Sequence[Stop]) -> list[str]:
    lines = [f"{'what stopped it':<34}{'loop dead':>12}{'verified':>12}  outcome"]
    for stop in stops:
        lines.append(
            f"{stop.act.name[:33]:<34}{stop.dead_ms:>9} ms{stop.verified_ms:>9} ms"
            f"  {stop.outcome or 'none'}"
        )
        lines.append(f"  {stop.cause or 'not halted'}")
    lines.append("(measured from the cause: first order, SIGSTOP, last pass, STOP file;")
    lines.append(" verified = two readings of the venue at least one second apart)")
    return lines


def _checks(found: Sequence[Check], *, colors: bool) -> list[str]:
    good, bad = ("\x1b[32mok\x1b[0m", "\x1b[31mFAILED\x1b[0m") if colors else ("ok", "FAILED")
    return [f"  {good if check.ok else bad}  {check.text}" for check in found]
