"""A small trading day, decided for real and written to a real journal: what commands read."""

from __future__ import annotations

from pathlib import Path

from ipc.codec import fingerprint
from ipc.config.reader import limits_hash, parse_config
from ipc.messages import CancelIntent, OrderIntent, ReplaceIntent
from sentinel.adapters.journal_writer import JournalWriter
from sentinel.core.effects import Effect
from sentinel.core.events import (
    AlertSettled,
    EpochStarted,
    ExecutionReceived,
    HaltRequested,
    HeartbeatReceived,
    HelloReceived,
    IntentReceived,
    LimitsLoaded,
    QuoteReceived,
    ResumeRequested,
)
from sentinel.core.ledger import Ledger, encode_entry
from sentinel.core.state import State

NS_PER_MS = 1_000_000
WALL_NS = 1_700_000_000 * 1_000_000_000
CONFIG = """
[account]
required = false
[limits]
symbols = ["EURUSD"]
order_qty_max = "1000"
"""


class StillClock:
    """A clock that stands still."""

    def elapsed_ns(self) -> int:
        return WALL_NS

    def wall_ns(self) -> int:
        return WALL_NS

    def sleep_ms(self, duration_ms: float) -> None:
        """Do nothing."""


class RecordedDay:
    """Decides one event after the other, a millisecond apart, and journals each."""

    def __init__(self, directory: Path, *, segment_bytes: int = 1 << 20) -> None:
        self.directory = directory
        self.at_ms = 1000
        self.ledger = Ledger(State())
        self.writer, _ = JournalWriter.open(
            directory, durability="process", segment_bytes=segment_bytes, clock=StillClock()
        )

    def begin(self) -> None:
        """Start an epoch with limits, a session and a quote."""
        self.epoch()
        risk = parse_config(CONFIG, "sentinel.toml").risk
        self.take(LimitsLoaded, risk=risk, hash=limits_hash(risk))
        self.take(
            HelloReceived,
            session=b"s" * 16,
            protocol=1,
            pid=4321,
            start_ticks=7,
            run_id="run1",
            strategy="fade",
            mode="paper",
            account_id="OFFLINE",
            limits_hash=limits_hash(risk),
            max_trades=None,
            peer_pid=4321,
            peer_start_ticks=7,
            peer_allowed=True,
            own_mode="paper",
            own_account_id="OFFLINE",
            own_protocol=1,
        )
        self.take(HeartbeatReceived, run_id="run1", iteration=1)
        self.take(QuoteReceived, symbol="EURUSD", bid="1.0999", ask="1.1001")

    def epoch(self, number: int = 1) -> list[Effect]:
        return self.take(
            EpochStarted,
            epoch=number,
            boot_id="boot",
            offset_ns=0,
            account_id="OFFLINE",
            mode="paper",
            version="1",
            approval_ttl_ns=500 * NS_PER_MS,
        )

    def take(self, kind, **fields) -> list[Effect]:
        self.at_ms += 1
        at_ns = self.at_ms * NS_PER_MS
        event = kind(at_ns=at_ns, wall_ns=WALL_NS + at_ns, **fields)
        entries, effects = self.ledger.take(event)
        self.writer.append([encode_entry(entry) for entry in entries])
        return effects

    def intend(self, intent) -> list[Effect]:
        return self.take(
            IntentReceived,
            run_id="run1",
            intent=intent,
            fingerprint=fingerprint(intent),
            age_ns=3 * NS_PER_MS,
        )

    def order(self, cl_ord_id: str, qty: str = "1000", symbol: str = "EURUSD") -> list[Effect]:
        intent = OrderIntent(
            cl_ord_id=cl_ord_id,
            symbol=symbol,
            side="buy",
            ord_type="limit",
            order_qty=qty,
            price="1.1",
        )
        return self.intend(intent)

    def replace(self, cl_ord_id: str, orig: str, qty: str) -> list[Effect]:
        return self.intend(
            ReplaceIntent(cl_ord_id=cl_ord_id, orig_cl_ord_id=orig, order_qty=qty, price="1.1")
        )

    def cancel(self, cl_ord_id: str, orig: str) -> list[Effect]:
        return self.intend(CancelIntent(cl_ord_id=cl_ord_id, orig_cl_ord_id=orig))

    def report(self, cl_ord_id: str, exec_type: str, **fields: str) -> list[Effect]:
        return self.take(ExecutionReceived, cl_ord_id=cl_ord_id, exec_type=exec_type, **fields)

    def halt(self) -> list[Effect]:
        return self.take(HaltRequested, cause="OPERATOR_HALT", by="ada", why="lunch")

    def resume(self) -> list[Effect]:
        return self.take(ResumeRequested, halt_id=None, by="bob", why="back")

    def settle(self, alert_id: str, *, delivered: bool = True) -> list[Effect]:
        return self.take(AlertSettled, alert_id=alert_id, route="phone", delivered=delivered)

    def close(self) -> None:
        self.writer.close()
