"""The closed catalogue of veto reasons. Prose is made here and nowhere else, from the code."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """Why an intent was vetoed, as CATEGORY_CONDITION; each member carries its one-line meaning.

    The members stand in the order in which the sentinel checks them: the first failure names the
    reason.
    """

    meaning: str

    def __new__(cls, code: str, meaning: str) -> Self:
        """Make a member whose value is its code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    SESSION_UNKNOWN = "SESSION_UNKNOWN", "no session said hello and earned a first heartbeat here"
    HEARTBEAT_QUIET = "HEARTBEAT_QUIET", "the loop's heartbeat is overdue"
    JOURNAL_UNAVAILABLE = "JOURNAL_UNAVAILABLE", "the journal cannot be written"
    LIMITS_UNAVAILABLE = "LIMITS_UNAVAILABLE", "no valid limits are loaded"
    TRADING_HALTED = "TRADING_HALTED", "trading is halted: only cancels pass"
    TRADING_REDUCING = "TRADING_REDUCING", "only cancels and exposure-reducing orders pass"
    SYMBOL_NOT_ALLOWED = "SYMBOL_NOT_ALLOWED", "the symbol is not on the allowed list"
    ORDER_INVALID = "ORDER_INVALID", "an order field is wrong, missing or not positive"
    ORDER_EXPIRED = "ORDER_EXPIRED", "the order's good-till time has passed"
    CL_ORD_ID_DUPLICATE = "CL_ORD_ID_DUPLICATE", "the id was used for another order"
    INTENT_STALE = "INTENT_STALE", "the intent is too old"
    REDUCE_ONLY_WOULD_FLIP = (
        "REDUCE_ONLY_WOULD_FLIP",
        "the order would go through zero; the limit is the largest quantity allowed",
    )
    ORDER_TYPE_NOT_ALLOWED = "ORDER_TYPE_NOT_ALLOWED", "the order type is not allowed"
    SHORT_NOT_ALLOWED = "SHORT_NOT_ALLOWED", "the sale could leave a short position"
    PRICE_INCREMENT_INVALID = "PRICE_INCREMENT_INVALID", "a price is off the venue's grid"
    QTY_INCREMENT_INVALID = "QTY_INCREMENT_INVALID", "the quantity is off the venue's grid"
    ORDER_QTY_EXCEEDS_LIMIT = "ORDER_QTY_EXCEEDS_LIMIT", "the order's quantity is too large"
    ORDER_QTY_BELOW_MINIMUM = "ORDER_QTY_BELOW_MINIMUM", "the order's quantity is too small"
    REFERENCE_PRICE_MISSING = "REFERENCE_PRICE_MISSING", "there is no usable quote to judge by"
    REFERENCE_PRICE_STALE = "REFERENCE_PRICE_STALE", "the last quote is too old to judge by"
    REFERENCE_PRICE_UNCONFIRMED = (
        "REFERENCE_PRICE_UNCONFIRMED",
        "the sentinel's own quote is absent or differs from the loop's",
    )
    SPREAD_EXCEEDS_LIMIT = "SPREAD_EXCEEDS_LIMIT", "the spread is too wide"
    PRICE_OUTSIDE_COLLAR = "PRICE_OUTSIDE_COLLAR", "the price is too far from the mid"
    ORDER_NOTIONAL_EXCEEDS_LIMIT = "ORDER_NOTIONAL_EXCEEDS_LIMIT", "the order is worth too much"
    ORDER_NOTIONAL_BELOW_MINIMUM = "ORDER_NOTIONAL_BELOW_MINIMUM", "the order is worth too little"
    REPEATED_ORDER = "REPEATED_ORDER", "the same order came too often"
    TRADE_COUNT_EXCEEDS_LIMIT = "TRADE_COUNT_EXCEEDS_LIMIT", "too many trades this day or run"
    WORKING_ORDERS_EXCEED_LIMIT = "WORKING_ORDERS_EXCEED_LIMIT", "too many orders are working"
    POSITION_EXCEEDS_LIMIT = "POSITION_EXCEEDS_LIMIT", "the worst-case position is too large"
    GROSS_EXPOSURE_EXCEEDS_LIMIT = (
        "GROSS_EXPOSURE_EXCEEDS_LIMIT",
        "worst-case gross exposure is too large",
    )
    NET_EXPOSURE_EXCEEDS_LIMIT = (
        "NET_EXPOSURE_EXCEEDS_LIMIT",
        "worst-case net exposure is too large",
    )
    CONCENTRATION_EXCEEDS_LIMIT = (
        "CONCENTRATION_EXCEEDS_LIMIT",
        "too much of the equity would be in one symbol",
    )
    LEVERAGE_EXCEEDS_LIMIT = "LEVERAGE_EXCEEDS_LIMIT", "worst-case leverage is too high"
    ACCOUNT_UNKNOWN = "ACCOUNT_UNKNOWN", "the account has not been read, or has no equity"
    ACCOUNT_STALE = "ACCOUNT_STALE", "the last reading of the account is too old"
    BALANCE_BELOW_MINIMUM = "BALANCE_BELOW_MINIMUM", "the free balance is below the floor"
    BALANCE_INSUFFICIENT = "BALANCE_INSUFFICIENT", "the account cannot pay for the order"
    DAILY_LOSS_EXCEEDS_LIMIT = "DAILY_LOSS_EXCEEDS_LIMIT", "the day's loss is too large"
    DRAWDOWN_EXCEEDS_LIMIT = "DRAWDOWN_EXCEEDS_LIMIT", "the fall from the day's peak is too deep"
    LOSS_STREAK_EXCEEDS_LIMIT = "LOSS_STREAK_EXCEEDS_LIMIT", "too many losses in a row"
    SESSION_CLOSED = "SESSION_CLOSED", "outside the allowed hours"
    ORDER_TO_FILL_EXCEEDS_LIMIT = "ORDER_TO_FILL_EXCEEDS_LIMIT", "too many orders for each fill"
    THROTTLE_EXCEEDED = "THROTTLE_EXCEEDED", "the token bucket is empty"
    REJECT_STORM = "REJECT_STORM", "the venue rejected too many orders"
    VETO_STORM = "VETO_STORM", "the loop does not heed its vetoes"
    SENTINEL_SILENT = "SENTINEL_SILENT", "the sentinel did not answer (made by the client)"
    APPROVAL_EXPIRED = "APPROVAL_EXPIRED", "the approval came or was used too late (client)"
