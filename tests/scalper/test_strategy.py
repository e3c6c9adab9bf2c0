"""A strategy is found by name, and one that cannot be is refused in one line."""

import pytest

from scalper.fade import Fade
from scalper.strategy import Strategy, StrategyInvalid, find_strategy


def test_the_shipped_one_is_found_by_its_name():
    choice = find_strategy("fade")
    assert (choice.name, choice.make) == ("fade", Fade)


def test_ones_own_is_found_in_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "own_strategy_a.py").write_text(
        "from scalper.strategy import Strategy\n"
        "class Mine(Strategy):\n"
        "    def __init__(self, setup):\n"
        "        self.setup = setup\n"
        "    def on_quote(self, quote, view):\n"
        "        return ()\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    choice = find_strategy("own_strategy_a:Mine")
    assert choice.name == "own_strategy_a:Mine"
    assert isinstance(choice.make, type)
    assert Strategy in choice.make.__mro__


@pytest.mark.parametrize(
    "text", ["", "fadee", "a:", ":b", "a b:c", "no_such_module_x:Y", "json:nothing", "json:dumps"]
)
def test_what_cannot_be_found_is_refused_in_one_line(text):
    with pytest.raises(StrategyInvalid) as caught:
        find_strategy(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "body", ["raise SystemExit(3)", "raise SystemError('a\\nb')", "this is no python", "1/0"]
)
def test_a_module_that_fails_is_refused_in_one_line(tmp_path, monkeypatch, body):
    name = f"own_strategy_{abs(hash(body))}"
    (tmp_path / f"{name}.py").write_text(body)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    with pytest.raises(StrategyInvalid, match="cannot import") as caught:
        find_strategy(f"{name}:Mine")
    assert "\n" not in str(caught.value)


def test_a_class_without_the_methods_is_told_which():
    with pytest.raises(StrategyInvalid, match="lacks on_quote, on_trade, on_veto"):
        find_strategy("json:JSONDecoder")
