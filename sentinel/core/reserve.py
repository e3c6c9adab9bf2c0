"""What approved orders may still cost: money held back, in each currency. Decides nothing."""

from __future__ import annotations

from ipc.numbers import SCALE
from sentinel.core.order import Order, converted, notional_of


class Reserve:
    """Money that approved orders may still need, in one currency; all at scale 10⁵⁴."""

    def __init__(self) -> None:
        self.own = 0
        """Notional and fees, in the currency itself."""
        self.notional = 0
        """The notional alone, in account currency."""
        self.fees = 0
        """The fees alone, in account currency."""

    def move(self, own: int, notional: int, fees: int) -> None:
        """Add, or with negative numbers give back."""
        self.own += own
        self.notional += notional
        self.fees += fees


def fees_on(notional: int, fee_bps: int) -> int:
    """The proportional fee on money at scale 10⁵⁴, `fee_bps` scaled by 10¹⁸, rounded up."""
    return -(-notional * fee_bps // (10_000 * SCALE))


def in_quote(money: int, fx: int) -> int:
    """Money of the account in the currency that `fx` (a doubled mid, 0: the same) converts."""
    return money if fx == 0 else -(-money * 2 * SCALE // fx)


def needs_of(order: Order, qty: int) -> tuple[int, int, int]:
    """What `qty` of an order needs: (own, notional, fees) as in `Reserve`."""
    if not order.reserves or qty == 0:
        return 0, 0, 0
    notional = notional_of(qty, order.held_unit)
    proportional = fees_on(notional, order.fee_bps)
    fixed = order.fee_fixed * SCALE * SCALE
    return (
        notional + proportional + in_quote(fixed, order.fx),
        converted(notional, order.fx),
        converted(proportional, order.fx) + fixed,
    )
