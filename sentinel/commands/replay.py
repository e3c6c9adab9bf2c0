"""`sentinel replay`: the decisions without processes, from a file of events."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from sentinel.commands import exits

if TYPE_CHECKING:
    from ipc.config.values import RiskConfig


@click.command("replay")
@click.option("--config", metavar="FILE", help="The configuration; else the usual places.")
@click.option("--events", metavar="FILE", help="JSON lines, or - for standard input.")
@click.option("--journal", metavar="DIR", help="A real journal, decided under CONFIG's limits.")
def command(config: str | None, events: str | None, journal: str | None) -> int:
    """Feed events to the very core that guards, in virtual time; print one JSON line per intent.

    Lines are objects with `event` and `at_ms` or `at_ns` (see docs/replay.md); each verdict, and
    each other effect, is a line on standard output. With --journal, each line is a verdict that
    would have been another, with the recorded one beside it, and a count goes to standard error.
    Exit codes: 0 done, 65 a bad line (its number is named, what came before it was printed) or a
    bad journal, 78 bad configuration.
    """
    if (events is None) == (journal is None):
        raise click.UsageError("give either --events or --journal")
    from ipc.config.problems import ConfigError
    from ipc.config.reader import find_config, limits_hash, parse_config, read_config
    from sentinel.event_line import BadLine
    from sentinel.replay import Replayer

    def parsed(text: str) -> tuple[RiskConfig, str]:
        risk = parse_config(text, "config event").risk
        return risk, limits_hash(risk)

    try:
        risk = read_config(find_config(config, os.environ)).risk
    except ConfigError as error:
        raise exits.Stopped(exits.CONFIG, *str(error).splitlines()) from None
    if journal is not None:
        return _otherwise(Path(journal), risk, limits_hash(risk))
    events = events or "-"
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


def _otherwise(directory: Path, risk: RiskConfig, config_hash: str) -> int:
    """Print the verdicts of a journal that would have been others."""
    from sentinel.adapters.journal_format import JournalError
    from sentinel.replay_journal import otherwise

    judged = differing = 0
    try:
        for document, other in otherwise(directory, risk, config_hash):
            judged += 1
            if other:
                differing += 1
                sys.stdout.write(msgspec.json.encode(document).decode() + "\n")
    except (JournalError, msgspec.DecodeError, OSError) as error:
        raise exits.Stopped(exits.DATA, f"{directory}: {error}") from None
    sys.stdout.flush()
    click.echo(f"{judged} intents judged, {differing} would have been otherwise", err=True)
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
