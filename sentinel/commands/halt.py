"""`sentinel halt`: latch a halt."""

from __future__ import annotations

import click

from sentinel.commands.places import find_paths, operator_name, placed


@click.command("halt")
@click.option("--why", required=True, metavar="TEXT", help="The reason; it is journaled.")
@placed
def command(why: str, state_dir: str | None, runtime_dir: str | None) -> int:
    """Latch a halt: from here only cancels pass, until `sentinel resume`.

    The loop is told and withdraws; it is not killed (that is `sentinel kill`).
    Exit codes: 0 halted, 69 no sentinel answers.
    """
    from ipc.messages import PROTOCOL, HaltRequest
    from sentinel.commands.asking import ask, done_or_stop

    if not why.strip():
        raise click.UsageError("--why must not be empty")
    paths = find_paths(state_dir, runtime_dir)
    reply = ask(paths, HaltRequest(protocol=PROTOCOL, by=operator_name(), why=why))
    done_or_stop(reply, "the halt")
    click.echo(f"HALTED ({reply.detail}); `sentinel resume --by NAME --why TEXT` lifts it")
    return 0
