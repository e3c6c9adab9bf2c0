"""When the client calls the sentinel silent, and what it does then."""

from __future__ import annotations

from ipc.messages import (
    PROTOCOL,
    Approval,
    Heartbeat,
    Refused,
    Submit,
    Veto,
    Welcome,
)


def test_ten_unanswered_requests_in_a_row_are_the_sentinels_silence(talk, channel, build, greet):
    greet(talk)
    channel.answer = channel.nothing
    asked = 0
    while not talk.silent:
        talk.request(build.order(f"a{asked}"))
        asked += 1
        assert asked < 20
    assert asked == 10


def test_a_silent_sentinel_is_not_waited_for_again(talk, channel, clock, build, greet):
    greet(talk)
    channel.answer = channel.nothing
    for number in range(10):
        talk.request(build.order(f"a{number}"))
    assert talk.silent
    channel.answer = channel.approve
    begun = clock.now_ns
    verdict = talk.request(build.order("later"))
    assert isinstance(verdict, Veto)
    assert verdict.reason == "SENTINEL_SILENT"
    assert clock.now_ns == begun
    assert talk.silent


def test_a_new_hello_on_purpose_ends_the_silence(talk, channel, build, greet):
    greet(talk)
    channel.answer = channel.nothing
    for number in range(10):
        talk.request(build.order(f"a{number}"))
    channel.answer, channel.epoch = channel.approve, 8
    assert isinstance(greet(talk), Welcome)
    assert not talk.silent
    assert talk.epoch == 8
    assert isinstance(talk.request(build.order("new")), Approval)


def test_unanswered_heartbeats_alone_are_silence(talk, channel, clock, greet):
    greet(talk)
    channel.answer = channel.nothing
    for iteration in range(4):
        assert talk.heartbeat(iteration, 5)
        clock.move_ms(250)
    assert talk.silent


def test_heartbeats_that_cannot_be_sent_are_no_error_and_in_the_end_silence(
    talk, channel, clock, greet
):
    greet(talk)
    channel.connected = False
    for iteration in range(4):
        assert not talk.heartbeat(iteration)
        clock.move_ms(250)
    assert talk.silent
    assert talk.counters["unsent"] == 4


def test_answered_heartbeats_keep_silence_away_and_bring_the_state(talk, channel, clock, greet):
    greet(talk)
    for iteration in range(20):
        assert talk.heartbeat(iteration)
        clock.move_ms(250)
        assert not talk.silent
    beats = channel.of(Heartbeat)
    assert [beat.iteration for beat in beats] == list(range(20))
    assert len({beat.seq for beat in beats}) == 20


def test_a_loop_that_slept_reads_its_answers_before_it_calls_the_sentinel_silent(
    talk, channel, clock, greet
):
    greet(talk)
    talk.heartbeat(1)
    clock.move_ms(5000)
    assert not talk.silent


def test_another_epoch_in_an_answer_is_silence_at_once(talk, channel, build, greet):
    greet(talk)
    channel.epoch = 8
    verdict = talk.request(build.order())
    assert isinstance(verdict, Veto)
    assert talk.silent
    assert talk.counters["old_epoch"] == 1


def test_a_restarted_sentinel_that_welcomes_us_again_is_silence_all_the_same(
    talk, channel, build, greet
):
    greet(talk)
    channel.answer = channel.nothing
    talk.request(build.order("a1"))
    channel.answer, channel.epoch = channel.approve, 8
    assert isinstance(talk.request(build.order("a2")), Veto)
    assert talk.silent
    assert len(channel.of(Submit)) == 1


def test_a_halt_found_when_saying_hello_again_is_named_in_the_veto(talk, channel, build, greet):
    greet(talk)
    channel.answer = channel.nothing
    talk.request(build.order("a1"))
    channel.answer = lambda _message: Refused(
        protocol=PROTOCOL, epoch=7, code="TRADING_HALTED", detail="halted"
    )
    verdict = talk.request(build.order("a2"))
    assert isinstance(verdict, Veto)
    assert verdict.reason == "TRADING_HALTED"
    assert talk.state == "HALTED"
    assert talk.refusal is not None


def test_a_refused_hello_is_returned_as_it_is(talk, channel, greet):
    refusal = Refused(protocol=9, epoch=7, code="PROTOCOL_MISMATCH", detail="9 is not 1")
    channel.answer = lambda _message: refusal
    assert greet(talk) == refusal
