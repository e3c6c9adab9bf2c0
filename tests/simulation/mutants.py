"""Planted mistakes, one or more for each invariant: each is a patch that makes the model wrong."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from unittest import mock

from ipc import approved, numbers, session
from sentinel import limits_desk
from sentinel.core import (
    book,
    case,
    checks,
    conduct,
    decide,
    effects,
    judge,
    ledger,
    order,
    sessions,
    state,
)
from sentinel.core.account import Day
from sentinel.core.checks_order import check_age, check_state
from sentinel.core.events import EpochStarted, LimitsLoaded, LimitsPended
from sentinel.core.throttle import TokenBucket
from sentinel.loop import Loop
from tests.simulation import shell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Patches = list[tuple[Any, str, Any]]


def _after_start(change: Callable[[Any], None]) -> Patches:
    """Make every start of a sentinel also do something to the state."""
    real = decide.on_epoch

    def on_epoch(state: Any, event: EpochStarted) -> list[Any]:
        wanted = real(state, event)
        change(state)
        return wanted

    return [(decide, "HANDLERS", {**decide.HANDLERS, EpochStarted: on_epoch})]


def _without(check: Callable[..., Any], instead: Callable[..., Any]) -> Patches:
    """Replace one check."""
    table = tuple((instead if c is check else c, concerns) for c, concerns in checks.CHECKS)
    return [(checks, "CHECKS", table)]


def any_approval_is_mine() -> Patches:
    """I1: the client takes an approval without looking whose, and the permission is not bound."""

    def grant(cls: Any, intent: Any, approval: Any, epoch: int, now_ns: int) -> Any:
        return cls(intent, approval.expires_ns)

    def verdict(self: Any, verdict: Any, now_ns: int) -> None:
        if self._pending is not None:
            self._answered(verdict.seq, verdict.state, now_ns)
            self._pending = None
            self.verdict = verdict

    return [
        (approved.Approved, "grant", classmethod(grant)),
        (session.GateSession, "_verdict", verdict),
    ]


def reply_before_journal() -> Patches:
    """I2: answers leave before the batch is written."""
    real = Loop._commit

    def commit(self: Any, stamp: Any) -> None:
        for answer in self._answers:
            answer()
        self._answers = []
        real(self, stamp)

    return [(Loop, "_commit", commit)]


def ids_forgotten() -> Patches:
    """I3: a restart forgets which ids were judged."""

    def forget(state: Any) -> None:
        state.ids, state.ids_before = {}, {}

    return _after_start(forget)


def throttle_refilled() -> Patches:
    """I4: a restart fills every bucket."""
    return _after_start(lambda state: state.buckets.clear())


def jump_starts_a_day() -> Patches:
    """I4: the wall clock alone decides when a new day begins."""

    def follow(self: Any, at_ns: int, wall_ns: int) -> bool:
        self.wall_ns = max(self.wall_ns, wall_ns)
        return False

    return [(Day, "follow", follow)]


def none_passes() -> Patches:
    """I4: what cannot be told passes every comparison, as NaN would."""
    return [(book.Instrument, "worst_qty", lambda self, side, side_qty: 0)]


def tail_not_folded() -> Patches:
    """I5: a restart does not read the last entries."""

    def remember(self: Any) -> Any:
        payloads = self.world.disk.recover()
        fresh = state.State()
        for payload in payloads[: -len(payloads) // 4]:
            ledger.refold(fresh, ledger.decode_entry(payload))
        return fresh

    return [(shell.Shell, "remember", remember)]


def latch_in_memory() -> Patches:
    """I6: the halt is gone after a restart."""
    return _after_start(lambda state: setattr(state.trading, "halt", None))


def any_resume_lifts() -> Patches:
    """I6: a resume that names an older halt lifts the present one."""
    return [(conduct, "_resume_obstacle", lambda state, event: None)]


def approves_before_the_beat() -> Patches:
    """I7: a hello is as good as a beat."""

    def checked(case: Any) -> Any:
        if case.session is not None:
            case.session.beaten = True
        return check_state(case)

    return _without(check_state, checked)


def stop_not_looked_at() -> Patches:
    """I7: the start does not look for STOP behind its watch."""
    real = shell.Shell.begin

    def begin(self: Any) -> None:
        real(self)
        self.world.history.looked.pop(self.keeper.epoch, None)

    return [(shell.Shell, "begin", begin)]


def lateness_ignored() -> Patches:
    """I9: an intent past its deadline is judged like any other."""
    return _without(check_age, lambda case: None)


def client_believes_late() -> Patches:
    """I9: a loop takes an approval that came after it had stopped waiting."""
    real = session.GateSession._verdict

    def verdict(self: Any, verdict: Any, now_ns: int) -> None:
        real(self, verdict, 0)

    return [(session.GateSession, "_verdict", verdict)]


def looser_let_in() -> Patches:
    """I10: what waits for a person is in force already."""
    real = limits_desk.limits_event

    def limits_event(state: Any, candidate: Any, stamp: Any) -> Any:
        event = real(state, candidate, stamp)
        if isinstance(event, LimitsPended):
            return LimitsLoaded(
                at_ns=stamp.at_ns, wall_ns=stamp.wall_ns, risk=candidate.risk, hash=candidate.hash
            )
        return event

    return [(shell, "limits_event", limits_event)]


def hash_mixed() -> Patches:
    """I10: a new hash is put on the limits that were in force before."""
    real = state.State.adopt

    def adopt(self: Any, risk: Any, config_hash: str) -> None:
        real(self, risk if self.rules is None else self.rules.risk, config_hash)

    return [(state.State, "adopt", adopt)]


def float_money() -> Patches:
    """I15: money passes through binary floating point."""

    def notional_of(qty: int, unit: int) -> int:
        return int(float(qty) * float(unit))

    return [(module, "notional_of", notional_of) for module in (order, book, case)]


def odd_numbers_pass() -> Patches:
    """I15: numbers are read leniently."""
    real = numbers.parse_decimal

    def parse_decimal(text: str) -> int | None:
        strict = real(text)
        if strict is not None or not ("e" in text or text.startswith("+")):
            return strict
        return int(float(text) * 10**18)

    return [(order, "parse_decimal", parse_decimal)]


def alerts_unbounded() -> Patches:
    """I16: the list of pending alerts has no end."""

    def alert(state: Any, severity: str, code: str, **facts: str) -> Any:
        state.alerts_made += 1
        made = effects.SendAlert(
            alert_id=f"a{state.epoch}-{state.alerts_made}",
            severity=severity,
            code=code,
            facts=facts,
        )
        state.alerts[made.alert_id] = made
        return made

    return [(module, "alert", alert) for module in (conduct, decide, sessions)]


def ids_unbounded() -> Patches:
    """I16: the ids of a day have no end."""
    return [(judge, "_has_room", lambda state: True)]


def quotes_unwritten() -> Patches:
    """I17: what a verdict rests on is not written before it."""

    def written(self: Any, event: Any, effects: Any, *_: Any) -> Any:
        return [ledger.Entry(event=event, effects=tuple(effects))]

    return [(ledger.Ledger, "_written", written)]


def ended_orders_forgotten() -> Patches:
    """rogue: an order that ended is a stranger to its late fills."""
    return [(state.State, "finish", lambda self, order: None)]


def hidden_count() -> Patches:
    """I17: a verdict depends on something that is in no entry."""
    count = iter(range(10**9))
    real = TokenBucket.has_token

    def has_token(self: Any, at_ns: int) -> bool:
        return real(self, at_ns) and next(count) % 7 != 3

    return [(TokenBucket, "has_token", has_token)]


CALM = {
    "loss": 0.0,
    "slow": 0.0,
    "pause": 0.0,
    "write_error": 0.0,
    "stop_file": 0.0,
    "power_loss": 0.0,
}
MUTANTS: tuple[tuple[Callable[[], Patches], str, dict[str, Any]], ...] = (
    (any_approval_is_mine, "I1", {"doubling": 0.5}),
    (reply_before_journal, "I2", {}),
    (ids_forgotten, "I3", {"crash": 0.02}),
    (throttle_refilled, "I4", {**CALM, "crash": 0.02, "config_change": 0.0}),
    (
        jump_starts_a_day,
        "I4",
        {**CALM, "far_jumps": True, "clock_jump": 0.02, "trades_max": 2, "config_change": 0.0},
    ),
    (none_passes, "I4", {}),
    (tail_not_folded, "I5", {"crash": 0.02}),
    (latch_in_memory, "I6", {"crash": 0.02}),
    (any_resume_lifts, "I6", {}),
    (approves_before_the_beat, "I7", {}),
    (stop_not_looked_at, "I7", {}),
    (lateness_ignored, "I9", {"slow": 0.2}),
    (client_believes_late, "I9", {"slow": 0.2, "pause": 0.05}),
    (looser_let_in, "I10", {"live": True, "config_change": 0.06}),
    (hash_mixed, "I10", {"config_change": 0.06}),
    (float_money, "I15", {}),
    (odd_numbers_pass, "I15", {"hostile": 0.3}),
    (alerts_unbounded, "I16", {"tight_bounds": True}),
    (ids_unbounded, "I16", {"tight_bounds": True}),
    (quotes_unwritten, "I17", {}),
    (hidden_count, "I17", {}),
    (ended_orders_forgotten, "rogue", {}),
)
"""Each mutant, the invariant that must find it, and the weather in which it does harm."""


@contextlib.contextmanager
def planted(mutant: Callable[[], Patches]) -> Iterator[None]:
    """Put a mutant in for a while."""
    with contextlib.ExitStack() as stack:
        for owner, name, value in mutant():
            stack.enter_context(mock.patch.object(owner, name, value))
        yield
