"""The journal's bytes: headers, frames and the hash chain. It may never open a file.

A segment is a header, then records back to back, then (once closed) a seal; what has not been
written yet is zero, so a length of zero is the end of the data. All integers are little-endian.

    header  magic 8 | version u16 | 6 spare | epoch u64 | first seq u64 | created, wall ns u64
            | journal id 16 | closing hash of the segment before 16 | crc32 u32 of all before
    frame   length u32 (of the whole frame) | crc32 u32 (of what follows, begun at the length)
            | tag 4 | place in its batch u32 | seq u64 | epoch u64 | hash before it 16 | payload

The hash of a record is BLAKE2b-128 of its frame from the tag on, and so covers the hash before it.
A seal is a frame with a tag of its own, the last seq and the closing hash; its payload is the
number of records, the first seq and the wall time of sealing.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import Enum
from hashlib import blake2b
from typing import Final
from zlib import crc32

import msgspec

FORMAT_VERSION: Final = 1
HASH_BYTES: Final = 16
JOURNAL_ID_BYTES: Final = 16
PAYLOAD_MAX: Final = 1 << 20
BATCH_MAX: Final = 1 << 23
SEGMENT_PREFIX: Final = "journal-"
SEGMENT_SUFFIX: Final = ".seg"

TAG_PREFIX: Final = b"\xf5SJ"
RECORD_TAG: Final = TAG_PREFIX + b"r"
SEAL_TAG: Final = TAG_PREFIX + b"s"

_MAGIC: Final = b"SSJOURN\x00"
_HEADER: Final = struct.Struct("<8sH6xQQQ16s16s")
_CRC: Final = struct.Struct("<I")
_SEAL: Final = struct.Struct("<QQQ")
FRONT: Final = struct.Struct("<II")
BODY: Final = struct.Struct("<4sIQQ16s")
FRAME: Final = struct.Struct("<II4sIQQ16s")

HEADER_BYTES: Final = _HEADER.size + _CRC.size
FRONT_BYTES: Final = FRONT.size
FRAME_BYTES: Final = FRAME.size
SEAL_BYTES: Final = FRAME_BYTES + _SEAL.size
FRAME_MAX: Final = FRAME_BYTES + PAYLOAD_MAX


class JournalError(Exception):
    """What is wrong with the journal, in one line."""


class JournalDamaged(JournalError):
    """The journal cannot be trusted, and nothing may start on it: file, byte offset, seq, what."""

    def __init__(self, *, file: str, offset: int, seq: int, what: str) -> None:
        super().__init__(f"{file}: offset {offset}, seq {seq}: {what}")
        self.file = file
        self.offset = offset
        self.seq = seq
        self.what = what


class JournalVersion(JournalDamaged):
    """The journal was written in another format; the text names both versions."""


class JournalFailed(JournalError):
    """A write or a sync failed, or the file is no longer ours: this writer is dead for ever."""


class Durability(Enum):
    """Which failure a record survives once `append` has returned."""

    PROCESS = "process"
    POWER = "power"


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry as it stands in the journal; `payload` is opaque here."""

    seq: int
    epoch: int
    payload: bytes


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where one record stands: enough to find it again without reading what is before it.

    `segment` is the first seq of its segment, `offset` the byte where its frame begins and
    `chain_hash` the hash up to and including it.
    """

    seq: int
    chain_hash: bytes
    segment: int
    offset: int


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a segment; `previous_hash` is the anchor of its chain."""

    epoch: int
    first_seq: int
    created_wall_ns: int
    journal_id: bytes
    previous_hash: bytes


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a closed segment; nothing follows it in the file."""

    records: int
    first_seq: int
    last_seq: int
    closing_hash: bytes
    sealed_wall_ns: int


def segment_name(first_seq: int) -> str:
    """Return the file name of the segment that begins with `first_seq`."""
    return f"{SEGMENT_PREFIX}{first_seq:016d}{SEGMENT_SUFFIX}"


def segment_first_seq(name: str) -> int | None:
    """Return the first seq that a segment's file name states, or None for any other name."""
    digits = name.removeprefix(SEGMENT_PREFIX).removesuffix(SEGMENT_SUFFIX)
    if len(digits) != 16 or not (digits.isascii() and digits.isdigit()):
        return None
    first_seq = int(digits)
    return first_seq if first_seq > 0 and name == segment_name(first_seq) else None


