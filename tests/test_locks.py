"""The locks fit pyproject.toml, and an unfit or talkative lock is refused with its line."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = (ROOT / "pyproject.toml").read_text()
LOCK = (ROOT / "requirements" / "dev.txt").read_text()


@pytest.fixture(scope="module")
def problems():
    """Return the checker's own judgement of one lock."""
    return runpy.run_path(str(ROOT / "requirements" / "check.py"))["problems"]


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
def test_both_locks_are_current(problems, name):
    assert problems(name, (ROOT / "requirements" / name).read_text(), PYPROJECT) == []


def test_a_changed_dependency_makes_a_lock_stale(problems):
    changed = PYPROJECT.replace('"click>=8.2"', '"click>=8.3"')
    assert changed != PYPROJECT
    assert problems("dev.txt", LOCK, changed) == [
        "dev.txt: not made from this pyproject.toml; run make lock"
    ]


def test_a_changed_line_length_leaves_a_lock_current(problems):
    changed = PYPROJECT.replace("line-length = 100", "line-length = 99")
    assert changed != PYPROJECT
    assert problems("dev.txt", LOCK, changed) == []


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://registry.invalid/simple",
        "--extra-index-url file:///srv/simple",
        "--find-links /srv/wheels",
        "-e .",
        "click @ https://registry.invalid/click.whl",
        "click>=8",
        "click==8.2.0",
        "    --hash=md5:0123",
    ],
)
def test_anything_but_pins_and_hashes_is_refused_with_its_line(problems, line):
    number = LOCK.count("\n") + 1
    found = problems("dev.txt", f"{LOCK}{line}\n", PYPROJECT)
    assert [text for text in found if text.startswith(f"dev.txt:{number}: ")]


def test_a_pin_without_a_hash_is_refused(problems):
    bare = re.sub(r"(?m)^click==.*\n(    --hash=.*\n)+", "click==8.2.0 \\\\\n", LOCK)
    assert bare != LOCK
    assert any("expected a hash" in text for text in problems("dev.txt", bare, PYPROJECT))


def test_a_dependency_that_is_not_pinned_is_named(problems):
    without = re.sub(r"(?m)^pyzmq==.*\n(    --hash=.*\n)+", "", LOCK)
    assert problems("dev.txt", without, PYPROJECT) == ["dev.txt: pyzmq is not pinned"]


def test_a_lock_cut_short_is_refused(problems):
    cut = LOCK[: LOCK.rindex(" \\\n") + 3]
    assert "dev.txt: ends in the middle of a requirement" in problems("dev.txt", cut, PYPROJECT)
