"""What the demo sees of a loop, and counts, from outside: commands, exit codes, logs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from examples.demo_report import Act, Stop
from examples.demo_stage import Document, Loop, Stage, StepFailed, last_lines

TICK_MS: Final = 5
LATE: Final = (b'"SENTINEL_SILENT"', b"approval_void")
"""What a loop logs, once for each, when an answer comes too late to be used."""


class Watch:
    """Looks at the pair on the stage; it knows what was counted at its last look."""

    def __init__(self, stage: Stage) -> None:
        """Take the first look; the sentinel answers."""
        self._stage = stage
        self._line = stage.line
        self.status: Document = stage.status()
        self.orders: int = stage.account()["orders_placed"]

    def throttle_is_full(self) -> bool:
        """Whether every token of the one throttle is there."""
        limits = self._stage.status()["limits"]
        return any(row["used"] == "0" for row in limits if row["key"].startswith("throttle:"))

    def resume(self) -> None:
        """Resume as a named person; it may take a moment until the sentinel sees the cause gone."""
        self._stage.until(
            "`sentinel resume` is taken", lambda: self.ask_resume() == 0 or None, poll_ms=100
        )

    def ask_resume(self) -> int:
        """Ask for a resume once, and return the command's exit code."""
        why = "the cause is dealt with"
        return self._stage.command("resume", "--by", "demo", "--why", why).returncode

    def beating(self, loop: Loop) -> None:
        """Wait until the sentinel has heard the loop's heart."""

        def beating() -> bool | None:
            _require_alive(loop)
            return any(session["beating"] for session in self._stage.status()["sessions"]) or None

        self._stage.until("the loop beats", beating)

    def seen(self, loop: Loop, what: str, there: Callable[[], bool]) -> int:
        """Wait for a sign of the loop and return when it was seen (elapsed ns)."""

        def look() -> int | None:
            if there():
                return self._stage.clock.elapsed_ns()
            _require_alive(loop)
            return None

        return self._stage.until(what, look, poll_ms=TICK_MS)

    def killed(self, loop: Loop, name: str, cause_ns: int, expected: str) -> Stop:
        """Wait until the loop is dead and the sentinel has verified the rest at the venue."""
        stage = self._stage
        dead_ns = stage.wait_end(loop, f"{name}: the loop is killed")
        dead_ms = stage.since_ms(cause_ns, dead_ns)
        self._line.step(f"  dead after {dead_ms} ms; now the venue is read back")

        def verified() -> int | None:
            self.status = stage.status()
            kill = self.status["kill"]
            self._line.show(lambda: f"kill sequence: {kill['stage']}")
            done = kill["stage"] == "DONE" and kill["outcome"]
            return stage.since_ms(cause_ns) if done else None

        old = self.status["verdicts"]
        verified_ms = stage.until(f"{name}: the kill is verified", verified, poll_ms=100)
        kill, halt = self.status["kill"], self.status["halt"]
        account = stage.account()
        stop = Stop(
            act=self._act(name, loop, old, account),
            expected=expected,
            cause=None if halt is None else halt["cause"],
            outcome=kill["outcome"],
            dead_ms=dead_ms,
            verified_ms=verified_ms,
            left_working=_left_working(account),
        )
        self._line.step(f"  {stop.cause}: {stop.outcome} after {verified_ms} ms")
        return stop

    def ended(self, name: str, loop: Loop) -> Act:
        """Count what a loop did that ended by itself."""
        old = self.status["verdicts"]
        self.status = self._stage.status()
        return self._act(name, loop, old, self._stage.account())

    def _act(self, name: str, loop: Loop, old: Document, account: Document) -> Act:
        """Count what came since the last act, by the sentinel and by the venue."""
        new, old_orders = self.status["verdicts"], self.orders
        self.orders = account["orders_placed"]
        by_reason = {
            reason: count - old["by_reason"].get(reason, 0)
            for reason, count in new["by_reason"].items()
        }
        return Act(
            name=name,
            approved=new["approved"] - old["approved"],
            by_reason={reason: count for reason, count in by_reason.items() if count},
            late=sum(content(loop.log).count(reason) for reason in LATE),
            orders=self.orders - old_orders,
            exit_code=loop.process.returncode,
        )


def content(path: Path) -> bytes:
    """Return what is in a file so far."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _require_alive(loop: Loop) -> None:
    if loop.died_within(0):
        code = loop.process.wait()
        said = " / ".join(last_lines(loop.err, 3)) or "it said nothing"
        raise StepFailed(f"the loop ended with {code}: {said}")


def _left_working(account: Document) -> int:
    """Count the orders at the venue that do more than protect a position."""
    return sum(
        order["leg"] is None and not order["reduce_only"] for order in account["working_orders"]
    )
