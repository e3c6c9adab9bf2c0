"""Protective stops watched by the loop, for venues without brackets. No I/O; it sends nothing."""

from __future__ import annotations

from collections import deque
from typing import Final

from msgspec import Struct

from ipc.clock import NS_PER_MS
from ipc.messages import OrderIntent
from ipc.numbers import format_decimal, parse_decimal
from scalper.feed import QuoteRow, touch

WATCHED_MAX: Final = 256
RETRY_NS: Final = 1000 * NS_PER_MS
"""The pause between two attempts to get out by the same stop, of the loop's own clock."""


class Protection(Struct, frozen=True, kw_only=True):
    """What guards one position: its entry's group and the two prices, × 10¹⁸."""

    symbol: str
    entry_side: str
    group: str
    qty: int
    """The entry's quantity, × 10¹⁸."""
    stop_loss: int | None
    take_profit: int | None


def protection_of(entry: OrderIntent) -> Protection | None:
    """Return what an entry asked to be guarded by, or None if it asked for nothing."""
    stop, take = (None if t is None else parse_decimal(t) for t in _legs(entry))
    if entry.reduce_only or (stop is None and take is None):
        return None
    return Protection(
        symbol=entry.symbol,
        entry_side=entry.side,
        group=entry.group or entry.cl_ord_id,
        qty=parse_decimal(entry.order_qty) or 0,
        stop_loss=stop,
        take_profit=take,
    )


def _legs(entry: OrderIntent) -> tuple[str | None, str | None]:
    return entry.stop_loss, entry.take_profit


def crossed(protection: Protection, quote: QuoteRow) -> bool:
    """Whether the touch at which the position would close has reached either price.

    A long position closes at the bid, a short one at the ask. A useless quote crosses nothing.
    """
    market = touch(quote)
    if market is None or quote.symbol != protection.symbol:
        return False
    bid, ask = market
    stop, take = protection.stop_loss, protection.take_profit
    if protection.entry_side == "buy":
        return (stop is not None and bid <= stop) or (take is not None and bid >= take)
    return (stop is not None and ask >= stop) or (take is not None and ask <= take)


def exit_intent(protection: Protection, position: int, cl_ord_id: str) -> OrderIntent | None:
    """Return the market order that closes what the entry made of the position (signed, × 10¹⁸).

    None where there is no position on the entry's side any more.
    """
    if position == 0 or (position > 0) != (protection.entry_side == "buy"):
        return None
    return OrderIntent(
        cl_ord_id=cl_ord_id,
        symbol=protection.symbol,
        side="sell" if position > 0 else "buy",
        ord_type="market",
        order_qty=format_decimal(min(protection.qty, abs(position))),
        reduce_only=True,
        group=protection.group,
    )


class StopWatch:
    """The protections of a run whose venue keeps none; at most 256, the oldest go first."""

    def __init__(self) -> None:
        self._watched: deque[Protection] = deque(maxlen=WATCHED_MAX)
        self._tried_ns: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._watched)

    def add(self, entry: OrderIntent) -> None:
        """Watch an approved entry, if it asked for protection."""
        protection = protection_of(entry)
        if protection is not None:
            self._watched.append(protection)

    def clear(self) -> None:
        """Forget all: the position is flat and no entry is working."""
        self._watched.clear()
        self._tried_ns.clear()

    def due(self, quote: QuoteRow, now_ns: int) -> tuple[Protection, ...]:
        """Return those that this quote sets off and that were not tried within a second."""
        found = []
        for protection in self._watched:
            tried_ns = self._tried_ns.get(protection.group)
            rested = tried_ns is None or now_ns - tried_ns >= RETRY_NS
            if rested and crossed(protection, quote):
                self._tried_ns[protection.group] = now_ns
                found.append(protection)
        return tuple(found)
