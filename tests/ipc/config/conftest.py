"""Builders that the tests of the configuration share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ipc.config.reader import ConfigError, parse_config

Problems = Callable[[str], list[str]]


def _problems_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "s.toml")
    lines = str(caught.value).split("\n")
    assert lines == [str(problem) for problem in caught.value.problems]
    return lines


@pytest.fixture
def problems_of() -> Problems:
    """Return the lines a text is refused with."""
    return _problems_of


@pytest.fixture
def the_problem() -> Callable[[str], str]:
    """Return the one line a text is refused with."""

    def only(text: str) -> str:
        lines = _problems_of(text)
        assert len(lines) == 1, lines
        return lines[0]

    return only
