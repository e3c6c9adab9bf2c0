"""Which routes an alert goes to, and when it is handed on."""

from __future__ import annotations

import pytest

from alerts.routing import Delivery, Plan, plan
from alerts.values import Severity


@pytest.fixture
def house(route):
    return (route("all", severity="info"), route("loud", severity="critical"), route("mid"))


@pytest.mark.parametrize(
    ("severity", "first", "then"),
    [
        ("info", ("all",), ("loud", "mid")),
        ("warning", ("all", "mid"), ("loud",)),
        ("critical", ("all", "loud", "mid"), ()),
    ],
)
def test_a_route_gets_its_own_severity_and_everything_above(house, severity, first, then):
    assert plan(Severity(severity), house) == Plan(first=first, then=then)


def test_what_no_route_admits_goes_nowhere(route):
    assert plan(Severity.INFO, (route(severity="warning"),)) == Plan(first=(), then=())
    assert plan(Severity.CRITICAL, ()) == Plan(first=(), then=())


def test_a_delivery_is_handed_on_only_when_every_open_route_failed():
    delivery = Delivery(Plan(first=("a", "b"), then=("c", "d")))
    assert delivery.begin() == ("a", "b")
    assert delivery.settle("b", delivered=False) == ()
    assert not delivery.finished
    assert delivery.settle("a", delivered=False) == ("c",)
    assert delivery.settle("c", delivered=False) == ("d",)
    assert delivery.settle("d", delivered=False) == ()
    assert delivery.finished
    assert not delivery.delivered


def test_one_route_that_took_it_is_enough():
    delivery = Delivery(Plan(first=("a", "b"), then=("c",)))
    assert delivery.settle("a", delivered=True) == ()
    assert not delivery.finished
    assert delivery.settle("b", delivered=False) == ()
    assert delivery.finished
    assert delivery.delivered
