"""The strict reader: what it takes, what it refuses, and how it says so."""

from __future__ import annotations

import pytest

from ipc.config.reader import effective_actions, parse_config
from ipc.reasons import Reason

SYMBOLS = '[limits]\nsymbols = ["EUR/USD"]\n'


def test_symbols_alone_are_a_whole_configuration() -> None:
    config = parse_config(SYMBOLS, "s.toml")
    assert config.risk.limits.symbols == ("EUR/USD",)
    assert (config.risk.account.broker, config.risk.account.mode) == ("offline", "paper")
    assert config.metrics_port == 9464
    assert config.risk.heartbeat.heartbeat_timeout_ms == 1000
    assert config.risk.limits.order_qty_max is None


@pytest.mark.parametrize("text", ["", "\n\n# nothing\n", "[limits]\n", "[limits]\nsymbols = []\n"])
def test_an_empty_file_never_means_no_limits(text: str, the_problem) -> None:
    assert "[limits] symbols: " in the_problem(text)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ('"100.0"', "100"),
        ("100", "100"),
        ('"0.50"', "0.5"),
        ("0", "0"),
        (f'"{10**18 - 1}.{10**18 - 1}"', f"{10**18 - 1}.{10**18 - 1}"),
    ],
)
def test_decimals_are_texts_or_integers_and_become_their_shortest_text(
    written: str, canonical: str
) -> None:
    config = parse_config(f"{SYMBOLS}order_qty_max = {written}\n", "s.toml")
    assert config.risk.limits.order_qty_max == canonical


@pytest.mark.parametrize(
    "written",
    [
        "1.5",
        "nan",
        "inf",
        "1e3",
        "true",
        "-1",
        '"-1"',
        '"-0"',
        '"1e9"',
        '"1e6000000"',
        '"NaN"',
        '"+1"',
        '" 1"',
        '"1_000"',
        '"01"',
        '"1."',
        '".5"',
        '""',
        '"٣"',
        str(10**18),
        "[]",
        "{}",
        "2026-01-01",
        "0x" + "f" * 500,
    ],
)
def test_anything_else_is_no_decimal(written: str, the_problem) -> None:
    line = the_problem(f"{SYMBOLS}order_qty_max = {written}\n")
    assert line.startswith("s.toml:3: [limits] order_qty_max: expected a decimal")


def test_a_float_is_told_to_go_into_quotes(the_problem) -> None:
    assert "in quotes" in the_problem(f"{SYMBOLS}order_qty_max = 1.5\n")


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("trades_max", "true"),
        ("trades_max", "-1"),
        ("trades_max", "9223372036854775808"),
        ("trades_max", '"5"'),
        ("trades_max", "5.0"),
        ("repeat_max", "0"),
        ("vetoes_window_ms", "0"),
        ("intent_age_max_ms", "[1]"),
    ],
)
def test_counts_and_milliseconds_are_integers_in_their_bounds(
    key: str, written: str, problems_of
) -> None:
    assert f"[limits] {key}: expected" in problems_of(f"{SYMBOLS}{key} = {written}\n")[0]


def test_the_largest_count_is_taken() -> None:
    config = parse_config(f"{SYMBOLS}trades_max = 9223372036854775807\n", "s.toml")
    assert config.risk.limits.trades_max == 2**63 - 1


def test_all_problems_are_reported_at_once_with_their_lines(problems_of) -> None:
    lines = problems_of(
        "[account]\n"
        'kind = "credit"\n'
        "[limits]\n"
        "symbols = [\n"
        '  "EUR/USD",\n'
        "]\n"
        "order_qty_mx = 5\n"
        "balance_min = -1\n"
        "[[symbol]]\n"
        'name = "A"\n'
        "[[symbol]]\n"
        "multiplier = 0\n"
        "[lmits]\n"
    )
    assert [line.split(": ")[0:2] for line in lines] == [
        ["s.toml:2", "[account] kind"],
        ["s.toml:7", "[limits] order_qty_mx"],
        ["s.toml:8", "[limits] balance_min"],
        ["s.toml:11", "[[symbol]] #2 name"],
        ["s.toml:12", "[[symbol]] #2 multiplier"],
        ["s.toml:13", "'lmits'"],
    ]
    assert "did you mean order_qty_max?" in lines[1]
    assert "did you mean limits?" in lines[5]


