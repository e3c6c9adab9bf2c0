"""`sentinel guard`: a sentinel and the command it guards, in one terminal."""

from __future__ import annotations

import click

from sentinel.commands.places import placed


@click.command("guard", context_settings={"ignore_unknown_options": True})
@click.option("--config", metavar="PATH", help="The file; else the usual places.")
@placed
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
def command(
    config: str | None, state_dir: str | None, runtime_dir: str | None, words: tuple[str, ...]
) -> int:
    """Run a sentinel and COMMAND together; both end when COMMAND does.

    COMMAND finds the sentinel through its environment (SENTINEL_CONFIG, SENTINEL_STATE_DIR,
    SENTINEL_RUNTIME_DIR). Exits with the command's code, or 128+n if signal n killed it; else 69,
    75 or 78 if the sentinel itself could not start, and 127 if the command cannot be run.
    """
    from sentinel.guarding import guard

    return guard(config, state_dir, runtime_dir, words)
