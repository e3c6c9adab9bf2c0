"""What the client believes, reply by reply, without any socket."""

from __future__ import annotations

import msgspec
import pytest

from ipc.clock import NS_PER_MS
from ipc.messages import (
    PROTOCOL,
    Approval,
    BeatAck,
    Farewell,
    OrderIntent,
    Refused,
    Veto,
    Welcome,
)
from ipc.reasons import Reason
from ipc.session import STATE_UNKNOWN, GateSession

TOKEN = b"t" * 16
NOW = 1_000 * NS_PER_MS
LATER = NOW + 100 * NS_PER_MS
ORDER = OrderIntent(cl_ord_id="a1", symbol="S", side="buy", ord_type="market", order_qty="1")
WELCOME = Welcome(protocol=PROTOCOL, epoch=7, session=TOKEN, state="ACTIVE", approval_ttl_ms=500)
replace = msgspec.structs.replace


@pytest.fixture
def session():
    made = GateSession(1000)
    made.receive(WELCOME, NOW)
    return made


@pytest.fixture
def pending(session):
    made = session.question(ORDER, NOW, LATER)
    session.expect(made)
    return made


@pytest.fixture
def approval(pending):
    return Approval(
        session=TOKEN,
        seq=pending.seq,
        cl_ord_id="a1",
        fingerprint=pending.fingerprint,
        epoch=7,
        verdict_seq=1,
        expires_ns=NOW + 500 * NS_PER_MS,
        state="REDUCING",
    )


def test_before_any_answer_nothing_is_known():
    session = GateSession(1000)
    assert (session.state, session.epoch, session.token) == (STATE_UNKNOWN, None, None)
    assert not session.silent


def test_a_welcome_opens_the_session(session):
    assert (session.token, session.epoch, session.state) == (TOKEN, 7, "ACTIVE")


def test_the_awaited_approval_is_the_verdict_and_brings_the_state(session, approval):
    session.receive(approval, LATER)
    assert session.verdict == approval
    assert session.state == "REDUCING"


@pytest.mark.parametrize(
    ("change", "counter"),
    [
        ({"session": b"x" * 16}, "foreign"),
        ({"session": b""}, "foreign"),
        ({"epoch": 6}, "old_epoch"),
        ({"epoch": 8}, "old_epoch"),
        ({"seq": 0}, "repeated"),
        ({"seq": 99}, "foreign"),
        ({"fingerprint": b"x" * 32}, "foreign"),
        ({"cl_ord_id": "a2"}, "foreign"),
    ],
)
def test_a_verdict_that_differs_in_anything_is_dropped_and_counted(
    session, approval, change, counter
):
    session.receive(replace(approval, **change), NOW)
    assert session.verdict is None
    assert session.counters[counter] == 1
    assert sum(session.counters.values()) == 2  # and the request itself


def test_an_approval_counts_once(session, approval):
    session.receive(approval, NOW)
    session.expect(session.question(ORDER, NOW, LATER))
    session.receive(approval, NOW)
    assert session.verdict is None
    assert session.counters["repeated"] == 1


def test_an_approval_after_the_wait_is_void(session, approval):
    session.forget()
    session.receive(approval, NOW)
    assert session.verdict is None
    assert session.counters["late"] == 1


@pytest.mark.parametrize(
    ("now_ns", "expires_ns", "reason"),
    [
        (LATER + 1, LATER * 2, Reason.SENTINEL_SILENT),
        (LATER, LATER - 1, Reason.APPROVAL_EXPIRED),
    ],
)
def test_an_approval_read_too_late_becomes_a_veto(session, approval, now_ns, expires_ns, reason):
    session.receive(replace(approval, expires_ns=expires_ns), now_ns)
    assert isinstance(session.verdict, Veto)
    assert session.verdict.reason == reason
    assert session.verdict.fingerprint == approval.fingerprint


def test_an_approval_at_its_very_deadline_and_expiry_holds(session, approval):
    session.receive(replace(approval, expires_ns=LATER), LATER)
    assert isinstance(session.verdict, Approval)


def test_a_veto_is_a_veto_however_late_it_is_read(session, pending):
    veto = session.own_veto(pending, Reason.THROTTLE_EXCEEDED, "5", "6")
    session.receive(veto, LATER * 9)
    assert session.verdict == veto


