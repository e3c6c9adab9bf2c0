"""What the tests of the alerts share: alerts, routes and receivers."""

from __future__ import annotations

import pytest

from alerts.values import Alert, Route, Severity
from tests.alerts.receivers import Receiver


@pytest.fixture
def receiver():
    """Make receivers that behave as told; all are closed at the end."""
    made = []

    def make(*script):
        made.append(Receiver(*script))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def alert():
    """Make alerts that differ in what is given."""

    def make(alert_id="a1", severity="warning", code="TRADING_HALTED", title="title", body="body"):
        return Alert(
            alert_id=alert_id,
            severity=Severity(severity),
            code=code,
            title=title,
            body=f"{body}\nAlert {alert_id}",
            at_wall_ns=0,
        )

    return make


@pytest.fixture
def route():
    """Make routes."""

    def make(name="r", url="json://127.0.0.1:9/", severity="warning", required=False):
        return Route(name=name, url=url, severity=Severity(severity), required=required)

    return make
