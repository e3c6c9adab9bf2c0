"""The operator's end of the control socket: one question, one answer. It may never retry one.

A halt that is asked for twice is still one halt, but only a person decides to ask again.
"""

from __future__ import annotations

from ipc.client import SentinelUnavailable, Wire
from ipc.clock import NS_PER_MS, Clock
from ipc.codec import (
    CONTROL_REPLY_MAX,
    CONTROL_REQUEST_MAX,
    MalformedMessage,
    decode_control_reply,
    encode,
)
from ipc.messages import ControlReply, ControlRequest


class ControlClient:
    """Asks a running sentinel one thing at a time, each on a connection of its own."""

    def __init__(self, endpoint: str, clock: Clock) -> None:
        self._endpoint = endpoint
        self._clock = clock

    def ask(self, request: ControlRequest, timeout_ms: int = 1000) -> ControlReply:
        """Return the sentinel's answer.

        SentinelUnavailable if there is no well-formed one within `timeout_ms`; the request may
        then have been carried out all the same. ValueError if it is too long for the wire.
        """
        frame = encode(request)
        if len(frame) > CONTROL_REQUEST_MAX:
            raise ValueError(
                f"the request is {len(frame)} bytes long, the most is {CONTROL_REQUEST_MAX};"
                " shorten the reason"
            )
        deadline_ns = self._clock.elapsed_ns() + timeout_ms * NS_PER_MS
        wire = Wire(self._endpoint, CONTROL_REPLY_MAX)
        try:
            if not wire.wait_writable(timeout_ms) or not wire.send(frame):
                raise SentinelUnavailable(f"no sentinel answers at {self._endpoint}")
            left_ms = max(0, -((self._clock.elapsed_ns() - deadline_ns) // NS_PER_MS))
            frames = wire.receive(left_ms)
            if frames is None:
                raise SentinelUnavailable(f"the sentinel did not answer within {timeout_ms} ms")
            if len(frames) != 1:
                raise SentinelUnavailable("the sentinel's answer is not one frame")
            return decode_control_reply(frames[0])
        except MalformedMessage as error:
            raise SentinelUnavailable(f"the sentinel's answer is malformed: {error}") from None
        finally:
            wire.close()
