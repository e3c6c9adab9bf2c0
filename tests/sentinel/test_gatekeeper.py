"""The gate's desk: who may speak for a session, and what each message becomes."""

from __future__ import annotations

import os

import pytest
from msgspec.structs import replace

from ipc.arrivals import GateIncoming
from ipc.codec import fingerprint
from ipc.messages import (
    PROTOCOL,
    Approval,
    BeatAck,
    CancelIntent,
    ExecutionReport,
    Farewell,
    Goodbye,
    Heartbeat,
    Hello,
    Quote,
    Refused,
    Submit,
    Veto,
    Welcome,
)
from sentinel.adapters.identity import identify
from sentinel.core.effects import Answer, Reply
from sentinel.core.events import (
    ExecutionReceived,
    HeartbeatReceived,
    HelloReceived,
    IntentReceived,
    PeerRefused,
    QuoteReceived,
    SessionEnded,
)
from sentinel.gatekeeper import Gatekeeper

PID, UID = os.getpid(), os.getuid()
INTENT = CancelIntent(cl_ord_id="c", orig_cl_ord_id="o")


def incoming(message, *, pid=PID, uid=UID):
    return GateIncoming(peer=b"p", uid=uid, pid=pid, message=message, received_ns=0)


HELLO = Hello(
    protocol=PROTOCOL,
    pid=PID,
    start_ticks=identify(PID).start_ticks,
    run_id="run",
    strategy="fade",
    mode="paper",
    account_id="a",
    limits_hash="h",
)


def hello(**fields):
    return replace(HELLO, **fields)


class Gate:
    """A gatekeeper and the token of a session that it opened."""

    def __init__(self):
        self.keeper = Gatekeeper(mode="paper", account_id="a", ttl_ms=500, loop_uid=UID)
        self.keeper.epoch = 3

    def event(self, message, *, at_ns=1000, offset_ns=0, **sender):
        return self.keeper.event_of(incoming(message, **sender), at_ns, 7, offset_ns)

    def open(self, **fields):
        asked = hello(**fields)
        self.event(asked)
        answer = Answer(ok=True, code="WELCOME", detail="ACTIVE")
        return self.keeper.reply_of(incoming(asked), [answer], "ACTIVE", 0)

    def submit(self, token, **times):
        values = {"created_ns": 900, "deadline_ns": 2000} | times
        return Submit(session=token, seq=9, intent=INTENT, **values)


@pytest.fixture
def gate():
    return Gate()


def test_a_hello_carries_what_the_sentinel_sees_beside_what_is_claimed(gate):
    event = gate.event(hello(pid=1, start_ticks=5, mode="live"))
    assert isinstance(event, HelloReceived)
    assert (event.pid, event.start_ticks, event.mode) == (1, 5, "live")
    assert (event.peer_pid, event.own_mode, event.own_account_id) == (PID, "paper", "a")
    assert event.peer_start_ticks == identify(PID).start_ticks
    assert event.peer_allowed


def test_a_hello_of_another_user_is_not_allowed(gate):
    assert not gate.event(hello(), uid=UID + 1).peer_allowed


def test_a_process_that_is_gone_has_no_start_time(gate):
    assert gate.event(hello(), pid=(1 << 22) + 1).peer_start_ticks == 0


def test_a_welcome_names_epoch_state_and_how_long_an_approval_is_good(gate):
    welcome = gate.open()
    assert isinstance(welcome, Welcome)
    assert (welcome.epoch, welcome.state, welcome.approval_ttl_ms) == (3, "ACTIVE", 500)
    assert len(welcome.session) == 16


def test_a_refused_hello_opens_nothing(gate):
    asked = hello()
    gate.event(asked)
    answer = Answer(ok=False, code="MODE_MISMATCH", detail="d")
    refused = gate.keeper.reply_of(incoming(asked), [answer], "ACTIVE", 0)
    assert isinstance(refused, Refused)
    assert (refused.code, gate.keeper.seats) == ("MODE_MISMATCH", {})


def test_a_second_hello_of_a_run_voids_its_first_token(gate):
    first, second = gate.open().session, gate.open().session
    assert first != second
    assert isinstance(gate.event(gate.submit(first)), Veto)
    assert isinstance(gate.event(gate.submit(second)), IntentReceived)


