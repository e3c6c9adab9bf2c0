"""The command's flags, and wrong usage before anything else."""

import re

import pytest

from tests.scalper.house import one_line

FLAGS = {
    "--dry-run",
    "--live",
    "--config",
    "--log-level",
    "--log-file",
    "--max-trades",
    "--iterations",
    "--yes",
    "--feed",
    "--strategy",
    "--symbol",
    "--help",
}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--no-such-flag",),
        ("stray",),
        ("--dry-run", "--live"),
        ("--iterations", "0"),
        ("--iterations", "x"),
        ("--max-trades", "-1"),
        ("--log-level", "loud"),
        ("--feed", "nonsense"),
        ("--feed", "csv:x?speed=fast"),
        ("--strategy", "no_such"),
        ("--strategy", "no_such:Thing"),
        ("--live", "--feed", "nonsense"),
    ],
)
def test_wrong_usage_is_64_before_anything_else(house, arguments):
    (house.place / "sentinel.toml").unlink()
    done = house.call(*arguments)
    assert done.returncode == 64
    one_line(done)


def test_the_command_itself_gives_the_exit_code(house):
    done = house.run("--iterations", "none")
    assert done.returncode == 64
    assert "--iterations" in one_line(done)


def test_help_names_every_flag(house):
    done = house.run("--help")
    assert done.returncode == 0
    flags = set(re.findall(r"--[a-z-]+", done.stdout))
    assert flags == FLAGS
