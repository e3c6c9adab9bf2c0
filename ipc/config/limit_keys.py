"""The limits as data, one row each, in the order in which they are checked. Decides nothing."""

from __future__ import annotations

from typing import Final

from ipc.config.keys import Key, Kind, Looser
from ipc.reasons import Reason

SYMBOL_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9./:_\-]{0,63}"
SYMBOL_EXPECTED: Final = 'a symbol such as "EUR/USD"'
CURRENCY: Final = "account currency"

ORDER_TYPES: Final = ("market", "limit", "stop", "stop_limit")


def _decimal(
    name: str, meaning: str, looser: Looser, *reasons: Reason, unit: str = "", high: int = 10**18
) -> Key:
    return Key(
        name=name,
        kind=Kind.DECIMAL,
        meaning=meaning,
        unit=unit,
        high=high,
        looser=looser,
        reasons=reasons,
    )


def _count(name: str, meaning: str, *reasons: Reason, low: int = 0) -> Key:
    return Key(
        name=name, kind=Kind.COUNT, meaning=meaning, low=low, looser=Looser.LARGER, reasons=reasons
    )


def _age(name: str, meaning: str, *reasons: Reason) -> Key:
    return Key(
        name=name, kind=Kind.MILLISECONDS, meaning=meaning, looser=Looser.LARGER, reasons=reasons
    )


def _window(name: str, meaning: str, default: int, *reasons: Reason) -> Key:
    return Key(
        name=name,
        kind=Kind.MILLISECONDS,
        meaning=meaning,
        default=default,
        low=1,
        looser=Looser.WINDOW,
        reasons=reasons,
    )


