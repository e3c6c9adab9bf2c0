"""Where intents become orders: gate first, then broker. It may never send without an `Approved`."""

from __future__ import annotations

from typing import assert_never

from broker_api.protocol import BrokerUnavailable, OutcomeUnknown, Trading, VenueReject
from broker_api.values import BrokerFacts, Report, WorkingOrder
from ipc.approved import ApprovalVoid, Approved
from ipc.messages import CancelIntent, Intent, OrderIntent, ReplaceIntent, Veto
from ipc.numbers import parse_decimal
from ipc.reasons import Reason
from scalper.gate import Gate
from scalper.logs import Log
from scalper.tally import Tally
from scalper.view import View


class BrokerChanged(Exception):
    """The broker is not the one that the run was started with. Its text names both."""


def is_protective(order: WorkingOrder) -> bool:
    """Whether an order only guards a position: a leg, or a stop that only reduces."""
    return order.leg is not None or (order.reduce_only and order.ord_type.startswith("stop"))


class Desk:
    """The run's orders at one venue in one symbol."""

    def __init__(
        self,
        *,
        broker: Trading,
        facts: BrokerFacts,
        gate: Gate,
        tally: Tally,
        log: Log,
        symbol: str,
    ) -> None:
        """Trade over `broker`, whose `facts` must never change."""
        self._broker = broker
        self._facts = facts
        self._gate = gate
        self._tally = tally
        self._log = log
        self._symbol = symbol
        self._working: tuple[WorkingOrder, ...] = ()
        self._stale = True

    def refresh(self) -> None:
        """Read position and working orders again, if something may have changed them."""
        if not self._stale:
            return
        self._stale = False
        self._working = self._broker.working()
        for order in self._working:
            if order.leg is not None:
                self._tally.knows_side(order.cl_ord_id, order.side)
        held = parse_decimal(self._broker.position(self._symbol).qty)
        if held is None:
            raise BrokerUnavailable(f"the broker's position in {self._symbol} is not a number")
        self._tally.position = held

    def distrust(self) -> None:
        """Say that what was last read may be old."""
        self._stale = True

    def own(self) -> tuple[WorkingOrder, ...]:
        """Return this run's working orders that do not merely protect."""
        self.refresh()
        return tuple(
            order
            for order in self._working
            if not is_protective(order) and self._tally.side_of(order.cl_ord_id) is not None
        )

    def orphans(self) -> tuple[WorkingOrder, ...]:
        """Return this run's protective orders that guard nothing: the position is flat."""
        self.refresh()
        if self._tally.position:
            return ()
        return tuple(
            order
            for order in self._working
            if is_protective(order)
            and order.symbol == self._symbol
            and self._tally.side_of(order.parent or order.cl_ord_id) is not None
        )

    def flat(self) -> bool:
        """Whether nothing is held and nothing of ours is working."""
        self.refresh()
        return self._tally.position == 0 and not self.own()

    def view(self) -> View:
        """Return what the strategy may know."""
        own = frozenset(order.cl_ord_id for order in self.own())
        parents = (
            order.parent
            for order in self._working
            if order.symbol == self._symbol and order.leg is not None
        )
        return View(
            position=self._tally.position,
            working=own,
            protected_by=next(parents, None),
            state=self._gate.state,
        )

    def enlarges(self, intent: Intent) -> bool:
        """Whether an intent is an entry: a new order that does not merely reduce the position."""
        if not isinstance(intent, OrderIntent) or intent.reduce_only:
            return False
        held = self._tally.position if intent.symbol == self._symbol else 0
        qty = parse_decimal(intent.order_qty) or 0
        against = held < 0 if intent.side == "buy" else held > 0
        return not (against and qty <= abs(held))

    def take_reports(self) -> list[Report]:
        """Read what the venue reported, book it, and forward it as self reports."""
        reports = self._broker.reports()
        for report in reports:
            self._stale = True
            self._tally.book(report)
            self._log.info(
                "execution_reported",
                cl_ord_id=report.cl_ord_id,
                exec_type=report.exec_type,
                last_qty=report.last_qty,
                last_price=report.last_price,
                fee=report.fee,
                text=report.text,
            )
            self._gate.report(
                cl_ord_id=report.cl_ord_id,
                exec_type=report.exec_type,
                exec_id=report.exec_id,
                last_qty=report.last_qty,
                last_price=report.last_price,
                fee=report.fee,
                text=report.text,
            )
        return reports

    def send(self, intent: Intent) -> Veto | None:
        """Ask, and on a yes send. Return the veto if there was one.

        Raises:
            BrokerChanged: If the broker is another than at the start; nothing was sent.
            BrokerUnavailable: If the venue cannot be used.
        """
        self._tally.intents += 1
        match intent:
            case CancelIntent():
                self.cancel(intent)
                return None
            case OrderIntent() | ReplaceIntent():
                return self._submit(intent)
            case _:
                assert_never(intent)

    def cancel(self, intent: CancelIntent) -> None:
        """Cancel one order. It is asked for, so that it is counted, and sent whatever is said."""
        self._gate.cancel(intent)
        self._tally.cancels += 1
        self._stale = True
        self._log.info(
            "cancel_sent", cl_ord_id=intent.cl_ord_id, orig_cl_ord_id=intent.orig_cl_ord_id
        )
        try:
            self._broker.cancel(intent)
        except VenueReject as reject:
            self._log.warning("cancel_rejected", cl_ord_id=intent.cl_ord_id, text=reject.text)
        except OutcomeUnknown as unknown:
            self._log.warning("outcome_unknown", cl_ord_id=intent.cl_ord_id, text=str(unknown))

    def _submit(self, intent: OrderIntent | ReplaceIntent) -> Veto | None:
        present = self._broker.facts()
        if present != self._facts:
            raise BrokerChanged(
                f"{self._facts.endpoint} ({self._facts.mode}, {self._facts.account_id}) became"
                f" {present.endpoint} ({present.mode}, {present.account_id})"
            )
        answer = self._gate.order(intent)
        if isinstance(answer, Veto):
            self._tally.count_veto(answer.reason)
            self._log.info(
                "intent_vetoed",
                cl_ord_id=intent.cl_ord_id,
                reason=answer.reason,
                limit=answer.limit,
                observed=answer.observed,
            )
            return answer
        self._tally.approved += 1
        self._tally.entries += self.enlarges(intent)
        self._remember(intent)
        self._log.info("intent_approved", cl_ord_id=intent.cl_ord_id)
        self._hand_over(intent, answer)
        return None

    def _remember(self, intent: OrderIntent | ReplaceIntent) -> None:
        if isinstance(intent, OrderIntent):
            self._tally.knows_side(intent.cl_ord_id, intent.side)
            return
        side = self._tally.side_of(intent.orig_cl_ord_id)
        if side is not None:
            self._tally.knows_side(intent.cl_ord_id, side)

    def _hand_over(self, intent: OrderIntent | ReplaceIntent, approved: Approved) -> None:
        self._stale = True
        cl_ord_id = intent.cl_ord_id
        try:
            if isinstance(intent, OrderIntent):
                self._broker.place(approved)
            else:
                self._broker.replace(approved)
        except ApprovalVoid as void:
            self._tally.count_veto(Reason.APPROVAL_EXPIRED.value)
            self._log.warning("approval_void", cl_ord_id=cl_ord_id, text=str(void))
            self._gate.report(cl_ord_id=cl_ord_id, exec_type="rejected", text=str(void))
        except VenueReject as reject:
            self._log.warning("order_rejected", cl_ord_id=cl_ord_id, text=reject.text)
            self._gate.report(cl_ord_id=cl_ord_id, exec_type="rejected", text=reject.text)
        except OutcomeUnknown as unknown:
            self._log.warning("outcome_unknown", cl_ord_id=cl_ord_id, text=str(unknown))
        else:
            self._log.info("order_sent", cl_ord_id=cl_ord_id)
