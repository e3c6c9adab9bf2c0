"""One run from the command line's values to its exit code. It may never start trading half-made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from msgspec import Struct

from broker_api.protocol import BrokerError, Trading
from ipc.client import GateClient
from ipc.clock import Clock
from ipc.config.values import Config
from ipc.numbers import parse_decimal
from scalper import endings
from scalper.confirming import Console, pass_live_guard
from scalper.desk import Desk
from scalper.endings import Ending
from scalper.feed import Feed
from scalper.gate import Gate
from scalper.line import LiveLine, closing
from scalper.logs import Log, LogFiles, LogUnwritable, open_log
from scalper.loop import Bounds, Loop, Parts
from scalper.opening import (
    introduce,
    load_config,
    load_paths,
    load_spec,
    load_strategy,
    open_broker,
    open_client,
    open_feed,
    open_session,
)
from scalper.options import (
    Ids,
    Options,
    Stopped,
    order_qty_of,
    run_id_of,
    short_allowed,
    symbol_of,
    symbol_values,
)
from scalper.stop_signal import StopSignal
from scalper.strategy import Strategy, StrategyChoice
from scalper.tally import Tally
from scalper.view import Setup
from scalper.withdraw import withdraw


class Surroundings(Struct, frozen=True, kw_only=True):
    """What a run finds outside itself."""

    env: Mapping[str, str]
    clock: Clock
    console: Console
    out: TextIO
    err: TextIO
    live_line: bool
    colors: bool


def start(options: Options, around: Surroundings) -> int:
    """Run, and return the exit code; Stopped where the run cannot begin."""
    if options.feed is not None:
        load_spec(options, None)
    choice = load_strategy(options, None) if options.strategy is not None else None
    run_id = run_id_of(around.clock.wall_ns(), os.urandom(2))
    if options.live:
        pass_live_guard(options, around.env, around.clock, around.console, run_id=run_id)
    config = load_config(options, around.env)
    log, files = _open_log(options, config, around)
    try:
        with StopSignal() as stop:
            bound = log.bind(run_id=run_id)
            return _prepared(options, config, around, bound, run_id, choice, stop)
    finally:
        files.close()


def _open_log(options: Options, config: Config, around: Surroundings) -> tuple[Log, LogFiles]:
    values = config.scalper.log
    file = options.log_file or (Path(values.file) if values.file else None)
    try:
        return open_log(
            clock=around.clock,
            file=file,
            file_level=options.log_level or values.level,
            terminal_level=options.log_level or "warning",
            max_bytes=values.max_bytes,
            keep=values.keep,
            stream=around.err,
            colors=around.colors,
        )
    except LogUnwritable as error:
        raise Stopped(endings.BAD_CONFIG, str(error)) from None


def _prepared(
    options: Options,
    config: Config,
    around: Surroundings,
    log: Log,
    run_id: str,
    choice: StrategyChoice | None,
    stop: StopSignal,
) -> int:
    """Open what the run needs, in the order in which refusals count, and run."""
    spec = load_spec(options, config)
    symbol = symbol_of(options, config)
    if symbol is None:
        raise Stopped(endings.BAD_CONFIG, "no symbol: give --symbol or [scalper] symbol")
    ids = Ids(config.risk.account.order_prefix, run_id)
    choice = choice or load_strategy(options, config)
    strategy = _make_strategy(choice, config, symbol, ids)
    paths = load_paths(around.env)
    feed = open_feed(spec, symbol, around.clock)
    broker = open_broker(config, paths, around.clock, live=options.live)
    try:
        client = open_client(config, paths, around.clock)
        try:
            run = _Run(
                options=options,
                config=config,
                around=around,
                log=log,
                run_id=run_id,
                symbol=symbol,
                ids=ids,
                feed=feed,
                strategy=strategy,
                strategy_name=choice.name,
                broker=broker,
                client=client,
                stop=stop,
            )
            return _guarded(run)
        finally:
            client.close()
    except BrokerError as error:
        raise Stopped(endings.UNAVAILABLE, str(error)) from None
    finally:
        broker.close()


def _make_strategy(choice: StrategyChoice, config: Config, symbol: str, ids: Ids) -> Strategy:
    values = config.scalper
    setup = Setup(
        symbol=symbol,
        order_qty=order_qty_of(config, symbol),
        price_increment=symbol_values(config, symbol).price_increment,
        stop_loss_bps=values.stop_loss_bps,
        take_profit_bps=values.take_profit_bps,
        time_stop_ms=values.time_stop_ms,
        short_allowed=short_allowed(config, symbol),
        options=values.options,
        new_id=ids,
    )
    try:
        return choice.make(setup)
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        raise Stopped(
            endings.BAD_CONFIG, f"strategy {choice.name}: {type(error).__name__}: {text}"
        ) from error


class _Run(Struct, frozen=True, kw_only=True):
    """Everything a run is made of, open and checked."""

    options: Options
    config: Config
    around: Surroundings
    log: Log
    run_id: str
    symbol: str
    ids: Ids
    feed: Feed
    strategy: Strategy
    strategy_name: str
    broker: Trading
    client: GateClient
    stop: StopSignal


def _guarded(run: _Run) -> int:
    """Say hello, loop, withdraw, say goodbye, and tell what was done."""
    facts = run.broker.facts()
    about = introduce(run.config, facts, run.run_id, run.options, run.strategy_name)
    welcome = open_session(run.client, about)
    run.log.info(
        "run_started",
        strategy=run.strategy_name,
        symbol=run.symbol,
        mode=facts.mode,
        account_id=facts.account_id,
        epoch=welcome.epoch,
        state=welcome.state,
    )
    held = parse_decimal(run.broker.position(run.symbol).qty)
    multiplier = parse_decimal(symbol_values(run.config, run.symbol).multiplier)
    tally = Tally(run.symbol, held or 0, *(() if multiplier is None else (multiplier,)))
    gate = Gate(run.client, run.around.clock)
    desk = Desk(
        broker=run.broker, facts=facts, gate=gate, tally=tally, log=run.log, symbol=run.symbol
    )
    desk.refresh()
    line = LiveLine(run.around.err, run.around.clock, shown=run.around.live_line)
    loop = Loop(_parts(run, gate, desk, tally, line), _bounds(run))
    ending = loop.run()
    left = withdraw(desk, new_id=run.ids, settle=loop.settle, clock=run.around.clock, log=run.log)
    if ending is not Ending.SENTINEL_SILENT:
        run.client.goodbye()
    line.end()
    return _tell(run, tally, ending, (loop.problem, left), facts.mode)


def _parts(run: _Run, gate: Gate, desk: Desk, tally: Tally, line: LiveLine) -> Parts:
    return Parts(
        feed=run.feed,
        strategy=run.strategy,
        gate=gate,
        broker=run.broker,
        desk=desk,
        tally=tally,
        clock=run.around.clock,
        log=run.log,
        new_id=run.ids,
        stop_asked=run.stop,
        show=line.show,
    )


def _bounds(run: _Run) -> Bounds:
    return Bounds(
        iterations=run.options.iterations,
        max_trades=run.options.max_trades,
        interval_ms=run.config.risk.heartbeat.interval_ms,
    )


def _tell(
    run: _Run, tally: Tally, ending: Ending, problems: tuple[str | None, ...], mode: str
) -> int:
    """Write the closing table, log the end, and give the exit code."""
    said = [problem for problem in problems if problem]
    run.log.info(
        "run_ended",
        ending=ending.name,
        exit_code=ending.code,
        passes=tally.passes,
        approved=tally.approved,
        vetoed=tally.vetoed,
        entries=tally.entries,
        problems=said or None,
    )
    table = closing(tally, ending, run_id=run.run_id, symbol=run.symbol, mode=mode)
    try:
        print(table, file=run.around.out, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), run.around.out.fileno())
    if ending.code != endings.DONE:
        said = [": ".join((ending.words, *said[:1])), *said[1:]]
    for text in said:
        print(f"scalper: {text}", file=run.around.err)
    return ending.code
