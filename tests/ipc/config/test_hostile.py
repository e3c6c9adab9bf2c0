"""Ten thousand hostile files: a clear error each, never a traceback, never a looser limit."""

from __future__ import annotations

import random
import tomllib
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipc.config.direction import loosenings
from ipc.config.problems import PROBLEMS_SHOWN
from ipc.config.reader import ConfigError, decode_config, parse_config
from ipc.config.sample import sample_text
from ipc.config.tables import TABLES
from ipc.config.values import Config

LEAN = """[account]
mode = "paper"
[limits]
symbols = ["A", "B"]
order_qty_max = "10"
trades_max = 5
vetoes_max = 3
vetoes_window_ms = 1000
hours = ["Mon-Fri 08:00-17:00"]
[limits.actions]
ORDER_INVALID = "halt"
[[symbol]]
name = "A"
order_qty_max = 5
[[throttle]]
name = "t"
rate = 5
burst = 5
[[route]]
name = "r"
url = "json://127.0.0.1"
"""

VALUES = (
    *("1.5", "nan", "-inf", "true", "-1", "0", "1e999", "9223372036854775808", '"1e6000000"'),
    *('"-0"', '"NaN"', '"1_000"', '"٣"', "[]", "{}", "[[[]]]", "1979-05-27T07:32:00Z", '""'),
    *("'''x'''", '"\\u0000"', "0xffffffffffffffffffffff", '["*", "A"]', "{a = {b = 1}}", "+5"),
)
KEYS = tuple(key.name for table in TABLES for key in table.keys)
HEADERS = tuple(table.header for table in TABLES)
FILES = 10_000


def _hostile(dice: random.Random) -> str:
    lines = LEAN.split("\n")
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(lines))
        match dice.randrange(8):
            case 0:
                name, _, _ = lines[at].partition("=")
                lines[at] = f"{name}= {dice.choice(VALUES)}"
            case 1:
                lines.insert(at, f"{dice.choice(KEYS)} = {dice.choice(VALUES)}")
            case 2:
                lines.insert(at, dice.choice(HEADERS))
            case 3:
                lines[at] = lines[at][: dice.randint(0, len(lines[at]))]
            case 4:
                lines.insert(at, lines[dice.randrange(len(lines))])
            case 5:
                place = dice.randint(0, len(lines[at]))
                lines[at] = lines[at][:place] + chr(dice.choice((0, 34, 39, 91, 0x202E)))
            case 6:
                lines[at] = lines[at].replace("_", "", 1)
            case _:
                lines[at : at + dice.randint(1, 9)] = [dice.choice(HEADERS)]
    return "\n".join(lines)


def _read(data: str | bytes) -> Config | None:
    """Read a text; None if it is refused, which must be with clear lines."""
    try:
        if isinstance(data, bytes):
            return decode_config(data, "hostile.toml")
        return parse_config(data, "hostile.toml")
    except ConfigError as error:
        problems = error.problems
    assert 0 < len(problems) <= PROBLEMS_SHOWN + 1
    for problem in problems:
        line = str(problem)
        assert line.startswith("hostile.toml")
        assert line.isprintable()
        assert len(line) < 500
        assert problem.expected
    return None


def _same(written: Any, value: Any) -> bool:
    match value:
        case bool():
            return written is value
        case int():
            return written == value
        case str():
            return Fraction(written) == Fraction(value)
        case _:
            return set(value) == set(written) or all(":" in entry for entry in value)


def _assert_means_what_it_says(text: str, config: Config) -> None:
    """Compare the limits with what the text says, read without any code of the reader."""
    written = tomllib.loads(text)["limits"]
    written.pop("actions", None)
    limits = msgspec.structs.asdict(config.risk.limits)
    held = {name: value for name, value in limits.items() if value is not None}
    assert held.keys() == written.keys(), text
    assert all(_same(written[name], value) for name, value in held.items()), text


def test_ten_thousand_hostile_files_are_refused_clearly_or_mean_what_they_say() -> None:
    dice = random.Random(20_260_105)
    refused = 0
    for _ in range(FILES):
        text = _hostile(dice)
        config = _read(text)
        if config is None:
            refused += 1
        else:
            _assert_means_what_it_says(text, config)
    assert FILES // 2 < refused < FILES


@given(st.binary(max_size=300))
def test_no_bytes_of_chance_get_past_the_reader(data: bytes) -> None:
    assert _read(data) is None


@given(st.text(max_size=60))
def test_no_text_gets_through_as_a_number_unless_it_is_one(text: str) -> None:
    quoted = '"' + "".join(f"\\U{ord(c):08x}" for c in text if not 0xD800 <= ord(c) < 0xE000) + '"'
    config = _read(f'[limits]\nsymbols = ["A"]\norder_qty_max = {quoted}\n')
    if config is not None:
        value = config.risk.limits.order_qty_max
        assert value is not None
        assert Fraction(value) == Fraction(text)


@settings(max_examples=100)
@given(st.integers(0, len(sample_text())))
def test_a_sample_cut_anywhere_is_refused_or_has_its_symbols(end: int) -> None:
    config = _read(sample_text()[:end])
    if config is not None:
        assert config.risk.limits.symbols == ("EUR/USD", "BTC/USDT", "SYN/USD")


def test_a_file_of_nothing_but_entries_is_one_problem() -> None:
    many = '[limits]\nsymbols = ["A"]\n' + '[[symbol]]\nname = "A"\n' * 1001
    with pytest.raises(ConfigError, match=r"^hostile.toml:3: \[\[symbol\]\]: expected tables"):
        parse_config(many, "hostile.toml")


def test_a_thousand_symbols_and_a_hundred_strategies_are_read_and_compared() -> None:
    text = '[limits]\nsymbols = ["*"]\norder_qty_max = 9\n'
    text += "".join(f'[[symbol]]\nname = "S{n}"\norder_qty_max = 5\n' for n in range(1000))
    text += "".join(f'[[strategy]]\nname = "s{n}"\ntrades_max = 5\n' for n in range(100))
    risk = parse_config(text, "hostile.toml").risk
    assert loosenings(risk, risk) == ()
