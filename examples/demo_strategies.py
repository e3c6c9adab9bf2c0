"""Two strategies that misbehave on purpose, for the demo. Never run one at a real venue."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from threading import Event, Thread
from typing import Final

from ipc.messages import Intent, OrderIntent
from ipc.numbers import SCALE, format_decimal
from scalper.feed import QuoteRow, touch
from scalper.strategy import Strategy
from scalper.view import Setup, View

ENTRIES: Final = 1000
"""How many entries the runaway wants."""
QUOTES_BEFORE_HANG: Final = 8
HANGS: Final = "hangs now"
"""What the hanging strategy writes to standard error just before it does."""


def resting_price(quote: QuoteRow) -> str | None:
    """Return a price a thousandth below the bid, on the bid's own grid; None for a bad quote."""
    market = touch(quote)
    if market is None or quote.bid is None:
        return None
    step = SCALE // 10 ** len(quote.bid.partition(".")[2])
    below = market[0] - market[0] // 1000
    return format_decimal(below - below % step)


class Burst(Strategy):
    """Sends an entry on every usable quote, 1,000 in all, and listens to no veto."""

    def __init__(self, setup: Setup) -> None:
        """Make one; only the order size and the ids of the set-up matter."""
        self._setup = setup
        self._sent = 0

    def on_quote(self, quote: QuoteRow, view: View) -> Sequence[Intent]:
        """Return one more entry, whatever was answered to the last one."""
        del view
        price = resting_price(quote)
        if price is None or self._sent >= ENTRIES:
            return ()
        self._sent += 1
        return (
            OrderIntent(
                cl_ord_id=self._setup.new_id(),
                symbol=quote.symbol,
                side="buy",
                ord_type="limit",
                order_qty=self._setup.order_qty,
                price=price,
            ),
        )


class Runaway(Burst):
    """A burst in a process that cannot leave: a thread that never ends keeps it, whoever asks."""

    def __init__(self, setup: Setup) -> None:
        """Make one, and the thread; from here only a signal ends the process."""
        super().__init__(setup)
        Thread(target=Event().wait, name="never-ends").start()


class Hang(Strategy):
    """Looks at a few quotes and then never comes back: the process lives, the loop does not."""

    def __init__(self, setup: Setup) -> None:
        """Make one; nothing of the set-up matters."""
        del setup
        self._left = QUOTES_BEFORE_HANG

    def on_quote(self, quote: QuoteRow, view: View) -> Sequence[Intent]:
        """Return nothing a few times, and then do not return at all."""
        del quote, view
        self._left -= 1
        if self._left <= 0:
            print(HANGS, file=sys.stderr, flush=True)
            Event().wait()
        return ()
