"""Gathers the facts that live trading needs and asks the person. It may never skip one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from broker_api.protocol import BrokerError, Trading
from broker_api.values import BrokerFacts
from ipc.clock import Clock
from ipc.config.values import Config
from ipc.messages import Refused
from scalper import endings
from scalper.live_guard import LiveFacts, confirms, missing_facts
from scalper.opening import introduce, load_config, load_paths, open_broker, open_client, say_hello
from scalper.options import Options, Stopped

_OTHER_REASONS = ("TRADING_HALTED", "STRATEGY_TAKEN", "SESSION_LIMIT")
"""Refusals of a sentinel that found the facts to agree; they have exit codes of their own."""


class Console(Struct, frozen=True, kw_only=True):
    """The person at the terminal, if there is one."""

    terminal: bool
    ask: Callable[[str], str]


class _Findings(Struct, kw_only=True):
    config: Config | None = None
    config_problem: str | None = None
    facts: BrokerFacts | None = None
    broker_problem: str | None = None
    sentinel_problem: str | None = None


def pass_live_guard(
    options: Options,
    env: Mapping[str, str],
    clock: Clock,
    console: Console,
    *,
    run_id: str,
) -> None:
    """Return only when every fact is there and a person agreed.

    Raises:
        Stopped: With 77 and a line for each missing fact.
    """
    found = _find(options, env, clock, run_id)
    account, venue = found.config and found.config.risk.account, found.facts
    facts = LiveFacts(
        live_flag=options.live,
        allow_live=env.get("ALLOW_LIVE"),
        config_problem=found.config_problem,
        config_mode=account.mode if account else None,
        expected_account=account.account_id if account else None,
        broker_problem=found.broker_problem,
        broker_mode=venue.mode if venue else None,
        broker_account=venue.account_id if venue else None,
        broker_endpoint=venue.endpoint if venue else None,
        sentinel_problem=found.sentinel_problem,
        terminal=console.terminal,
        yes=options.yes,
    )
    missing = missing_facts(facts)
    if missing:
        raise Stopped(
            endings.LIVE_REFUSED,
            *(f"live trading refused: {problem}" for problem in missing),
        )
    if not options.yes:
        typed = console.ask(
            f"LIVE trading on {facts.broker_endpoint}. Type the account id to go on: "
        )
        if not confirms(typed, facts.expected_account or ""):
            raise Stopped(
                endings.LIVE_REFUSED, "live trading refused: the account id was not confirmed"
            )


def _find(options: Options, env: Mapping[str, str], clock: Clock, run_id: str) -> _Findings:
    """Look at configuration, broker and sentinel; what fails becomes that fact's problem."""
    found = _Findings()
    try:
        found.config = load_config(options, env)
    except Stopped as stopped:
        found.config_problem = str(stopped)
        found.broker_problem = found.sentinel_problem = "not asked without a configuration"
        return found
    config = found.config
    try:
        paths = load_paths(env)
        broker = open_broker(config, paths, clock, live=True)
    except Stopped as stopped:
        found.broker_problem = str(stopped)
        found.sentinel_problem = "not asked without the broker's facts"
        return found
    try:
        found.facts = _facts_of(broker, found)
        if found.facts is None:
            found.sentinel_problem = "not asked without the broker's facts"
            return found
        strategy = options.strategy or config.scalper.strategy
        about = introduce(config, found.facts, run_id, options, strategy)
        client = open_client(config, paths, clock)
        try:
            answer = say_hello(client, about)
            if isinstance(answer, Refused):
                if answer.code not in _OTHER_REASONS:
                    found.sentinel_problem = f"{answer.code}: {answer.detail}"
            else:
                client.goodbye()
        finally:
            client.close()
    except Stopped as stopped:
        found.sentinel_problem = str(stopped)
    finally:
        broker.close()
    return found


def _facts_of(broker: Trading, found: _Findings) -> BrokerFacts | None:
    try:
        return broker.facts()
    except BrokerError as error:
        found.broker_problem = str(error)
        return None
