"""`sentinel account`: what the broker says, read by the sentinel's own kind of connection."""

from __future__ import annotations

import click
import msgspec

from sentinel.commands import exits
from sentinel.commands.places import find_paths, placed


@click.command("account")
@click.option("--config", metavar="PATH", help="The file; else the usual places.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@placed
def command(
    config: str | None, as_json: bool, state_dir: str | None, runtime_dir: str | None
) -> int:
    """Read mode, account id, equity, balances, positions and working orders from the broker.

    The connection is of the sentinel's kind (oversight) and changes nothing. Exit codes: 0 read,
    69 the broker is unavailable, 78 bad configuration.
    """
    from broker_api.errors import BrokerError, BrokerSettingsInvalid
    from broker_api.open import open_oversight
    from ipc.clock import SystemClock
    from sentinel.commands.starting import load_config

    paths = find_paths(state_dir, runtime_dir)
    _, values = load_config(config)
    try:
        broker = open_oversight(values.risk.account, values.broker, paths.state_dir, SystemClock())
        try:
            facts, seen = broker.facts(), broker.snapshot(0)
        finally:
            broker.close()
    except BrokerSettingsInvalid as error:
        raise exits.Stopped(exits.CONFIG, str(error)) from None
    except BrokerError as error:
        raise exits.Stopped(exits.UNAVAILABLE, str(error)) from None
    document = {
        "schema": 1,
        "broker": facts.broker,
        "mode": facts.mode,
        "account_id": facts.account_id,
        "endpoint": facts.endpoint,
        "equity": seen.equity,
        "balance_free": seen.balance_free,
        "buying_power": seen.buying_power,
        "balances": seen.balances,
        "positions": [msgspec.structs.asdict(p) for p in seen.positions],
        "working_orders": [msgspec.structs.asdict(o) for o in seen.working],
        "orders_placed": seen.orders_placed,
    }
    if as_json:
        click.echo(msgspec.json.encode(document))
        return 0
    click.echo(f"{facts.broker} {facts.mode} account {facts.account_id} ({facts.endpoint})")
    click.echo(f"equity {seen.equity}, free {seen.balance_free}")
    for name, amount in sorted(seen.balances.items()):
        click.echo(f"  balance {name} {amount}")
    for position in seen.positions:
        click.echo(f"  position {position.symbol} {position.qty} at {position.avg_price}")
    for order in seen.working:
        price = order.price or order.stop_price or "market"
        click.echo(
            f"  working {order.cl_ord_id} {order.side} {order.leaves_qty} {order.symbol} {price}"
        )
    return 0
