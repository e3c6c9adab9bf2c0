"""The commented sample that `sentinel init` writes, made from the tables. It runs unedited."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from ipc.config.keys import Key, Kind, Table
from ipc.config.tables import TABLES

_HEAD: Final = """\
#:schema ./sentinel.schema.json
#
# One file for both programs. It runs as it is: a dry run against the offline broker.
#
# Decimals are texts or integers ("1.5", 2), never floats; counts and milliseconds are integers.
# A key behind a # shows its default, or an example where it has none. A limit that is left out
# is not checked: `sentinel check-config` says which are. Money is in the account's currency.
"""

_ACTIVE: Final = MappingProxyType(
    {
        "account": {
            "broker": '"offline"',
            "mode": '"paper"',
            "kind": '"margin"',
            "currency": '"USD"',
        },
        "limits": {
            "symbols": '["EUR/USD", "BTC/USDT", "SYN/USD"]',
            "intent_age_max_ms": "1000",
            "order_qty_max": '"10000"',
            "reference_age_max_ms": "5000",
            "spread_max_bps": '"20"',
            "price_collar_bps": '"50"',
            "order_notional_max": '"20000"',
            "repeat_max": "50",
            "repeat_window_ms": "1000",
            "trades_max": "10000",
            "orders_working_max": "10",
            "position_qty_max": '"10000"',
            "account_age_max_ms": "10000",
            "balance_min": '"1000"',
            "daily_loss_max": '"1000"',
            "drawdown_max_pct": '"5"',
            "venue_rejects_max": "20",
            "venue_rejects_window_ms": "10000",
            "vetoes_max": "500",
            "vetoes_window_ms": "10000",
        },
        "symbol": {
            "name": '"BTC/USDT"',
            "order_qty_max": '"0.01"',
            "position_qty_max": '"0.05"',
        },
        "throttle": {"name": '"orders"', "rate": '"20"', "per_ms": "1000", "burst": '"50"'},
        "metrics": {"port": "9464"},
        "scalper": {"strategy": '"fade"', "feed": '"synthetic:1?speed=60"', "order_qty": '"1000"'},
    }
)
"""What the sample switches on. The throttle runs on the wall clock, so a recording of hours that
is replayed in seconds must fit through it without a storm of vetoes."""

_EXAMPLES: Final = MappingProxyType(
    {
        "account_id": '"PA0000000000"',
        "ord_types": '["limit", "market"]',
        "order_qty_min": '"0.001"',
        "reference_divergence_max_bps": '"5"',
        "order_notional_min": '"10"',
        "position_notional_max": '"20000"',
        "gross_exposure_max": '"50000"',
        "net_exposure_max": '"20000"',
        "concentration_max_pct": '"25"',
        "leverage_max": '"1"',
        "losses_in_a_row_max": "8",
        "hours": '["Mon-Fri 08:00-17:00"]',
        "order_to_fill_max": '"20"',
        "short_allowed": "true",
        "base": '"BTC"',
        "quote": '"USDT"',
        "price_increment": '"0.01"',
        "qty_increment": '"0.00001"',
        "fx": '"USDT/USD"',
        "url_file": '"telegram.url"',
        "paths": '["/run/sentinel-stop/STOP"]',
        "events": '["verdicts"]',
        "key_file": '"broker.key"',
        "secret_file": '"broker.secret"',
        "durability": '"process"',
        "gate": '"ipc:///run/sentinel/gate.sock"',
        "symbol": '"EUR/USD"',
        "file": '"scalper.log"',
    }
)

_TABLE_EXAMPLES: Final = MappingProxyType(
    {
        ("broker", "url"): '"https://paper-api.alpaca.markets"',
        ("broker", "options"): '{ cash = "100000", seed = "1" }',
        ("scalper", "options"): '{ entry_bps = "1" }',
        ("route", "name"): '"phone"',
        ("route", "url"): '"json://127.0.0.1:8080"',
        ("strategy", "name"): '"fade"',
    }
)

_COLUMN: Final = 42


def sample_text() -> str:
    """Return the sample's text: every key is in it once, with its meaning."""
    return "\n".join([_HEAD, *(_section(table) for table in TABLES)])


def _section(table: Table) -> str:
    active = _ACTIVE.get(table.name, {})
    used = not table.many or bool(active)
    lines = [f"# {table.meaning[0].upper()}{table.meaning[1:]}."]
    if table.overrides:
        lines.append("# Any limit of [limits] may stand here too, for orders of this one alone.")
    lines.append(table.header if used else f"# {table.header}")
    own = {key.name for key in table.keys}
    overridden = tuple(key for key in table.overrides if key.name in active)
    for key in (*table.keys, *overridden):
        shown = active.get(key.name)
        setting = f"{key.name} = {shown or _example(table, key)}"
        about = _about(table, key) if key.name in own else "in place of that of [limits]"
        lines.append(f"{setting if shown else f'# {setting}':<{_COLUMN}} # {about}")
    return "\n".join([*lines, ""])


def _about(table: Table, key: Key) -> str:
    said = key.choices and key.choices[0] in table.meaning + key.meaning
    if key.kind is Kind.CHOICE and not said:
        return f"{key.meaning} ({', '.join(key.choices)})"
    return f"{key.meaning} ({key.unit})" if key.unit else key.meaning


def _example(table: Table, key: Key) -> str:
    special = _TABLE_EXAMPLES.get((table.name, key.name))
    if special is not None:
        return special
    match key.default:
        case bool():
            return "true" if key.default else "false"
        case int():
            return str(key.default)
        case str():
            return f'"{key.default}"'
        case _:
            return _EXAMPLES[key.name]
