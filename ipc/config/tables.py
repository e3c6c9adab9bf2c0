"""Every table and key of `sentinel.toml` as data. Reads no file and holds no value of a user.

From these rows come the strict reader, the JSON Schema, the commented sample, the limits page
and the judgement of what is looser.
"""

from __future__ import annotations

from typing import Final

from ipc.config.actions import ACTIONABLE, ACTIONS, default_action
from ipc.config.keys import Key, Kind, Looser, Table
from ipc.config.limit_keys import (
    LIMIT_KEYS,
    STRATEGY_OVERRIDES,
    SYMBOL_OVERRIDES,
)
from ipc.config.program_keys import (
    BROKER_KEYS,
    HEARTBEAT_KEYS,
    IPC_KEYS,
    JOURNAL_KEYS,
    KILL_KEYS,
    LOG_KEYS,
    ROUTE_KEYS,
    SCALPER_KEYS,
    STOP_FILE_KEYS,
)
from ipc.config.risk_keys import ACCOUNT_KEYS, SYMBOL_KEYS, THROTTLE_KEYS, name_key

_ACTION_KEYS: Final = tuple(
    Key(
        name=reason.value,
        kind=Kind.CHOICE,
        meaning=reason.meaning,
        default=default_action(reason),
        choices=ACTIONS,
        looser=Looser.RANK,
    )
    for reason in ACTIONABLE
)

SYMBOL: Final = Table(
    name="symbol",
    meaning="one instrument's facts, and limits that replace those of [limits] for it",
    keys=SYMBOL_KEYS,
    field=("risk", "symbols"),
    many=True,
    overrides=SYMBOL_OVERRIDES,
)
STRATEGY: Final = Table(
    name="strategy",
    meaning="one strategy's limits, tighter than those of [limits]",
    keys=(name_key("the strategy's name as it says hello"),),
    field=("risk", "strategies"),
    many=True,
    overrides=STRATEGY_OVERRIDES,
)

_METRICS_KEYS: Final = (
    Key(
        name="port",
        kind=Kind.COUNT,
        meaning="port of metrics and page on 127.0.0.1; 0 is off",
        default=9464,
        high=65_535,
    ),
)
_BUDGET_KEYS: Final = (
    Key(
        name="store",
        kind=Kind.CHOICE,
        meaning="where spent budgets are kept; local is the journal",
        default="local",
        choices=("local",),
    ),
)

TABLES: Final[tuple[Table, ...]] = (
    Table(
        name="account",
        meaning="which account is guarded, and how its day is counted",
        keys=ACCOUNT_KEYS,
        field=("risk", "account"),
    ),
    Table(name="broker", meaning="how the venue is reached", keys=BROKER_KEYS, field=("broker",)),
    Table(
        name="limits",
        meaning="the limits; exactly at a limit passes, one left out is not checked",
        keys=LIMIT_KEYS,
        field=("risk", "limits"),
    ),
    Table(
        name="limits.actions",
        meaning="what a crossed limit does besides the veto: veto, reduce, halt or kill",
        keys=_ACTION_KEYS,
        field=("risk", "actions"),
    ),
    SYMBOL,
    Table(
        name="throttle",
        meaning="a token bucket with continuous refill",
        keys=THROTTLE_KEYS,
        field=("risk", "throttles"),
        many=True,
    ),
    STRATEGY,
    Table(
        name="heartbeat",
        meaning="how the loop proves that it lives",
        keys=HEARTBEAT_KEYS,
        field=("risk", "heartbeat"),
    ),
    Table(
        name="kill",
        meaning="how the loop's processes and its orders end",
        keys=KILL_KEYS,
        field=("risk", "kill"),
    ),
    Table(name="stop_file", meaning="more STOP files", keys=STOP_FILE_KEYS, flat=True),
    Table(
        name="route",
        meaning="one way to a person or a machine",
        keys=ROUTE_KEYS,
        field=("routes",),
        many=True,
    ),
    Table(name="journal", meaning="the sentinel's memory", keys=JOURNAL_KEYS, field=("journal",)),
    Table(name="metrics", meaning="metrics and page", keys=_METRICS_KEYS, flat=True),
    Table(name="ipc", meaning="the wire between the two programs", keys=IPC_KEYS, field=("ipc",)),
    Table(name="budget", meaning="where budgets are kept", keys=_BUDGET_KEYS, flat=True),
    Table(name="scalper", meaning="the loop's own keys", keys=SCALPER_KEYS, field=("scalper",)),
    Table(
        name="scalper.log",
        meaning="the loop's log file",
        keys=LOG_KEYS,
        field=("scalper", "log"),
    ),
)
