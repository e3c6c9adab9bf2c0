"""Live trading starts only when every fact is there; each one missing is named."""

import msgspec
import pytest

from scalper.live_guard import LiveFacts, confirms, missing_facts

ALL = LiveFacts(
    live_flag=True,
    allow_live="true",
    config_problem=None,
    config_mode="live",
    expected_account="A1",
    broker_problem=None,
    broker_mode="live",
    broker_account="A1",
    broker_endpoint="https://api.example",
    sentinel_problem=None,
    terminal=True,
    yes=False,
)


def test_nothing_is_missing_when_all_is_there():
    assert missing_facts(ALL) == ()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"live_flag": False}, "--live"),
        ({"allow_live": None}, "ALLOW_LIVE is not set"),
        ({"allow_live": ""}, "ALLOW_LIVE is ''"),
        ({"allow_live": "TRUE"}, "ALLOW_LIVE is 'TRUE'"),
        ({"allow_live": "1"}, "ALLOW_LIVE is '1'"),
        ({"allow_live": "true "}, "ALLOW_LIVE is 'true '"),
        ({"config_problem": "no file"}, "no valid configuration: no file"),
        ({"config_mode": "paper"}, 'mode = "paper"'),
        ({"expected_account": None}, "no expected account id"),
        ({"broker_account": "B2"}, "the broker's account is B2"),
        ({"broker_problem": "down"}, "not known: down"),
        ({"broker_mode": "paper"}, "is a paper one"),
        ({"broker_mode": None}, "endpoint"),
        ({"sentinel_problem": "silent"}, "no sentinel that computed the same facts: silent"),
        ({"terminal": False}, "not a terminal"),
    ],
)
def test_each_missing_fact_is_named_and_alone(changes, named):
    (problem,) = missing_facts(msgspec.structs.replace(ALL, **changes))
    assert named in problem


def test_yes_stands_in_for_a_terminal_but_for_nothing_else():
    without = msgspec.structs.replace(ALL, terminal=False, yes=True)
    assert missing_facts(without) == ()
    assert missing_facts(msgspec.structs.replace(without, allow_live=None))


def test_all_missing_facts_are_named_together():
    nothing = LiveFacts(
        live_flag=False,
        allow_live=None,
        config_problem="none",
        config_mode=None,
        expected_account=None,
        broker_problem="none",
        broker_mode=None,
        broker_account=None,
        broker_endpoint=None,
        sentinel_problem="none",
        terminal=False,
        yes=False,
    )
    assert len(missing_facts(nothing)) == 7


@pytest.mark.parametrize(
    ("typed", "agreed"), [("A1", True), ("A1\n", True), ("", False), ("yes", False), ("a1", False)]
)
def test_only_the_account_id_itself_confirms(typed, agreed):
    assert confirms(typed, "A1") is agreed
