"""`sentinel tail`: follow verdicts, changes of state and alerts as they happen."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from sentinel.commands.places import find_paths, placed

QUIET_MS = 5_000
"""After so long without a word the sentinel is asked whether it is still there."""


@click.command("tail")
@click.option("--json", "as_json", is_flag=True, help="One JSON document a line.")
@click.option("--vetoes", is_flag=True, help="Only verdicts that are vetoes.")
@placed
def command(as_json: bool, vetoes: bool, state_dir: str | None, runtime_dir: str | None) -> int:
    """Follow what the sentinel decides, until Ctrl-C.

    It is a copy for watching: a terminal that is too slow misses lines, and nothing is ever
    decided by it. Exit codes: 0 ended by Ctrl-C, 69 no sentinel answers, or it has ended.
    """
    from ipc.messages import PROTOCOL, StatusRequest
    from ipc.telemetry import TelemetryClient
    from sentinel.commands.asking import ask

    paths = find_paths(state_dir, runtime_dir)
    topics = (b"verdict",) if vetoes else (b"verdict", b"state", b"alert")
    present = StatusRequest(protocol=PROTOCOL)
    try:
        with TelemetryClient(paths.telemetry, topics) as telemetry:
            ask(paths, present)
            while True:
                message = telemetry.receive(QUIET_MS)
                if message is None:
                    ask(paths, present)
                    continue
                line = line_of(*message, as_json=as_json, vetoes=vetoes)
                if line is not None:
                    click.echo(line)
    except KeyboardInterrupt:
        return 0


def line_of(topic: bytes, payload: bytes, *, as_json: bool, vetoes: bool) -> str | None:
    """Return the line for one message; None if it is not wanted, or not one of ours."""
    try:
        document = msgspec.json.decode(payload, type=dict[str, Any])
    except msgspec.DecodeError:
        return None
    if vetoes and document.get("verdict") != "vetoed":
        return None
    name = topic.decode("ascii", "replace")
    if as_json:
        return msgspec.json.encode({"schema": 1, "topic": name, **document}).decode()
    from sentinel.commands.shown import instant, plain

    return plain(f"{instant(document.get('wall_ns', 0))}  {_text(name, document)}")


def _text(topic: str, document: dict[str, Any]) -> str:
    match topic:
        case "verdict":
            return _verdict(document)
        case "state":
            cause = document.get("cause")
            return f"{document.get('state')}  {document.get('effect')}: {cause}"
        case _:
            return f"alert  {document.get('severity')}: {document.get('code')}"


def _verdict(document: dict[str, Any]) -> str:
    parts = [
        f"{document.get('verdict'):<8}",
        f" {document.get('kind')} {document.get('cl_ord_id')}",
        f" {document['symbol']}" if document.get("symbol") else "",
        f"  {document['reason']}" if document.get("reason") else "",
    ]
    for key in ("limit", "observed"):
        if document.get(key) is not None:
            parts.append(f" {key} {document[key]}")
    if document.get("state") != "ACTIVE":
        parts.append(f"  ({document.get('state')})")
    return "".join(parts)
