"""What cannot be opened is refused in one line with its exit code."""

import pytest

from tests.scalper.house import CONFIG, NOBODY, one_line


@pytest.mark.parametrize(
    ("rows", "symbol", "named"),
    [
        (None, "EUR/USD", "missing.csv: cannot be read"),
        (["1,EUR/USD,quote,1,2,,,,,,", "2,EUR/USD,quote,x,2,,,,,,"], "EUR/USD", ":3: bid:"),
        (["2,EUR/USD,quote,1,2,,,,,,", "1,EUR/USD,quote,1,2,,,,,,"], "EUR/USD", ":3: ts_ns:"),
        (["1,EUR/USD,quote,1,2,,,,,,"], "BTC/USDT", "expected rows of BTC/USDT"),
    ],
)
def test_a_bad_recording_is_65_before_anything_is_traded(house, rows, symbol, named):
    spec = "csv:missing.csv" if rows is None else house.recording(*rows)
    done = house.call("--feed", spec, "--symbol", symbol)
    assert done.returncode == 65
    assert named in one_line(done)


def test_no_sentinel_no_orders(house):
    (house.place / "sentinel.toml").write_text(NOBODY)
    done = house.call("--feed", "synthetic:1", "--iterations", "5")
    assert done.returncode == 69
    assert "no sentinel, no orders" in one_line(done)
    assert house.orders() == 0


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        ("TRADING_HALTED", 75),
        ("MODE_MISMATCH", 78),
        ("ACCOUNT_MISMATCH", 78),
        ("LIMITS_MISMATCH", 78),
        ("PROTOCOL_MISMATCH", 69),
        ("PEER_MISMATCH", 69),
        ("STRATEGY_TAKEN", 69),
        ("SESSION_LIMIT", 69),
    ],
)
def test_a_refused_session_has_its_exit_code(house, refusal, code):
    house.sentinel().refusal = refusal
    done = house.call("--feed", "synthetic:1", "--iterations", "5")
    assert done.returncode == code
    line = one_line(done)
    assert ("sentinel resume" in line) == (code == 75)


@pytest.mark.parametrize(
    ("config", "arguments", "named"),
    [
        (None, (), "configuration"),
        ("", (), "symbols"),
        (CONFIG + "[scalper]\nfed = 1\n", (), "fed"),
        (CONFIG + '[scalper]\nstrategy = "no_such"\n', (), "no_such"),
        (CONFIG + '[scalper]\nfeed = "nonsense"\n', (), "nonsense"),
        (CONFIG + '[scalper.options]\nentry_bps = "0"\n', (), "entry_bps"),
        ('[limits]\nsymbols = ["*"]\n', (), "--symbol"),
        (CONFIG, ("--feed", "alpaca:"), "feed alpaca: is not in this version"),
        (CONFIG, ("--feed", "ccxt:kraken"), "feed ccxt: is not in this version"),
        (CONFIG, ("--log-file", "/proc/no/log"), "/proc/no/log"),
        (CONFIG, ("--log-file", "."), "log file"),
    ],
)
def test_a_bad_configuration_is_78(house, config, arguments, named):
    path = house.place / "sentinel.toml"
    path.unlink() if config is None else path.write_text(config)
    done = house.call(*arguments, HOME=str(house.place), XDG_CONFIG_HOME=str(house.place))
    assert done.returncode == 78
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_a_socket_path_that_is_too_long_is_78(house):
    done = house.call("--feed", "synthetic:1", SENTINEL_RUNTIME_DIR="/tmp/" + "x" * 120)
    assert done.returncode == 78
    assert "107" in one_line(done)


def test_a_state_directory_that_cannot_be_made_is_78(house):
    house.sentinel()
    done = house.call(
        "--feed", "synthetic:1", "--iterations", "1", SENTINEL_STATE_DIR="/proc/no/state"
    )
    assert done.returncode == 78
    one_line(done)
