"""Snapshots of the state, so that a start reads only the journal's tail. Never the only memory.

A snapshot names the record it was taken after, and is durable only after that record is: it can
never know more than the journal. Two are kept; a newest one that is damaged gives way to the older.

    magic 8 | version u16 | 6 spare | seq u64 | segment u64 | offset u64 | chain hash 16
    | payload length u64 | payload | BLAKE2b-256 of all before
"""

from __future__ import annotations

import os
import struct
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from sentinel.adapters.journal_directory import list_segments, open_segment, replace_file
from sentinel.adapters.journal_format import HASH_BYTES, JournalVersion, Position

SNAPSHOT_VERSION: Final = 1
SNAPSHOT_MAX: Final = 1 << 28
SNAPSHOTS_KEPT: Final = 2
_PREFIX: Final = "snapshot-"
_SUFFIX: Final = ".snap"
_MAGIC: Final = b"SSSNAPS\x00"
_HEAD: Final = struct.Struct(f"<8sH6xQQQ{HASH_BYTES}sQ")
_DIGEST_BYTES: Final = 32


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A state as it was after the record at `position`; `payload` is opaque here.

    `passed_over` names newer snapshots that were damaged.
    """

    position: Position
    payload: bytes
    passed_over: tuple[str, ...] = ()


def snapshot_name(seq: int) -> str:
    """Return the file name of the snapshot taken after record `seq`."""
    return f"{_PREFIX}{seq:016d}{_SUFFIX}"


def list_snapshots(directory: Path) -> list[int]:
    """Return the seqs of the snapshots present, newest first; they may be damaged."""
    found: list[int] = []
    for name in os.listdir(directory):  # noqa: PTH208 - names only
        digits = name.removeprefix(_PREFIX).removesuffix(_SUFFIX)
        if len(digits) == 16 and digits.isascii() and digits.isdigit():
            seq = int(digits)
            if name == snapshot_name(seq):
                found.append(seq)
    return sorted(found, reverse=True)


def save_snapshot(directory: Path, position: Position, payload: bytes) -> None:
    """Write a snapshot of the state after `position` and drop all but the newest two.

    Blocks on the disk: the journal is synced up to the position first. It touches nothing that a
    writer holds, so it may run in a worker thread.

    Raises:
        ValueError: the payload is larger than `SNAPSHOT_MAX`.
        OSError: it could not be made durable; the older ones are still there.
    """
    if len(payload) > SNAPSHOT_MAX:
        raise ValueError(f"a snapshot of {len(payload)} bytes is larger than {SNAPSHOT_MAX}")
    _sync_journal(directory, position)
    head = _HEAD.pack(
        _MAGIC,
        SNAPSHOT_VERSION,
        position.seq,
        position.segment,
        position.offset,
        position.chain_hash,
        len(payload),
    )
    content = head + payload
    digest = blake2b(content, digest_size=_DIGEST_BYTES).digest()
    replace_file(directory / snapshot_name(position.seq), content + digest)
    for seq in list_snapshots(directory)[SNAPSHOTS_KEPT:]:
        (directory / snapshot_name(seq)).unlink(missing_ok=True)


def load_newest_snapshot(directory: Path) -> Snapshot | None:
    """Return the newest snapshot whose checksum is right, or None.

    Raises:
        JournalVersion: the newest whole one was written in another format.
    """
    passed_over: list[str] = []
    for seq in list_snapshots(directory):
        name = snapshot_name(seq)
        snapshot = _read_snapshot(directory / name, seq)
        if snapshot is not None:
            return msgspec.structs.replace(snapshot, passed_over=tuple(passed_over))
        passed_over.append(name)
    return None


def read_position(directory: Path, seq: int) -> Position | None:
    """Return the position of the snapshot of `seq` if its checksum is right."""
    snapshot = _read_snapshot(directory / snapshot_name(seq), seq)
    return None if snapshot is None else snapshot.position


def _read_snapshot(path: Path, named_seq: int) -> Snapshot | None:
    try:
        if path.stat().st_size > _HEAD.size + SNAPSHOT_MAX + _DIGEST_BYTES:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    if len(data) < _HEAD.size + _DIGEST_BYTES or not data.startswith(_MAGIC):
        return None
    content = memoryview(data)[:-_DIGEST_BYTES]
    if blake2b(content, digest_size=_DIGEST_BYTES).digest() != data[-_DIGEST_BYTES:]:
        return None
    _, version, seq, segment, offset, chain_hash, length = _HEAD.unpack_from(data)
    if version != SNAPSHOT_VERSION:
        raise JournalVersion(
            file=path.name,
            offset=0,
            seq=seq,
            what=f"snapshot format {version}, this program reads {SNAPSHOT_VERSION}",
        )
    if seq != named_seq or length != len(content) - _HEAD.size:
        return None
    return Snapshot(
        position=Position(seq=seq, chain_hash=chain_hash, segment=segment, offset=offset),
        payload=bytes(content[_HEAD.size :]),
    )


def _sync_journal(directory: Path, position: Position) -> None:
    newest = max(list_snapshots(directory), default=0)
    segments = [first for first in list_segments(directory) if first <= position.segment]
    for index, first in enumerate(segments):
        holds_last = index + 1 == len(segments)
        if holds_last or segments[index + 1] > newest:
            fd = open_segment(directory, first)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
