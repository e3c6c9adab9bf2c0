"""`sentinel run`: the sentinel itself, in the foreground."""

from __future__ import annotations

import click

from sentinel.commands.places import placed


@click.command("run")
@click.option("--config", metavar="PATH", help="The file; else the usual places.")
@placed
def command(config: str | None, state_dir: str | None, runtime_dir: str | None) -> int:
    """Guard until told to end.

    Opens the gate, watches, and journals every decision before it is answered. SIGTERM or Ctrl-C
    closes the gate, latches nothing and exits 0; the loops see silence and withdraw.
    Exit codes: 0 ended, 1 the journal failed or is damaged, 69 another sentinel runs or the broker
    is unavailable, 78 bad configuration.
    """
    from sentinel.commands.starting import start

    running, _ = start(config, state_dir, runtime_dir)
    try:
        running.stop_on_signals()
        return running.run()
    finally:
        running.close()
