"""A changed file: tighter is in force at once, looser waits in live, a broken one is told."""

from __future__ import annotations

import pytest

from ipc.config.reader import limits_hash, parse_config
from sentinel.adapters.stamp import Stamp
from sentinel.core.decide import decide
from sentinel.core.effects import SendAlert
from sentinel.core.events import EpochStarted, LimitsLoaded, LimitsPended, LimitsRejected
from sentinel.core.state import State
from sentinel.limits_desk import Candidate, limits_event

STAMP = Stamp(at_ns=1, wall_ns=2, offset_ns=0)


def candidate(most, extra=""):
    risk = parse_config(f'[limits]\nsymbols = ["A"]\norder_qty_max = {most}\n{extra}', "test").risk
    return Candidate(risk=risk, hash=limits_hash(risk))


def offered(state, found):
    """Decide what a candidate means; return the codes of what is told of it."""
    event = limits_event(state, found, STAMP)
    assert event is not None
    effects = decide(state, event)
    return [effect.code for effect in effects if isinstance(effect, SendAlert)]


@pytest.fixture(params=["paper", "live"])
def mode(request):
    return request.param


@pytest.fixture
def state(mode):
    made = State()
    decide(
        made,
        EpochStarted(
            at_ns=0,
            wall_ns=0,
            epoch=1,
            boot_id="b",
            offset_ns=0,
            account_id="a",
            mode=mode,
            version="1",
        ),
    )
    offered(made, candidate(10))
    return made


def test_the_first_file_is_in_force_at_once(state):
    assert state.rules.base_limits.order_qty_max == 10 * 10**18


def test_the_same_file_again_is_no_event(state):
    assert limits_event(state, candidate(10), STAMP) is None
    assert limits_event(state, candidate('"10.0"'), STAMP) is None


def test_tighter_applies_at_once_in_every_mode(state):
    assert isinstance(limits_event(state, candidate(9), STAMP), LimitsLoaded)
    more = candidate(10, "trades_max = 5")
    assert isinstance(limits_event(state, more, STAMP), LimitsLoaded)


def test_looser_waits_in_live_and_is_told_once(state, mode):
    event = limits_event(state, candidate(11), STAMP)
    if mode == "paper":
        assert isinstance(event, LimitsLoaded)
        return
    assert isinstance(event, LimitsPended)
    assert event.hash == candidate(11).hash
    decide(state, event)
    assert state.rules.base_limits.order_qty_max == 10 * 10**18
    assert limits_event(state, candidate(11), STAMP) is None
    assert isinstance(limits_event(state, candidate(12), STAMP), LimitsPended)


def test_going_back_to_what_is_in_force_ends_the_waiting(state, mode):
    if mode == "live":
        offered(state, candidate(11))
        assert state.pending_hash is not None
        offered(state, candidate(10))
    assert state.pending_hash is None


def test_a_broken_file_keeps_the_limits_and_is_told_once(state):
    broken = Candidate(problem="sentinel.toml:3: broken")
    assert isinstance(limits_event(state, broken, STAMP), LimitsRejected)
    assert offered(state, broken) == ["LIMITS_REJECTED"]
    assert offered(state, broken) == []
    assert state.rules.base_limits.order_qty_max == 10 * 10**18
    offered(state, candidate(10))
    assert state.limits_problem is None
