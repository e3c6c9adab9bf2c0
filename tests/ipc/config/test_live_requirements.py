"""What a live account requires of its file."""

from __future__ import annotations

import pytest

from ipc.config.reader import live_missing, parse_config

SYMBOLS = '[limits]\nsymbols = ["EUR/USD"]\n'

LIVE = (
    '[account]\nmode = "live"\naccount_id = "A1"\nbroker = "alpaca"\n'
    '[limits]\nsymbols = ["A"]\ntrades_max = 5\norder_notional_max = 5\nprice_collar_bps = 5\n'
    "position_notional_max = 5\nbalance_min = 0\ndaily_loss_max = 5\n"
    '[[throttle]]\nname = "t"\nrate = 5\nburst = 5\n'
    '[[route]]\nname = "r"\nurl_file = "x"\n'
)


def test_a_live_file_with_all_it_requires_is_taken() -> None:
    assert live_missing(parse_config(LIVE, "s")) == ()


@pytest.mark.parametrize(
    ("without", "named"),
    [
        ('account_id = "A1"\n', "[account] account_id: live requires account_id"),
        ("trades_max = 5\n", "live requires trades_max"),
        ("order_notional_max = 5\n", "live requires order_notional_max"),
        ("price_collar_bps = 5\n", "live requires price_collar_bps"),
        ("position_notional_max = 5\n", "live requires a position limit"),
        ("balance_min = 0\n", "live requires balance_min"),
        ("daily_loss_max = 5\n", "live requires daily_loss_max"),
        ('[[throttle]]\nname = "t"\nrate = 5\nburst = 5\n', "[[throttle]]: live requires at least"),
        ('[[route]]\nname = "r"\nurl_file = "x"\n', "[[route]]: live requires at least one"),
    ],
)
def test_live_names_each_thing_it_misses(without: str, named: str, the_problem) -> None:
    assert without in LIVE
    assert named in the_problem(LIVE.replace(without, ""))


def test_live_cannot_do_without_the_account(the_problem) -> None:
    assert "required may not be false" in the_problem(
        LIVE.replace("[limits]", "required = false\n[limits]")
    )


def test_a_paper_file_lacks_the_mode_among_what_live_requires() -> None:
    missing = dict(live_missing(parse_config(SYMBOLS, "s")))
    assert ("account", "mode") in missing
    assert len(missing) == 10
