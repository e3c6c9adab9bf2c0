"""The fixtures of the end-to-end tests: a pair that never outlives its test, nor raises in it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.pair import Pair

SHOWN = 2000
"""Characters of each program's complaints that a failed test shows."""


@pytest.fixture
def pair(short_tmp: Path) -> Iterator[Pair]:
    """A calm configuration, and nothing started yet."""
    made = Pair(short_tmp)
    try:
        yield made
    finally:
        made.clear()
        for program in made.programs:
            sys.stdout.write(f"{' '.join(program.words[2:])}\n{program.err[-SHOWN:]}\n")
    assert not [program.words for program in made.programs if "Traceback" in program.err]


@pytest.fixture
def figure() -> Callable[[str, float], None]:
    """Print a measured figure; `pytest -s` shows it."""

    def show(what: str, ms: float) -> None:
        sys.stdout.write(f"\nMEASURED {what}: {ms:.0f} ms\n")

    return show