def test_an_intent_is_aged_in_the_time_of_the_core(gate):
    token = gate.open().session
    event = gate.event(gate.submit(token), at_ns=5000, offset_ns=3000)
    assert (event.age_ns, event.late) == (1100, False)
    assert event.fingerprint == fingerprint(INTENT)
    assert gate.event(gate.submit(token), at_ns=5001, offset_ns=3000).late
    assert gate.event(gate.submit(token, created_ns=10**18)).age_ns == 0


def test_an_unknown_session_is_counted_and_only_an_intent_is_answered(gate):
    veto = gate.event(gate.submit(b"nobody"))
    assert (veto.reason, veto.cl_ord_id, veto.epoch) == ("SESSION_UNKNOWN", "c", 3)
    assert gate.event(Quote(session=b"nobody", symbol="A", bid="1", ask="2")) is None
    assert gate.event(Goodbye(session=b"nobody")) is None
    assert gate.keeper.counters["unknown_session"] == 3


@pytest.mark.parametrize("stranger", [{"pid": PID + 1}, {"uid": UID + 1}])
def test_another_process_cannot_speak_for_a_session_and_is_told_of_once(gate, stranger):
    token = gate.open().session
    beat = Heartbeat(session=token, seq=1, iteration=5)
    for _ in range(3):
        assert gate.event(beat, **stranger) is None
    told = gate.keeper.strangers(1, 2)
    assert isinstance(told, PeerRefused)
    assert told.count == 3
    assert "run" in told.detail
    assert gate.keeper.strangers(1, 2) is None
    assert gate.keeper.counters["foreign_process"] == 3


def test_each_message_of_a_session_becomes_its_event(gate):
    token = gate.open().session
    quote = gate.event(Quote(session=token, symbol="A", bid=None, ask="2"))
    assert isinstance(quote, QuoteReceived)
    assert (quote.bid, quote.ask, quote.at_ns, quote.wall_ns) == (None, "2", 1000, 7)
    beat = gate.event(Heartbeat(session=token, seq=1, iteration=5, data_age_ms=4))
    assert isinstance(beat, HeartbeatReceived)
    assert (beat.run_id, beat.iteration, beat.data_age_ms) == ("run", 5, 4)
    assert isinstance(gate.event(Goodbye(session=token)), SessionEnded)


def test_the_words_of_a_venue_are_cut(gate):
    token = gate.open().session
    report = ExecutionReport(session=token, cl_ord_id="a", exec_type="rejected", text="x" * 10_000)
    event = gate.event(report)
    assert isinstance(event, ExecutionReceived)
    assert event.text == "x" * 512


def verdict(*, approved, reason=None):
    return Reply(
        cl_ord_id="c",
        kind="cancel",
        approved=approved,
        reason=reason,
        limit="1",
        observed="2",
        state="ACTIVE",
        seq=4,
        expires_ns=10_000,
    )


def test_a_verdict_goes_back_in_the_time_of_the_loop(gate):
    asked = incoming(gate.submit(gate.open().session))
    yes = gate.keeper.reply_of(asked, [verdict(approved=True)], "ACTIVE", 3000)
    assert isinstance(yes, Approval)
    assert (yes.seq, yes.verdict_seq, yes.expires_ns) == (9, 4, 7000)
    assert (yes.fingerprint, yes.epoch) == (fingerprint(INTENT), 3)
    no = gate.keeper.reply_of(asked, [verdict(approved=False, reason="X")], "ACTIVE", 3000)
    assert isinstance(no, Veto)
    assert (no.reason, no.limit, no.observed) == ("X", "1", "2")


def test_beats_are_answered_quotes_are_not_and_goodbye_frees_the_seat(gate):
    token = gate.open().session
    beat = incoming(Heartbeat(session=token, seq=6, iteration=5))
    ack = gate.keeper.reply_of(beat, [], "REDUCING", 0)
    assert ack == BeatAck(session=token, seq=6, epoch=3, state="REDUCING")
    quote = incoming(Quote(session=token, symbol="A", bid="1", ask="2"))
    assert gate.keeper.reply_of(quote, [], "ACTIVE", 0) is None
    farewell = gate.keeper.reply_of(incoming(Goodbye(session=token)), [], "ACTIVE", 0)
    assert farewell == Farewell(session=token, epoch=3)
    assert gate.keeper.seats == {}
