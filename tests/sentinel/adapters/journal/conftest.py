"""Builders of journals in a temporary directory, with a clock that is moved by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sentinel.adapters.journal_reader import read_records
from sentinel.adapters.journal_recovery import Recovery
from sentinel.adapters.journal_writer import JournalWriter

NS_PER_DAY = 86_400 * 1_000_000_000


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_ns = 1_700_000_000 * 1_000_000_000

    def elapsed_ns(self) -> int:
        return self.now_ns

    def wall_ns(self) -> int:
        return self.now_ns

    def sleep_ms(self, duration_ms: float) -> None:
        self.now_ns += int(duration_ms * 1_000_000)

    def pass_days(self, days: int) -> None:
        self.now_ns += days * NS_PER_DAY


class Bench:
    """One state directory, and what tests do to a journal in it."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.clock = HandClock()
        self.directory = state / "journal"

    def open(
        self, *, durability: str = "process", segment_bytes: int = 1 << 20
    ) -> tuple[JournalWriter, Recovery]:
        return JournalWriter.open(
            self.directory, durability=durability, segment_bytes=segment_bytes, clock=self.clock
        )

    def filled(self, *batches: list[bytes], durability: str = "process", **more: int) -> None:
        """Write the batches and close."""
        writer, _ = self.open(durability=durability, **more)
        for batch in batches:
            writer.append(batch)
        writer.close()

    def segments(self) -> list[Path]:
        return sorted(self.directory.glob("journal-*.seg"))

    def last_segment(self) -> Path:
        return self.segments()[-1]

    def payloads(self) -> list[bytes]:
        return [record.payload for record in read_records(self.directory)]

    def copy(self, name: str) -> Bench:
        """Return a second bench on a copy of everything."""
        other = self.state.parent / name
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(self.state, other)
        return Bench(other)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A state directory without a journal."""
    state = tmp_path / "state"
    state.mkdir()
    return Bench(state)
