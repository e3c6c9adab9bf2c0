"""The JSON Schema of `sentinel.toml`, made from the tables, for editors. The reader is stricter."""

from __future__ import annotations

import json
from typing import Any, Final, assert_never

from ipc.config.keys import Key, Kind, Table
from ipc.config.tables import TABLES

DECIMAL_PATTERN: Final = r"^(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?$"
_WINDOW_PATTERN: Final = (
    r"^((Mon|Tue|Wed|Thu|Fri|Sat|Sun)(-(Mon|Tue|Wed|Thu|Fri|Sat|Sun))? )?"
    r"[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$"
)


def schema() -> dict[str, Any]:
    """Return the schema as a JSON document, draft 2020-12."""
    tops = [table for table in TABLES if "." not in table.name]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sentinel.toml",
        "type": "object",
        "additionalProperties": False,
        "required": ["limits"],
        "properties": {table.name: _table_or_array(table) for table in tops},
    }


def schema_text() -> str:
    """Return the schema as the text of a file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _table_or_array(table: Table) -> dict[str, Any]:
    if table.many:
        return {"type": "array", "description": table.meaning, "items": _table(table)}
    return _table(table)


def _table(table: Table) -> dict[str, Any]:
    properties = {key.name: _key(key) for key in (*table.keys, *table.overrides)}
    prefix = f"{table.name}."
    for other in TABLES:
        if other.name.startswith(prefix):
            properties[other.name.removeprefix(prefix)] = _table(other)
    document: dict[str, Any] = {
        "type": "object",
        "description": table.meaning,
        "additionalProperties": False,
        "properties": properties,
    }
    required = [key.name for key in table.keys if key.required]
    return document | {"required": required} if required else document


def _key(key: Key) -> dict[str, Any]:
    unit = f" ({key.unit})" if key.unit else ""
    document = _kind(key) | {"description": f"{key.meaning}{unit}"}
    if key.default is None:
        return document
    default = list(key.default) if isinstance(key.default, tuple) else key.default
    return document | {"default": default}


def _kind(key: Key) -> dict[str, Any]:
    match key.kind:
        case Kind.DECIMAL:
            least = {"exclusiveMinimum": 0} if key.positive else {"minimum": key.low}
            return {
                "anyOf": [
                    {"type": "string", "pattern": DECIMAL_PATTERN},
                    {"type": "integer", **least, "maximum": min(key.high, 10**18 - 1)},
                ]
            }
        case Kind.COUNT | Kind.MILLISECONDS:
            return {"type": "integer", "minimum": key.low, "maximum": key.high}
        case Kind.FLAG:
            return {"type": "boolean"}
        case Kind.TEXT:
            return {"type": "string", "pattern": f"^({key.pattern})$"}
        case Kind.ZONE:
            return {"type": "string", "minLength": 1}
        case Kind.CHOICE:
            return {"type": "string", "enum": list(key.choices)}
        case Kind.TEXTS:
            return _array({"type": "string", "pattern": f"^({key.pattern})$"}, key)
        case Kind.CHOICES:
            return _array({"type": "string", "enum": list(key.choices)}, key)
        case Kind.HOURS:
            window = {"type": "string", "pattern": _WINDOW_PATTERN}
            return {"anyOf": [window, {"type": "array", "items": window, "minItems": 1}]}
        case Kind.OPTIONS:
            entry = {"type": ["string", "integer"]}
            return {"type": "object", "additionalProperties": entry}
        case _:
            assert_never(key.kind)


def _array(items: dict[str, Any], key: Key) -> dict[str, Any]:
    least = 1 if key.default is None else 0
    return {"type": "array", "items": items, "minItems": least, "uniqueItems": True}
