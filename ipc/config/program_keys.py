"""The keys that set up the two programs, as data; no verdict depends on most of them."""

from __future__ import annotations

from typing import Final

from ipc.config.keys import Key, Kind, Looser
from ipc.config.limit_keys import SYMBOL_EXPECTED, SYMBOL_PATTERN

NAME_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9_.:\-]{0,63}"
NAME_EXPECTED: Final = "a name of 1 to 64 letters, digits, _ . : or -"
_PATH_PATTERN = r"[^\x00-\x1f\x7f]{1,4096}"
_PATH_EXPECTED = "a path"
_ABSOLUTE_PATTERN = r"/[^\x00-\x1f\x7f]{1,4095}"
_ABSOLUTE_EXPECTED = "an absolute path"
_DAY_MS = 86_400_000


def _text(
    name: str,
    meaning: str,
    *,
    default: str | None = None,
    pattern: str = r"[^\x00-\x1f\x7f]{1,1024}",
    expected: str = "a text on one line",
    secret: bool = False,
) -> Key:
    return Key(
        name=name,
        kind=Kind.TEXT,
        meaning=meaning,
        default=default,
        pattern=pattern,
        expected=expected,
        secret=secret,
    )


def _time(
    name: str, meaning: str, default: int, *, low: int = 1, looser: Looser = Looser.NEVER
) -> Key:
    return Key(
        name=name,
        kind=Kind.MILLISECONDS,
        meaning=meaning,
        default=default,
        low=low,
        high=_DAY_MS,
        looser=looser,
    )


def _count(name: str, meaning: str, default: int, low: int, high: int, unit: str = "") -> Key:
    return Key(
        name=name,
        kind=Kind.COUNT,
        meaning=meaning,
        unit=unit,
        default=default,
        low=low,
        high=high,
    )


def _decimal(name: str, meaning: str, default: str, unit: str) -> Key:
    return Key(
        name=name,
        kind=Kind.DECIMAL,
        meaning=meaning,
        unit=unit,
        default=default,
        positive=True,
    )


def _options(meaning: str) -> Key:
    return Key(name="options", kind=Kind.OPTIONS, meaning=meaning, secret=True)


BROKER_KEYS: Final = (
    _text(
        "url",
        "base URL of the venue, in place of the broker's own",
        pattern=r"https?://[^\s\x00-\x1f\x7f]{1,1000}",
        expected="a URL that begins with https:// or http://",
        secret=True,
    ),
    _text("key_file", "file that holds the key", pattern=_PATH_PATTERN, expected=_PATH_EXPECTED),
    _text(
        "secret_file", "file that holds the secret", pattern=_PATH_PATTERN, expected=_PATH_EXPECTED
    ),
    _time("timeout_ms", "how long one request to the venue may take", 5000),
    _options("the broker's own settings, such as the offline broker's cash"),
    Key(
        name="manual_orders",
        kind=Kind.CHOICE,
        meaning="what an order at the venue without our prefix does",
        default="alert",
        choices=("kill", "alert", "ignore"),
    ),
    _time("poll_ms", "how often the sentinel reads the account", 500, low=50),
)

HEARTBEAT_KEYS: Final = (
    _time("interval_ms", "how often the loop sends a heartbeat, at the end of a pass", 250),
    _time(
        "heartbeat_timeout_ms",
        "silence after which the loop is killed",
        1000,
        looser=Looser.LARGER,
    ),
    _time(
        "progress_timeout_ms",
        "how long heartbeats may come without a finished pass before the loop is killed",
        5000,
        looser=Looser.LARGER,
    ),
    _time(
        "data_timeout_ms",
        "age of market data, from receipt, after which only exits pass",
        30_000,
        looser=Looser.LARGER,
    ),
)

KILL_KEYS: Final = (
    _time(
        "grace_ms",
        "time between SIGTERM and SIGKILL; 0 kills at once",
        0,
        low=0,
        looser=Looser.LARGER,
    ),
    Key(
        name="positions",
        kind=Kind.CHOICE,
        meaning="what becomes of open positions: a venue stop, closing, or a call to a person",
        default="protect",
        choices=("flatten", "protect", "alert_only"),
        looser=Looser.RANK,
    ),
)

