"""How long the client waits and what it then says, on a channel and a clock of the test's own."""

from __future__ import annotations

import pytest

from ipc.clock import NS_PER_MS
from ipc.codec import GATE_FRAME_MAX, encode, fingerprint
from ipc.conversation import SentinelUnavailable
from ipc.line import REPORTS_KEPT, GateMisused
from ipc.messages import (
    PROTOCOL,
    Approval,
    BeatAck,
    ExecutionReport,
    Hello,
    Quote,
    Submit,
    Veto,
    Welcome,
)


def test_hello_tells_who_we_are_and_returns_the_welcome(talk, channel, greet):
    assert isinstance(greet(talk), Welcome)
    (hello,) = channel.of(Hello)
    assert (hello.protocol, hello.run_id, hello.max_trades) == (PROTOCOL, "r", 3)
    assert hello.start_ticks > 0
    assert (talk.state, talk.epoch) == ("ACTIVE", 7)


def test_hello_without_a_sentinel_fails_after_the_sentinels_time(talk, channel, clock, greet):
    channel.connected = False
    begun = clock.now_ns
    with pytest.raises(SentinelUnavailable, match="1000 ms"):
        greet(talk)
    assert clock.now_ns - begun == 1000 * NS_PER_MS


def test_hello_that_nothing_answers_is_said_again_within_its_time(talk, channel, clock, greet):
    channel.answer = channel.nothing
    begun = clock.now_ns
    with pytest.raises(SentinelUnavailable):
        greet(talk)
    assert len(channel.of(Hello)) == 2
    assert clock.now_ns - begun == 1000 * NS_PER_MS


@pytest.mark.parametrize("connected", [True, False])
def test_every_wait_ends_even_when_the_clock_stands_still(talk, channel, connected, greet):
    channel.answer, channel.moving, channel.connected = channel.nothing, False, connected
    with pytest.raises(SentinelUnavailable):
        greet(talk)
    assert channel.waited_ms == 1000


def test_a_request_is_answered_by_its_approval(talk, build, greet):
    greet(talk)
    verdict = talk.request(build.order())
    assert isinstance(verdict, Approval)
    assert verdict.fingerprint == fingerprint(build.order())


def test_a_request_carries_its_deadline(talk, channel, clock, build, greet):
    greet(talk)
    talk.request(build.order())
    (asked,) = channel.of(Submit)
    assert asked.created_ns == clock.now_ns
    assert asked.deadline_ns == clock.now_ns + 100 * NS_PER_MS


def test_a_request_before_hello_is_misuse(talk, build):
    with pytest.raises(GateMisused, match="hello"):
        talk.request(build.order())


def test_an_unanswered_request_is_one_veto_after_the_answer_time(
    talk, channel, clock, build, greet
):
    greet(talk)
    channel.answer = channel.nothing
    begun, renewals = clock.now_ns, channel.renewals
    verdict = talk.request(build.order())
    assert isinstance(verdict, Veto)
    assert (verdict.reason, verdict.limit, verdict.observed) == ("SENTINEL_SILENT", "100", "100")
    assert clock.now_ns - begun == 100 * NS_PER_MS
    assert channel.renewals == renewals + 1
    assert talk.counters["timeouts"] == 1


def test_after_a_timeout_the_same_run_says_hello_again_for_a_new_session(
    talk, channel, build, greet
):
    greet(talk)
    channel.answer = channel.nothing
    talk.request(build.order("a1"))
    channel.answer = channel.approve
    assert isinstance(talk.request(build.order("a2")), Approval)
    first, second = channel.of(Hello)
    assert first == second
    old, new = channel.of(Submit)
    assert old.session != new.session
    assert new.seq > old.seq


def test_without_a_connection_nothing_is_sent_and_the_answer_is_no(
    talk, channel, clock, build, greet
):
    greet(talk)
    channel.connected = False
    begun = clock.now_ns
    verdict = talk.request(build.order())
    assert isinstance(verdict, Veto)
    assert channel.of(Submit) == []
    assert clock.now_ns - begun == 100 * NS_PER_MS


def test_noise_on_the_line_neither_answers_nor_prolongs_a_wait(talk, channel, clock, build, greet):
    greet(talk)
    channel.answer = channel.nothing
    channel.arrived += [[b"\xc1"], [], [b"a", b"b"], [encode(build.hello())]]
    begun = clock.now_ns
    assert isinstance(talk.request(build.order()), Veto)
    assert talk.counters["malformed"] == 4
    assert clock.now_ns - begun == 100 * NS_PER_MS


def test_an_endless_flood_of_foreign_replies_ends_in_a_veto(talk, channel, build, greet):
    greet(talk)
    foreign = [encode(BeatAck(session=b"x", seq=1, epoch=7, state="ACTIVE"))]
    channel.answer = channel.nothing
    channel.receive = lambda _timeout_ms: foreign
    assert isinstance(talk.request(build.order()), Veto)


def test_an_intent_too_long_for_the_wire_is_vetoed_here_and_not_sent(talk, channel, build, greet):
    greet(talk)
    verdict = talk.request(build.order("x" * GATE_FRAME_MAX))
    assert isinstance(verdict, Veto)
    assert verdict.reason == "ORDER_INVALID"
    assert channel.of(Submit) == []


def test_a_quote_is_told_and_one_that_cannot_be_sent_is_known_by_its_answer(talk, channel, greet):
    assert not talk.quote("S", "1", "2")
    greet(talk)
    assert talk.quote("S", "1", None)
    channel.connected = False
    assert not talk.quote("S", "1", "2")
    (quote,) = channel.of(Quote)
    assert (quote.bid, quote.ask) == ("1", None)


def test_a_report_waits_for_a_connection_and_then_carries_the_new_session(
    talk, channel, build, greet
):
    greet(talk)
    channel.connected = False
    talk.request(build.order())
    assert not talk.report(cl_ord_id="a1", exec_type="fill", last_qty="1", last_price="2")
    channel.connected = True
    talk.request(build.order("a2"))
    talk.drain()
    (report,) = channel.of(ExecutionReport)
    assert report.session == channel.of(Submit)[-1].session
    assert (report.cl_ord_id, report.last_price) == ("a1", "2")


def test_waiting_reports_are_bounded_and_the_loss_is_counted(talk):
    for number in range(REPORTS_KEPT + 3):
        talk.report(cl_ord_id=f"a{number}", exec_type="ack")
    assert talk.counters["reports_dropped"] == 3


def test_the_venues_words_are_cut_to_512_bytes_of_whole_letters(talk, channel, greet):
    greet(talk)
    assert talk.report(cl_ord_id="a1", exec_type="rejected", text="x" + "ä" * 600)
    (report,) = channel.of(ExecutionReport)
    assert report.text == "x" + "ä" * 255


def test_a_goodbye_that_is_confirmed_says_so_and_ends_the_session(talk, build, greet):
    greet(talk)
    assert talk.goodbye()
    with pytest.raises(GateMisused):
        talk.request(build.order())


def test_a_goodbye_that_nothing_answers_ends_in_time(talk, channel, clock, greet):
    greet(talk)
    channel.answer = channel.nothing
    begun = clock.now_ns
    assert not talk.goodbye(timeout_ms=40)
    assert clock.now_ns - begun == 40 * NS_PER_MS


def test_after_close_every_use_is_misuse_and_closing_again_is_not(talk, channel):
    talk.close()
    talk.close()
    assert channel.closed == 1
    assert not talk.silent
    with pytest.raises(GateMisused, match="closed"):
        talk.heartbeat(1)
