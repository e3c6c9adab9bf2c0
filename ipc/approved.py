"""Permission as a type: the only thing a broker's `place` and `replace` take."""

from __future__ import annotations

from ipc.codec import fingerprint
from ipc.messages import Approval, OrderIntent, ReplaceIntent


class ApprovalVoid(Exception):
    """An approval that is late, spent, foreign, or for another intent. No order may be sent."""


class Approved:
    """One approved intent, usable once and only until its expiry.

    Made by `grant` alone. `spend` must be called by whoever sends the order, right before it is
    sent, with the present CLOCK_BOOTTIME; it raises ApprovalVoid the second time or when late.
    """

    __slots__ = ("_expires_ns", "_spent", "intent")

    def __init__(self, intent: OrderIntent | ReplaceIntent, expires_ns: int) -> None:
        self.intent = intent
        self._expires_ns = expires_ns
        self._spent = False

    @classmethod
    def grant(
        cls, intent: OrderIntent | ReplaceIntent, approval: Approval, epoch: int, now_ns: int
    ) -> Approved:
        """Bind an approval to the intent it was given for; ApprovalVoid if it was not."""
        if approval.fingerprint != fingerprint(intent):
            raise ApprovalVoid(f"the approval is not for this intent ({intent.cl_ord_id})")
        if approval.epoch != epoch:
            raise ApprovalVoid(f"the approval is from epoch {approval.epoch}, not {epoch}")
        if now_ns > approval.expires_ns:
            raise ApprovalVoid("the approval came after its expiry")
        return cls(intent, approval.expires_ns)

    def spend(self, now_ns: int) -> OrderIntent | ReplaceIntent:
        """Use the permission up and return the intent; ApprovalVoid if spent or expired."""
        if self._spent:
            raise ApprovalVoid("the approval was used before")
        self._spent = True
        if now_ns > self._expires_ns:
            raise ApprovalVoid("the approval expired before it was used")
        return self.intent
