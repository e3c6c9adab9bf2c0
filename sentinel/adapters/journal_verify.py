"""Checks a whole journal, record by record. It may never repair what it finds.

It needs no lock: a journal that is being written to verifies up to where it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from sentinel.adapters.journal_directory import read_marker, survey
from sentinel.adapters.journal_format import JournalDamaged, JournalError
from sentinel.adapters.journal_reader import JournalReader

_STEP: Final = 4096
_SURVEYS_MAX: Final = 3


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """The result. `torn_bytes` is an unfinished last record: not a problem, it was never told.

    Without a problem every record from `first_seq` (0: there is none) to `last_seq` is whole, and
    the chain holds up to `last_hash`.
    """

    ok: bool
    records: int
    segments: int
    first_seq: int
    last_seq: int
    last_hash: bytes
    torn_bytes: int
    problem: str | None


def verify(directory: Path, progress: Callable[[int, int], None] | None = None) -> Verification:
    """Verify every segment, record, link and seal in `directory`; memory is bounded.

    `progress` is called now and then with the records and the bytes read so far.
    """
    records = first_seq = torn = segments = 0
    problem: str | None = None
    last_seq = 0
    last_hash = b""
    try:
        segments = _count_segments(directory)
        with JournalReader(directory) as reader:
            while batch := reader.read(_STEP):
                first_seq = first_seq or batch[0].seq
                records += len(batch)
                last_seq = batch[-1].seq
                if reader.position is not None and reader.position.seq == last_seq:
                    last_hash = reader.position.chain_hash
                if progress is not None:
                    progress(records, reader.bytes_read)
            torn = reader.check_end()
    except (JournalError, OSError) as error:
        problem = str(error)
    return Verification(
        ok=problem is None,
        records=records,
        segments=segments,
        first_seq=first_seq,
        last_seq=last_seq,
        last_hash=last_hash,
        torn_bytes=torn,
        problem=problem,
    )


def _count_segments(directory: Path) -> int:
    """Check how the segments join; again if old ones were being removed meanwhile."""
    for _ in range(_SURVEYS_MAX - 1):
        marker = read_marker(directory)
        try:
            return len(survey(directory, marker))
        except (JournalDamaged, FileNotFoundError):
            if read_marker(directory) == marker:
                raise
    return len(survey(directory, read_marker(directory)))
