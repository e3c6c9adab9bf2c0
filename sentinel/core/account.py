"""The account as read from the broker, valued since, and the trading day it is judged by."""

from __future__ import annotations

from collections import deque
from collections.abc import Container

from ipc.clock import NS_PER_S
from ipc.numbers import SCALE
from sentinel.core.book import Instrument
from sentinel.core.reserve import Reserve

MONEY = SCALE * SCALE
"""What takes a decimal at scale 10¹⁸ to money at scale 10⁵⁴."""
JUMP_NS = 5 * NS_PER_S


class Spent:
    """A fill's share of the reserve, held until a reading of the account contains it."""

    def __init__(self, at_ns: int, exec_id: str | None, reserve: Reserve) -> None:
        self.at_ns = at_ns
        self.exec_id = exec_id
        self.reserve = reserve
        self.own = 0
        self.notional = 0
        self.fees = 0


class Account:
    """Equity, balances and their age. Money at scale 10¹⁸ as read, `2` means doubled 10⁵⁴."""

    def __init__(self) -> None:
        self.known = False
        self.equity = 0
        self.balance_free = 0
        self.buying_power: int | None = None
        self.balances: dict[str, int] = {}
        self.read_at_ns = 0
        self.moved2 = 0
        """Change of equity since the reading, from quotes and fills."""
        self.spent: deque[Spent] = deque()
        self.sold: dict[str, int] = {}
        """Quantity sold out of `balances` since the reading, by base currency."""

    @property
    def equity2(self) -> int:
        """Equity now: as read, and what quotes and fills have done to it since."""
        return 2 * self.equity * MONEY + self.moved2

    def mark(self, instrument: Instrument) -> None:
        """Value a position at its present quote, if that is usable."""
        instrument.fx_mark2 = instrument.fx2 or instrument.fx_mark2
        if not instrument.quoted or not instrument.position:
            return
        mid2 = instrument.bid + instrument.ask
        before = instrument.mark2 or 2 * instrument.avg_price or mid2
        change = instrument.position * (mid2 - before) * instrument.terms.multiplier
        self.moved2 += _in_account(change, instrument)
        instrument.mark2 = mid2

    def fill(self, instrument: Instrument, signed_qty: int, price: int, fee: int) -> None:
        """Account for a fill against the mark; `fee` in account currency, scale 10¹⁸."""
        if instrument.mark2 == 0 or not instrument.position:
            instrument.mark2 = instrument.bid + instrument.ask if instrument.quoted else 2 * price
        change = signed_qty * (instrument.mark2 - 2 * price) * instrument.terms.multiplier
        self.moved2 += _in_account(change, instrument) - 2 * fee * MONEY

    def hold(self, spent: Spent, own: int, notional: int, fees: int) -> None:
        """Keep a fill's share reserved."""
        spent.own, spent.notional, spent.fees = own, notional, fees
        spent.reserve.move(own, notional, fees)
        self.spent.append(spent)

    def settle(self, read_at_ns: int, ahead: Container[str] | None) -> None:
        """Give back what a reading that began at `read_at_ns` contains.

        With `ahead` (fills the broker's record does not show yet) those stay held, whenever
        they came; without, everything up to the reading is taken as contained.
        """
        kept: deque[Spent] = deque()
        for spent in self.spent:
            contained = (
                spent.at_ns <= read_at_ns
                if ahead is None or spent.exec_id is None
                else spent.exec_id not in ahead
            )
            if contained:
                spent.reserve.move(-spent.own, -spent.notional, -spent.fees)
            else:
                kept.append(spent)
        self.spent = kept
        self.sold.clear()


def _in_account(change2: int, instrument: Instrument) -> int:
    fx2 = instrument.fx2
    return change2 if fx2 == 0 else change2 * fx2 // (2 * SCALE)


class Day:
    """The trading day: its key, baseline and peak, its counts. Only time that passes ends it."""

    def __init__(self) -> None:
        self.key = ""
        self.began_ns = 0
        self.ends_wall_ns = 0
        self.at_ns = 0
        self.wall_ns = 0
        self.jumped_ns = 0
        """How far the wall clock stands from where elapsed time says it should."""
        self.baseline2: int | None = None
        self.peak2 = 0
        self.trades: dict[str, int] = {}
        self.orders = 0
        self.fills = 0

    def follow(self, at_ns: int, wall_ns: int) -> bool:
        """Move the trusted wall clock on; True if the host's clock was just seen to jump.

        The clock is followed while it agrees with elapsed time within five seconds a step; after
        a jump either way the day goes on by elapsed time until a person resumes or the host boots.
        """
        if at_ns < self.at_ns:
            return False
        expected = self.wall_ns + at_ns - self.at_ns
        self.at_ns = at_ns
        drift = wall_ns - expected
        if -JUMP_NS <= drift <= JUMP_NS:
            self.wall_ns = max(self.wall_ns, wall_ns)
            self.jumped_ns = 0
            return False
        newly = abs(drift - self.jumped_ns) > JUMP_NS
        self.jumped_ns = drift
        self.wall_ns = expected
        return newly

    def trust(self, at_ns: int, wall_ns: int) -> None:
        """Accept the wall clock as it is, but never let the day go back."""
        self.at_ns = max(at_ns, self.at_ns)
        self.wall_ns = max(self.wall_ns, wall_ns)
        self.jumped_ns = 0

    def start(self, key: str, ends_wall_ns: int, equity2: int | None) -> None:
        """Begin a new trading day."""
        self.key = key
        self.ends_wall_ns = ends_wall_ns
        self.baseline2 = equity2
        self.peak2 = equity2 or 0
        self.trades = {}
        self.orders = 0
        self.fills = 0

    def value(self, equity2: int) -> None:
        """Take a valuation into baseline and peak."""
        if self.baseline2 is None:
            self.baseline2 = equity2
            self.peak2 = equity2
        elif equity2 > self.peak2:
            self.peak2 = equity2
