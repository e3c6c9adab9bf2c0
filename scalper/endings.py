"""How a run can end, and the exit code of each way. It may never end one itself."""

from __future__ import annotations

from enum import Enum
from typing import Final

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 64
BAD_DATA: Final = 65
UNAVAILABLE: Final = 69
REFUSED_HALTED: Final = 75
LIVE_REFUSED: Final = 77
BAD_CONFIG: Final = 78

HOW_TO_RESUME: Final = (
    "look at `sentinel status`; when the cause is dealt with:"
    ' sentinel resume --by NAME --why "TEXT"'
)


class Ending(Enum):
    """Why the loop stopped: an exit code and a line for a person."""

    code: int
    words: str

    def __init__(self, code: int, words: str) -> None:
        self.code = code
        self.words = words

    ITERATIONS_DONE = DONE, "all asked iterations are done"
    TRADES_DONE = DONE, "all allowed entries are made and the position is flat"
    FEED_ENDED = DONE, "the feed has ended"
    STOPPED = DONE, "stopped by a signal"
    STRATEGY_FAILED = FAILED, "the strategy failed"
    FEED_BROKEN = BAD_DATA, "the feed is broken"
    SENTINEL_SILENT = UNAVAILABLE, "the sentinel is silent: withdrew, no order without it"
    SESSION_REFUSED = UNAVAILABLE, "the sentinel does not keep the session open: withdrew"
    BROKER_UNAVAILABLE = UNAVAILABLE, "the broker is not available"
    HALTED = REFUSED_HALTED, f"trading is halted: withdrew; {HOW_TO_RESUME}"
    BROKER_CHANGED = LIVE_REFUSED, "the broker's facts changed during the run: withdrew"
