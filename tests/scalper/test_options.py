"""What the command line and the configuration make of a run together."""

import pytest

from ipc.config.values import (
    AccountValues,
    BrokerValues,
    Config,
    LimitValues,
    RiskConfig,
    ScalperValues,
    SymbolValues,
)
from scalper.options import (
    Ids,
    Options,
    order_qty_of,
    run_id_of,
    short_allowed,
    symbol_of,
    venue_of,
)


def config(scalper=None, account=None, symbols=(), **limits):
    return Config(
        risk=RiskConfig(
            account=account or AccountValues(),
            limits=LimitValues(**({"symbols": ("*", "A", "B")} | limits)),
            symbols=symbols,
        ),
        scalper=scalper or ScalperValues(),
        broker=BrokerValues(url="https://x"),
    )


def test_the_symbol_is_the_flag_else_the_configuration_else_the_first_allowed():
    assert symbol_of(Options(symbol="C"), config(ScalperValues(symbol="D"))) == "C"
    assert symbol_of(Options(), config(ScalperValues(symbol="D"))) == "D"
    assert symbol_of(Options(), config()) == "A"


def test_no_symbol_is_guessed_where_any_is_allowed():
    only_any = Config(risk=RiskConfig(limits=LimitValues(symbols=("*",))))
    assert symbol_of(Options(), only_any) is None


@pytest.mark.parametrize(
    ("own", "every", "size"),
    [(None, None, "1000"), ("0.5", None, "0.5"), (None, "9", "9"), ("5000", "2000", "1000")],
)
def test_the_size_is_never_above_the_symbols_cap(own, every, size):
    values = SymbolValues(name="A", limits=LimitValues(order_qty_max=own))
    assert order_qty_of(config(symbols=(values,), order_qty_max=every), "A") == size


@pytest.mark.parametrize(
    ("kind", "every", "own", "allowed"),
    [
        ("cash", None, None, False),
        ("margin", None, None, True),
        ("margin", False, None, False),
        ("cash", True, None, True),
        ("cash", True, False, False),
    ],
)
def test_short_sales_are_as_configured_else_only_on_margin(kind, every, own, allowed):
    values = SymbolValues(name="A", limits=LimitValues(short_allowed=own))
    made = config(account=AccountValues(kind=kind), symbols=(values,), short_allowed=every)
    assert short_allowed(made, "A") is allowed


def test_a_dry_run_never_uses_the_configured_venue():
    account = AccountValues(broker="alpaca", account_id="A1", mode="live")
    dry, broker = venue_of(config(account=account), live=False)
    assert (dry.broker, dry.account_id, broker) == ("offline", "A1", BrokerValues())
    assert venue_of(config(account=account), live=True) == (account, BrokerValues(url="https://x"))


def test_ids_are_unique_and_carry_prefix_and_run():
    one, other = (
        run_id_of(1_700_000_000 * 10**9, b"\1\2"),
        run_id_of(1_700_000_001 * 10**9, b"\1\2"),
    )
    assert one != other
    ids = Ids("P-", one)
    assert [ids(), ids()] == [f"P-{one}-1", f"P-{one}-2"]
