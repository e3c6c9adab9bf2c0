"""A bot that asks before it sends: the least a loop of your own has to do to be guarded."""

import os

from broker_api.open import open_trading
from broker_api.protocol import QuoteDriven
from ipc.approved import Approved
from ipc.client import GateClient
from ipc.clock import SystemClock
from ipc.config.reader import find_config, limits_hash, read_config
from ipc.endpoints import resolve_paths
from ipc.messages import OrderIntent, Refused, Veto

clock = SystemClock()
config = read_config(find_config(None, os.environ))  # `sentinel guard` says where it is
paths = resolve_paths(os.environ)
venue = open_trading(config.risk.account, config.broker, paths.state_dir, clock)
facts = venue.facts()
run_id = f"{clock.wall_ns():x}"

with GateClient(
    paths.gate,
    clock,
    answer_timeout_ms=config.ipc.answer_timeout_ms,
    sentinel_timeout_ms=config.ipc.sentinel_timeout_ms,
) as gate:
    answer = gate.hello(
        run_id=run_id,
        strategy="own",
        mode=facts.mode,
        account_id=facts.account_id,
        limits_hash=limits_hash(config.risk),
    )
    if isinstance(answer, Refused):
        raise SystemExit(f"no session: {answer.code} {answer.detail}")
    for number in range(6):
        if gate.silent or gate.state == "HALTED":
            raise SystemExit(69)  # cancel what you have working, and go
        bid, ask = "1.0999", "1.1001"
        if isinstance(venue, QuoteDriven):  # the offline venue's market is ours to move
            venue.on_quote("EUR/USD", bid, ask, clock.wall_ns())
        gate.quote("EUR/USD", bid, ask)
        if number:  # nothing is approved before the first heartbeat
            intent = OrderIntent(
                cl_ord_id=f"{run_id}-{number}",
                symbol="EUR/USD",
                side="buy" if number % 2 else "sell",
                ord_type="limit",
                order_qty="1000" if number < 5 else "50000",
                price=ask if number % 2 else bid,
                time_in_force="ioc",
            )
            verdict = gate.request(intent)  # within answer_timeout_ms; no answer is a veto
            if isinstance(verdict, Veto):
                print(f"{number}: {verdict.reason} {verdict.observed} over {verdict.limit}")
            else:
                permit = Approved.grant(intent, verdict, answer.epoch, clock.elapsed_ns())
                venue.place(permit)  # spends the permit: once, and only before its expiry
                print(f"{number}: approved, sent")
        for report in venue.reports():
            gate.report(
                cl_ord_id=report.cl_ord_id,
                exec_type=report.exec_type,
                exec_id=report.exec_id,
                last_qty=report.last_qty,
                last_price=report.last_price,
                fee=report.fee,
            )
        gate.heartbeat(number, data_age_ms=0)  # at the end of a whole pass, from this thread
        clock.sleep_ms(100)
    gate.goodbye()