STOP_FILE_KEYS: Final = (
    Key(
        name="paths",
        kind=Kind.TEXTS,
        meaning="files that stop trading by existing, besides STOP in the state directory",
        default=(),
        pattern=_ABSOLUTE_PATTERN,
        expected=_ABSOLUTE_EXPECTED,
    ),
)

ROUTE_KEYS: Final = (
    Key(
        name="name",
        kind=Kind.TEXT,
        meaning="the route's name, the only thing of it that is ever shown",
        required=True,
        pattern=NAME_PATTERN,
        expected=NAME_EXPECTED,
    ),
    _text("url", "an Apprise URL; it is a secret, better kept in url_file", secret=True),
    _text(
        "url_file",
        "file that holds the URL; relative to the credentials directory where there is one",
        pattern=_PATH_PATTERN,
        expected=_PATH_EXPECTED,
    ),
    Key(
        name="severity",
        kind=Kind.CHOICE,
        meaning="least severity that is sent",
        default="warning",
        choices=("info", "warning", "critical"),
    ),
    Key(
        name="events",
        kind=Kind.CHOICES,
        meaning="events that are sent as JSON, for machines",
        default=(),
        choices=("verdicts", "fills", "states"),
    ),
    Key(
        name="required",
        kind=Kind.FLAG,
        meaning="whether status is degraded while the route is down",
        default=False,
    ),
)

JOURNAL_KEYS: Final = (
    Key(
        name="durability",
        kind=Kind.CHOICE,
        meaning="what a verdict survives before it leaves; left out: power in live, else process",
        choices=("power", "process"),
    ),
    _count("retain_days", "how long closed segments are kept", 30, 1, 36_500, "days"),
    _count(
        "segment_bytes", "size at which a segment is closed", 64 << 20, 64 << 10, 1 << 30, "bytes"
    ),
)

IPC_KEYS: Final = (
    _time("answer_timeout_ms", "an intent unanswered this long is vetoed by the loop", 100),
    _time("sentinel_timeout_ms", "silence of the sentinel after which the loop withdraws", 1000),
    _time("approval_ttl_ms", "how long an approval may be used", 500),
    _text(
        "gate",
        "an endpoint in place of the gate socket of the runtime directory",
        pattern=r"(ipc|tcp)://[\x21-\x7e]{1,200}",
        expected="an endpoint that begins with ipc:// or tcp://",
    ),
)

SCALPER_KEYS: Final = (
    _text(
        "symbol",
        "the symbol to trade; left out: the first of [limits] symbols",
        pattern=SYMBOL_PATTERN,
        expected=SYMBOL_EXPECTED,
    ),
    _text("strategy", "a shipped strategy, or module:Class for one's own", default="fade"),
    _text(
        "feed",
        "csv:PATH, synthetic:SEED, alpaca: or ccxt:EXCHANGE",
        default="synthetic:1?speed=60",
    ),
    _decimal("order_qty", "quantity of one entry", "1000", "units"),
    _decimal("stop_loss_bps", "distance of the stop from the entry", "8", "bps"),
    _decimal("take_profit_bps", "distance of the take-profit from the entry", "4", "bps"),
    _time("time_stop_ms", "how long a position is held at most, in market time", 60_000),
    _options("the strategy's own settings"),
)

LOG_KEYS: Final = (
    _text("file", "the log file", pattern=_PATH_PATTERN, expected=_PATH_EXPECTED),
    Key(
        name="level",
        kind=Kind.CHOICE,
        meaning="least level that is logged",
        default="info",
        choices=("debug", "info", "warning", "error", "critical"),
    ),
    _count("max_bytes", "size at which the file is rotated", 10 << 20, 1024, 1 << 34, "bytes"),
    _count("keep", "rotated files that are kept", 5, 0, 1000, "files"),
)