def test_a_higher_epoch_is_silence_and_a_lower_one_is_an_echo(session, approval):
    session.receive(replace(approval, epoch=6), NOW)
    assert not session.silent
    session.receive(replace(approval, epoch=8), NOW)
    assert session.silent


@pytest.mark.parametrize("epoch", [6, 8])
def test_a_welcome_of_another_epoch_is_silence_and_opens_nothing(session, epoch):
    session.lose()
    session.receive(replace(WELCOME, epoch=epoch), NOW)
    assert session.silent
    assert session.token is None


def test_a_second_welcome_does_not_replace_the_session(session):
    session.receive(replace(WELCOME, session=b"y" * 16), NOW)
    assert session.token == TOKEN
    assert session.counters["foreign"] == 1


def test_a_welcome_in_another_protocol_is_a_refusal_that_names_both():
    session = GateSession(1000)
    session.receive(replace(WELCOME, protocol=PROTOCOL + 1), NOW)
    assert session.token is None
    assert session.refusal is not None
    assert session.refusal.code == "PROTOCOL_MISMATCH"
    assert str(PROTOCOL + 1) in session.refusal.detail


@pytest.mark.parametrize(
    ("code", "reason", "state"),
    [
        ("TRADING_HALTED", Reason.TRADING_HALTED, "HALTED"),
        ("STRATEGY_TAKEN", Reason.SESSION_UNKNOWN, STATE_UNKNOWN),
    ],
)
def test_a_refusal_vetoes_with_a_reason_of_its_own(code, reason, state):
    session = GateSession(1000)
    refusal = Refused(protocol=PROTOCOL, epoch=7, code=code, detail="")
    session.receive(refusal, NOW)
    assert session.refusal == refusal
    assert session.state == state
    veto = session.refused_veto(session.question(ORDER, NOW, LATER), refusal)
    assert veto.reason == reason


def test_nothing_answered_for_the_whole_time_is_silence_and_latches(session):
    seq = session.ask(NOW)
    session.judge_silence(NOW + 1000 * NS_PER_MS - 1)
    assert not session.silent
    session.judge_silence(NOW + 1000 * NS_PER_MS)
    assert session.silent
    session.receive(BeatAck(session=TOKEN, seq=seq, epoch=7, state="ACTIVE"), NOW)
    assert session.silent


def test_silence_counts_from_the_oldest_question_that_nothing_followed(session):
    for at_ms in (0, 300, 600, 900):
        session.ask(NOW + at_ms * NS_PER_MS)
    session.judge_silence(NOW + 1000 * NS_PER_MS)
    assert session.silent


def test_any_answer_to_us_starts_the_wait_for_the_rest_anew(session):
    seq = session.ask(NOW)
    session.ask(NOW)
    heard = NOW + 900 * NS_PER_MS
    session.receive(BeatAck(session=TOKEN, seq=seq, epoch=7, state="ACTIVE"), heard)
    session.judge_silence(heard + 999 * NS_PER_MS)
    assert not session.silent
    session.judge_silence(heard + 1000 * NS_PER_MS)
    assert session.silent


def test_where_nothing_was_asked_no_time_is_silence(session):
    session.judge_silence(NOW * 1000)
    assert not session.silent


def test_an_acknowledgement_counts_once_and_only_for_what_was_sent(session):
    seq = session.ask(NOW)
    for ack_seq in (seq, seq, seq + 1):
        session.receive(BeatAck(session=TOKEN, seq=ack_seq, epoch=7, state="ACTIVE"), NOW)
    assert session.counters["repeated"] == 2


def test_a_heartbeats_acknowledgement_may_come_after_a_later_verdict(session):
    beat = session.ask(NOW)
    pending = session.question(ORDER, NOW, LATER)
    session.expect(pending)
    session.receive(session.own_veto(pending, Reason.ORDER_INVALID), NOW)
    session.receive(BeatAck(session=TOKEN, seq=beat, epoch=7, state="HALTED"), NOW)
    assert session.counters["repeated"] == 0
    assert session.state == "HALTED"


def test_only_our_own_farewell_ends_the_session(session):
    session.receive(Farewell(session=b"other", epoch=7), NOW)
    assert not session.farewell
    session.receive(Farewell(session=TOKEN, epoch=7), NOW)
    assert session.farewell


def test_a_number_is_never_used_again_not_even_after_a_new_hello(session):
    first = session.ask(NOW)
    session.begin()
    assert session.ask(NOW) > first
