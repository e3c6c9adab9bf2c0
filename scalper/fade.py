"""The shipped strategy: fade a short-term deviation. It is pure: no clock, no file, no order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ipc.clock import NS_PER_MS
from ipc.messages import CancelIntent, Intent, OrderIntent
from ipc.numbers import SCALE, format_decimal
from scalper import prices
from scalper.feed import QuoteRow, TradeRow, touch
from scalper.view import Setup, View

DEFAULTS: Final = {
    "average_ms": "10000",
    "entry_bps": "1",
    "reset_bps": "0.25",
    "entry_timeout_ms": "2000",
    "cooldown_ms": "5000",
}
OPTIONS: Final = tuple(DEFAULTS)
"""The keys of `[scalper.options]` it knows: the average's time constant; the deviation that is a
signal, and the one below which the signal is over; how long an entry may rest; the pause after an
exit. Milliseconds are market time."""
_UNFILLED_NS: Final = 1_000_000_000
"""An entry that is neither working nor filled after so long is taken as dead."""
_RETRY_NS: Final = 5_000_000_000
"""Market time between two attempts to get out."""


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and int(text) > 0):
        raise ValueError(f"[scalper.options] {name}: expected a whole number above zero ({text!r})")
    return int(text)


class Fade:
    """Buys when the mid falls `entry_bps` below its average (sells above it, where allowed).

    Each entry is a limit order at the touch with a stop-loss and a take-profit in its group. A
    position that neither has ended after the time stop is closed at the market. After a veto, and
    after every entry, it waits until the deviation has been under `reset_bps`: the next signal.
    """

    def __init__(self, setup: Setup) -> None:
        """Make one; ValueError, one line, for an option that is unknown or no number."""
        unknown = sorted(set(setup.options) - set(OPTIONS))
        if unknown:
            raise ValueError(
                f"[scalper.options] {unknown[0]}: expected one of {', '.join(OPTIONS)}"
            )
        chosen = DEFAULTS | setup.options
        self._setup = setup
        self._average_ns = _whole(chosen["average_ms"], "average_ms") * NS_PER_MS
        self._entry_bps = prices.units(chosen["entry_bps"], "[scalper.options] entry_bps")
        self._reset_bps = prices.units(chosen["reset_bps"], "[scalper.options] reset_bps")
        self._entry_timeout_ns = _whole(chosen["entry_timeout_ms"], "entry_timeout_ms") * NS_PER_MS
        self._cooldown_ns = _whole(chosen["cooldown_ms"], "cooldown_ms") * NS_PER_MS
        self._stop_bps = prices.units(setup.stop_loss_bps, "[scalper] stop_loss_bps")
        self._take_bps = prices.units(setup.take_profit_bps, "[scalper] take_profit_bps")
        increment = setup.price_increment
        self._increment = None if increment is None else prices.units(increment, "price_increment")
        self._places = 0
        self._first_ns: int | None = None
        self._newest_ns = 0
        self._average = 0
        self._armed = True
        self._entry_id: str | None = None
        self._entry_ns = 0
        self._cancel_ns = 0
        self._held_since_ns: int | None = None
        self._exit_ns: int | None = None
        self._quiet_until_ns = 0

    def on_quote(self, quote: QuoteRow, view: View) -> Sequence[Intent]:
        """Return an entry, a cancel of a stale entry, a timed exit, or nothing."""
        market = touch(quote)
        if market is None or quote.symbol != self._setup.symbol:
            return ()
        self._learn(quote, sum(market))
        if view.position:
            return self._hold(quote, view)
        if self._held_since_ns is not None:
            self._held_since_ns, self._exit_ns, self._entry_id = None, None, None
            self._quiet_until_ns = quote.ts_ns + self._cooldown_ns
        if self._entry_id is not None:
            return self._await_fill(quote, view)
        return self._signal(quote, market, view)

    def on_trade(self, trade: TradeRow, view: View) -> Sequence[Intent]:
        """Do nothing: only quotes move this strategy."""
        del trade, view
        return ()

    def on_veto(self, intent: Intent, reason: str) -> None:
        """Forget a vetoed entry; the signal must be over before there is another."""
        del reason
        if intent.cl_ord_id == self._entry_id:
            self._entry_id = None

    def _learn(self, quote: QuoteRow, twice_mid: int) -> None:
        """Move the average by exact integer steps; `twice_mid` saves a division."""
        if self._increment is None or self._setup.price_increment is None:
            texts = (quote.bid or "", quote.ask or "")
            self._places = max(self._places, *map(prices.places_of, texts))
            self._increment = prices.increment_of(self._places)
        if self._first_ns is None:
            self._first_ns, self._average, self._newest_ns = quote.ts_ns, twice_mid, quote.ts_ns
            return
        step_ns = max(0, quote.ts_ns - self._newest_ns)
        self._newest_ns = quote.ts_ns
        self._average += (twice_mid - self._average) * step_ns // (self._average_ns + step_ns)

    def _signal(self, quote: QuoteRow, market: tuple[int, int], view: View) -> Sequence[Intent]:
        deviation = (sum(market) - self._average) * prices.BPS * SCALE
        if abs(deviation) <= self._reset_bps * self._average:
            self._armed = True
        warm = self._first_ns is not None and quote.ts_ns - self._first_ns >= self._average_ns
        if not (warm and self._armed and view.state == "ACTIVE" and not view.working):
            return ()
        if quote.ts_ns < self._quiet_until_ns:
            return ()
        threshold = self._entry_bps * self._average
        if deviation <= -threshold:
            return self._enter(quote, "buy", market[1], quote.ask)
        if deviation >= threshold and self._setup.short_allowed:
            return self._enter(quote, "sell", market[0], quote.bid)
        return ()

    def _enter(
        self, quote: QuoteRow, side: str, price: int, text: str | None
    ) -> tuple[OrderIntent, ...]:
        increment = self._increment or 1
        low_bps, high_bps = self._stop_bps, self._take_bps
        if side == "sell":
            low_bps, high_bps = high_bps, low_bps
        low = prices.below(price, low_bps, increment)
        high = prices.above(price, high_bps, increment)
        if low <= 0:
            return ()
        stop, take = (low, high) if side == "buy" else (high, low)
        self._armed = False
        self._entry_id = self._setup.new_id()
        self._entry_ns = self._cancel_ns = quote.ts_ns
        return (
            OrderIntent(
                cl_ord_id=self._entry_id,
                symbol=quote.symbol,
                side=side,
                ord_type="limit",
                order_qty=self._setup.order_qty,
                price=text,
                group=self._entry_id,
                stop_loss=format_decimal(stop),
                take_profit=format_decimal(take),
            ),
        )

    def _await_fill(self, quote: QuoteRow, view: View) -> Sequence[Intent]:
        entry_id = self._entry_id or ""
        if entry_id not in view.working:
            if quote.ts_ns - self._entry_ns > _UNFILLED_NS:
                self._entry_id = None
            return ()
        return self._cancel_stale(quote, entry_id)

    def _cancel_stale(self, quote: QuoteRow, entry_id: str) -> Sequence[Intent]:
        if quote.ts_ns - self._cancel_ns < self._entry_timeout_ns:
            return ()
        self._cancel_ns = quote.ts_ns
        return (CancelIntent(cl_ord_id=self._setup.new_id(), orig_cl_ord_id=entry_id),)

    def _hold(self, quote: QuoteRow, view: View) -> Sequence[Intent]:
        """Watch a position: cancel what is left of its entry, close it when its time is up."""
        if self._held_since_ns is None:
            self._held_since_ns = quote.ts_ns
        if self._entry_id is not None and self._entry_id in view.working:
            return self._cancel_stale(quote, self._entry_id)
        if quote.ts_ns - self._held_since_ns < self._setup.time_stop_ms * NS_PER_MS:
            return ()
        if self._exit_ns is not None and quote.ts_ns - self._exit_ns < _RETRY_NS:
            return ()
        self._exit_ns = quote.ts_ns
        return (
            OrderIntent(
                cl_ord_id=self._setup.new_id(),
                symbol=quote.symbol,
                side="sell" if view.position > 0 else "buy",
                ord_type="market",
                order_qty=format_decimal(abs(view.position)),
                reduce_only=True,
                group=view.protected_by or self._entry_id,
            ),
        )
