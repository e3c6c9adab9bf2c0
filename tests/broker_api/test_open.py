"""Which broker the configuration opens, and how it says no."""

import pytest

from broker_api.endpoints import mode_of
from broker_api.errors import BrokerSettingsInvalid
from broker_api.offline_oversight import OfflineOversight
from broker_api.offline_settings import FILE_NAME
from broker_api.open import open_oversight, open_trading
from broker_api.protocol import QuoteDriven
from broker_api.values import BrokerFacts
from ipc.config.values import AccountValues, BrokerValues, SymbolValues


def test_both_sides_open_one_account_in_the_state_directory(tmp_path, clock):
    account = AccountValues(account_id="ACC-1", currency="EUR")
    broker = BrokerValues(options={"cash": "2500.50"})
    eye = open_oversight(account, broker, tmp_path, clock)
    trading = open_trading(account, broker, tmp_path, clock, [SymbolValues(name="BTC/USDT")])
    assert isinstance(trading, QuoteDriven)
    assert trading.facts() == eye.facts()
    assert (eye.facts().mode, eye.facts().account_id) == ("paper", "ACC-1")
    assert eye.snapshot(0).balances == {"EUR": "2500.5"}
    assert (tmp_path / "offline.sqlite3").is_file()
    trading.close()
    eye.close()


def test_the_symbols_facts_reach_the_other_side_through_the_file(tmp_path, clock):
    account, broker = AccountValues(), BrokerValues(options={"latency_max_ms": "0"})
    symbol = SymbolValues(name="FUT", base="OIL", multiplier="10", price_increment="0.5")
    trading = open_trading(account, broker, tmp_path, clock, [symbol])
    eye = OfflineOversight(tmp_path / FILE_NAME, clock)
    book = eye._store.load()
    assert (book.instrument("FUT").multiplier, book.instrument("FUT").base) == (10**19, "OIL")
    trading.close()
    eye.close()


def test_an_account_elsewhere_is_named_by_its_path(tmp_path, clock):
    broker = BrokerValues(options={"path": str(tmp_path / "x" / "y.db")})
    open_oversight(AccountValues(), broker, tmp_path / "state", clock).close()
    assert (tmp_path / "x" / "y.db").is_file()
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("opener", [open_trading, open_oversight])
@pytest.mark.parametrize("name", ["alpaca", "ccxt:binance", "acme"])
def test_a_broker_that_is_not_here_is_refused_by_name(tmp_path, clock, opener, name):
    with pytest.raises(BrokerSettingsInvalid, match=f"'{name}' is not in this version"):
        opener(AccountValues(broker=name), BrokerValues(), tmp_path, clock)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("account", "broker", "words"),
    [
        ({}, {"options": {"latenzy": "1"}}, "latenzy"),
        ({}, {"options": {"cash": "-1"}}, "cash"),
        ({}, {"options": {"cash": "1e5"}}, "cash"),
        ({}, {"options": {"seed": "x"}}, "seed"),
        ({}, {"options": {"partial_pct": "101"}}, "partial_pct"),
        ({}, {"options": {"partial_pct": "1.5"}}, "partial_pct"),
        ({}, {"options": {"latency_max_ms": "99999999"}}, "latency_max_ms"),
        ({}, {"options": {"latency_min_ms": "3"}}, "latency_min_ms"),
        ({}, {"url": "https://example.org"}, "url"),
        ({"kind": "gift"}, {}, "kind"),
        ({"leverage": "0"}, {}, "leverage"),
        ({"leverage": "0.5"}, {}, "leverage"),
        ({"fee_bps": "-1"}, {}, "fee_bps"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, clock, account, broker, words):
    with pytest.raises(BrokerSettingsInvalid) as caught:
        open_trading(AccountValues(**account), BrokerValues(**broker), tmp_path, clock)
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("endpoint", "mode"),
    [
        ("offline:/x/y", "paper"),
        ("", "live"),
        ("https://offline:1@example.org", "live"),
        ("OFFLINE:/x", "live"),
        ("https://api.example.org", "live"),
    ],
)
def test_an_unknown_endpoint_is_live(endpoint, mode):
    assert mode_of(endpoint) == mode
    facts = BrokerFacts.resolved(broker="b", account_id="a", endpoint=endpoint)
    assert facts.mode == mode
