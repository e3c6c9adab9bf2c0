"""The keys of the account, the symbols and the throttles, as data. Decides nothing."""

from __future__ import annotations

from typing import Final

from ipc.config.keys import Key, Kind, Looser
from ipc.config.limit_keys import SYMBOL_EXPECTED, SYMBOL_PATTERN
from ipc.config.program_keys import NAME_EXPECTED, NAME_PATTERN

_CURRENCY_PATTERN = r"[A-Z][A-Z0-9]{1,11}"
_CURRENCY_EXPECTED = 'a currency such as "USD"'


def name_key(meaning: str) -> Key:
    """The name by which an array's entries are told apart."""
    return Key(
        name="name",
        kind=Kind.TEXT,
        meaning=meaning,
        required=True,
        pattern=NAME_PATTERN,
        expected=NAME_EXPECTED,
    )


def _currency(name: str, meaning: str, default: str | None = None) -> Key:
    return Key(
        name=name,
        kind=Kind.TEXT,
        meaning=meaning,
        default=default,
        pattern=_CURRENCY_PATTERN,
        expected=_CURRENCY_EXPECTED,
        looser=Looser.CHANGED,
    )


ACCOUNT_KEYS: Final[tuple[Key, ...]] = (
    Key(
        name="broker",
        kind=Kind.TEXT,
        meaning="the venue: offline, alpaca or ccxt:EXCHANGE",
        default="offline",
        pattern=r"offline|alpaca|ccxt:[a-z0-9_]{1,32}",
        expected='"offline", "alpaca" or "ccxt:EXCHANGE"',
        looser=Looser.CHANGED,
    ),
    Key(
        name="account_id",
        kind=Kind.TEXT,
        meaning="the account's id as the broker gives it",
        pattern=r"[\x21-\x7e]{1,64}",
        expected="an id of 1 to 64 characters without spaces",
        looser=Looser.CHANGED,
    ),
    Key(
        name="mode",
        kind=Kind.CHOICE,
        meaning="what the account is; the broker's resolved endpoint must agree",
        default="paper",
        choices=("paper", "live"),
        looser=Looser.CHANGED,
    ),
    Key(
        name="kind",
        kind=Kind.CHOICE,
        meaning="cash: what is bought is paid, what is sold is held; margin: may go short",
        default="cash",
        choices=("cash", "margin"),
        looser=Looser.RANK,
    ),
    _currency("currency", "the account's currency, in which money limits are given", "USD"),
    Key(
        name="leverage",
        kind=Kind.DECIMAL,
        meaning="a margin account's leverage: an order needs its worth divided by it",
        unit="times",
        default="1",
        low=1,
        high=1000,
        looser=Looser.LARGER,
    ),
    Key(
        name="fee_bps",
        kind=Kind.DECIMAL,
        meaning="fee reserved for each order, in proportion to its worth",
        unit="bps",
        default="0",
        high=10_000,
        looser=Looser.SMALLER,
    ),
    Key(
        name="fee_fixed",
        kind=Kind.DECIMAL,
        meaning="fee reserved for each order, fixed",
        unit="account currency",
        default="0",
        looser=Looser.SMALLER,
    ),
    Key(
        name="day_zone",
        kind=Kind.ZONE,
        meaning="the time zone of the trading day and of hours",
        default="UTC",
        looser=Looser.CHANGED,
    ),
    Key(
        name="day_roll",
        kind=Kind.TEXT,
        meaning="the time of day at which a new trading day begins",
        default="00:00",
        pattern=r"([01][0-9]|2[0-3]):[0-5][0-9]",
        expected='a time of day such as "17:00"',
        looser=Looser.CHANGED,
    ),
    Key(
        name="required",
        kind=Kind.FLAG,
        meaning="false: checks that need an account are skipped until one was read; never in live",
        default=True,
        looser=Looser.FALSE,
    ),
    Key(
        name="order_prefix",
        kind=Kind.TEXT,
        meaning="how every cl_ord_id of ours begins; others at the venue are manual orders",
        default="",
        pattern=r"[A-Za-z0-9_\-]{0,16}",
        expected="at most 16 letters, digits, - or _",
        looser=Looser.CHANGED,
    ),
)

SYMBOL_KEYS: Final[tuple[Key, ...]] = (
    Key(
        name="name",
        kind=Kind.TEXT,
        meaning="the symbol",
        required=True,
        pattern=SYMBOL_PATTERN,
        expected=SYMBOL_EXPECTED,
    ),
    _currency("base", "what is bought: a sale in a cash account needs it held"),
    _currency("quote", "what it is paid in, where that is not the account's currency"),
    Key(
        name="price_increment",
        kind=Kind.DECIMAL,
        meaning="the venue's price grid",
        positive=True,
        looser=Looser.GRID,
    ),
    Key(
        name="qty_increment",
        kind=Kind.DECIMAL,
        meaning="the venue's quantity grid",
        positive=True,
        looser=Looser.GRID,
    ),
    Key(
        name="multiplier",
        kind=Kind.DECIMAL,
        meaning="worth of one unit at a price of one",
        default="1",
        positive=True,
        looser=Looser.CHANGED,
    ),
    Key(
        name="fx",
        kind=Kind.TEXT,
        meaning="the symbol whose mid converts quote into the account's currency",
        pattern=SYMBOL_PATTERN,
        expected=SYMBOL_EXPECTED,
        looser=Looser.CHANGED,
    ),
)

THROTTLE_KEYS: Final[tuple[Key, ...]] = (
    name_key("the throttle's name, shown when it vetoes"),
    Key(
        name="scope",
        kind=Kind.CHOICE,
        meaning="one bucket for the account, or one for each strategy or symbol",
        default="account",
        choices=("account", "strategy", "symbol"),
    ),
    Key(
        name="counts",
        kind=Kind.CHOICE,
        meaning="orders: new and replace; messages: those and cancels",
        default="orders",
        choices=("messages", "orders"),
    ),
    Key(
        name="rate",
        kind=Kind.DECIMAL,
        meaning="tokens that come back in per_ms",
        unit="tokens",
        required=True,
        positive=True,
    ),
    Key(
        name="per_ms",
        kind=Kind.MILLISECONDS,
        meaning="the time in which rate tokens come back",
        default=1000,
        low=1,
    ),
    Key(
        name="burst",
        kind=Kind.DECIMAL,
        meaning="tokens the bucket holds; it starts full",
        unit="tokens",
        required=True,
        low=1,
    ),
)
