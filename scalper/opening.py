"""How a run's feed, broker and session are opened. Each refusal is one line and an exit code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from broker_api.open import open_trading
from broker_api.protocol import BrokerSettingsInvalid, BrokerUnavailable, Trading
from broker_api.values import BrokerFacts
from ipc.client import GateClient, SentinelUnavailable
from ipc.clock import Clock
from ipc.config.reader import ConfigError, find_config, limits_hash, read_config
from ipc.config.values import Config
from ipc.endpoints import PathRefused, Paths, TransportRefused, prepare_directory, resolve_paths
from ipc.messages import Refused, Welcome
from scalper import endings
from scalper.feed import (
    Feed,
    FeedBroken,
    FeedSpec,
    FeedSpecInvalid,
    FeedUnsupported,
    PacedFeed,
    parse_feed_spec,
)
from scalper.feed_csv import check_recording, recorded
from scalper.feed_synthetic import synthetic
from scalper.options import Options, Stopped, venue_of
from scalper.strategy import StrategyChoice, StrategyInvalid, find_strategy

REFUSAL_CODES: Final = {
    "TRADING_HALTED": endings.REFUSED_HALTED,
    "MODE_MISMATCH": endings.BAD_CONFIG,
    "ACCOUNT_MISMATCH": endings.BAD_CONFIG,
    "LIMITS_MISMATCH": endings.BAD_CONFIG,
}


def load_config(options: Options, env: Mapping[str, str]) -> Config:
    """Find and read the configuration; Stopped with 78 and a line for each problem."""
    try:
        return read_config(find_config(options.config, env))
    except ConfigError as error:
        raise Stopped(endings.BAD_CONFIG, *str(error).splitlines()) from None


def load_paths(env: Mapping[str, str]) -> Paths:
    """Resolve the directories; Stopped with 78 for one that cannot be used."""
    try:
        return resolve_paths(env)
    except PathRefused as error:
        raise Stopped(endings.BAD_CONFIG, str(error)) from None


def load_spec(options: Options, config: Config | None) -> FeedSpec:
    """Take the feed's specification apart; 64 for a bad flag, 78 for a bad configuration."""
    code = endings.USAGE if config is None or options.feed is not None else endings.BAD_CONFIG
    try:
        text = options.feed if options.feed is not None else config and config.scalper.feed
        return parse_feed_spec(text or "")
    except FeedSpecInvalid as error:
        raise Stopped(code, str(error)) from None


def load_strategy(options: Options, config: Config | None) -> StrategyChoice:
    """Find the strategy; 64 for a bad flag, 78 for a bad configuration."""
    code = endings.USAGE if config is None or options.strategy is not None else endings.BAD_CONFIG
    try:
        text = options.strategy
        if text is None:
            text = "fade" if config is None else config.scalper.strategy
        return find_strategy(text)
    except StrategyInvalid as error:
        raise Stopped(code, str(error)) from None


def open_feed(spec: FeedSpec, symbol: str, clock: Clock) -> Feed:
    """Open a feed; a recording is read through once before anything is traded on it.

    Raises:
        Stopped: With 65 for a file that is missing or malformed anywhere, 78 for a feed that
            is not there.
    """
    try:
        match spec.kind:
            case "csv":
                path = Path(spec.argument)
                check_recording(path, symbol)
                return PacedFeed(recorded(path, symbol), clock, spec.speed)
            case "synthetic":
                return PacedFeed(synthetic(int(spec.argument), symbol), clock, spec.speed)
            case _:
                raise FeedUnsupported(
                    f"feed {spec.kind}: is not in this version, which has csv and synthetic"
                )
    except FeedBroken as error:
        raise Stopped(endings.BAD_DATA, str(error)) from None
    except FeedUnsupported as error:
        raise Stopped(endings.BAD_CONFIG, str(error)) from None


def open_broker(config: Config, paths: Paths, clock: Clock, *, live: bool) -> Trading:
    """Open the venue; Stopped with 78 for bad settings or directory, 69 where it is unavailable."""
    account, broker = venue_of(config, live=live)
    try:
        if not paths.state_dir.exists():
            prepare_directory(paths.state_dir)
        return open_trading(account, broker, paths.state_dir, clock, config.risk.symbols)
    except (PathRefused, BrokerSettingsInvalid) as error:
        raise Stopped(endings.BAD_CONFIG, str(error)) from None
    except BrokerUnavailable as error:
        raise Stopped(endings.UNAVAILABLE, str(error)) from None


class Introduction(Struct, frozen=True, kw_only=True):
    """What a run says of itself in its hello."""

    run_id: str
    strategy: str
    facts: BrokerFacts
    limits_hash: str
    max_trades: int | None


def introduce(
    config: Config, facts: BrokerFacts, run_id: str, options: Options, strategy: str
) -> Introduction:
    """Gather what hello says."""
    return Introduction(
        run_id=run_id,
        strategy=strategy,
        facts=facts,
        limits_hash=limits_hash(config.risk),
        max_trades=options.max_trades,
    )


def open_client(config: Config, paths: Paths, clock: Clock) -> GateClient:
    """Make the gate's client; Stopped with 78 for an endpoint that cannot be."""
    try:
        return GateClient(
            config.ipc.gate or paths.gate,
            clock,
            answer_timeout_ms=config.ipc.answer_timeout_ms,
            sentinel_timeout_ms=config.ipc.sentinel_timeout_ms,
        )
    except PathRefused as error:
        raise Stopped(endings.BAD_CONFIG, str(error)) from None
    except TransportRefused as error:
        raise Stopped(endings.UNAVAILABLE, str(error)) from None


def say_hello(client: GateClient, about: Introduction) -> Welcome | Refused:
    """Say hello; Stopped with 69 where nothing answers."""
    try:
        return client.hello(
            run_id=about.run_id,
            strategy=about.strategy,
            mode=about.facts.mode,
            account_id=about.facts.account_id,
            limits_hash=about.limits_hash,
            max_trades=about.max_trades,
        )
    except SentinelUnavailable as error:
        raise Stopped(
            endings.UNAVAILABLE, f"no sentinel, no orders: {error} (start one: sentinel run)"
        ) from None


def open_session(client: GateClient, about: Introduction) -> Welcome:
    """Open the session; Stopped with 75 when halted, else with what the refusal's code means."""
    answer = say_hello(client, about)
    if isinstance(answer, Welcome) and answer.state != "HALTED":
        return answer
    if isinstance(answer, Welcome) or answer.code == "TRADING_HALTED":
        detail = f" ({answer.detail})" if isinstance(answer, Refused) and answer.detail else ""
        raise Stopped(endings.REFUSED_HALTED, f"trading is halted{detail}; {endings.HOW_TO_RESUME}")
    code = REFUSAL_CODES.get(answer.code, endings.UNAVAILABLE)
    raise Stopped(code, f"the sentinel refused the session: {answer.code}: {answer.detail}")
