"""What a strategy is given: its set-up once, and each time its view of the account. Values only."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct


class Setup(Struct, frozen=True, kw_only=True):
    """What a strategy is made with. Decimal texts; bps are hundredths of a percent."""

    symbol: str
    order_qty: str
    price_increment: str | None = None
    """The venue's price grid; None where it is not configured."""
    stop_loss_bps: str = "8"
    take_profit_bps: str = "4"
    time_stop_ms: int = 60_000
    """How long a position is held at most, in market time."""
    short_allowed: bool = False
    options: dict[str, str] = {}
    """The strategy's own settings, from `[scalper.options]`."""
    new_id: Callable[[], str]
    """Gives a `cl_ord_id` that is unique across days."""


class View(Struct, frozen=True, kw_only=True):
    """What is known of the account at this moment."""

    position: int = 0
    """The symbol's signed position × 10¹⁸."""
    working: frozenset[str] = frozenset()
    """Ids of our own working orders, without the protective legs that the venue made."""
    protected_by: str | None = None
    """The entry whose protective legs are working, if any."""
    state: str = "ACTIVE"
    """The sentinel's trading state, as last heard."""
