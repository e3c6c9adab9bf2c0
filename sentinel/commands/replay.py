"""`sentinel replay`: the decisions without processes, from a file of events."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from sentinel.commands import exits


@click.command("replay")
@click.option("--config", metavar="FILE", help="The configuration; else the usual places.")
@click.option(
    "--events", required=True, metavar="FILE", help="JSON lines, or - for standard input."
)
def command(config: str | None, events: str) -> int:
    """Feed events to the very core that guards, in virtual time; print one JSON line per intent.

    Lines are objects with `event` and `at_ms` or `at_ns` (see docs/replay.md); each verdict, and
    each other effect, is a line on standard output. Exit codes: 0 done, 65 a bad line (its number
    is named, what came before it was printed), 78 bad configuration.
    """
    from ipc.config.problems import ConfigError
    from ipc.config.reader import find_config, limits_hash, parse_config, read_config
    from ipc.config.values import RiskConfig
    from sentinel.event_line import BadLine
    from sentinel.replay import Replayer

    def parsed(text: str) -> tuple[RiskConfig, str]:
        risk = parse_config(text, "config event").risk
        return risk, limits_hash(risk)

    try:
        risk = read_config(find_config(config, os.environ)).risk
    except ConfigError as error:
        raise exits.Stopped(exits.CONFIG, *str(error).splitlines()) from None
    replayer = Replayer(risk, limits_hash(risk), parsed)
    out = sys.stdout
    try:
        for document in replayer.feed(_lines(events)):
            out.write(msgspec.json.encode(document).decode() + "\n")
    except BadLine as error:
        out.flush()
        raise exits.Stopped(exits.DATA, f"{events}: {error}") from None
    except KeyboardInterrupt:
        raise exits.Stopped(exits.INTERRUPTED, "interrupted") from None
    return 0


def _lines(events: str) -> Iterator[str]:
    """Yield the input's lines; bytes that are not UTF-8 stay in and make their line a bad one."""
    try:
        if events == "-":
            yield from _decoded(sys.stdin.buffer)
            return
        with Path(events).open("rb") as file:
            yield from _decoded(file)
    except OSError as error:
        raise exits.Stopped(exits.DATA, f"{events}: cannot be read: {error.strerror}") from None


def _decoded(stream: object) -> Iterator[str]:
    for raw in stream:  # type: ignore[attr-defined]
        yield raw.decode("utf-8", "surrogateescape").rstrip("\r\n")
