"""`sentinel status`: one glance, for a person, a script or a monitoring system."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from sentinel.commands.places import find_paths, placed
from sentinel.health import CRITICAL, OK, UNKNOWN, WARNING, judge, problems

WORDS = {OK: "OK", WARNING: "WARNING", CRITICAL: "CRITICAL", UNKNOWN: "UNKNOWN"}
TIMEOUT_MS = 800
WATCH_MS = 1000


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="The whole document (schema 1).")
@click.option("--watch", is_flag=True, help="Once a second, until Ctrl-C.")
@click.option("--quiet", is_flag=True, help="Only the exit code.")
@placed
def command(
    as_json: bool, watch: bool, quiet: bool, state_dir: str | None, runtime_dir: str | None
) -> int:
    """Say how the sentinel is, within a second.

    The sentinel is asked; only if it is silent is its last word read from last.json, and that is
    said. Exit codes: 0 armed, 1 degraded, 2 halted or killed, 3 not answering.
    """
    from ipc.clock import SystemClock

    clock = SystemClock()
    while True:
        document = fetch(state_dir, runtime_dir)
        code = judge(document)
        if not quiet:
            show(document, code, as_json=as_json)
        if not watch:
            return code
        try:
            clock.sleep_ms(WATCH_MS)
        except KeyboardInterrupt:
            return code


def fetch(state_dir: str | None, runtime_dir: str | None) -> dict[str, Any]:
    """Ask the sentinel, or read what it said last."""
    from ipc.client import SentinelUnavailable
    from ipc.clock import SystemClock
    from ipc.control import ControlClient
    from ipc.messages import PROTOCOL, StatusRequest

    paths = find_paths(state_dir, runtime_dir)
    try:
        client = ControlClient(paths.control, SystemClock())
        reply = client.ask(StatusRequest(protocol=PROTOCOL), TIMEOUT_MS)
        if reply.ok:
            document: dict[str, Any] = msgspec.json.decode(reply.document)
            return document
        detail = f"{reply.code} {reply.detail}"
    except (SentinelUnavailable, ValueError) as error:
        detail = str(error)
    from sentinel.last_words import read_last_words

    last = read_last_words(paths.state_dir / "last.json") or {"schema": 1, "state": None}
    return {**last, "answering": False, "detail": detail}


def headline(document: dict[str, Any], code: int) -> str:
    """Return the first line: word, state, why, and performance data (the plug-in convention)."""
    if code == UNKNOWN:
        last = document.get("state")
        said = f", it last said {last}" if last else ""
        return f"SENTINEL {WORDS[code]} - not answering{said}"
    why = ""
    if document["halt"]:
        halt = document["halt"]
        why = f" by {halt['by']}: {halt['cause']}" + (f" ({halt['why']})" if halt["why"] else "")
    elif code == WARNING:
        why = "; ".join(["", *problems(document)])
    verdicts = document["verdicts"]
    data = (
        f"approved={verdicts['approved']}c vetoed={verdicts['vetoed']}c"
        f" sessions={len(document['sessions'])} working={document['working_orders']}"
    )
    return f"SENTINEL {WORDS[code]} - {document['state']}{why}|{data}"


def show(document: dict[str, Any], code: int, *, as_json: bool) -> None:
    """Print the document for a machine, or its glance for a person."""
    if as_json:
        click.echo(msgspec.json.encode(document))
        return
    click.echo(headline(document, code))
    if code == UNKNOWN:
        click.echo(f"  {document['detail']}")
        return
    click.echo(
        f"  account {document['account_id']} ({document['mode']}), epoch {document['epoch']},"
        f" up {document['uptime_ms'] // 1000} s, equity {document['equity'] or 'not read'}"
    )
    for session in document["sessions"]:
        click.echo(
            f"  {session['strategy']} pid {session['pid']}: {session['vitals']}, beat"
            f" {session['heartbeat_age_ms']} ms ago, pass {session['iteration']},"
            f" {session['approved']} approved, {session['vetoed']} vetoed"
        )
    for position in document["positions"]:
        click.echo(f"  position {position['symbol']} {position['qty']} at {position['avg_price']}")
    for row in document["limits"]:
        click.echo(f"  {row['key']} ({row['scope']}): {row['used']} of {row['limit']}")
    reasons = document["verdicts"]["by_reason"]
    if reasons:
        click.echo("  vetoes: " + ", ".join(f"{name} {n}" for name, n in reasons.items()))
    kill = document["kill"]
    if kill["stage"] != "IDLE":
        click.echo(f"  kill sequence: {kill['stage']}, {kill['outcome'] or 'no outcome yet'}")
    if document["halt"]:
        click.echo("  next: find the cause, then `sentinel resume --by NAME --why TEXT`")
