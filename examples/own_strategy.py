"""A strategy of one's own: buy a rise of three quotes in a row, let the bracket close it."""

from collections.abc import Sequence

from ipc.messages import Intent, OrderIntent
from ipc.numbers import format_decimal
from scalper.feed import QuoteRow, touch
from scalper.prices import above, below, increment_of, places_of, units
from scalper.strategy import Strategy
from scalper.view import Setup, View

RISES = 3


class Momentum(Strategy):
    """Pure: it sees quotes and its account, and returns what it would like to send."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._stop = units(setup.stop_loss_bps, "stop_loss_bps")
        self._take = units(setup.take_profit_bps, "take_profit_bps")
        self._last_ask = 0
        self._rises = 0

    def on_quote(self, quote: QuoteRow, view: View) -> Sequence[Intent]:
        """Return an entry with its stop and its take-profit, or nothing."""
        market = touch(quote)  # None for a crossed, locked or one-sided quote
        if market is None or quote.ask is None:
            return ()
        _, ask = market
        rose, self._last_ask = ask > self._last_ask > 0, ask
        self._rises = self._rises + 1 if rose else 0
        if self._rises < RISES or view.position or view.working or view.state != "ACTIVE":
            return ()
        self._rises = 0
        grid = increment_of(places_of(quote.ask))
        return (
            OrderIntent(
                cl_ord_id=(cl_ord_id := self._setup.new_id()),
                symbol=self._setup.symbol,
                side="buy",
                ord_type="limit",
                order_qty=self._setup.order_qty,
                price=quote.ask,
                time_in_force="ioc",
                group=cl_ord_id,
                stop_loss=format_decimal(below(ask, self._stop, grid)),
                take_profit=format_decimal(above(ask, self._take, grid)),
            ),
        )

    def on_veto(self, intent: Intent, reason: str) -> None:
        """Wait for the next signal; a loop that repeats what was vetoed is a runaway."""
        del intent, reason
        self._rises = 0
