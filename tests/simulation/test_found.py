"""What simulated histories found in the core, each cut down to the few events that it takes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ipc.codec import fingerprint
from ipc.config.reader import limits_hash, parse_config
from ipc.messages import CancelIntent, OrderIntent, ReplaceIntent
from sentinel.core.decide import decide
from sentinel.core.effects import Halt, Reply, SendAlert
from sentinel.core.events import (
    AccountRead,
    BrokerRead,
    EpochStarted,
    FillSeen,
    HeartbeatReceived,
    HelloReceived,
    IntentReceived,
    LimitsLoaded,
    PositionRead,
    QuoteReceived,
    ResumeRequested,
    TimePassed,
)
from sentinel.core.ledger import Ledger, refold
from sentinel.core.state import State
from sentinel.core.steps import OrdersCancelled, TreeKilled
from sentinel.core.trading import ACTIVE, HALTED

MS = 1_000_000
S = 1000 * MS
DAY = 24 * 3600 * S
CONFIG = """
[account]
kind = "margin"
[limits]
symbols = ["EURUSD"]
"""


class Stand:
    """A core that was started, with a ledger in front, a clock to move and the entries kept."""

    def __init__(self, extra=""):
        risk = parse_config(CONFIG + extra, "test").risk
        self.hash = limits_hash(risk)
        self.state = State()
        self.ledger = Ledger(self.state)
        self.entries = []
        self.at_ns, self.wall_off_ns = S, 10 * 365 * DAY
        self.epoch = 0
        self.start()
        self.say(LimitsLoaded, risk=risk, hash=self.hash)

    def say(self, kind, **fields):
        event = kind(at_ns=self.at_ns, wall_ns=self.at_ns + self.wall_off_ns, **fields)
        entries, effects = self.ledger.take(event)
        self.entries += entries
        return effects

    def start(self, boot_id="boot"):
        self.epoch += 1
        self.ledger = Ledger(self.state)
        fields = {"offset_ns": 0, "account_id": "A", "mode": "paper", "version": "1"}
        return self.say(
            EpochStarted, epoch=self.epoch, boot_id=boot_id, approval_ttl_ns=500 * MS, **fields
        )

    def hello(self, run_id):
        pid = int(run_id[1:]) + 100
        fields = {"mode": "paper", "account_id": "A", "limits_hash": self.hash}
        own = {"own_mode": "paper", "own_account_id": "A", "own_protocol": 1, "protocol": 1}
        peer = {"pid": pid, "start_ticks": 7, "peer_pid": pid, "peer_start_ticks": 7}
        return self.say(
            HelloReceived,
            session=run_id.encode(),
            run_id=run_id,
            strategy=run_id,
            max_trades=None,
            peer_allowed=True,
            **fields,
            **own,
            **peer,
        )

    def beat(self, run_id, iteration, data_age_ms=0):
        fields = {"run_id": run_id, "iteration": iteration, "data_age_ms": data_age_ms}
        return self.say(HeartbeatReceived, **fields)

    def live(self, run_id="r1"):
        self.hello(run_id)
        self.beat(run_id, 1)
        return self

    def ask(self, intent, run_id="r1"):
        marked = fingerprint(intent)
        effects = self.say(IntentReceived, run_id=run_id, intent=intent, fingerprint=marked)
        return next(e for e in effects if isinstance(e, Reply))

    def read(self, *, fills=(), positions=(), working=()):
        at: dict[str, Any] = {"at_ns": self.at_ns, "wall_ns": self.at_ns + self.wall_off_ns}
        account = AccountRead(
            **at, read_at_ns=self.at_ns, equity="1000", balance_free="1000", balances={}
        )
        return self.say(
            BrokerRead,
            read_at_ns=self.at_ns,
            account=account,
            positions=tuple(PositionRead(**at, **p) for p in positions),
            working=working,
            fills=fills,
            fill_seq=len(fills),
        )

    def quote(self, bid, ask):
        return self.say(QuoteReceived, symbol="EURUSD", bid=bid, ask=ask)

    def folded(self):
        state = State()
        for entry in self.entries:
            refold(state, entry)
        return state


def order(cl_ord_id, qty="2", side="buy"):
    return OrderIntent(
        cl_ord_id=cl_ord_id,
        symbol="EURUSD",
        side=side,
        ord_type="limit",
        order_qty=qty,
        price="1.1",
    )


@pytest.mark.parametrize("named", ["b", "a"])
def test_a_late_fill_of_a_replacement_that_the_kill_cancelled_is_no_rogue(named):
    stand = Stand().live()
    stand.read()
    assert stand.ask(order("a")).approved
    replace = ReplaceIntent(cl_ord_id="b", orig_cl_ord_id="a", order_qty="1", price="1.2")
    assert stand.ask(replace).approved
    stand.say(OrdersCancelled, sequence=0, cancelled=(named,))
    seen = {"symbol": "EURUSD", "side": "buy", "price": "1.1", "fee": "0"}
    fill = FillSeen(exec_id="x1", cl_ord_id="b", qty="0.3", **seen)
    effects = stand.read(fills=(fill,))
    assert not any(isinstance(e, Halt) for e in effects)
    assert stand.state.trading.state == ACTIVE


def test_an_approval_is_not_said_again_to_a_session_that_has_not_beaten():
    stand = Stand().live()
    stand.read()
    assert stand.ask(order("a")).approved
    stand.start()
    stand.hello("r2")
    again = stand.ask(order("a"), "r2")
    assert (again.approved, again.reason) == (False, "SESSION_UNKNOWN")
    stand.beat("r2", 1)
    assert stand.ask(order("a"), "r2").repeated


def test_counts_of_nothing_are_not_kept():
    stand = Stand().live()
    stand.read()
    stand.ask(order("a"))
    assert stand.state.book.counts == {"": 1, "symbol:EURUSD": 1, "strategy:r1": 1}
    stand.say(OrdersCancelled, sequence=0, cancelled=("a",))
    assert stand.state.book.counts == {}


@pytest.mark.parametrize("way", ["killed", "resumed"])
def test_blindness_ends_with_the_session_that_was_blind(way):
    stand = Stand("\n[heartbeat]\ndata_timeout_ms = 1500\nheartbeat_timeout_ms = 1000\n").live()
    for iteration in range(2, 6):
        stand.at_ns += 500 * MS
        stand.beat("r1", iteration, None)
        stand.say(TimePassed)
    assert "BLIND:r1" in stand.state.trading.conditions
    stand.at_ns += 2 * S
    stand.say(TimePassed)
    assert stand.state.trading.state == HALTED
    if way == "killed":
        number = stand.state.kill.number
        stand.say(TreeKilled, sequence=number, killed=1, survivors=0, took_ms=1)
    resumed = {"halt_id": stand.state.trading.halt.halt_id, "by": "x", "why": "y"}
    stand.say(ResumeRequested, unverified=True, **resumed)
    stand.at_ns += 11 * S
    stand.say(TimePassed)
    assert stand.state.trading.state == ACTIVE


def test_a_restart_on_the_same_boot_takes_no_jumped_clock_for_a_new_day():
    stand = Stand("trades_max = 1\n").live()
    stand.read()
    assert stand.ask(order("a")).approved
    stand.wall_off_ns += 2 * DAY
    told = [e.code for e in stand.start() if isinstance(e, SendAlert)]
    assert "CLOCK_JUMPED" in told
    stand.live()
    stand.read()
    assert stand.ask(order("b")).reason == "TRADE_COUNT_EXCEEDS_LIMIT"


def test_a_restart_after_a_reboot_goes_by_the_wall_clock():
    stand = Stand("trades_max = 1\n").live()
    stand.read()
    assert stand.ask(order("a")).approved
    stand.wall_off_ns += 2 * DAY
    stand.start("another boot")
    stand.live()
    stand.read()
    assert stand.ask(order("b")).approved


def test_days_that_a_set_clock_cut_short_forget_no_id():
    stand = Stand().live()
    stand.read()
    assert stand.ask(order("a")).approved
    for number in range(3):
        stand.at_ns += S
        stand.wall_off_ns += 2 * DAY
        stand.start(f"boot {number}")
        stand.live()
    stand.read()
    assert stand.ask(order("a", qty="1")).reason == "CL_ORD_ID_DUPLICATE"


def test_a_second_loop_that_falls_quiet_under_the_halt_is_journaled():
    stand = Stand().live("r1")
    stand.at_ns += 300 * MS
    stand.live("r2")
    stand.at_ns += 800 * MS
    stand.say(TimePassed)
    stand.at_ns += 400 * MS
    stand.say(TimePassed)
    reply = stand.ask(order("a"), "r2")
    assert reply.reason == "HEARTBEAT_QUIET"
    assert stand.folded().ids["a"].reply == reply


def test_the_quote_that_a_day_begins_after_is_journaled_before_the_one_that_begins_it():
    stand = Stand("daily_loss_max = 100\n").live()
    held = {"symbol": "EURUSD", "qty": "10", "avg_price": "1.1"}
    stand.quote("1.1", "1.1")
    stand.read(positions=(held,))
    stand.quote("1.3", "1.3")
    stand.at_ns += stand.state.day.ends_wall_ns - stand.state.day.wall_ns
    stand.quote("1.5", "1.5")
    stand.ask(CancelIntent(cl_ord_id="c", orig_cl_ord_id="a"))
    assert stand.folded().day.baseline2 == stand.state.day.baseline2


def test_two_small_steps_of_the_clock_are_not_one_jump_to_the_fold():
    stand = Stand().live()
    for iteration in (2, 3):
        stand.at_ns += 100 * MS
        stand.wall_off_ns += 3 * S
        stand.beat("r1", iteration)
    stand.ask(CancelIntent(cl_ord_id="c", orig_cl_ord_id="a"))
    folded = stand.folded()
    assert folded.day.jumped_ns == stand.state.day.jumped_ns == 0
    assert folded.day.wall_ns == stand.state.day.wall_ns


def test_an_entry_as_journaled_is_decided_alike_by_an_empty_core():
    stand = Stand().live()
    stand.read()
    stand.ask(order("a"))
    state = State()
    for entry in stand.entries:
        effects = decide(state, entry.event)
        if entry.effects:
            assert msgspec.to_builtins(tuple(effects)) == msgspec.to_builtins(entry.effects)
