"""`sentinel journal`: verify the sentinel's memory, write it out, list the alerts it still owes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from sentinel.commands import exits
from sentinel.commands.places import find_paths, placed

if TYPE_CHECKING:
    from sentinel.adapters.journal_verify import Verification
    from sentinel.redeciding import Redecision


@click.group("journal")
def command() -> None:
    """Read the journal; a running sentinel is not disturbed by it.

    DIR is a journal's directory; without it, the journal of the state directory is read.
    """


@command.command("verify")
@click.argument("directory", metavar="[DIR]", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@placed
def verify(
    directory: str | None, as_json: bool, state_dir: str | None, runtime_dir: str | None
) -> int:
    """Check every record, then decide every entry again.

    Checked are each record's checksum, the chain of hashes through all of them, the seals and the
    joins of the segments; then every event is decided afresh, and each verdict must be the one
    that was given. A record that is only half written is no damage. Nothing is ever repaired.
    Exit codes: 0 whole, 1 damaged or decided otherwise, 65 there is no journal.
    """
    from sentinel.adapters.journal_verify import verify as verify_records
    from sentinel.commands.progress import Progress

    place = _place(directory, state_dir, runtime_dir)
    with Progress("checking") as progress:
        checked = verify_records(place, lambda records, _: progress(records))
    again = _again(place, checked)
    problem = checked.problem or again.problem
    document = {
        "schema": 1,
        "ok": problem is None,
        "directory": str(place),
        "entries": checked.records,
        "segments": checked.segments,
        "first_seq": checked.first_seq,
        "last_seq": checked.last_seq,
        "last_hash": checked.last_hash.hex(),
        "torn_bytes": checked.torn_bytes,
        "decided_again_from_seq": again.from_seq,
        "verdicts_decided_again": again.verdicts,
        "problem": problem,
    }
    if as_json:
        click.echo(msgspec.json.encode(document))
    elif problem is None:
        click.echo(f"{place}: whole: {_summary(checked)}; {_decided(again)}")
    else:
        click.echo(f"{place}: DAMAGED: {problem}")
    return exits.DONE if problem is None else exits.FAILED


def _again(place: Path, checked: Verification) -> Redecision:
    """Decide what was found whole again; nothing of what was not."""
    from sentinel.adapters.journal_format import JournalError
    from sentinel.commands.progress import Progress
    from sentinel.redeciding import Redecision, redecide

    if not checked.ok:
        return Redecision(from_seq=None)
    try:
        with Progress("deciding again") as progress:
            return redecide(place, checked.first_seq, checked.last_seq, progress)
    except (JournalError, OSError) as error:
        return Redecision(from_seq=None, problem=str(error))


def _summary(checked: Verification) -> str:
    torn = f", {checked.torn_bytes} bytes of an unfinished one" if checked.torn_bytes else ""
    plural = "" if checked.segments == 1 else "s"
    where = f"{checked.segments} segment{plural}, chain hash {checked.last_hash.hex()[:16]}"
    return f"{checked.records} entries{torn} in {where}"


def _decided(again: Redecision) -> str:
    if again.from_seq is None:
        return "its beginning is no longer kept, so the verdicts were not decided again"
    start = "" if again.from_seq == 1 else f" from entry {again.from_seq} on"
    return f"decided again{start}, all {again.verdicts} verdicts are the same"


@command.command("export")
@click.argument("directory", metavar="[DIR]", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "sqlite"]),
    default="jsonl",
    show_default=True,
    help="JSON lines, or a SQLite file.",
)
@click.option("--out", metavar="PATH", help="A new file; - or nothing is standard output.")
@placed
def export(
    directory: str | None,
    form: str,
    out: str | None,
    state_dir: str | None,
    runtime_dir: str | None,
) -> int:
    """Write the journal out for other programs.

    JSON lines: one entry a line, `schema seq epoch at_ns wall_ns event effects`, every field by
    its name. SQLite: the tables `events`, `verdicts`, `alerts` and `halts`. Times are nanoseconds,
    money and quantities texts. An existing file is not overwritten. Of a damaged journal, what is
    good before the damage is written. Exit codes: 0 done, 1 damaged or it cannot be written, 64 no
    --out for SQLite, 65 there is no journal, or the file exists.
    """
    from sentinel.adapters.journal_export import (
        FileExists,
        export_lines,
        export_sqlite,
        new_file,
    )
    from sentinel.adapters.journal_format import JournalError
    from sentinel.commands.progress import Progress

    to_stdout = out in (None, "-")
    if form == "sqlite" and to_stdout:
        raise exits.Stopped(exits.USAGE, "--format sqlite needs --out PATH")
    place = _place(directory, state_dir, runtime_dir)
    try:
        with Progress("exporting") as progress:
            if out is None or to_stdout:
                export_lines(place, sys.stdout.buffer, progress)
                return exits.DONE
            if form == "sqlite":
                done = export_sqlite(place, Path(out), progress)
            else:
                with new_file(Path(out)) as part, part.open("wb") as file:
                    done = export_lines(place, file, progress)
    except FileExists as error:
        raise exits.Stopped(exits.DATA, str(error)) from None
    except JournalError as error:
        raise exits.Stopped(exits.FAILED, str(error)) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        what = f"{out or 'standard output'}: {error.strerror or error}"
        raise exits.Stopped(exits.FAILED, what) from None
    click.echo(f"{out}: {done} entries", err=True)
    return exits.DONE


@command.command("outbox")
@click.argument("directory", metavar="[DIR]", required=False)
@placed
def outbox(directory: str | None, state_dir: str | None, runtime_dir: str | None) -> int:
    """List the alerts that no route has delivered or given up, oldest first, as JSON lines.

    Each has `schema seq wall_ns alert_id severity code facts`. What stands before damage is
    listed. Exit codes: 0 done, 1 the journal is damaged, 65 there is no journal.
    """
    from sentinel.adapters.journal_format import JournalError
    from sentinel.adapters.journal_outbox import unsettled
    from sentinel.commands.progress import Progress

    place = _place(directory, state_dir, runtime_dir)
    try:
        with Progress("reading") as progress:
            owed = unsettled(place, progress)
    except (JournalError, OSError) as error:
        raise exits.Stopped(exits.FAILED, str(error)) from None
    for document in owed.documents:
        click.echo(msgspec.json.encode(document))
    if owed.omitted:
        click.echo(f"sentinel: {owed.omitted} older ones are not listed", err=True)
    if owed.problem is not None:
        raise exits.Stopped(exits.FAILED, owed.problem)
    return exits.DONE


def _place(directory: str | None, state_dir: str | None, runtime_dir: str | None) -> Path:
    """Return the journal's directory; Stopped with 65 if there is none."""
    from sentinel.commands.journal_place import journal_place

    if directory is None:
        return journal_place(find_paths(state_dir, runtime_dir).state_dir / "journal")
    return journal_place(Path(directory))
