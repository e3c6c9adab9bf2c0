"""What a run has done so far: counts, fills and profit. It may never decide anything."""

from __future__ import annotations

from collections import deque
from typing import Final

from broker_api.values import Report
from ipc.numbers import PLACES, SCALE, format_decimal, parse_decimal
from scalper.feed import QuoteRow, touch

SIDES_KEPT: Final = 20_000
_FILLS: Final = ("fill", "partial_fill")


class Tally:
    """Counts, and the run's profit in the symbol's quote currency, fees taken off.

    Profit is cash from this run's fills plus the change of the position's worth at the mid; it is
    exact, at scale 10³⁶ inside.
    """

    def __init__(self, symbol: str, start_position: int, multiplier: int = SCALE) -> None:
        """Begin with a position (× 10¹⁸) that may be held from before.

        `multiplier` (× 10¹⁸) is what one unit of quantity is worth in units of price.
        """
        self.passes = 0
        self.turns = 0
        self.intents = 0
        self.approved = 0
        self.entries = 0
        self.cancels = 0
        self.fills = 0
        self.vetoed: dict[str, int] = {}
        self.position = start_position
        self._symbol = symbol
        self._start_position = start_position
        self._start_mid_twice: int | None = None
        self._mid_twice: int | None = None
        self._cash = 0
        self._fees = 0
        self._multiplier = multiplier
        self._sides: dict[str, int] = {}
        self._sides_order: deque[str] = deque()

    @property
    def vetoes(self) -> int:
        """Vetoes of all reasons."""
        return sum(self.vetoed.values())

    def count_veto(self, reason: str) -> None:
        """Count one veto."""
        self.vetoed[reason] = self.vetoed.get(reason, 0) + 1

    def mark(self, quote: QuoteRow) -> None:
        """Value the position at this quote's mid, if it has a usable one."""
        market = touch(quote)
        if market is None or quote.symbol != self._symbol:
            return
        self._mid_twice = sum(market)
        if self._start_mid_twice is None:
            self._start_mid_twice = self._mid_twice

    def knows_side(self, cl_ord_id: str, side: str) -> None:
        """Remember which way an order goes, for its fills."""
        if cl_ord_id not in self._sides:
            self._sides_order.append(cl_ord_id)
        self._sides[cl_ord_id] = 1 if side == "buy" else -1
        if len(self._sides_order) > SIDES_KEPT:
            del self._sides[self._sides_order.popleft()]

    def side_of(self, cl_ord_id: str) -> str | None:
        """Return an order's side, or None if it is not one of this run's."""
        sign = self._sides.get(cl_ord_id)
        if sign is None:
            return None
        return "buy" if sign > 0 else "sell"

    def book(self, report: Report) -> None:
        """Take a fill's cash in; every other report changes nothing here."""
        if report.exec_type not in _FILLS:
            return
        self.fills += 1
        qty = parse_decimal(report.last_qty or "") or 0
        price = parse_decimal(report.last_price or "") or 0
        fee = parse_decimal(report.fee or "0") or 0
        self._cash -= self._sign(report.cl_ord_id) * qty * price
        self._fees += fee

    def _sign(self, cl_ord_id: str) -> int:
        """Return +1 for a buy; a leg not seen before goes against its entry."""
        sign = self._sides.get(cl_ord_id)
        if sign is not None:
            return sign
        return -self._sides.get(cl_ord_id.rpartition("/")[0], 0)

    def profit(self) -> str | None:
        """Return the run's profit so far, to 8 places, or None before the first usable quote."""
        if self._mid_twice is None or self._start_mid_twice is None:
            return None
        now = self.position * self._mid_twice
        start = self._start_position * self._start_mid_twice
        gross = (2 * self._cash + now - start) * self._multiplier // (2 * SCALE)
        total = gross - self._fees * SCALE
        kept = 8
        step = int(10 ** (2 * PLACES - kept))
        return format_decimal(-(-total // step) if total < 0 else total // step, kept)
