"""`python -m tests.simulation --seeds N --first K`: run that many seeds; one summary line last."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
TOLD_MAX = 5
USAGE = 64


class Words(argparse.ArgumentParser):
    """The command line; bad usage is one line, and exit code 64."""

    def error(self, message: str) -> NoReturn:
        """Say what was wrong."""
        self.exit(USAGE, f"{self.prog}: {message}\n")


def main(words: list[str]) -> int:
    """Run the seeds; 1 if any of them broke an invariant."""
    from tests.simulation.chance import EVENTS_MAX
    from tests.simulation.runner import Totals, report, run_seeds

    parser = Words(prog="simulate", description=__doc__)
    parser.add_argument("--seeds", type=_positive, default=200, help="how many (200)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (0)")
    parser.add_argument("--events", type=_positive, default=EVENTS_MAX, help="most events a seed")
    parser.add_argument("--processes", type=_positive, default=os.cpu_count() or 1)
    parser.add_argument("--hashes", action="store_true", help="print each seed's trace hash")
    given = parser.parse_args(words)
    totals = Totals()
    processes = min(given.processes, -(-given.seeds // 8))
    for outcome in run_seeds(
        given.first, given.seeds, events_max=given.events, processes=processes
    ):
        totals.add(outcome)
        if given.hashes:
            sys.stdout.write(f"{outcome.seed} {outcome.trace_hash}\n")
        if outcome.broken and totals.failed <= TOLD_MAX:
            sys.stdout.write("\n".join(report(outcome)) + "\n")
    sys.stdout.write(totals.line() + "\n")
    return 1 if totals.violations else 0


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("a number above zero was expected")
    return number


if __name__ == "__main__":
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
