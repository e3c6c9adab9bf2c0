"""`sentinel kill`: halt, and run the kill sequence."""

from __future__ import annotations

import click

from sentinel.commands.places import find_paths, operator_name, placed


@click.command("kill")
@click.option("--why", required=True, metavar="TEXT", help="The reason; it is journaled.")
@placed
def command(why: str, state_dir: str | None, runtime_dir: str | None) -> int:
    """Latch a halt, kill every loop's process tree, cancel at the venue and read it back.

    Returns when the halt is latched; `sentinel status` shows how far the sequence is and how it
    ended. Exit codes: 0 under way, 69 no sentinel answers.
    """
    from ipc.messages import PROTOCOL, HaltRequest
    from sentinel.commands.asking import ask, done_or_stop

    if not why.strip():
        raise click.UsageError("--why must not be empty")
    paths = find_paths(state_dir, runtime_dir)
    reply = ask(paths, HaltRequest(protocol=PROTOCOL, by=operator_name(), why=why, kill=True))
    done_or_stop(reply, "the kill")
    click.echo(f"HALTED ({reply.detail}), the kill sequence runs; `sentinel status` follows it")
    return 0
