"""The `scalper` command: flags in, exit code out. It may never decide anything about an order."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from ipc.clock import SystemClock
from scalper import endings
from scalper.logs import LEVELS
from scalper.options import Options, Stopped


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--dry-run", is_flag=True, help="Orders go to the offline broker (the default).")
@click.option("--live", is_flag=True, help="Orders go to the configured venue, for real money.")
@click.option("--config", metavar="PATH", help="The sentinel.toml that both programs read.")
@click.option(
    "--log-level", type=click.Choice(LEVELS, case_sensitive=False), help="The least level logged."
)
@click.option("--log-file", type=click.Path(path_type=Path), help="JSON lines go here, rotated.")
@click.option("--max-trades", type=click.IntRange(min=1), metavar="N", help="At most N entries.")
@click.option(
    "--iterations", type=click.IntRange(min=1), metavar="N", help="Exactly N passes, one a row."
)
@click.option("--yes", is_flag=True, help="Confirm live trading without being asked.")
@click.option("--feed", metavar="SPEC", help="csv:PATH[?speed=N] or synthetic:SEED[?speed=N].")
@click.option("--strategy", metavar="NAME", help="fade, or module:Class for your own.")
@click.option("--symbol", metavar="S", help="The symbol to trade.")
def command(dry_run: bool, live: bool, **flags: Any) -> int:  # noqa: ANN401 - click's way
    """Run one scalping strategy under a sentinel's permission.

    Every order is asked of the sentinel first, in a dry run too; without a sentinel there are no
    orders. Exit codes: 0 done, 1 the strategy failed, 64 usage, 65 bad feed, 69 sentinel or
    broker unavailable, 75 trading is halted, 77 live guard refused, 78 bad configuration.
    """
    if dry_run and live:
        raise click.UsageError("--dry-run and --live exclude each other")
    from scalper.confirming import Console
    from scalper.start import Surroundings, start

    terminal = sys.stderr.isatty() and os.environ.get("TERM", "") != "dumb"
    return start(
        Options(live=live, **flags),
        Surroundings(
            env=dict(os.environ),
            clock=SystemClock(),
            console=Console(terminal=sys.stdin is not None and sys.stdin.isatty(), ask=_ask),
            out=sys.stdout,
            err=sys.stderr,
            live_line=terminal,
            colors=terminal and "NO_COLOR" not in os.environ,
        ),
    )


def _ask(prompt: str) -> str:
    """Ask on standard error, so that standard output stays data; an interrupt is no answer."""
    click.echo(prompt, nl=False, err=True)
    try:
        return sys.stdin.readline(1024)
    except KeyboardInterrupt:
        return ""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    try:
        code = command.main(args=arguments, prog_name="scalper", standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"scalper: {error.format_message()}", err=True)
        return endings.USAGE
    except click.Abort:
        click.echo("scalper: stopped before it began", err=True)
        return endings.DONE
    except Stopped as stopped:
        for line in stopped.lines:
            click.echo(f"scalper: {line}", err=True)
        return stopped.code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return endings.DONE
    return code if isinstance(code, int) else endings.DONE
