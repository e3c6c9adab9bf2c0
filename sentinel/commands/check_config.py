"""`sentinel check-config`: says what a file means. It changes nothing and shows no secret."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import click

from ipc.config.actions import effective_actions
from ipc.config.keys import Key
from ipc.config.limit_keys import LIMIT_KEYS, SYMBOL_OVERRIDES
from ipc.config.problems import ConfigError
from ipc.config.reader import find_config, limits_hash, live_missing, read_config
from ipc.config.values import Config, LimitValues, ThrottleValues

_SCHEMA: Final = 1
_BAD_CONFIG: Final = 78


@click.command("check-config")
@click.option("--config", metavar="PATH", help="The file; else the usual places.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(config: str | None, as_json: bool) -> None:
    """Read the configuration and say which limits are on, which are off, and what live lacks.

    Exit codes: 0 the file is good, 78 it is not; then every problem is a line on standard error.
    """
    try:
        path = find_config(config, os.environ)
        found = read_config(path)
    except ConfigError as error:
        if as_json:
            _echo_json(_problem_document(error))
        else:
            click.echo(str(error), err=True)
        click.get_current_context().exit(_BAD_CONFIG)
    document = describe(path, found)
    if as_json:
        _echo_json(document)
    else:
        click.echo(_text(document))


def describe(path: Path, config: Config) -> dict[str, Any]:
    """Return what the file means as a JSON document; no URL is in it."""
    risk = config.risk
    scopes = [("", risk.limits)]
    scopes += [(f"symbol {entry.name}", entry.limits) for entry in risk.symbols]
    scopes += [(f"strategy {entry.name}", entry.limits) for entry in risk.strategies]
    actions = effective_actions(risk)
    return {
        "schema": _SCHEMA,
        "valid": True,
        "file": str(path),
        "hash": limits_hash(risk),
        "mode": risk.account.mode,
        "broker": risk.account.broker,
        "account_id": risk.account.account_id,
        "limits": [row for scope, limits in scopes for row in _rows(scope, limits, actions)],
        "throttles": [_throttle(entry) for entry in risk.throttles],
        "off": [key.name for key in LIMIT_KEYS if _is_off(key, config)],
        "routes": [entry.name for entry in config.routes],
        "live_missing": [what for _, what in live_missing(config)],
        "problems": [],
    }


def _rows(scope: str, limits: LimitValues, actions: dict[Any, str]) -> list[dict[str, Any]]:
    return [
        {
            "key": key.name,
            "scope": scope or "account",
            "limit": getattr(limits, key.name),
            "unit": key.unit,
            "actions": {reason.value: actions[reason] for reason in key.reasons},
        }
        for key in LIMIT_KEYS
        if getattr(limits, key.name) is not None
    ]


def _throttle(entry: ThrottleValues) -> dict[str, Any]:
    names = ("name", "scope", "counts", "rate", "per_ms", "burst")
    return {name: getattr(entry, name) for name in names}


def _is_off(key: Key, config: Config) -> bool:
    """Whether nothing of this limit is checked anywhere; one with a default is never off."""
    if key.default is not None or key.name == "short_allowed":
        return False
    scopes = [config.risk.limits, *(entry.limits for entry in config.risk.strategies)]
    if key in SYMBOL_OVERRIDES:
        scopes += [entry.limits for entry in config.risk.symbols]
    return all(getattr(limits, key.name) is None for limits in scopes)


def _problem_document(error: ConfigError) -> dict[str, Any]:
    names = ("file", "line", "field", "expected")
    problems = [{name: getattr(problem, name) for name in names} for problem in error.problems]
    return {"schema": _SCHEMA, "valid": False, "problems": problems}


def _echo_json(document: dict[str, Any]) -> None:
    import json

    click.echo(json.dumps(document, indent=2))


def _text(document: dict[str, Any]) -> str:
    account = document["account_id"] or "any account"
    lines = [
        f"{document['file']}: good",
        f"  {document['mode']}, {document['broker']}, {account}, limits {document['hash'][:12]}",
        "limits that are on:",
        *(_limit_line(row) for row in document["limits"]),
        *(_throttle_line(row) for row in document["throttles"]),
        "limits that are off: " + _listed(document["off"]),
    ]
    if not document["throttles"]:
        lines.append("there is no throttle")
    if not document["routes"]:
        lines.append("there is no alert route: nobody is told of a halt")
    else:
        lines.append("alert routes: " + _listed(document["routes"]))
    return "\n".join([*lines, "live also requires: " + _listed(document["live_missing"])])


def _listed(names: list[str]) -> str:
    return ", ".join(names) if names else "nothing"


def _limit_line(row: dict[str, Any]) -> str:
    limit = row["limit"]
    value = ", ".join(limit) if isinstance(limit, tuple) else limit
    if isinstance(limit, bool):
        value = "true" if limit else "false"
    severe = sorted({action for action in row["actions"].values() if action != "veto"})
    scope = "" if row["scope"] == "account" else f"  [{row['scope']}]"
    unit = f" {row['unit']}" if row["unit"] else ""
    then = f"  -> {', '.join(severe)}" if severe else ""
    return f"  {row['key']:<30} {value}{unit}{scope}{then}"


def _throttle_line(row: dict[str, Any]) -> str:
    rate = f"{row['rate']} {row['counts']} per {row['per_ms']} ms, burst {row['burst']}"
    return f"  {'throttle ' + row['name']:<30} {rate}  [each {row['scope']}]"