LIMIT_KEYS: Final[tuple[Key, ...]] = (
    Key(
        name="symbols",
        kind=Kind.TEXTS,
        meaning='the symbols that may be traded; ["*"] is any; required, never empty',
        required=True,
        pattern=rf"{SYMBOL_PATTERN}|\*",
        expected=f'{SYMBOL_EXPECTED}, or "*" alone',
        looser=Looser.ADDED,
        reasons=(Reason.SYMBOL_NOT_ALLOWED,),
    ),
    _age("intent_age_max_ms", "oldest intent that is still judged", Reason.INTENT_STALE),
    Key(
        name="ord_types",
        kind=Kind.CHOICES,
        meaning="the order types that may be sent",
        choices=ORDER_TYPES,
        looser=Looser.ADDED,
        reasons=(Reason.ORDER_TYPE_NOT_ALLOWED,),
    ),
    Key(
        name="short_allowed",
        kind=Kind.FLAG,
        meaning="whether a sale may open a short position; left out: only in a margin account",
        looser=Looser.TRUE,
        reasons=(Reason.SHORT_NOT_ALLOWED,),
    ),
    _decimal(
        "order_qty_max",
        "largest quantity of one order",
        Looser.LARGER,
        Reason.ORDER_QTY_EXCEEDS_LIMIT,
        unit="units",
    ),
    _decimal(
        "order_qty_min",
        "smallest quantity of one order",
        Looser.SMALLER,
        Reason.ORDER_QTY_BELOW_MINIMUM,
        unit="units",
    ),
    _age(
        "reference_age_max_ms",
        "oldest quote an order may be judged by",
        Reason.REFERENCE_PRICE_MISSING,
        Reason.REFERENCE_PRICE_STALE,
    ),
    _decimal(
        "reference_divergence_max_bps",
        "how far the loop's quote may be from the sentinel's own",
        Looser.LARGER,
        Reason.REFERENCE_PRICE_UNCONFIRMED,
        unit="bps",
    ),
    _decimal(
        "spread_max_bps",
        "widest spread an order may be sent into",
        Looser.LARGER,
        Reason.SPREAD_EXCEEDS_LIMIT,
        unit="bps of the mid",
    ),
    _decimal(
        "price_collar_bps",
        "how far a limit price may be from the mid, against the trader",
        Looser.LARGER,
        Reason.PRICE_OUTSIDE_COLLAR,
        unit="bps of the mid",
    ),
    Key(
        name="price_collar_both_sides",
        kind=Kind.FLAG,
        meaning="whether the collar also holds on the trader's better side",
        default=False,
        looser=Looser.FALSE,
        reasons=(Reason.PRICE_OUTSIDE_COLLAR,),
    ),
    _decimal(
        "order_notional_max",
        "largest worth of one order",
        Looser.LARGER,
        Reason.ORDER_NOTIONAL_EXCEEDS_LIMIT,
        unit=CURRENCY,
    ),
    _decimal(
        "order_notional_min",
        "smallest worth of one order",
        Looser.SMALLER,
        Reason.ORDER_NOTIONAL_BELOW_MINIMUM,
        unit=CURRENCY,
    ),
    _count(
        "repeat_max",
        "how often the same symbol, side, quantity and price may come in repeat_window_ms",
        Reason.REPEATED_ORDER,
        low=1,
    ),
    _window(
        "repeat_window_ms", "the time over which repeats are counted", 1000, Reason.REPEATED_ORDER
    ),
    _count(
        "trades_max",
        "approved orders that can enlarge exposure, per trading day",
        Reason.TRADE_COUNT_EXCEEDS_LIMIT,
    ),
    _count("orders_working_max", "orders working at once", Reason.WORKING_ORDERS_EXCEED_LIMIT),
    _decimal(
        "position_qty_max",
        "largest worst-case position in a symbol, long or short",
        Looser.LARGER,
        Reason.POSITION_EXCEEDS_LIMIT,
        unit="units",
    ),
    _decimal(
        "position_notional_max",
        "largest worth of a worst-case position in a symbol",
        Looser.LARGER,
        Reason.POSITION_EXCEEDS_LIMIT,
        unit=CURRENCY,
    ),
    _decimal(
        "gross_exposure_max",
        "largest sum of the worth of all worst-case positions",
        Looser.LARGER,
        Reason.GROSS_EXPOSURE_EXCEEDS_LIMIT,
        unit=CURRENCY,
    ),
    _decimal(
        "net_exposure_max",
        "largest net worth of all worst-case positions",
        Looser.LARGER,
        Reason.NET_EXPOSURE_EXCEEDS_LIMIT,
        unit=CURRENCY,
    ),
    _decimal(
        "concentration_max_pct",
        "largest worst-case position in a symbol, as a share of the equity",
        Looser.LARGER,
        Reason.CONCENTRATION_EXCEEDS_LIMIT,
        unit="% of equity",
    ),
    _decimal(
        "leverage_max",
        "largest sum of worst-case positions over the equity",
        Looser.LARGER,
        Reason.LEVERAGE_EXCEEDS_LIMIT,
        unit="times equity",
    ),
    _age(
        "account_age_max_ms",
        "oldest reading of the account an order may be judged by",
        Reason.ACCOUNT_UNKNOWN,
        Reason.ACCOUNT_STALE,
    ),
    _decimal(
        "balance_min",
        "free balance that must be left",
        Looser.SMALLER,
        Reason.BALANCE_BELOW_MINIMUM,
        unit=CURRENCY,
    ),
    _decimal(
        "daily_loss_max",
        "largest loss of a trading day, realised and unrealised",
        Looser.LARGER,
        Reason.DAILY_LOSS_EXCEEDS_LIMIT,
        unit=CURRENCY,
    ),
    _decimal(
        "drawdown_max_pct",
        "deepest fall from the day's highest equity",
        Looser.LARGER,
        Reason.DRAWDOWN_EXCEEDS_LIMIT,
        unit="% of the peak",
        high=100,
    ),
    _count("losses_in_a_row_max", "losing trades in a row", Reason.LOSS_STREAK_EXCEEDS_LIMIT),
    Key(
        name="hours",
        kind=Kind.HOURS,
        meaning="when trading is open, in [account] day_zone",
        looser=Looser.HOURS,
        reasons=(Reason.SESSION_CLOSED,),
    ),
    _decimal(
        "order_to_fill_max",
        "orders sent for each fill",
        Looser.LARGER,
        Reason.ORDER_TO_FILL_EXCEEDS_LIMIT,
        unit="orders per fill",
    ),
    _count(
        "venue_rejects_max",
        "orders the venue may reject in venue_rejects_window_ms",
        Reason.REJECT_STORM,
    ),
    _window(
        "venue_rejects_window_ms",
        "the time over which venue rejects are counted",
        60_000,
        Reason.REJECT_STORM,
    ),
    _count("vetoes_max", "vetoes the loop may earn in vetoes_window_ms", Reason.VETO_STORM),
    _window(
        "vetoes_window_ms", "the time over which vetoes are counted", 60_000, Reason.VETO_STORM
    ),
    Key(
        name="exit_rate_max",
        kind=Kind.COUNT,
        meaning="exits per second, which pass every other throttle",
        unit="per second",
        default=100,
        low=1,
        looser=Looser.LARGER,
        reasons=(Reason.THROTTLE_EXCEEDED,),
    ),
    Key(
        name="recover_ms",
        kind=Kind.MILLISECONDS,
        meaning="how long a condition must be over before the REDUCING it caused ends",
        default=10_000,
        low=1,
        looser=Looser.SMALLER,
    ),
)

ACCOUNT_WIDE: Final = frozenset({"symbols", "exit_rate_max", "recover_ms"})
"""Limits that a `[[symbol]]` cannot override."""

SYMBOL_OVERRIDES: Final = tuple(key for key in LIMIT_KEYS if key.name not in ACCOUNT_WIDE)
STRATEGY_OVERRIDES: Final = tuple(
    key for key in LIMIT_KEYS if key.name == "symbols" or key.name not in ACCOUNT_WIDE
)

PAIRS: Final = (
    ("repeat_max", "repeat_window_ms"),
    ("venue_rejects_max", "venue_rejects_window_ms"),
    ("vetoes_max", "vetoes_window_ms"),
)
"""Counts and their windows: a window means nothing without its count."""

RANGES: Final = (("order_qty_min", "order_qty_max"), ("order_notional_min", "order_notional_max"))
"""Lower and upper limits of one number."""
