"""`last.json` is replaced whole or not at all, and a failure stops nothing."""

from __future__ import annotations

import json
import stat

import pytest

from sentinel.last_words import LastWords, read_last_words


@pytest.fixture
def path(tmp_path):
    return tmp_path / "last.json"


def test_what_was_said_last_is_read_back(path):
    words = LastWords(path)
    for number in range(3):
        words.say({"number": number}, "ACTIVE")
    assert read_last_words(path) == {"number": 2}
    assert (words.state, words.failures) == ("ACTIVE", 0)
    assert list(path.parent.iterdir()) == [path]


def test_nobody_else_may_read_it(path):
    LastWords(path).say({}, "ACTIVE")
    assert stat.S_IMODE(path.stat().st_mode) & 0o027 == 0


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b"5"])
def test_what_is_no_document_is_nothing(path, content):
    path.write_bytes(content)
    assert read_last_words(path) is None


def test_where_nothing_was_ever_said_there_is_nothing(path):
    assert read_last_words(path) is None


def test_a_failure_is_counted_and_leaves_the_old_words(path):
    words = LastWords(path)
    words.say({"number": 1}, "ACTIVE")
    path.with_suffix(".tmp").mkdir()
    words.say({"number": 2}, "HALTED")
    assert words.failures == 1
    assert json.loads(path.read_bytes()) == {"number": 1}


def test_a_link_in_its_way_is_not_followed(path, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    path.with_suffix(".tmp").symlink_to(victim)
    words = LastWords(path)
    words.say({"number": 1}, "ACTIVE")
    assert victim.read_text() == "mine"
    assert words.failures == 1
