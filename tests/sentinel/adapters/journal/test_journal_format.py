"""The bytes of the journal."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.adapters.journal_format import (
    BATCH_MAX,
    FRAME_BYTES,
    HEADER_BYTES,
    PAYLOAD_MAX,
    SEAL_BYTES,
    Header,
    JournalDamaged,
    JournalVersion,
    Seal,
    decode_header,
    decode_seal,
    encode_batch,
    encode_header,
    encode_seal,
    segment_first_seq,
    segment_name,
    whole_frames,
)

U64 = st.integers(min_value=0, max_value=2**64 - 1)
HASH = st.binary(min_size=16, max_size=16)
HEADER = Header(
    epoch=3, first_seq=7, created_wall_ns=5, journal_id=b"j" * 16, previous_hash=b"p" * 16
)


@given(U64, U64, U64, HASH, HASH)
def test_a_header_comes_back_as_it_went(epoch, first, created, journal_id, previous):
    header = Header(
        epoch=epoch,
        first_seq=first,
        created_wall_ns=created,
        journal_id=journal_id,
        previous_hash=previous,
    )
    data = encode_header(header)
    assert len(data) == HEADER_BYTES
    assert decode_header(data, file="f") == header


@pytest.mark.parametrize("position", range(HEADER_BYTES))
def test_a_header_with_any_byte_changed_is_refused(position):
    data = bytearray(encode_header(HEADER))
    data[position] ^= 0x10
    with pytest.raises(JournalDamaged):
        decode_header(bytes(data), file="f")


def test_another_format_version_is_refused_and_both_are_named(monkeypatch):
    monkeypatch.setattr("sentinel.adapters.journal_format.FORMAT_VERSION", 2)
    data = encode_header(HEADER)
    monkeypatch.undo()
    with pytest.raises(JournalVersion, match="journal format 2, this program reads 1"):
        decode_header(data, file="f")


@given(st.integers(1, 2**40), st.integers(0, 2**20), HASH, U64, U64)
def test_a_seal_comes_back_as_it_went(first, more, closing, sealed, epoch):
    seal = Seal(
        records=more + 1,
        first_seq=first,
        last_seq=first + more,
        closing_hash=closing,
        sealed_wall_ns=sealed,
    )
    frame = encode_seal(seal, epoch=epoch)
    assert len(frame) == SEAL_BYTES
    assert decode_seal(frame) == seal


def test_a_seal_whose_count_disagrees_is_no_seal():
    seal = Seal(records=3, first_seq=1, last_seq=3, closing_hash=b"c" * 16, sealed_wall_ns=1)
    assert decode_seal(encode_seal(seal, epoch=1)) == seal
    wrong = msgspec.structs.replace(seal, records=2)
    assert decode_seal(encode_seal(wrong, epoch=1)) is None


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=8), st.data())
def test_of_a_batch_cut_short_exactly_the_whole_records_are_found(payloads, data):
    frames, _, _, last = encode_batch(payloads, 10, 1, b"0" * 16)
    assert len(frames) - last == FRAME_BYTES + len(payloads[-1])
    cut = data.draw(st.integers(0, len(frames)))
    count, chain, begin, end = whole_frames(frames[:cut], b"0" * 16)
    expected, _, expected_chain, expected_last = encode_batch(payloads[:count], 10, 1, b"0" * 16)
    assert (end, chain) == (len(expected), expected_chain)
    assert begin == expected_last
    assert count == len(payloads) or cut < end + FRAME_BYTES + len(payloads[count])


def test_the_chain_depends_on_everything_before():
    _, _, one, _ = encode_batch([b"a", b"b"], 0, 1, b"0" * 16)
    others = [
        encode_batch([b"x", b"b"], 0, 1, b"0" * 16)[2],
        encode_batch([b"a", b"b"], 1, 1, b"0" * 16)[2],
        encode_batch([b"a", b"b"], 0, 2, b"0" * 16)[2],
        encode_batch([b"a", b"b"], 0, 1, b"1" * 16)[2],
    ]
    assert len({one, *others}) == 5


def test_records_and_batches_are_bounded():
    encode_batch([bytes(PAYLOAD_MAX)], 0, 1, b"0" * 16)
    with pytest.raises(ValueError, match="too large"):
        encode_batch([bytes(PAYLOAD_MAX + 1)], 0, 1, b"0" * 16)
    with pytest.raises(ValueError, match="too large"):
        encode_batch([bytes(PAYLOAD_MAX)] * (BATCH_MAX // PAYLOAD_MAX), 0, 1, b"0" * 16)


@given(st.integers(1, 10**16 - 1))
def test_a_segment_is_found_by_its_name(first):
    assert segment_first_seq(segment_name(first)) == first


@pytest.mark.parametrize(
    "name",
    ["journal-1.seg", "journal-0000000000000000.seg", "reserve", "journal-000000000000000٣.seg"],
)
def test_other_names_are_no_segments(name):
    assert segment_first_seq(name) is None
