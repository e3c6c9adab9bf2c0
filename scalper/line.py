"""What a person sees: a quiet live line and the closing table. It may never slow the loop down."""

from __future__ import annotations

from typing import Final, TextIO

from ipc.clock import NS_PER_MS, Clock
from ipc.numbers import format_decimal
from scalper.endings import Ending
from scalper.tally import Tally

INTERVAL_NS: Final = 200 * NS_PER_MS
_CLEAR: Final = "\r\x1b[K"


class LiveLine:
    """One line on a terminal, rewritten at most five times a second; elsewhere nothing at all."""

    def __init__(self, stream: TextIO, clock: Clock, *, shown: bool) -> None:
        """Write to `stream` if `shown`."""
        self._stream = stream
        self._clock = clock
        self._shown = shown
        self._last_ns: int | None = None

    def show(self, tally: Tally) -> None:
        """Rewrite the line if it is time."""
        if not self._shown:
            return
        now_ns = self._clock.elapsed_ns()
        if self._last_ns is not None and now_ns - self._last_ns < INTERVAL_NS:
            return
        self._last_ns = now_ns
        self._write(_CLEAR + text_of(tally))

    def end(self) -> None:
        """Leave the terminal's line empty."""
        if self._shown and self._last_ns is not None:
            self._write(_CLEAR)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self._shown = False


def text_of(tally: Tally) -> str:
    """Return the live line, under 80 columns for any ordinary run."""
    return (
        f"pass {tally.passes}  position {format_decimal(tally.position)}"
        f"  P&L {tally.profit() or '?'}  approved {tally.approved}  vetoed {tally.vetoes}"
    )


def closing(tally: Tally, ending: Ending, *, run_id: str, symbol: str, mode: str) -> str:
    """Return the closing table as plain text, a line for each fact."""
    rows = [
        ("run", f"{run_id} ({mode}, {symbol})"),
        ("ended", ending.words),
        ("passes", str(tally.passes)),
        ("intents", str(tally.intents)),
        ("approved", str(tally.approved)),
        ("vetoed", str(tally.vetoes)),
        *((f"  {reason}", str(count)) for reason, count in sorted(tally.vetoed.items())),
        ("cancels", str(tally.cancels)),
        ("entries", str(tally.entries)),
        ("fills", str(tally.fills)),
        ("position", format_decimal(tally.position)),
        ("P&L", tally.profit() or "unknown: no usable quote"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)
