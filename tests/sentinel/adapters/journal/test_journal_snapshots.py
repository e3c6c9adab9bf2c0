"""Snapshots: durable, two kept, never ahead of the journal, never believed when damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.adapters import snapshots
from sentinel.adapters.journal_format import JournalVersion, Position
from sentinel.adapters.snapshots import (
    list_snapshots,
    load_newest_snapshot,
    save_snapshot,
    snapshot_name,
)


def at(seq: int) -> Position:
    return Position(seq=seq, chain_hash=b"h" * 16, segment=1, offset=88)


@given(payload=st.binary(max_size=2000), seq=st.integers(1, 10**15))
def test_a_snapshot_comes_back_as_it_went(tmp_path_factory, payload, seq):
    directory = tmp_path_factory.mktemp("journal")
    save_snapshot(directory, at(seq), payload)
    loaded = load_newest_snapshot(directory)
    assert loaded is not None
    assert (loaded.payload, loaded.position, loaded.passed_over) == (payload, at(seq), ())


def test_two_are_kept(tmp_path):
    for seq in (3, 5, 9, 10):
        save_snapshot(tmp_path, at(seq), b"s")
    assert list_snapshots(tmp_path) == [10, 9]
    assert not list(tmp_path.glob("*.tmp"))


def test_any_changed_or_missing_byte_makes_it_give_way(tmp_path):
    save_snapshot(tmp_path, at(1), b"older")
    save_snapshot(tmp_path, at(2), b"newer")
    path = tmp_path / snapshot_name(2)
    good = path.read_bytes()
    damaged = [good[:n] for n in range(len(good))]
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= 4
        damaged.append(bytes(bad))
    for data in damaged:
        path.write_bytes(data)
        loaded = load_newest_snapshot(tmp_path)
        assert loaded is not None
        assert (loaded.payload, loaded.passed_over) == (b"older", (path.name,))


def test_none_is_none(tmp_path):
    assert load_newest_snapshot(tmp_path) is None


def test_a_snapshot_of_another_format_is_refused_and_both_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshots, "SNAPSHOT_VERSION", 7)
    save_snapshot(tmp_path, at(1), b"s")
    monkeypatch.undo()
    with pytest.raises(JournalVersion, match="snapshot format 7, this program reads 1"):
        load_newest_snapshot(tmp_path)


def test_a_snapshot_renamed_to_another_seq_is_not_believed(tmp_path):
    save_snapshot(tmp_path, at(1), b"s")
    (tmp_path / snapshot_name(1)).rename(tmp_path / snapshot_name(2))
    assert load_newest_snapshot(tmp_path) is None


def test_the_journal_is_synced_before_the_snapshot_gets_its_name(bench, monkeypatch):
    writer, _ = bench.open(segment_bytes=4096)
    for _ in range(20):
        writer.append([bytes(700)])
    synced: list[str] = []
    real = os.fsync

    def noted(fd: int) -> None:
        synced.append(Path(f"/proc/self/fd/{fd}").readlink().name)
        real(fd)

    monkeypatch.setattr(os, "fsync", noted)
    save_snapshot(bench.directory, writer.position, b"s")
    names = [path.name for path in bench.segments()]
    assert synced == [*names, f"{snapshot_name(20)}.tmp", "journal"]
    synced.clear()
    writer.append([b"more"])
    save_snapshot(bench.directory, writer.position, b"s")
    assert synced[0] == names[-1]
    assert len(synced) == 3


def test_a_failed_sync_leaves_the_older_snapshots_alone(bench, monkeypatch):
    writer, _ = bench.open()
    writer.append([b"a"])
    save_snapshot(bench.directory, writer.position, b"old")
    writer.append([b"b"])

    def broken(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output"):
        save_snapshot(bench.directory, writer.position, b"new")
    monkeypatch.undo()
    loaded = load_newest_snapshot(bench.directory)
    assert loaded is not None
    assert loaded.payload == b"old"


def test_too_large_a_snapshot_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshots, "SNAPSHOT_MAX", 10)
    with pytest.raises(ValueError, match="larger than 10"):
        save_snapshot(tmp_path, at(1), bytes(11))
