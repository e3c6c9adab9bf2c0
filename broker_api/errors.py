"""What can go wrong at a venue, told apart by what the caller may do next; nothing else."""

from __future__ import annotations


class BrokerError(Exception):
    """Any failure at or on the way to the venue. Its text is one line and holds no secret."""


class BrokerUnavailable(BrokerError):
    """The venue cannot be used now, and what was asked has certainly not happened."""


class BrokerSettingsInvalid(BrokerUnavailable):
    """The configuration asks for something that this broker cannot be (exit code 78)."""


class VenueReject(BrokerError):
    """The venue's no, in the venue's words; nothing was changed there."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text[:512]


class OutcomeUnknown(BrokerError):
    """The request may or may not have reached the venue: look it up, never send it again."""
