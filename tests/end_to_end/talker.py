"""A guarded program that does what lines of JSON on standard input say, and beats meanwhile.

It uses the gate's client as anyone's own bot would; nothing in it is the loop's.
"""

from __future__ import annotations

import json
import os
import select
import sys
from pathlib import Path
from typing import Any

from ipc.client import GateClient
from ipc.clock import NS_PER_MS, SystemClock
from ipc.config.reader import limits_hash, read_config
from ipc.endpoints import resolve_paths
from ipc.messages import Approval, CancelIntent, OrderIntent, Refused, Verdict

BEAT_S = 0.05


class Talker:
    """One session, one command at a time."""

    def __init__(self) -> None:
        self.config = read_config(Path(os.environ["SENTINEL_CONFIG"]))
        self.clock = SystemClock()
        times = self.config.ipc
        self.client = GateClient(
            resolve_paths(os.environ).gate,
            self.clock,
            answer_timeout_ms=times.answer_timeout_ms,
            sentinel_timeout_ms=times.sentinel_timeout_ms,
        )
        self.iteration = 0
        self.beating = False
        self.stuck = False

    def beat(self) -> None:
        """Beat as a loop would, with or without progress."""
        self.iteration += not self.stuck
        self.client.heartbeat(self.iteration, 0)

    def hello(self, run_id: str, *, beats: bool = True) -> dict[str, Any]:
        """Open the session and, if wanted, beat for the first time."""
        answer = self.client.hello(
            run_id=run_id,
            strategy="talker",
            mode="paper",
            account_id="OFFLINE",
            limits_hash=limits_hash(self.config.risk),
        )
        if isinstance(answer, Refused):
            return {"refused": answer.code}
        self.beating = beats
        if beats:
            self.beat()
        return {"session": answer.session.hex(), "state": answer.state, "epoch": answer.epoch}

    def quote(self, bid: str, ask: str, symbol: str = "SYN/USD") -> dict[str, Any]:
        """Tell a quote."""
        return {"sent": self.client.quote(symbol, bid, ask)}

    def order(self, cl_ord_id: str, **terms: str) -> dict[str, Any]:
        """Ask for one order."""
        return self.told(self.client.request(self.intent(cl_ord_id, **terms)))

    def cancel(self, cl_ord_id: str, orig: str) -> dict[str, Any]:
        """Ask for one cancel."""
        return self.told(
            self.client.request(CancelIntent(cl_ord_id=cl_ord_id, orig_cl_ord_id=orig))
        )

    def burst(self, count: int, stem: str) -> list[dict[str, Any]]:
        """Ask for many orders as fast as can be; each with the time since the first."""
        began_ns = self.clock.elapsed_ns()
        said = []
        for number in range(count):
            verdict = self.client.request(self.intent(f"{stem}{number}"))
            at_ms = (self.clock.elapsed_ns() - began_ns) // NS_PER_MS
            said.append({"at_ms": at_ms, **self.told(verdict)})
            if number % 50 == 0:
                self.beat()
        return said

    def hang(self) -> dict[str, Any]:
        """From here on: beats without progress."""
        self.stuck = True
        return {}

    def goodbye(self) -> dict[str, Any]:
        """End the session on purpose."""
        self.beating = False
        return {"confirmed": self.client.goodbye()}

    def intent(self, cl_ord_id: str, **terms: str) -> OrderIntent:
        """Make an order that nothing is wrong with, but for what `terms` say."""
        fields = {"symbol": "SYN/USD", "side": "buy", "order_qty": "1", "price": "1.0", **terms}
        return OrderIntent(
            cl_ord_id=cl_ord_id,
            symbol=fields["symbol"],
            side=fields["side"],
            ord_type="limit",
            order_qty=fields["order_qty"],
            price=fields["price"],
        )

    def told(self, verdict: Verdict) -> dict[str, Any]:
        """Say a verdict as JSON."""
        reason = None if isinstance(verdict, Approval) else verdict.reason
        return {"approved": reason is None, "reason": reason, "seq": verdict.verdict_seq}

    def run(self) -> None:
        """Obey until standard input ends."""
        while True:
            ready, _, _ = select.select([sys.stdin], [], [], BEAT_S)
            if ready:
                line = sys.stdin.readline()
                if not line:
                    return
                command = json.loads(line)
                answer = getattr(self, command.pop("do"))(**command)
                sys.stdout.write(json.dumps(answer) + "\n")
                sys.stdout.flush()
            elif self.beating:
                self.beat()


if __name__ == "__main__":
    Talker().run()
