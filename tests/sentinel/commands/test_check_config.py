"""`sentinel check-config`: what a file means, or every problem of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ipc.config.reader import limits_hash, read_config
from ipc.config.sample import sample_text
from sentinel.commands.check_config import command

FILE = """
[limits]
symbols = ["A"]
trades_max = 5
daily_loss_max = "100.0"
[[symbol]]
name = "A"
order_qty_max = 3
[[strategy]]
name = "s"
spread_max_bps = "2.5"
[[throttle]]
name = "t"
rate = 5
burst = 6
[[route]]
name = "phone"
url = "json://user:CANARY@127.0.0.1"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sentinel.toml"
    path.write_text(FILE)
    return path


def test_it_prints_what_is_on_what_is_off_and_what_live_lacks(file: Path) -> None:
    result = CliRunner().invoke(command, ["--config", str(file)])
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0] == f"{file}: good"
    assert "symbols A" in lines
    assert "trades_max 5" in lines
    assert "daily_loss_max 100 account currency -> reduce" in lines
    assert "order_qty_max 3 units [symbol A]" in lines
    assert "spread_max_bps 2.5 bps of the mid [strategy s]" in lines
    assert "throttle t 5 orders per 1000 ms, burst 6 [each account]" in lines
    off = next(line for line in lines if line.startswith("limits that are off: "))
    assert "price_collar_bps" in off
    assert "order_qty_max" not in off
    assert "spread_max_bps" not in off
    assert "alert routes: phone" in lines
    live = next(line for line in lines if line.startswith("live also requires: "))
    assert "account_id" in live
    assert "balance_min" in live
    assert "throttle" not in live


def test_json_is_versioned_with_money_as_texts_and_counts_as_integers(file: Path) -> None:
    result = CliRunner().invoke(command, ["--config", str(file), "--json"])
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert (document["schema"], document["valid"]) == (1, True)
    assert document["hash"] == limits_hash(read_config(file).risk)
    limits = {(row["scope"], row["key"]): row["limit"] for row in document["limits"]}
    assert limits == {
        ("account", "symbols"): ["A"],
        ("account", "trades_max"): 5,
        ("account", "daily_loss_max"): "100",
        ("symbol A", "order_qty_max"): "3",
        ("strategy s", "spread_max_bps"): "2.5",
    }
    assert document["throttles"][0]["rate"] == "5"
    assert document["routes"] == ["phone"]
    assert document["problems"] == []


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_no_secret_is_shown(file: Path, flags: list[str]) -> None:
    result = CliRunner().invoke(command, ["--config", str(file), *flags])
    assert "CANARY" not in result.output


def test_a_bad_file_is_78_and_a_line_for_each_problem(file: Path) -> None:
    file.write_text("[limits]\ntrades_max = -1\n[nonsense]\n")
    result = CliRunner().invoke(command, ["--config", str(file)])
    assert result.exit_code == 78
    assert result.stdout == ""
    assert [line.split(": ")[0] for line in result.stderr.splitlines()] == [
        f"{file}:1",
        f"{file}:2",
        f"{file}:3",
    ]


def test_json_of_a_bad_file_has_the_problems(file: Path) -> None:
    file.write_text("")
    result = CliRunner().invoke(command, ["--config", str(file), "--json"])
    assert result.exit_code == 78
    document = json.loads(result.stdout)
    assert document["valid"] is False
    assert [(p["line"], p["field"]) for p in document["problems"]] == [(1, "[limits] symbols")]


def test_a_missing_file_is_78_and_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["--config", str(tmp_path / "gone.toml")])
    assert result.exit_code == 78
    assert result.stderr.count("\n") == 1
    assert "gone.toml" in result.stderr


def test_the_environment_names_the_file(file: Path) -> None:
    result = CliRunner().invoke(command, [], env={"SENTINEL_CONFIG": str(file)})
    assert result.exit_code == 0
    assert str(file) in result.stdout


def test_the_sample_says_that_nobody_is_told(tmp_path: Path) -> None:
    path = tmp_path / "sample.toml"
    path.write_text(sample_text())
    result = CliRunner().invoke(command, ["--config", str(path)])
    assert result.exit_code == 0
    assert "there is no alert route" in result.stdout
