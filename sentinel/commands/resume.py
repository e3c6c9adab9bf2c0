"""`sentinel resume`: a named person lets trading go on."""

from __future__ import annotations

import click
import msgspec

from sentinel.commands import exits
from sentinel.commands.places import find_paths, placed

WAIT_MS = 10_000
STEP_MS = 200


@click.command("resume")
@click.option("--by", required=True, metavar="NAME", help="Who resumes.")
@click.option("--why", required=True, metavar="TEXT", help="Why it is safe now.")
@click.option("--unverified", is_flag=True, help="Although the kill is not verified at the venue.")
@placed
def command(
    by: str, why: str, unverified: bool, state_dir: str | None, runtime_dir: str | None
) -> int:
    """Lift the halt (or the latched REDUCING) that there is now.

    The command fetches the halt's id and sends it back, so that a halt nobody has seen is never
    lifted. A kill sequence that runs is waited for, 10 seconds at most; while it is
    KILL_UNVERIFIED the answer is no, unless you have looked at the venue yourself and say
    `--unverified`. Exit codes: 0 resumed, 1 refused, 69 no sentinel answers.
    """
    from ipc.clock import SystemClock
    from ipc.messages import PROTOCOL, ResumeRequest, StatusRequest
    from sentinel.commands.asking import ask, done_or_stop

    if not by.strip() or not why.strip():
        raise click.UsageError("--by and --why must not be empty")
    paths = find_paths(state_dir, runtime_dir)
    clock = SystemClock()
    deadline_ns = clock.elapsed_ns() + WAIT_MS * 1_000_000
    while True:
        status = msgspec.json.decode(ask(paths, StatusRequest(protocol=PROTOCOL)).document)
        halt = status["halt"]
        request = ResumeRequest(
            protocol=PROTOCOL,
            halt_id="" if halt is None else halt["id"],
            by=by,
            why=why,
            unverified=unverified,
        )
        reply = ask(paths, request)
        if reply.code not in ("KILL_RUNNING", "HALT_CHANGED") or clock.elapsed_ns() > deadline_ns:
            break
        clock.sleep_ms(STEP_MS)
    if reply.code == "NOT_HALTED":
        raise exits.Stopped(exits.FAILED, f"nothing to resume: {reply.detail}")
    done_or_stop(reply, "the resume")
    click.echo(f"{reply.detail}: resumed by {by}")
    return 0
