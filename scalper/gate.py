"""The only way to an order: ask the sentinel. It may never make an `Approved` of anything else."""

from __future__ import annotations

from typing import Final, Protocol

from ipc.approved import ApprovalVoid, Approved
from ipc.clock import NS_PER_MS, Clock
from ipc.codec import fingerprint
from ipc.messages import Approval, CancelIntent, Intent, OrderIntent, Refused, ReplaceIntent, Veto
from ipc.reasons import Reason
from scalper.feed import QuoteRow

QUOTE_INTERVAL_NS: Final = 100 * NS_PER_MS
"""At most one quote per symbol in this time, but always before an intent made from a newer one."""


class GateLink(Protocol):
    """What the gate needs of `ipc.client.GateClient`."""

    @property
    def state(self) -> str:
        """The trading state, as last heard."""
        ...

    @property
    def epoch(self) -> int | None:
        """The sentinel's epoch at hello."""
        ...

    @property
    def silent(self) -> bool:
        """True, for good, once the sentinel fell silent or another epoch answered."""
        ...

    @property
    def refusal(self) -> Refused | None:
        """Why the sentinel does not keep the session open; None while it does."""
        ...

    def request(self, intent: Intent) -> Approval | Veto:
        """Ask for a verdict; no answer in time is a veto."""
        ...

    def quote(self, symbol: str, bid: str | None, ask: str | None) -> bool:
        """Tell the newest top of book; never blocks. False if it could not be sent."""
        ...

    def report(
        self,
        *,
        cl_ord_id: str,
        exec_type: str,
        exec_id: str | None = None,
        last_qty: str | None = None,
        last_price: str | None = None,
        fee: str | None = None,
        text: str | None = None,
    ) -> object:
        """Tell what the venue reported; never blocks."""
        ...

    def heartbeat(self, iteration: int, data_age_ms: int | None) -> object:
        """Tell that a whole pass is done; never blocks."""
        ...


class Gate:
    """Asks for every intent and turns an approval into the permission that a broker takes."""

    __slots__ = ("_clock", "_link", "_newest", "_sent", "_sent_ns")

    def __init__(self, link: GateLink, clock: Clock) -> None:
        """Ask over `link`, whose session is open."""
        self._link = link
        self._clock = clock
        self._newest: dict[str, QuoteRow] = {}
        self._sent: dict[str, QuoteRow] = {}
        self._sent_ns: dict[str, int] = {}

    @property
    def state(self) -> str:
        """The sentinel's trading state, as last heard."""
        return self._link.state

    @property
    def silent(self) -> bool:
        """True once the sentinel fell silent; it stays so."""
        return self._link.silent

    @property
    def refusal(self) -> Refused | None:
        """Why the session was closed by the sentinel; None while it is open."""
        return self._link.refusal

    def saw(self, quote: QuoteRow) -> None:
        """Remember a quote, and tell it to the sentinel unless one was told just before."""
        self._newest[quote.symbol] = quote
        told_ns = self._sent_ns.get(quote.symbol)
        if told_ns is None or self._clock.elapsed_ns() - told_ns >= QUOTE_INTERVAL_NS:
            self._tell(quote)

    def order(self, intent: OrderIntent | ReplaceIntent) -> Approved | Veto:
        """Ask for an order or a replace. Only the approval of exactly this intent gets through."""
        self._tell_unsent(intent)
        verdict = self._link.request(intent)
        if isinstance(verdict, Veto):
            return verdict
        epoch = self._link.epoch
        try:
            if epoch is None:
                raise ApprovalVoid("no session is open")
            return Approved.grant(intent, verdict, epoch, self._clock.elapsed_ns())
        except ApprovalVoid:
            return Veto(
                session=b"",
                seq=verdict.seq,
                cl_ord_id=intent.cl_ord_id,
                fingerprint=fingerprint(intent),
                epoch=verdict.epoch,
                verdict_seq=verdict.verdict_seq,
                reason=Reason.APPROVAL_EXPIRED.value,
                limit=None,
                observed=None,
                state=verdict.state,
            )

    def cancel(self, intent: CancelIntent) -> None:
        """Have a cancel counted. Whatever the answer, it may be sent: the way out is open."""
        if not self._link.silent:
            self._link.request(intent)

    def report(
        self,
        *,
        cl_ord_id: str,
        exec_type: str,
        exec_id: str | None = None,
        last_qty: str | None = None,
        last_price: str | None = None,
        fee: str | None = None,
        text: str | None = None,
    ) -> None:
        """Forward an execution report as a self report."""
        self._link.report(
            cl_ord_id=cl_ord_id,
            exec_type=exec_type,
            exec_id=exec_id,
            last_qty=last_qty,
            last_price=last_price,
            fee=fee,
            text=text,
        )

    def beat(self, iteration: int, data_age_ms: int | None) -> None:
        """Send the heartbeat that a whole pass has earned."""
        self._link.heartbeat(iteration, data_age_ms)

    def _tell_unsent(self, intent: OrderIntent | ReplaceIntent) -> None:
        """Tell newer quotes than the sentinel has: the symbol's, or all where none is named."""
        for symbol, quote in self._newest.items():
            mine = not isinstance(intent, OrderIntent) or intent.symbol == symbol
            if mine and self._sent.get(symbol) is not quote:
                self._tell(quote)

    def _tell(self, quote: QuoteRow) -> None:
        if self._link.quote(quote.symbol, quote.bid, quote.ask):
            self._sent[quote.symbol] = quote
            self._sent_ns[quote.symbol] = self._clock.elapsed_ns()
