"""The acts of the demo, each a loop's life under one sentinel. It only starts, breaks and looks."""

from __future__ import annotations

from typing import Final

from examples.demo_market import SYNTHETIC_SYMBOL, Market
from examples.demo_report import Act, Latch, Results, Stop, Throttled
from examples.demo_stage import Stage, StepFailed, last_lines, set_keys, stop_process
from examples.demo_strategies import ENTRIES, HANGS
from examples.demo_watch import Watch, content

BURST: Final = 5
PER_S: Final = 5
OWN_SYMBOL: Final = ("--symbol", SYNTHETIC_SYMBOL)
STEADY: Final = ("--feed", "synthetic:7?speed=1", *OWN_SYMBOL)
BAD_DATA: Final = 65
QUIET: Final = "HEARTBEAT_QUIET"
PATIENCE: Final = {"answer_timeout_ms": "250", "sentinel_timeout_ms": "5000"}
"""A demo may run on a machine that is busy with other things."""


def prepare(stage: Stage, market: Market) -> None:
    """Write a configuration and start the sentinel on it."""
    made = stage.command("init", str(stage.config))
    if made.returncode != 0:
        raise StepFailed(f"`sentinel init`: {made.stderr.strip()}")
    text = stage.config.read_text(encoding="utf-8")
    symbols = ", ".join(f'"{name}"' for name in sorted({SYNTHETIC_SYMBOL, market.symbol}))
    text = set_keys(text, "limits", {"symbols": f"[{symbols}]"})
    text = set_keys(text, "kill", {"positions": '"flatten"'})
    text = set_keys(text, "metrics", {"port": "0"})
    text = set_keys(text, "ipc", PATIENCE)
    text = set_keys(text, "scalper", {"order_qty": f'"{market.order_qty}"'})
    stage.write_config(text)
    stage.start_sentinel()


