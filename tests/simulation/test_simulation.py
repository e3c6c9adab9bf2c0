"""Two hundred seeds hold every invariant; a seed is the same wherever it runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.__main__ import main
from tests.simulation.mutants import ids_forgotten, planted, reply_before_journal
from tests.simulation.runner import run_seed, shortest

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 200
AT_ONCE = 25


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_no_seed_breaks_an_invariant(first, capsys):
    assert main(["--seeds", str(AT_ONCE), "--first", str(first), "--processes", "1"]) == 0
    assert "0 violations" in capsys.readouterr().out.splitlines()[-1]


def test_a_seed_is_repeated_to_the_letter():
    assert run_seed(7) == run_seed(7)
    assert run_seed(7).trace_hash != run_seed(8).trace_hash


def test_a_seed_is_the_same_whatever_the_hash_seed_of_the_process():
    def hashes(hash_seed):
        words = [sys.executable, "-m", "tests.simulation", "--seeds", "4", "--hashes"]
        done = subprocess.run(
            [*words, "--processes", "1"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert hashes("1") == hashes("2")


def test_several_processes_find_what_one_finds(capsys):
    main(["--seeds", "16", "--processes", "1", "--events", "300", "--hashes"])
    alone = capsys.readouterr().out
    main(["--seeds", "16", "--processes", "2", "--events", "300", "--hashes"])
    assert capsys.readouterr().out == alone


def test_a_run_by_its_path_ends_with_one_summary_line():
    done = subprocess.run(
        [sys.executable, ROOT / "tests/simulation/__main__.py", "--seeds", "2", "--events", "200"],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(
        r"simulate: 2 seeds, \d+\.\d simulated hours, 400 events, \d+ orders,"
        r" faults: .+; 0 violations in 0 seeds",
        done.stdout.splitlines()[-1],
    )


def test_a_failing_seed_prints_the_command_that_repeats_it_shortest(capsys):
    with planted(reply_before_journal):
        assert main(["--seeds", "1", "--first", "3", "--processes", "1"]) == 1
        lines = capsys.readouterr().out.splitlines()
        command = next(line for line in lines if "make simulate" in line)
        seed, events = map(int, re.findall(r"(?:FIRST|EVENTS)=(\d+)", command))
        assert run_seed(seed, events).broken
        assert not run_seed(seed, events - 1).broken
    assert "I2: " in lines[2]
    assert not run_seed(seed, events).broken


def test_the_shortest_history_still_breaks_the_same_invariant():
    with planted(ids_forgotten):
        outcome = next(o for o in map(run_seed, range(60)) if o.broken)
        again = run_seed(outcome.seed, shortest(outcome))
    assert again.broken[0][0] == outcome.broken[0][0]
    assert again.events <= outcome.events


@pytest.mark.parametrize("words", [["--seeds", "0"], ["--seeds", "x"], ["--first"], ["--nothing"]])
def test_wrong_words_are_refused_in_one_line(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 64
    assert len(capsys.readouterr().err.splitlines()) == 1
