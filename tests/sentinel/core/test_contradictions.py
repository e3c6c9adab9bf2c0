"""What the loop says is held against the broker's own record, and never beats it for long."""

from __future__ import annotations

import pytest

from ipc.config.reader import limits_hash, parse_config
from ipc.messages import OrderIntent
from sentinel.core.decide import decide
from sentinel.core.effects import Halt, KillTree, Reply
from sentinel.core.events import (
    AccountRead,
    BrokerRead,
    CommandGuarded,
    EpochStarted,
    ExecutionReceived,
    HaltRequested,
    HeartbeatReceived,
    HelloReceived,
    IntentReceived,
    LimitsLoaded,
    QuoteReceived,
)
from sentinel.core.ledger import Ledger
from sentinel.core.state import State
from sentinel.core.steps import TreeKilled

SECOND = 1_000_000_000
RISK = parse_config('[account]\nkind = "margin"\n[limits]\nsymbols = ["X"]\n', "test").risk
HASH = limits_hash(RISK)
PROCESS = (4711, 99)


def _at(second):
    return {"at_ns": second * SECOND, "wall_ns": second * SECOND}


class Pair:
    """A core with one open, beating session and a reading of the account."""

    def __init__(self):
        self.state = State()
        self.epoch(1, 1)
        decide(self.state, LimitsLoaded(**_at(1), risk=RISK, hash=HASH))
        self.hello(1)
        self.read(1)

    def epoch(self, number, second, boot="b"):
        return decide(
            self.state,
            EpochStarted(
                **_at(second),
                epoch=number,
                boot_id=boot,
                offset_ns=0,
                account_id="A",
                mode="paper",
                version="0",
            ),
        )

    def hello(self, second):
        pid, start_ticks = PROCESS
        decide(
            self.state,
            HelloReceived(
                **_at(second),
                session=b"s",
                protocol=1,
                pid=pid,
                start_ticks=start_ticks,
                run_id="r",
                strategy="s",
                mode="paper",
                account_id="A",
                limits_hash=HASH,
                max_trades=None,
                peer_pid=pid,
                peer_start_ticks=start_ticks,
                peer_allowed=True,
                own_mode="paper",
                own_account_id="A",
                own_protocol=1,
            ),
        )
        decide(self.state, HeartbeatReceived(**_at(second), run_id="r", iteration=second))

    def order(self, cl_ord_id, second):
        intent = OrderIntent(
            cl_ord_id=cl_ord_id,
            symbol="X",
            side="buy",
            ord_type="limit",
            order_qty="10",
            price="1",
        )
        event = IntentReceived(
            **_at(second), run_id="r", intent=intent, fingerprint=cl_ord_id.encode()
        )
        (reply,) = decide(self.state, event)
        assert isinstance(reply, Reply)
        return reply

    def report(self, cl_ord_id, exec_type, second, **fields):
        event = ExecutionReceived(**_at(second), cl_ord_id=cl_ord_id, exec_type=exec_type, **fields)
        return decide(self.state, event)

    def read(self, second, *working):
        account = AccountRead(
            **_at(second),
            read_at_ns=second * SECOND,
            equity="1000",
            balance_free="1000",
            balances={},
        )
        event = BrokerRead(
            **_at(second),
            read_at_ns=second * SECOND,
            account=account,
            positions=(),
            working=working,
            fills=(),
            fill_seq=0,
        )
        return decide(self.state, event)


def _causes(effects):
    return [e.cause for e in effects if isinstance(e, Halt)]


def _killed(effects):
    return [e.processes for e in effects if isinstance(e, KillTree)]


@pytest.fixture
def pair():
    return Pair()


def test_a_reported_fill_that_the_venue_never_shows_kills(pair):
    assert pair.order("a", 2).approved
    fill = {"exec_id": "e1", "last_qty": "10", "last_price": "1"}
    pair.report("a", "fill", 3, **fill)
    assert _causes(pair.read(7)) == []
    assert _causes(pair.read(9)) == ["ROGUE_ORDER"]
    assert pair.state.book.held == {}


def test_an_order_reported_ended_that_goes_on_working_kills(pair):
    assert pair.order("a", 2).approved
    pair.report("a", "cancelled", 3)
    assert _causes(pair.read(4, "a")) == []
    assert _causes(pair.read(9, "a")) == ["ROGUE_ORDER"]


def test_an_order_reported_ended_that_is_gone_is_no_contradiction(pair):
    assert pair.order("a", 2).approved
    pair.report("a", "cancelled", 3)
    assert _causes(pair.read(9)) == []


def test_quotes_of_symbols_that_nobody_may_trade_are_not_even_remembered(pair):
    ledger = Ledger(pair.state)
    for number in range(1000):
        event = QuoteReceived(**_at(2), symbol=f"Y{number}", bid="1", ask="2")
        assert ledger.take(event) == ([], [])
    assert set(pair.state.book.instruments) <= {"X"}
    assert ledger._kept == {}


def test_a_kill_takes_the_guarded_command_that_never_said_hello(pair):
    decide(pair.state, CommandGuarded(**_at(2), pid=5, start_ticks=6))
    effects = decide(pair.state, HaltRequested(**_at(3), cause="c", by="x", kill=True))
    assert _killed(effects) == [(PROCESS, (5, 6))]


def test_a_kill_takes_the_loop_of_the_epoch_before(pair):
    pair.epoch(2, 2)
    effects = decide(pair.state, HaltRequested(**_at(3), cause="c", by="x", kill=True))
    assert _killed(effects) == [(PROCESS,)]


def test_a_loop_that_says_hello_again_is_no_longer_one_of_before(pair):
    pair.epoch(2, 2)
    pair.hello(3)
    assert pair.state.former == []


def test_after_a_reboot_no_process_of_before_is_named(pair):
    pair.epoch(2, 2, boot="another")
    assert decide(pair.state, HaltRequested(**_at(3), cause="c", by="x", kill=True))
    assert pair.state.kill.processes == []


def test_a_tree_of_an_abandoned_sequence_ends_no_session(pair):
    event = TreeKilled(**_at(2), sequence=7, killed=1, survivors=0, took_ms=1)
    decide(pair.state, event)
    assert list(pair.state.sessions) == ["r"]
