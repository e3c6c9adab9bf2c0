"""What the architecture tests share: the real tree, and copies of it to plant offences in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def house() -> Path:
    """Return the root of the checkout."""
    return Path(__file__).resolve().parents[2]


@pytest.fixture
def plant(house, tmp_path):
    """Return a function that copies a room, adds lines to a file of the copy; the copy's root."""

    def _plant(path: str, text: str) -> Path:
        room = path.split("/", 1)[0]
        if (house / room).is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(house / room, tmp_path / room, ignore=ignore)
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        before = target.read_text() if target.exists() else '"""A planted file."""\n'
        target.write_text(f"{before}\n{text}\n")
        return tmp_path

    return _plant