class Play:
    """Plays the acts in order on one stage, each on what the one before left."""

    def __init__(self, stage: Stage, market: Market) -> None:
        """Take the stage; a sentinel runs on it."""
        self._stage = stage
        self._line = stage.line
        self._market = market
        self._watch = Watch(stage)

    def all(self) -> Results:
        """Play everything."""
        dry_run = self._dry_run()
        self._tighten()
        runaway, throttled = self._runaway()
        self._watch.resume()
        stopped = self._stopped()
        before, after, refused = self._restart()
        self._watch.resume()
        hung = self._hung()
        self._watch.resume()
        stop_file = self._stop_file()
        latch, again = self._latch(before, after, refused)
        return Results(
            dry_run=dry_run,
            runaway=runaway,
            throttled=throttled,
            others=(stopped, hung, stop_file),
            latch=latch,
            after=again,
            approved=self._watch.status["verdicts"]["approved"],
            orders=self._watch.orders,
        )

    def _dry_run(self) -> Act:
        market, stage = self._market, self._stage
        self._line.step(f"1 a guarded dry run: {market.title}, {market.symbol}")
        arguments = ["--feed", market.feed, "--symbol", market.symbol]
        if market.passes is not None:
            arguments += ["--iterations", str(market.passes)]
        loop = stage.start_loop(*arguments)
        start_ns = stage.clock.elapsed_ns()
        end_ns = stage.wait_end(loop, "the dry run ends", lambda: self._progress(start_ns))
        if loop.process.returncode != 0:
            said = " / ".join(last_lines(loop.err, 3)) or "it said nothing"
            code = BAD_DATA if loop.process.returncode == BAD_DATA else 1
            raise StepFailed(f"the dry run failed: {said}", code)
        for row in last_lines(loop.out, 40):
            self._line.step(f"    {row}")
        self._line.step(f"  done in {stage.since_ms(start_ns, end_ns)} ms")
        return self._watch.ended(f"dry run, {market.symbol}", loop)

    def _progress(self, start_ns: int) -> str:
        status = self._stage.status()
        verdicts = status["verdicts"]
        passes = "".join(f" pass {session['iteration']}," for session in status["sessions"])
        return (
            f"{self._stage.since_ms(start_ns) // 1000} s:{passes}"
            f" {verdicts['approved']} approved, {verdicts['vetoed']} vetoed,"
            f" equity {status['equity']}"
        )

    def _tighten(self) -> None:
        """Change the limits under the running sentinel, and see that it took them."""
        stage = self._stage
        text = stage.config.read_text(encoding="utf-8")
        text = set_keys(
            text,
            "limits",
            {"vetoes_max": "200", "repeat_max": "2000", "orders_working_max": "1000"},
        )
        text = set_keys(text, "throttle", {"rate": f'"{PER_S}"', "burst": f'"{BURST}"'})
        text = set_keys(text, "scalper", {"order_qty": '"1"'})
        old = self._watch.status["config"]["hash"]
        start_ns = stage.clock.elapsed_ns()
        stage.write_config(text)
        stage.until(
            "the sentinel takes the new limits",
            lambda: stage.status()["config"]["hash"] != old or None,
        )
        seen_ms = stage.since_ms(start_ns)
        stage.until("the throttle is full again", lambda: self._watch.throttle_is_full() or None)
        self._line.step(
            f"  limits changed while it runs: throttle {PER_S}/s, burst {BURST}, vetoes_max 200"
            f" (seen after {seen_ms} ms)"
        )

    def _runaway(self) -> tuple[Stop, Throttled]:
        stage = self._stage
        self._line.step(f"2 a runaway: {ENTRIES:,} orders as fast as it can, no ear for a veto")
        loop = stage.start_loop(
            *("--feed", "synthetic:5", *OWN_SYMBOL),
            *("--strategy", "examples.demo_strategies:Runaway"),
        )
        cause_ns = self._watch.seen(
            loop, "its first order", lambda: b"intent_" in content(loop.log)
        )
        stop = self._watch.killed(loop, "runaway", cause_ns, "VETO_STORM")
        lived_ms = stage.since_ms(loop.started_ns, cause_ns) + stop.dead_ms
        return stop, Throttled(burst=BURST, per_s=PER_S, elapsed_ms=lived_ms)

    def _stopped(self) -> Stop:
        self._line.step("3 a loop that hangs: the whole process is frozen (SIGSTOP)")
        loop = self._stage.start_loop(*STEADY)
        self._watch.beating(loop)
        cause_ns = self._stage.clock.elapsed_ns()
        stop_process(loop)
        return self._watch.killed(loop, "hang: SIGSTOP", cause_ns, QUIET)

    def _restart(self) -> tuple[str, str | None, int]:
        """Restart the sentinel on a latched halt; return both halt ids and a loop's exit code."""
        stage = self._stage
        before = stage.status()["halt"]["id"]
        stage.stop_sentinel()
        stage.start_sentinel()
        halt = stage.status()["halt"]
        code = self._refused()
        self._line.step("  the sentinel is restarted: the halt is still there")
        return before, None if halt is None else halt["id"], code

    def _hung(self) -> Stop:
        self._line.step("4 a loop that hangs: the strategy never returns, the process lives on")
        loop = self._stage.start_loop(*STEADY, "--strategy", "examples.demo_strategies:Hang")
        cause_ns = self._watch.seen(loop, "it hangs", lambda: HANGS.encode() in content(loop.err))
        return self._watch.killed(loop, "hang: strategy", cause_ns, QUIET)

    def _stop_file(self) -> Stop:
        stage = self._stage
        self._line.step("5 a STOP file: touch STOP in the state directory")
        loop = stage.start_loop(*STEADY)
        self._watch.beating(loop)
        cause_ns = stage.clock.elapsed_ns()
        stage.stop_file.touch()
        return self._watch.killed(loop, "STOP file", cause_ns, "STOP_FILE_PRESENT")

    def _latch(self, before: str, after: str | None, refused: int) -> tuple[Latch, Act]:
        """Try to go on with the STOP file there, then without it, then after a resume."""
        stage = self._stage
        self._line.step("6 going on: refused until the STOP file is gone and a person resumes")
        with_stop = self._refused()
        resume_with_stop = self._watch.ask_resume()
        stage.stop_file.unlink()
        self._watch.resume()
        loop = stage.start_loop("--feed", "synthetic:3", *OWN_SYMBOL, "--iterations", "500")
        stage.wait_end(loop, "the loop runs again")
        again = self._watch.ended("after the resume", loop)
        return (
            Latch(
                halt_before_restart=before,
                halt_after_restart=after,
                start_while_halted=refused,
                resume_with_stop_file=resume_with_stop,
                start_with_stop_file=with_stop,
                start_after_resume=again.exit_code,
            ),
            again,
        )

    def _refused(self) -> int:
        """Start a loop that is to be refused, and return its exit code."""
        loop = self._stage.start_loop(*STEADY)
        self._stage.wait_end(loop, "a loop started while halted ends")
        self._line.step(f"    {' '.join(last_lines(loop.err, 1)).partition(';')[0]}")
        return loop.process.returncode
