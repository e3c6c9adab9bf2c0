"""The `sentinel` command: finds the sub-command, turns every error into one line and a code."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from sentinel.commands import exits

COMMANDS = (
    "accept-config",
    "account",
    "check-config",
    "guard",
    "halt",
    "init",
    "journal",
    "kill",
    "reasons",
    "reduce",
    "replay",
    "resume",
    "run",
    "status",
    "tail",
    "why",
)


class Lazy(click.Group):
    """Imports a sub-command's file only when it is used, so that `status` starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return every command's name."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load one command's file."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"sentinel.commands.{cmd_name.replace('-', '_')}")
        found = module.command
        return found if isinstance(found, click.Command) else None

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - whatever the command returns
        """Run a command; whoever reads it no longer wants the rest, and that is no failure."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return exits.DONE


@click.group(
    cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="scalper-sentinel", prog_name="sentinel")
def command() -> None:
    """Guard a trading loop from beside it: gate, watch, halt, kill, verify, tell.

    Exit codes: 0 done, 1 failed, 64 usage, 65 bad input data, 69 unavailable, 75 refused because
    halted, 77 live guard refused, 78 bad configuration. `status` has its own: 0 armed, 1 degraded,
    2 halted or killed, 3 not answering.
    """


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    try:
        code: Any = command.main(args=arguments, prog_name="sentinel", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return exits.USAGE
    except click.ClickException as error:
        click.echo(f"sentinel: {error.format_message()}", err=True)
        return exits.USAGE
    except click.Abort:
        click.echo("sentinel: stopped", err=True)
        return exits.INTERRUPTED
    except exits.Stopped as stopped:
        for line in stopped.lines:
            click.echo(f"sentinel: {line}", err=True)
        return stopped.code
    except OSError as error:
        click.echo(f"sentinel: the output cannot be written: {error.strerror}", err=True)
        return exits.FAILED
    return code if isinstance(code, int) else exits.DONE
