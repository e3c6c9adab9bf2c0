"""Every planted mistake is found by the invariant that it breaks, and by no accident."""

from __future__ import annotations

import pytest

from tests.simulation.invariants import INVARIANTS
from tests.simulation.mutants import MUTANTS, planted
from tests.simulation.world import World

BUDGET = 60
"""Seeds within which a mutant must be found."""


def broken_by(seed, weather):
    return {name for name, _ in World(seed, weather=weather).run().broken}


@pytest.mark.parametrize(
    ("mutant", "invariant", "weather"), MUTANTS, ids=[mutant.__name__ for mutant, _, _ in MUTANTS]
)
def test_a_mutant_is_found_within_its_budget_of_seeds(mutant, invariant, weather):
    with planted(mutant):
        found = next((s for s in range(BUDGET) if invariant in broken_by(s, weather)), None)
    assert found is not None, f"{mutant.__name__} is not found in {BUDGET} seeds"
    assert broken_by(found, weather) == set(), "the same seed fails without the mutant"


def test_every_invariant_has_a_mutant():
    assert {invariant for _, invariant, _ in MUTANTS} == INVARIANTS.keys()
