"""Length-prefixed frames over a pair of pipes. It may never block, and never grow without bound."""

from __future__ import annotations

import os
from typing import Final, Generic, TypeVar

import msgspec

from alerts.values import FromAlertProcess, ToAlertProcess, Word

FRAME_MAX: Final = 1 << 20
READ_BYTES: Final = 1 << 16
_PREFIX: Final = 4

_T = TypeVar("_T")

to_alert_process: Final = msgspec.msgpack.Decoder(ToAlertProcess)
from_alert_process: Final = msgspec.msgpack.Decoder(FromAlertProcess)
_encoder: Final = msgspec.msgpack.Encoder()


class FramesBroken(ValueError):
    """The other side sent what is not a frame. Its text is safe to log."""


class FramePipe(Generic[_T]):
    """Both directions of one pair of pipes, non-blocking; it owns the two descriptors."""

    def __init__(self, read_fd: int, write_fd: int, decoder: msgspec.msgpack.Decoder[_T]) -> None:
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)
        self.read_fd = read_fd
        self.write_fd = write_fd
        self.ended = False
        """The other side closed its end, or is gone."""
        self._decoder = decoder
        self._incoming = bytearray()
        self._outgoing = bytearray()

    @property
    def unsent_bytes(self) -> int:
        """What still waits for room in the pipe."""
        return len(self._outgoing)

    def send(self, word: Word) -> None:
        """Queue one frame and write what the pipe takes; ValueError if it is over FRAME_MAX."""
        payload = _encoder.encode(word)
        if len(payload) > FRAME_MAX:
            raise ValueError(f"a frame of {len(payload)} bytes is over {FRAME_MAX}")
        self._outgoing += len(payload).to_bytes(_PREFIX, "big") + payload
        self.flush()

    def flush(self) -> None:
        """Write what the pipe takes now; a broken pipe sets `ended`."""
        while self._outgoing:
            try:
                written = os.write(self.write_fd, self._outgoing[:READ_BYTES])
            except BlockingIOError:
                return
            except OSError:
                self.ended = True
                self._outgoing.clear()
                return
            del self._outgoing[:written]

    def receive(self) -> list[_T]:
        """Whole frames that arrived; at most one read of 64 KiB a call. FramesBroken if garbage."""
        try:
            chunk = os.read(self.read_fd, READ_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            chunk = b""
        if not chunk:
            self.ended = True
            return []
        self._incoming += chunk
        return self._take_frames()

    def _take_frames(self) -> list[_T]:
        frames: list[_T] = []
        while len(self._incoming) >= _PREFIX:
            length = int.from_bytes(self._incoming[:_PREFIX], "big")
            if length > FRAME_MAX:
                raise FramesBroken(f"a frame of {length} bytes is over {FRAME_MAX}")
            if len(self._incoming) < _PREFIX + length:
                break
            payload = bytes(self._incoming[_PREFIX : _PREFIX + length])
            del self._incoming[: _PREFIX + length]
            try:
                frames.append(self._decoder.decode(payload))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise FramesBroken(f"a frame of {length} bytes is not of this protocol") from None
        return frames

    def close_write(self) -> None:
        """Tell the other side that nothing more comes; what is unsent is lost."""
        self._outgoing.clear()
        if self.write_fd >= 0:
            os.close(self.write_fd)
        self.write_fd = -1

    def close(self) -> None:
        """Close both descriptors; what is unsent is lost."""
        self.close_write()
        if self.read_fd >= 0:
            os.close(self.read_fd)
        self.read_fd = -1
