"""`sentinel reasons`: the closed catalogue of veto reasons."""

from __future__ import annotations

import click


@click.command("reasons")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(as_json: bool) -> int:
    """List every reason a veto can have, in the order in which they are checked.

    Beside each stands what it does besides the veto unless `[limits.actions]` says otherwise
    (`veto`: nothing more); `fixed` ones cannot be configured. Exit code: 0.
    """
    from ipc.config.actions import ACTIONABLE, default_action
    from ipc.reasons import Reason

    rows = [
        (reason.value, default_action(reason) if reason in ACTIONABLE else None, reason.meaning)
        for reason in Reason
    ]
    if as_json:
        import msgspec

        keys = ("reason", "default_action", "meaning")
        reasons = [dict(zip(keys, row, strict=True)) for row in rows]
        click.echo(msgspec.json.encode({"schema": 1, "reasons": reasons}))
        return 0
    width = max(len(code) for code, _, _ in rows)
    click.echo(
        "\n".join(f"{code:<{width}}  {action or 'fixed':<6}  {text}" for code, action, text in rows)
    )
    return 0
