"""Finding and reading the file itself, and text that is not TOML."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipc.config.reader import (
    FILE_BYTES_MAX,
    ConfigError,
    decode_config,
    find_config,
    read_config,
)
from ipc.config.values import Config

SYMBOLS = '[limits]\nsymbols = ["EUR/USD"]\n'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[limits\n", 1),
        ("a = 1\na = 2\n", 2),
        ("\n\nx = \n", 3),
        ('s = "abc\n', 1),
        ('s = """abc\n', 2),
        ("\ufeff[limits]\n", 1),
        ("a" * 5000, 1),
        ("\nd = 0000-00-00\n", 2),
        ("\n" + "a." * 20 + "b = 1\n", 2),
        ("[" * 100_000, 1),
    ],
)
def test_what_is_not_toml_is_one_line_with_its_number(text: str, line: int, the_problem) -> None:
    assert the_problem(text).startswith(f"s.toml:{line}: ")


@pytest.mark.parametrize("opened", ["[\n", "[[[[\n", "{a=", "[{a=\n"])
def test_brackets_without_end_are_refused(opened: str, the_problem) -> None:
    assert the_problem("x = " + opened * 20_000).startswith("s.toml:")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a = 1\n\xff\xfe", "b.toml:2: expected UTF-8 text"),
        (b"#" * (FILE_BYTES_MAX + 1), "b.toml: expected at most 262144 bytes"),
    ],
)
def test_bytes_that_are_no_small_text_are_refused(data: bytes, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        decode_config(data, "b.toml")
    assert str(caught.value) == said


def test_a_lone_surrogate_is_refused(the_problem) -> None:
    assert "surrogates" in the_problem('[limits]\nsymbols = ["\ud800"]\n')


def test_a_file_is_read_and_named_in_its_problems(tmp_path: Path) -> None:
    file = tmp_path / "sentinel.toml"
    file.write_text(SYMBOLS)
    assert isinstance(read_config(file), Config)
    file.write_text("x = 1\n")
    with pytest.raises(ConfigError) as caught:
        read_config(file)
    assert str(caught.value).startswith(f"{file}:1: ")


@pytest.mark.parametrize("kind", ["missing", "directory", "pipe", "loop", "huge", "nul", "newline"])
def test_a_path_that_is_no_small_regular_file_is_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "sentinel.toml"
    match kind:
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "loop":
            path.symlink_to(path)
        case "huge":
            with path.open("wb") as file:
                file.truncate(FILE_BYTES_MAX + 1)
        case "nul":
            path = Path("a\0b")
        case "newline":
            path = tmp_path / "a\nb"
        case _:
            pass
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    assert len(caught.value.problems) == 1
    assert "\n" not in str(caught.value)


def test_the_search_order_is_flag_environment_directory_xdg(tmp_path: Path) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    (home / ".config" / "sentinel").mkdir(parents=True)
    (home / "xdg" / "sentinel").mkdir(parents=True)
    here.mkdir()
    env = {"HOME": str(home)}
    default = home / ".config" / "sentinel" / "sentinel.toml"
    default.touch()
    assert find_config(None, env, here) == default
    xdg = home / "xdg" / "sentinel" / "sentinel.toml"
    xdg.touch()
    env["XDG_CONFIG_HOME"] = str(home / "xdg")
    assert find_config(None, env, here) == xdg
    (here / "sentinel.toml").touch()
    assert find_config(None, env, here) == here / "sentinel.toml"
    env["SENTINEL_CONFIG"] = "other.toml"
    assert find_config(None, env, here) == here / "other.toml"
    assert find_config("/x/y.toml", env, here) == Path("/x/y.toml")


def test_a_broken_file_is_never_passed_over_for_another(tmp_path: Path) -> None:
    (tmp_path / "sentinel.toml").symlink_to(tmp_path / "gone")
    assert find_config(None, {}, tmp_path) == tmp_path / "sentinel.toml"


@pytest.mark.skipif(os.path.lexists("/etc/sentinel/sentinel.toml"), reason="one is installed here")
def test_no_file_anywhere_names_the_places(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a configuration at one of") as caught:
        find_config(None, {}, tmp_path)
    assert "\n" not in str(caught.value)
