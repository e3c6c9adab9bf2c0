"""`sentinel reduce`: only exits from here."""

from __future__ import annotations

import click

from sentinel.commands.places import find_paths, operator_name, placed


@click.command("reduce")
@click.option("--why", required=True, metavar="TEXT", help="The reason; it is journaled.")
@placed
def command(why: str, state_dir: str | None, runtime_dir: str | None) -> int:
    """Latch REDUCING: only cancels and exposure-reducing orders pass, until `sentinel resume`.

    Exit codes: 0 done, 69 no sentinel answers.
    """
    from ipc.messages import PROTOCOL, ReduceRequest
    from sentinel.commands.asking import ask, done_or_stop

    if not why.strip():
        raise click.UsageError("--why must not be empty")
    paths = find_paths(state_dir, runtime_dir)
    reply = ask(paths, ReduceRequest(protocol=PROTOCOL, by=operator_name(), why=why))
    done_or_stop(reply, "the reduction")
    click.echo(f"{reply.detail}; `sentinel resume --by NAME --why TEXT` lifts it")
    return 0