def test_a_key_in_the_wrong_table_is_sent_home(the_problem) -> None:
    assert "trades_max belongs in [limits]" in the_problem(f"{SYMBOLS}[account]\ntrades_max = 5\n")


def test_a_bad_value_is_not_also_reported_as_missing(the_problem) -> None:
    assert "order_qty" not in the_problem(f"{SYMBOLS}repeat_max = 1.5\nrepeat_window_ms = 5\n")


def test_problems_are_shown_to_a_bound_and_the_rest_is_counted(problems_of) -> None:
    lines = problems_of(SYMBOLS + "".join(f"k{number} = 1\n" for number in range(5000)))
    assert len(lines) == 101
    assert lines[-1] == "s.toml: and 4900 problems more"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[symbol]]\nname = "A"\n[[symbol]]\nname = "A"\n', "6: [[symbol]] #2 name"),
        (
            '[[throttle]]\nname = "t"\nrate = 1\nburst = 1\n' * 2,
            "8: [[throttle]] #2 name",
        ),
        ('[[throttle]]\nname = "t"\nrate = 0\nburst = 1\n', "[[throttle]] #1 rate: expected"),
        ('[[throttle]]\nname = "t"\nrate = 1\nburst = "0.5"\n', "[[throttle]] #1 burst: expected"),
        ('[[throttle]]\nname = "t"\nrate = 1\n', "[[throttle]] #1 burst: missing"),
        (
            '[[throttle]]\nname = "t"\nrate = 1\nburst = 1\nper_ms = 0\n',
            "[[throttle]] #1 per_ms: expected",
        ),
        ("vetoes_window_ms = 5\n", "[limits] vetoes_max: missing"),
        ('order_qty_min = 5\norder_qty_max = "4.9"\n', "no more than order_qty_max 4.9"),
        ('hours = ["08:00-25:00"]\n', "[limits] hours: expected"),
        ('hours = ["08:00-08:00"]\n', "[limits] hours: expected"),
        ('ord_types = ["market", "iceberg"]\n', "[limits] ord_types: expected"),
        ('[limits.actions]\nTRADING_HALTED = "veto"\n', "TRADING_HALTED: unknown"),
        ('[limits.actions]\nVETO_STORM = "ignore"\n', "VETO_STORM: expected one of"),
        ('[account]\nday_zone = "../../etc/passwd"\n', "[account] day_zone: expected a time zone"),
        ('[account]\nday_zone = "Mars/Base"\n', "[account] day_zone: expected a time zone"),
        ('[account]\nday_roll = "24:00"\n', "[account] day_roll: expected"),
        ('[account]\nbroker = "ib"\n', "[account] broker: expected"),
        ("[account]\nleverage = 0\n", "[account] leverage: expected"),
        ('[stop_file]\npaths = ["STOP"]\n', "[stop_file] paths: expected each entry"),
        ("[metrics]\nport = 65536\n", "[metrics] port: expected"),
        ("[heartbeat]\ninterval_ms = 1000\n", "[heartbeat] interval_ms: expected less"),
        ('[[route]]\nname = "r"\n', "[[route]] #1 url: expected either"),
        ("account = 5\n", "[limits] account: unknown"),
        (
            '[[strategy]]\nname = "s"\nsymbols = ["X"]\n',
            "[[strategy]] #1 symbols: expected a limit",
        ),
        ('[[symbol]]\nname = "A"\nsymbols = ["A"]\n', "[[symbol]] #1 symbols: unknown"),
        ('[[symbol]]\nname = "A"\nfx = "A"\n', "[[symbol]] #1 fx: expected another"),
        ("[account]\nday_zone = 1.5\n", "[account] day_zone: expected a time zone"),
        ("[broker]\noptions = 5\n", "[broker] options: expected a table of texts"),
        ('[broker.options]\n"a b" = 5\n', "[broker] options: expected an option's name"),
        ("[heartbeat]\nprogress_timeout_ms = 250\n", "progress_timeout_ms: expected more than"),
        ('[[strategy]]\nname = "s"\nrepeat_window_ms = 5\n', "#1 repeat_max: missing"),
        ("[symbol]\nname = 5\n", "[[symbol]]: expected tables"),
        ("[ipc]\nanswer_timeout_ms = 2000\n", "[ipc] answer_timeout_ms: expected no more"),
    ],
)
def test_each_rule_names_its_place_and_what_was_expected(text: str, said: str, problems_of) -> None:
    assert said in problems_of(SYMBOLS + text)[0]


