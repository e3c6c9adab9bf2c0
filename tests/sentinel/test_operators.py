"""The control desk: each request becomes its event, or is answered at once."""

from __future__ import annotations

import json

import pytest

from ipc.arrivals import ControlIncoming
from ipc.config.reader import limits_hash, parse_config
from ipc.messages import (
    PROTOCOL,
    AcceptConfigRequest,
    HaltRequest,
    ReduceRequest,
    ResumeRequest,
    StatusRequest,
)
from sentinel.adapters.stamp import Stamp
from sentinel.core.effects import Answer
from sentinel.core.events import HaltRequested, LimitsLoaded, ReduceRequested, ResumeRequested
from sentinel.operators import Operators

STAMP = Stamp(at_ns=5, wall_ns=6, offset_ns=0)
RISK = parse_config('[limits]\nsymbols = ["A"]\n', "test").risk
HASH = limits_hash(RISK)


@pytest.fixture
def desk():
    operators = Operators(status=lambda: {"schema": 1})
    operators.epoch = 4
    return operators


def incoming(message):
    return ControlIncoming(peer=b"p", uid=0, pid=1, message=message, received_ns=0)


def asked(desk, message):
    return desk.event_or_reply(incoming(message), STAMP)


def accept(text):
    return AcceptConfigRequest(protocol=PROTOCOL, hash=text, by="x")


@pytest.mark.parametrize(
    "message",
    [
        StatusRequest(protocol=PROTOCOL + 1),
        HaltRequest(protocol=PROTOCOL + 1, by="x", why="y"),
        ResumeRequest(protocol=0, halt_id="", by="x", why="y"),
    ],
)
def test_another_protocol_is_refused_and_both_are_named(desk, message):
    reply = asked(desk, message)
    assert (reply.ok, reply.code) == (False, "PROTOCOL_MISMATCH")
    assert str(message.protocol) in reply.detail
    assert str(PROTOCOL) in reply.detail


def test_status_is_answered_with_the_document(desk):
    reply = asked(desk, StatusRequest(protocol=PROTOCOL))
    assert (reply.ok, reply.epoch) == (True, 4)
    assert json.loads(reply.document) == {"schema": 1}


@pytest.mark.parametrize(("kill", "cause"), [(False, "OPERATOR_HALT"), (True, "OPERATOR_KILL")])
def test_halt_and_kill_are_one_request_with_two_causes(desk, kill, cause):
    event = asked(desk, HaltRequest(protocol=PROTOCOL, by="x" * 999, why="y" * 999, kill=kill))
    assert isinstance(event, HaltRequested)
    assert (event.cause, event.kill, event.at_ns, event.wall_ns) == (cause, kill, 5, 6)
    assert (len(event.by), len(event.why)) == (256, 256)


def test_reduce_and_resume_become_their_events(desk):
    reduce = asked(desk, ReduceRequest(protocol=PROTOCOL, by="x", why="y"))
    assert isinstance(reduce, ReduceRequested)
    request = ResumeRequest(protocol=PROTOCOL, halt_id="h1-1", by="x", why="y", unverified=True)
    resume = asked(desk, request)
    assert isinstance(resume, ResumeRequested)
    assert (resume.halt_id, resume.unverified) == ("h1-1", True)


def test_there_is_nothing_to_accept_where_nothing_waits(desk):
    assert asked(desk, accept(HASH)).code == "NOTHING_PENDING"


@pytest.mark.parametrize("text", ["", HASH[:7], "0" * 64, HASH + "0"])
def test_a_hash_that_does_not_name_the_pending_configuration_lets_nothing_in(desk, text):
    desk.pending = (RISK, HASH)
    reply = asked(desk, accept(text))
    assert (reply.ok, reply.code) == (False, "HASH_MISMATCH")
    assert desk.pending is not None


@pytest.mark.parametrize("text", [HASH, HASH[:8]])
def test_the_pending_configuration_is_accepted_by_its_hash(desk, text):
    desk.pending = (RISK, HASH)
    event = asked(desk, accept(text))
    assert isinstance(event, LimitsLoaded)
    assert (event.risk, event.hash, event.by) == (RISK, HASH, "x")
    assert desk.answered(incoming(accept(text)), []).ok
    assert desk.pending is None


def test_the_answer_is_what_was_decided(desk):
    request = incoming(ReduceRequest(protocol=PROTOCOL, by="x", why="y"))
    said = desk.answered(request, [Answer(ok=False, code="C", detail="d")])
    assert (said.ok, said.code, said.detail) == (False, "C", "d")
    assert desk.answered(request, []).code == "NOT_ANSWERED"
