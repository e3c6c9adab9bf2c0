"""The strict codec: msgpack through tagged structs; one exception for everything malformed."""

from __future__ import annotations

import hashlib
from typing import Final, TypeVar

import msgspec

from ipc.messages import ControlReply, ControlRequest, GateReply, GateRequest, Intent, Value

GATE_FRAME_MAX: Final = 4096
CONTROL_REQUEST_MAX: Final = 2048
CONTROL_REPLY_MAX: Final = 1 << 20

_encoder = msgspec.msgpack.Encoder()
_gate_request: msgspec.msgpack.Decoder[GateRequest] = msgspec.msgpack.Decoder(GateRequest)
_gate_reply: msgspec.msgpack.Decoder[GateReply] = msgspec.msgpack.Decoder(GateReply)
_control_request: msgspec.msgpack.Decoder[ControlRequest] = msgspec.msgpack.Decoder(ControlRequest)
_control_reply: msgspec.msgpack.Decoder[ControlReply] = msgspec.msgpack.Decoder(ControlReply)


_T = TypeVar("_T")


class MalformedMessage(ValueError):
    """Bytes that are not a message of this protocol. Its text is safe to log."""


def encode(message: Value) -> bytes:
    """Encode any message."""
    return _encoder.encode(message)


def fingerprint(intent: Intent) -> bytes:
    """SHA-256 of the intent's canonical encoding: what an approval is bound to."""
    return hashlib.sha256(_encoder.encode(intent)).digest()


def _decode(decoder: msgspec.msgpack.Decoder[_T], frame: bytes) -> _T:
    try:
        return decoder.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessage(str(error)[:200]) from None


def decode_gate_request(frame: bytes) -> GateRequest:
    """Decode what a scalper sent; MalformedMessage for anything else."""
    return _decode(_gate_request, frame)


def decode_gate_reply(frame: bytes) -> GateReply:
    """Decode what the sentinel answered on the gate; MalformedMessage for anything else."""
    return _decode(_gate_reply, frame)


def decode_control_request(frame: bytes) -> ControlRequest:
    """Decode an operator's request; MalformedMessage for anything else."""
    return _decode(_control_request, frame)


def decode_control_reply(frame: bytes) -> ControlReply:
    """Decode the answer to an operator; MalformedMessage for anything else."""
    return _decode(_control_reply, frame)
