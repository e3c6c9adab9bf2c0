"""`--live` starts only when every fact is there; each one that is missing is named."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from tests.end_to_end.pair import QUICK, config_text
from tests.end_to_end.program import HOUSE

ALLOW_LIVE = {
    None: "ALLOW_LIVE is not set (expected exactly ALLOW_LIVE=true)",
    "True": "ALLOW_LIVE is 'True' (expected exactly ALLOW_LIVE=true)",
    "true": None,
}
UNASKED = "no confirmation: standard input is not a terminal and --yes was not given"
PAPER_CONFIG = 'the configuration says mode = "paper" (expected [account] mode live)'
NO_ACCOUNT = "no expected account id ([account] account_id)"
PAPER_ENDPOINT = "is a paper one"


@pytest.fixture(autouse=True)
def quick(pair):
    """Nobody has to wait long for a sentinel that is not there."""
    pair.configure(config_text(ipc=QUICK))


def refusals(program):
    """Return what was refused; every line says so."""
    lines = program.err.splitlines()
    start = "scalper: live trading refused: "
    assert all(line.startswith(start) for line in lines), program.err
    return [line.removeprefix(start) for line in lines]


@pytest.mark.parametrize("allowed", ALLOW_LIVE)
@pytest.mark.parametrize("yes", [False, True])
def test_live_with_a_paper_endpoint_is_77_and_names_each_missing_fact(pair, allowed, yes):
    env = {} if allowed is None else {"ALLOW_LIVE": allowed}
    program = pair.run("scalper", "--live", *(["--yes"] if yes else []), **env)
    assert program.end() == 77
    expected = [ALLOW_LIVE[allowed], PAPER_CONFIG, NO_ACCOUNT, PAPER_ENDPOINT]
    expected += ["no sentinel that computed the same facts: ", None if yes else UNASKED]
    wanted = [text for text in expected if text is not None]
    found = refusals(program)
    assert len(found) == len(wanted)
    for line, text in zip(found, wanted, strict=True):
        assert text in line
    assert pair.orders() == []


def test_a_running_paper_sentinel_does_not_make_live_possible(pair):
    pair.start_sentinel()
    program = pair.run("scalper", "--live", "--yes", ALLOW_LIVE="true")
    assert program.end() == 77
    found = refusals(program)
    assert any(PAPER_CONFIG in line for line in found)
    assert any(PAPER_ENDPOINT in line for line in found)
    assert pair.status()["sessions"] == []


def test_an_account_that_is_not_the_expected_one_is_named(pair):
    pair.start_sentinel()
    pair.configure(
        config_text(ipc=QUICK, account='kind = "margin"\naccount_id = "MINE"\nmode = "paper"')
    )
    program = pair.run("scalper", "--live", "--yes", ALLOW_LIVE="true")
    assert program.end() == 77
    assert any("ACCOUNT_MISMATCH" in line for line in refusals(program)), program.err


def test_live_without_a_configuration_is_77_and_names_that(pair):
    pair.config_path.unlink()
    program = pair.run("scalper", "--live", "--yes", ALLOW_LIVE="true")
    assert program.end() == 77
    found = refusals(program)
    assert "no valid configuration" in found[0]
    assert str(pair.config_path) in found[0]


def test_a_usage_error_counts_before_the_live_guard(pair):
    assert pair.run("scalper", "--live", "--dry-run").end() == 64
    assert pair.run("scalper", "--live", "--iterations", "0").end() == 64


def test_on_a_terminal_the_confirmation_is_not_among_what_is_missing(pair):
    leader, follower = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "scalper", "--live"],
            env=pair.env | {"ALLOW_LIVE": "true"},
            cwd=HOUSE,
            stdin=follower,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(leader)
        os.close(follower)
    assert done.returncode == 77
    assert "no confirmation" not in done.stderr
    assert "is a paper one" in done.stderr
