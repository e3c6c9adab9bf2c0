"""Whether live trading may start: facts in, the missing ones out. It may never look for itself."""

from __future__ import annotations

from msgspec import Struct


class LiveFacts(Struct, frozen=True, kw_only=True):
    """Everything that live trading depends on, as it was found. None is "not known"."""

    live_flag: bool
    allow_live: str | None
    """The environment's ALLOW_LIVE."""
    config_problem: str | None
    """Why there is no valid configuration, or None if there is one."""
    config_mode: str | None
    expected_account: str | None
    broker_problem: str | None
    """Why the broker's facts are not known, or None if they are."""
    broker_mode: str | None
    """What the broker's resolved endpoint is: `paper` or `live`."""
    broker_account: str | None
    broker_endpoint: str | None
    sentinel_problem: str | None
    """Why the sentinel did not confirm the same facts, or None if it did."""
    terminal: bool
    """Whether a person can be asked on standard input."""
    yes: bool


def missing_facts(facts: LiveFacts) -> tuple[str, ...]:
    """Name each fact that live trading needs and that is not there; empty means it may start.

    The typed confirmation is not among them where a person can still be asked for it.
    """
    found = (
        _flag(facts),
        _environment(facts),
        _configuration(facts),
        _account(facts),
        _broker(facts),
        _sentinel(facts),
        _confirmation(facts),
    )
    return tuple(problem for problem in found if problem is not None)


def _flag(facts: LiveFacts) -> str | None:
    return None if facts.live_flag else "--live was not given"


def _environment(facts: LiveFacts) -> str | None:
    if facts.allow_live == "true":
        return None
    if facts.allow_live is None:
        return "ALLOW_LIVE is not set (expected exactly ALLOW_LIVE=true)"
    return f"ALLOW_LIVE is {facts.allow_live[:40]!r} (expected exactly ALLOW_LIVE=true)"


def _configuration(facts: LiveFacts) -> str | None:
    if facts.config_problem is not None:
        return f"no valid configuration: {facts.config_problem}"
    if facts.config_mode != "live":
        return f'the configuration says mode = "{facts.config_mode}" (expected [account] mode live)'
    return None


def _account(facts: LiveFacts) -> str | None:
    if facts.expected_account is None:
        return "no expected account id ([account] account_id)"
    if facts.broker_account is not None and facts.broker_account != facts.expected_account:
        return (
            f"the broker's account is {facts.broker_account},"
            f" the configuration expects {facts.expected_account}"
        )
    return None


def _broker(facts: LiveFacts) -> str | None:
    if facts.broker_problem is not None:
        return f"the broker's facts are not known: {facts.broker_problem}"
    if facts.broker_mode != "live":
        return f"the broker's endpoint {facts.broker_endpoint} is a {facts.broker_mode} one"
    return None


def _sentinel(facts: LiveFacts) -> str | None:
    if facts.sentinel_problem is None:
        return None
    return f"no sentinel that computed the same facts: {facts.sentinel_problem}"


def _confirmation(facts: LiveFacts) -> str | None:
    if facts.yes or facts.terminal:
        return None
    return "no confirmation: standard input is not a terminal and --yes was not given"


def confirms(typed: str, account_id: str) -> bool:
    """Whether a person typed the account id, exactly but for surrounding blanks."""
    return typed.strip() == account_id
