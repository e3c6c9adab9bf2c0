"""`sentinel accept-config`: let a looser configuration in."""

from __future__ import annotations

import click

from sentinel.commands.places import find_paths, operator_name, placed


@click.command("accept-config")
@click.argument("hash_", metavar="HASH")
@placed
def command(hash_: str, state_dir: str | None, runtime_dir: str | None) -> int:
    """Put the pending configuration with this HASH in force (`sentinel status` shows it).

    Eight characters or more of the hash are enough. Exit codes: 0 in force, 1 refused, 69 no
    sentinel answers.
    """
    from ipc.messages import PROTOCOL, AcceptConfigRequest
    from sentinel.commands.asking import ask, done_or_stop

    paths = find_paths(state_dir, runtime_dir)
    reply = ask(paths, AcceptConfigRequest(protocol=PROTOCOL, hash=hash_, by=operator_name()))
    done_or_stop(reply, "the configuration")
    click.echo(reply.detail)
    return 0
