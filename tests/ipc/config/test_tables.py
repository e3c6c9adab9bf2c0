"""The tables agree with the values, the reasons, the schema, the sample and the pages."""

from __future__ import annotations

import importlib
import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ipc.config.actions import ACTIONABLE
from ipc.config.json_schema import schema
from ipc.config.keys import Key, Kind, Looser, Table
from ipc.config.limit_keys import LIMIT_KEYS, PAIRS
from ipc.config.reader import parse_config
from ipc.config.sample import sample_text
from ipc.config.scalars import fit
from ipc.config.tables import TABLES
from ipc.config.values import Config, LimitValues, SymbolValues
from ipc.reasons import Reason

jsonschema = importlib.import_module("jsonschema")
ROOT = Path(__file__).resolve().parents[3]
KEYS = [(table, key) for table in TABLES for key in table.keys]


def values_of(table: Table) -> Any:
    """The values type that a table's keys become fields of."""
    kind: Any = Config
    for part in table.field:
        field = next(field for field in msgspec.structs.fields(kind) if field.name == part)
        kind = field.type
        if table.many and part == table.field[-1]:
            kind = kind.__args__[0]
    return kind


@pytest.mark.parametrize("table", [t for t in TABLES if t.name != "limits.actions"], ids=str)
def test_each_table_has_the_fields_of_its_values(table: Table) -> None:
    fields = {field.name: field for field in msgspec.structs.fields(values_of(table))}
    for key in table.keys:
        name = f"{table.name}_{key.name}" if table.flat else key.name
        field = fields[name]
        if table.name == "limits":
            assert field.default is None
        elif key.required:
            assert field.required
        elif key.kind is Kind.OPTIONS:
            assert field.default_factory() == {}
        else:
            assert field.default == key.default
    if not table.flat:
        nested = {other.name.rpartition(".")[2] for other in TABLES} | {"limits"}
        assert set(fields) - {key.name for key in table.keys} <= nested


def test_every_field_of_the_limits_has_a_row() -> None:
    assert [key.name for key in LIMIT_KEYS] == list(LimitValues.__struct_fields__)


def test_every_default_is_a_value_its_key_takes() -> None:
    for table, key in KEYS:
        if key.default is not None:
            raw = list(key.default) if isinstance(key.default, tuple) else key.default
            assert fit(key, raw) == key.default, (table.name, key.name)


def test_every_limit_knows_which_way_is_looser() -> None:
    assert not [key.name for key in LIMIT_KEYS if key.looser is Looser.NEVER]
    assert {name for pair in PAIRS for name in pair} <= {key.name for key in LIMIT_KEYS}


def test_every_reason_of_a_limit_may_have_an_action() -> None:
    for key in LIMIT_KEYS:
        assert set(key.reasons) <= set(ACTIONABLE)
    covered = {reason for key in LIMIT_KEYS for reason in key.reasons}
    assert set(ACTIONABLE) - covered == {
        Reason.ORDER_INVALID,
        Reason.ORDER_EXPIRED,
        Reason.CL_ORD_ID_DUPLICATE,
        Reason.REDUCE_ONLY_WOULD_FLIP,
        Reason.PRICE_INCREMENT_INVALID,
        Reason.QTY_INCREMENT_INVALID,
        Reason.BALANCE_INSUFFICIENT,
    }


def test_the_sample_runs_unedited() -> None:
    config = parse_config(sample_text(), "sample")
    assert config.risk.account.mode == "paper"
    assert config.risk.account.broker == "offline"
    assert config.routes == ()
    assert config.metrics_port == 9464
    assert config.risk.limits.symbols == ("EUR/USD", "BTC/USDT", "SYN/USD")
    assert 'symbols = ["EUR/USD", "BTC/USDT", "SYN/USD"]' in sample_text()
    assert config.risk.throttles
    assert [entry.name for entry in config.risk.symbols] == ["BTC/USDT"]
    assert isinstance(config.risk.symbols[0], SymbolValues)


def test_the_samples_endless_market_is_paced_so_that_its_throttle_can_follow() -> None:
    feed = parse_config(sample_text(), "sample").scalper.feed
    assert re.fullmatch(r"synthetic:\d+\?speed=\d{1,2}", feed)


@pytest.mark.parametrize(("table", "key"), KEYS, ids=lambda part: part.name)
def test_the_sample_has_every_key_once_and_what_is_behind_a_hash_is_valid(
    table: Table, key: Key
) -> None:
    section = re.search(
        rf"^(?:# )?{re.escape(table.header)}\n((?:.+\n)*)", sample_text(), re.MULTILINE
    )
    assert section is not None
    lines = re.findall(rf"^(?:# )?({key.name} = .*)$", section[1], re.MULTILINE)
    assert len(lines) == 1
    written = tomllib.loads(lines[0])[key.name]
    fit(key, written)
    assert key.meaning in lines[0]


def test_the_whole_sample_without_its_hashes_is_a_valid_file() -> None:
    text = re.sub(r"^# (\[|[A-Za-z_]+ = )", r"\1", sample_text(), flags=re.MULTILINE)
    text = text.replace('url = "json', '# url = "json')
    config = parse_config(text, "sample")
    assert config.risk.limits.hours is not None
    assert config.risk.strategies[0].name == "fade"
    assert config.routes[0].url_file == "telegram.url"


def test_the_schema_is_one_and_takes_the_sample() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(tomllib.loads(sample_text()), schema())


@pytest.mark.parametrize(
    "text",
    [
        "[account]\n",
        "[limits]\nsymbols = []\n",
        '[limits]\nsymbols = ["A"]\norder_qty_max = 1.5\n',
        '[limits]\nsymbols = ["A"]\norder_qty_max = "1e5"\n',
        '[limits]\nsymbols = ["A"]\nunknown = 1\n',
        '[limits]\nsymbols = ["A"]\ntrades_max = -1\n',
        '[limits]\nsymbols = ["A"]\nactions.VETO_STORM = "ignore"\n',
        '[limits]\nsymbols = ["A"]\n[[throttle]]\nname = "t"\n',
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(text: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text), schema())


def test_the_pages_are_those_that_the_code_makes() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.main(["--check"]) == 0
    page = module.limits_page()
    assert all(f"| `{key.name}` |" in page for key in LIMIT_KEYS)
    reasons = module.reasons_page()
    assert all(f"| `{reason.value}` |" in reasons for reason in Reason)
