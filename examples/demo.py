"""The demo: a guarded dry run, then what the product is for. It touches nothing but its own files.

`python examples/demo.py [--feed csv:PATH | --feed synthetic:SEED] [--keep]`, or `make demo`. It
drives the real commands as processes of their own: a dry run, a runaway, two loops that hang and a
STOP file. Exit codes: 0 all of it happened, 1 something did not, 64 usage, 65 a bad feed, 130
interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from examples.demo_acts import Play, prepare
from examples.demo_interrupts import Interrupts
from examples.demo_line import Line
from examples.demo_market import FeedRefused, choose_market
from examples.demo_report import checks, report
from examples.demo_stage import Stage, StepFailed
from ipc.clock import SystemClock

DEFAULT_FEED: Final = "synthetic:1?speed=600"
FAILED: Final = 1
USAGE: Final = 64
INTERRUPTED: Final = 130


class _Arguments(argparse.ArgumentParser):
    """Exits 64 for bad usage, as the other commands do."""

    def error(self, message: str) -> NoReturn:
        """Say it in one line."""
        self.exit(USAGE, f"demo: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Play everything, print the report, and return the exit code."""
    parser = _Arguments(prog="demo", description="A guarded dry run, and four ways to stop a loop.")
    parser.add_argument(
        "--feed", default=DEFAULT_FEED, metavar="SPEC", help="csv:PATH or synthetic:SEED"
    )
    parser.add_argument("--keep", action="store_true", help="keep the demo's directory")
    options = parser.parse_args(arguments)
    interrupts = Interrupts()
    try:
        return _play(options.feed, interrupts, keep=options.keep)
    except FeedRefused as refused:
        print(f"demo: {refused}", file=sys.stderr)
        return refused.code
    except StepFailed as failed:
        print(f"demo: FAILED: {failed}", file=sys.stderr)
        return failed.code
    except KeyboardInterrupt:
        print("demo: interrupted, everything it started is ended", file=sys.stderr)
        return INTERRUPTED


def _play(feed: str, interrupts: Interrupts, *, keep: bool) -> int:
    market = choose_market(feed)
    terminal = sys.stdout.isatty() and os.environ.get("TERM", "") != "dumb"
    clock = SystemClock()
    line = Line(sys.stdout, clock, terminal=terminal)
    start_ns = clock.elapsed_ns()
    with Stage(clock, line, interrupts, keep=keep) as stage:
        if keep:
            line.step(f"everything is kept in {stage.home}")
        try:
            prepare(stage, market)
            results = Play(stage, market).all()
        except StepFailed:
            line.clear()
            for text in stage.last_log():
                print(f"  sentinel: {text}", file=sys.stderr)
            raise
        line.step("")
        line.step(report(results, colors=terminal and "NO_COLOR" not in os.environ))
        line.step(f"({stage.since_ms(start_ns) // 1000} s)")
    return 0 if all(check.ok for check in checks(results)) else FAILED


if __name__ == "__main__":
    sys.exit(main())
