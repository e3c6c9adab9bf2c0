"""Frames over pipes."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.frames import FRAME_MAX, FramePipe, FramesBroken, to_alert_process
from alerts.values import Finished, Setup


@pytest.fixture
def pipes():
    """A pipe that reads what the test writes, and the descriptor to write to."""
    read_fd, feed_fd = os.pipe()
    drain_fd, write_fd = os.pipe()
    pipe = FramePipe(read_fd, write_fd, to_alert_process)
    yield pipe, feed_fd, drain_fd
    pipe.close()
    for descriptor in (feed_fd, drain_fd):
        if descriptor >= 0:
            os.close(descriptor)


def test_a_frame_cut_anywhere_arrives_whole(pipes, alert):
    pipe, feed_fd, drain_fd = pipes
    pipe.send(alert("a1"))
    frame = os.read(drain_fd, 65536)
    got = []
    for byte in frame * 3:
        os.write(feed_fd, bytes([byte]))
        got += pipe.receive()
    assert got == [alert("a1")] * 3


def test_a_full_pipe_does_not_block_and_loses_nothing(pipes, alert):
    pipe, _, drain_fd = pipes
    for number in range(3000):
        pipe.send(alert(f"{number}", body="x" * 200))
    assert pipe.unsent_bytes > 0
    received = 0
    while pipe.unsent_bytes:
        received += len(os.read(drain_fd, 65536))
        pipe.flush()
    os.set_blocking(drain_fd, False)
    received += len(os.read(drain_fd, 1 << 20))
    assert received > 3000 * 200


def test_an_ended_reader_is_noticed(alert):
    read_fd, feed_fd = os.pipe()
    drain_fd, write_fd = os.pipe()
    os.close(drain_fd)
    pipe = FramePipe(read_fd, write_fd, to_alert_process)
    pipe.send(alert())
    assert pipe.ended
    assert pipe.unsent_bytes == 0
    pipe.close()
    os.close(feed_fd)


def test_a_frame_over_the_limit_is_refused_in_both_directions(pipes, alert):
    pipe, feed_fd, _ = pipes
    with pytest.raises(ValueError, match="over 1048576"):
        pipe.send(alert(body="x" * (FRAME_MAX + 1)))
    os.write(feed_fd, b"\xff\xff\xff\xff")
    with pytest.raises(FramesBroken, match="over 1048576"):
        pipe.receive()


@given(payload=st.binary(max_size=300))
def test_garbage_is_refused_and_never_raises_anything_else(payload):
    read_fd, feed_fd = os.pipe()
    drain_fd, write_fd = os.pipe()
    pipe = FramePipe(read_fd, write_fd, to_alert_process)
    os.write(feed_fd, len(payload).to_bytes(4, "big") + payload)
    complaint = ""
    try:
        assert all(isinstance(word, Setup) for word in pipe.receive())
    except FramesBroken as broken:
        complaint = str(broken)
    finally:
        pipe.close()
        os.close(feed_fd)
        os.close(drain_fd)
    assert complaint in {"", f"a frame of {len(payload)} bytes is not of this protocol"}


def test_a_word_of_the_other_direction_is_refused(pipes):
    pipe, feed_fd, drain_fd = pipes
    pipe.send(Finished(alert_id="x"))
    os.write(feed_fd, os.read(drain_fd, 65536))
    with pytest.raises(FramesBroken, match="not of this protocol"):
        pipe.receive()
