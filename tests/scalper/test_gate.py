"""Only the approval of exactly this intent becomes a permission."""

import pytest

from ipc.approved import ApprovalVoid, Approved
from ipc.codec import fingerprint
from ipc.messages import Approval, CancelIntent, OrderIntent, Veto
from scalper.gate import Gate


def intent(number=1, qty="1"):
    return OrderIntent(
        cl_ord_id=f"o{number}", symbol="EUR/USD", side="buy", ord_type="market", order_qty=qty
    )


@pytest.fixture
def gate(link, clock):
    return Gate(link, clock)


def test_an_approval_becomes_a_permission_that_is_good_once(gate, clock):
    approved = gate.order(intent())
    assert isinstance(approved, Approved)
    assert approved.spend(clock.elapsed_ns()) == intent()
    with pytest.raises(ApprovalVoid):
        approved.spend(clock.elapsed_ns())


def test_a_veto_stays_a_veto(gate, link):
    link.veto_with = lambda _: "THROTTLE_EXCEEDED"
    veto = gate.order(intent())
    assert isinstance(veto, Veto)
    assert veto.reason == "THROTTLE_EXCEEDED"


@pytest.mark.parametrize("wrong", ["fingerprint", "epoch", "expiry", "closed"])
def test_an_approval_of_something_else_is_void(gate, link, clock, wrong):
    def request(asked):
        return Approval(
            session=b"s",
            seq=1,
            cl_ord_id=asked.cl_ord_id,
            fingerprint=fingerprint(intent(qty="2") if wrong == "fingerprint" else asked),
            epoch=6 if wrong == "epoch" else 7,
            verdict_seq=1,
            expires_ns=clock.elapsed_ns() - 1 if wrong == "expiry" else clock.elapsed_ns() + 10,
            state="ACTIVE",
        )

    link.request = request
    if wrong == "closed":
        link.epoch = None
    veto = gate.order(intent())
    assert isinstance(veto, Veto)
    assert veto.reason == "APPROVAL_EXPIRED"


def test_quotes_are_told_at_most_every_hundred_milliseconds(gate, link, clock, quote):
    for at_ms in range(0, 1000, 10):
        gate.saw(quote("1.1", "1.2", at_ms))
        clock.sleep_ms(10)
    assert len(link.all("quote")) == 10


def test_an_intent_made_from_a_newer_quote_comes_after_that_quote(gate, link, quote):
    gate.saw(quote("1.1", "1.2", 0))
    gate.saw(quote("1.3", "1.4", 1))
    gate.order(intent())
    gate.order(intent(2))
    assert [name for name, _ in link.said] == ["quote", "quote", "intent", "intent"]
    assert link.all("quote")[-1] == ("EUR/USD", "1.3", "1.4")


def test_a_quote_that_could_not_be_told_is_told_with_the_next_intent(gate, link, quote):
    tell, link.quote = link.quote, lambda *_: False
    gate.saw(quote("1.1", "1.2"))
    link.quote = tell
    gate.order(intent())
    assert [name for name, _ in link.said] == ["quote", "intent"]


def test_a_cancel_is_asked_for_but_not_of_a_silent_sentinel(gate, link):
    gate.cancel(CancelIntent(cl_ord_id="c1", orig_cl_ord_id="o1"))
    link.silent = True
    gate.cancel(CancelIntent(cl_ord_id="c2", orig_cl_ord_id="o1"))
    assert [asked.cl_ord_id for asked in link.all("intent")] == ["c1"]
