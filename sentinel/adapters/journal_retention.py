"""Removes what is too old to keep. It may never remove what a start could need.

What goes is a whole sealed segment, oldest first, older than asked for and older than both kept
snapshots. The chain stays verifiable: the next segment's head holds the hash it goes on from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from sentinel.adapters.journal_directory import (
    list_segments,
    read_facts,
    read_marker,
    sync_directory,
    write_marker,
)
from sentinel.adapters.journal_format import JournalError, segment_name
from sentinel.adapters.snapshots import SNAPSHOTS_KEPT, list_snapshots, read_position

_NS_PER_DAY: Final = 86_400 * 1_000_000_000


def drop_expired(directory: Path, *, retain_days: int, now_wall_ns: int) -> tuple[str, ...]:
    """Remove the sealed segments that are older than `retain_days`; return their names.

    It touches nothing that a writer holds, so it may run in a worker thread; one at a time.

    Raises:
        JournalError: there is no marker to note the new beginning in.
        OSError: it could not be done; what is left is consistent.
    """
    marker = read_marker(directory)
    if marker is None:
        raise JournalError(f"{directory}: the marker of the journal is missing")
    firsts = list_segments(directory)
    limit = _first_segment_needed(directory)
    oldest_kept = marker.first_seq
    for first in firsts[:-1]:
        if first < oldest_kept:
            continue
        seal = read_facts(directory, first, is_last=False).seal
        if first >= limit or seal is None:
            break
        if now_wall_ns - seal.sealed_wall_ns <= retain_days * _NS_PER_DAY:
            break
        oldest_kept = seal.last_seq + 1
    if oldest_kept not in firsts:
        return ()
    if oldest_kept != marker.first_seq:
        write_marker(directory, msgspec.structs.replace(marker, first_seq=oldest_kept))
    names = tuple(segment_name(first) for first in firsts if first < oldest_kept)
    for name in names:
        (directory / name).unlink(missing_ok=True)
    if names:
        sync_directory(directory)
    return names


def _first_segment_needed(directory: Path) -> int:
    """Return the first seq of the segment that the older of two good snapshots points into."""
    seqs = list_snapshots(directory)[:SNAPSHOTS_KEPT]
    positions = [read_position(directory, seq) for seq in seqs]
    good = [position.segment for position in positions if position is not None]
    return min(good) if len(good) == SNAPSHOTS_KEPT else 0