@pytest.mark.parametrize("text", ["limits = 5\n", "metrics = 5\n", "symbol = [5]\n", "route = 5\n"])
def test_what_should_be_a_table_is_named(text: str, problems_of) -> None:
    assert any(": expected a table" in line or "tables" in line for line in problems_of(text))


@pytest.mark.parametrize("symbols", ['["*", "A"]', '["A", "A"]', '["a b"]', '"*"', "[1]", '[""]'])
def test_a_bad_list_of_symbols_is_refused(symbols: str, the_problem) -> None:
    assert the_problem(f"[limits]\nsymbols = {symbols}\n").startswith("s.toml:2: [limits] symbols")


def test_a_strategy_may_be_tighter_than_the_limits_but_not_looser(the_problem) -> None:
    def with_strategy(qty: str) -> str:
        return f'{SYMBOLS}order_qty_max = 10\n[[strategy]]\nname = "s"\norder_qty_max = {qty}\n'

    assert parse_config(with_strategy("10"), "s").risk.strategies[0].limits.order_qty_max == "10"
    assert "no looser" in the_problem(with_strategy("11"))


def test_hours_may_be_one_window_and_are_kept_in_canonical_form() -> None:
    config = parse_config(f'{SYMBOLS}hours = "Fri-Sat 22:00-02:00"\n', "s")
    assert config.risk.limits.hours == (
        "Fri 22:00-24:00",
        "Sat 00:00-02:00",
        "Sat 22:00-24:00",
        "Sun 00:00-02:00",
    )


def test_overrides_options_routes_and_subtables_reach_their_values() -> None:
    config = parse_config(
        f"{SYMBOLS}"
        '[limits.actions]\nORDER_INVALID = "kill"\n'
        '[[symbol]]\nname = "A"\nprice_increment = "0.010"\norder_qty_max = 5\n'
        '[[throttle]]\nname = "t"\nrate = "0.5"\nburst = 3\n'
        '[broker.options]\ncash = 5000\nseed = "7"\n'
        '[stop_file]\npaths = ["/run/x/STOP"]\n'
        '[[route]]\nname = "r"\nurl = "json://127.0.0.1"\nevents = ["fills"]\n'
        "[scalper.log]\nkeep = 2\n"
        "[scalper]\norder_qty = 7\n",
        "s",
    )
    assert config.risk.actions == {"ORDER_INVALID": "kill"}
    assert config.risk.symbols[0].price_increment == "0.01"
    assert config.risk.symbols[0].limits.order_qty_max == "5"
    assert (config.risk.throttles[0].rate, config.risk.throttles[0].scope) == ("0.5", "account")
    assert config.broker.options == {"cash": "5000", "seed": "7"}
    assert config.stop_file_paths == ("/run/x/STOP",)
    assert config.routes[0].events == ("fills",)
    assert (config.scalper.log.keep, config.scalper.order_qty) == (2, "7")


def test_no_problem_ever_shows_a_secret(problems_of) -> None:
    text = (
        '[broker]\nurl = "ftp://user:CANARY@host"\noptions = { key = "CANARY", x = 1.5 }\n'
        '[[route]]\nname = "r"\nurl = "CANARY\\nCANARY"\n'
    )
    said = "\n".join(problems_of(SYMBOLS + text))
    assert "[broker] url" in said
    assert "CANARY" not in said


def test_actions_left_out_have_the_defaults_of_the_design() -> None:
    actions = effective_actions(parse_config(SYMBOLS, "s").risk)
    assert {reason for reason, action in actions.items() if action == "kill"} == {
        Reason.REJECT_STORM,
        Reason.VETO_STORM,
    }
    assert {reason for reason, action in actions.items() if action == "halt"} == {
        Reason.REPEATED_ORDER,
        Reason.DRAWDOWN_EXCEEDS_LIMIT,
    }
    assert actions[Reason.DAILY_LOSS_EXCEEDS_LIMIT] == "reduce"
    assert actions[Reason.CL_ORD_ID_DUPLICATE] == "veto"
