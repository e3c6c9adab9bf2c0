"""`sentinel init`: a first configuration, never over an existing file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from ipc.config.json_schema import schema
from ipc.config.reader import read_config
from ipc.config.sample import sample_text
from sentinel.commands.init import SCHEMA_NAME, command, write_new


def test_it_writes_the_sample_and_its_schema_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(command, [])
    assert result.exit_code == 0
    assert result.stdout == "wrote sentinel.toml\nwrote sentinel.schema.json\n"
    assert (tmp_path / "sentinel.toml").read_text() == sample_text()
    assert json.loads((tmp_path / SCHEMA_NAME).read_text()) == schema()
    assert read_config(tmp_path / "sentinel.toml").risk.account.broker == "offline"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_both_files_have_mode_0640_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        CliRunner().invoke(command, [str(tmp_path)])
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"sentinel.toml": 0o640, SCHEMA_NAME: 0o640}


def test_a_named_file_has_its_schema_beside_it(tmp_path: Path) -> None:
    assert CliRunner().invoke(command, [str(tmp_path / "my.toml")]).exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"my.toml", SCHEMA_NAME}


@pytest.mark.parametrize("kind", ["file", "link", "dangling"])
def test_it_never_writes_over_what_is_there(tmp_path: Path, kind: str) -> None:
    target, other = tmp_path / "sentinel.toml", tmp_path / "other"
    if kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to(other)
    if kind == "link":
        other.write_text("mine")
    result = CliRunner().invoke(command, [str(target)])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == f"sentinel: {target}: exists already, nothing was written\n"
    assert not (tmp_path / SCHEMA_NAME).exists()
    if kind == "dangling":
        assert not other.exists()
    else:
        assert target.read_text() == "mine"


def test_an_existing_schema_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / SCHEMA_NAME).write_text("{}")
    result = CliRunner().invoke(command, [str(tmp_path)])
    assert result.exit_code == 0
    assert (tmp_path / SCHEMA_NAME).read_text() == "{}"
    assert "left as it is" in result.stderr


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    target = tmp_path / "gone" / "sentinel.toml"
    result = CliRunner().invoke(command, [str(target)])
    assert result.exit_code == 1
    assert result.stderr == f"sentinel: {target}: cannot be written: No such file or directory\n"


def test_a_file_that_cannot_be_finished_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, mode: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchmod", full)
    with pytest.raises(OSError, match="No space left"):
        write_new(tmp_path / "half", "text")
    assert list(tmp_path.iterdir()) == []
