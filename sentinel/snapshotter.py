"""`python -m sentinel.snapshotter`: folds the journal up to a record and saves the state there.

A process of its own at the lowest priority, so that the loop never waits for it. It holds no lock
and changes nothing but snapshots; what it cannot fold it leaves for `journal verify` to name.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sentinel.adapters.journal_format import JournalError, Position
from sentinel.adapters.journal_retention import drop_expired
from sentinel.adapters.snapshots import save_snapshot
from sentinel.core.memento import dump
from sentinel.memory import fold_up_to

NICE = 19
USAGE = 64


def main(words: list[str]) -> int:
    """Save a snapshot; the words are DIRECTORY SEQ HASH SEGMENT OFFSET RETAIN_DAYS WALL_NS."""
    if len(words) != 7:
        return USAGE
    os.nice(NICE)
    directory = Path(words[0])
    position = Position(
        seq=int(words[1]),
        chain_hash=bytes.fromhex(words[2]),
        segment=int(words[3]),
        offset=int(words[4]),
    )
    try:
        state = fold_up_to(directory, position.seq)
        save_snapshot(directory, position, dump(state))
        drop_expired(directory, retain_days=int(words[5]), now_wall_ns=int(words[6]))
    except (JournalError, OSError, ValueError) as error:
        sys.stderr.write(f"snapshot: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
