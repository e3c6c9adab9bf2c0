"""Real writer processes: killed at random instants, and read from while they write."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sentinel.adapters.journal_reader import JournalReader, read_records
from sentinel.adapters.journal_verify import verify

ROOT = Path(__file__).parents[4]
SEQ = struct.Struct("<Q")

WRITER = """
import os, sys, random, struct
from pathlib import Path
from ipc.clock import SystemClock
from sentinel.adapters.journal_lock import lock_state_dir
from sentinel.adapters.journal_writer import JournalWriter
directory, durability, segment_bytes, seed, end = sys.argv[1:]
chance = random.Random(int(seed))
lock = lock_state_dir(Path(directory).parent)
writer, recovery = JournalWriter.open(
    Path(directory), durability=durability, segment_bytes=int(segment_bytes), clock=SystemClock()
)
seq = recovery.last_seq
while not int(end) or seq < int(end):
    count = chance.randrange(1, 6)
    batch = [b"%d" % (seq + 1 + n) + bytes(chance.randrange(3000)) for n in range(count)]
    seq = writer.append(batch)
    os.write(1, struct.pack("<Q", seq))
"""


@contextmanager
def running(
    directory: Path, durability: str, segment_bytes: int, seed: int, end: int
) -> Iterator[subprocess.Popen[bytes]]:
    arguments = [str(directory), durability, str(segment_bytes), str(seed), str(end)]
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, *arguments], cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def number_of(payload: bytes) -> int:
    return int(payload.rstrip(b"\x00"))


@pytest.mark.parametrize("durability", ["process", "power"])
def test_row_87_every_acknowledged_record_survives_kill_9_at_random_instants(bench, durability):
    chance = random.Random(87)
    acknowledged = 0
    for kill in range(10):
        with running(bench.directory, durability, 1 << 16, kill, 0) as process:
            assert process.stdout is not None
            for _ in range(chance.randrange(1, 150)):
                acknowledged = SEQ.unpack(process.stdout.read(SEQ.size))[0]
            process.kill()
            rest = process.stdout.read()
            whole = len(rest) // SEQ.size * SEQ.size
            if whole:
                acknowledged = SEQ.unpack(rest[whole - SEQ.size : whole])[0]
        writer, recovery = bench.open(durability=durability, segment_bytes=1 << 16)
        writer.close()
        assert recovery.last_seq >= acknowledged
        assert verify(bench.directory).ok
    numbers = [number_of(record.payload) for record in read_records(bench.directory)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= acknowledged > 0


@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_reader_in_another_process_sees_every_record_once_and_in_order(bench, durability):
    end = 3000 if durability == "process" else 600
    seen = 0
    with running(bench.directory, durability, 1 << 16, 1, end) as process:
        assert process.stdout is not None
        acknowledged = SEQ.unpack(process.stdout.read(SEQ.size))[0]
        with JournalReader(bench.directory) as reader:
            while acknowledged:
                while records := reader.read(100):
                    for record in records:
                        seen += 1
                        assert record.seq == seen == number_of(record.payload)
                assert seen >= acknowledged
                told = process.stdout.read(SEQ.size)
                acknowledged = SEQ.unpack(told)[0] if told else 0
    assert seen >= end
    assert len(bench.segments()) > 5
    assert verify(bench.directory).ok


def test_a_journal_verifies_while_it_is_written(bench):
    with running(bench.directory, "process", 1 << 16, 1, 0) as process:
        assert process.stdout is not None
        process.stdout.read(SEQ.size * 100)
        for _ in range(10):
            checked = verify(bench.directory)
            assert checked.problem is None
            assert checked.records > 0
            process.stdout.read(SEQ.size * 20)