def genesis_hash(journal_id: bytes) -> bytes:
    """Return the hash before the first record: it binds the chain to this one journal."""
    return blake2b(b"journal genesis" + journal_id, digest_size=HASH_BYTES).digest()


def encode_header(header: Header) -> bytes:
    """Encode the head of a segment."""
    head = _HEADER.pack(
        _MAGIC,
        FORMAT_VERSION,
        header.epoch,
        header.first_seq,
        header.created_wall_ns,
        header.journal_id,
        header.previous_hash,
    )
    return head + _CRC.pack(crc32(head))


def decode_header(data: bytes, *, file: str) -> Header:
    """Decode the head of the segment `file`.

    Raises:
        JournalVersion: it was written in another format.
        JournalDamaged: it is not the head of a segment.
    """
    if len(data) < HEADER_BYTES or not data.startswith(_MAGIC):
        raise JournalDamaged(file=file, offset=0, seq=0, what="not the head of a journal segment")
    _, version, epoch, first_seq, created, journal_id, previous = _HEADER.unpack_from(data)
    if crc32(data[: _HEADER.size]) != _CRC.unpack_from(data, _HEADER.size)[0]:
        raise JournalDamaged(file=file, offset=0, seq=0, what="the head's checksum is wrong")
    if version != FORMAT_VERSION:
        raise JournalVersion(
            file=file,
            offset=0,
            seq=0,
            what=f"journal format {version}, this program reads {FORMAT_VERSION}",
        )
    return Header(
        epoch=epoch,
        first_seq=first_seq,
        created_wall_ns=created,
        journal_id=journal_id,
        previous_hash=previous,
    )


def encode_batch(
    payloads: Sequence[bytes], seq: int, epoch: int, chain: bytes
) -> tuple[bytes, int, bytes, int]:
    """Encode records that follow record `seq`, whose chain hash is `chain`.

    Returns the frames, the last seq, the chain hash after it, and where in them its frame begins.

    Raises:
        ValueError: a payload is larger than `PAYLOAD_MAX`, or the whole larger than `BATCH_MAX`.
    """
    parts: list[bytes] = []
    total = last = 0
    for place, payload in enumerate(payloads):
        length = FRAME_BYTES + len(payload)
        last = total
        total += length
        if length > FRAME_MAX or total > BATCH_MAX:
            raise ValueError(f"a record of {length} bytes, a batch of {total}, is too large")
        seq += 1
        body = BODY.pack(RECORD_TAG, place, seq, epoch, chain) + payload
        chain = blake2b(body, digest_size=HASH_BYTES).digest()
        parts.append(FRONT.pack(length, crc32(body, length)) + body)
    return b"".join(parts), seq, chain, last


def whole_frames(written: bytes, chain: bytes) -> tuple[int, bytes, int, int]:
    """Tell what of a batch is whole in its first bytes `written`.

    Returns the number of records, the chain hash after them, where the last one begins and where
    it ends.
    """
    count = last = at = 0
    while len(written) - at >= FRAME_BYTES:
        length = FRONT.unpack_from(written, at)[0]
        if len(written) - at < length:
            break
        chain = blake2b(written[at + FRONT_BYTES : at + length], digest_size=HASH_BYTES).digest()
        count += 1
        last = at
        at += length
    return count, chain, last, at


def encode_seal(seal: Seal, *, epoch: int) -> bytes:
    """Encode the seal of a segment."""
    body = BODY.pack(SEAL_TAG, 0, seal.last_seq, epoch, seal.closing_hash) + _SEAL.pack(
        seal.records, seal.first_seq, seal.sealed_wall_ns
    )
    return FRONT.pack(SEAL_BYTES, crc32(body, SEAL_BYTES)) + body


def decode_seal(frame: bytes) -> Seal | None:
    """Decode a whole seal frame, or return None if it is anything else."""
    if len(frame) != SEAL_BYTES:
        return None
    length, checksum, tag, _, last_seq, _, closing_hash = FRAME.unpack_from(frame)
    if tag != SEAL_TAG or length != SEAL_BYTES:
        return None
    if crc32(frame[FRONT_BYTES:], length) != checksum:
        return None
    records, first_seq, sealed = _SEAL.unpack_from(frame, FRAME_BYTES)
    if records != last_seq - first_seq + 1:
        return None
    return Seal(
        records=records,
        first_seq=first_seq,
        last_seq=last_seq,
        closing_hash=closing_hash,
        sealed_wall_ns=sealed,
    )
