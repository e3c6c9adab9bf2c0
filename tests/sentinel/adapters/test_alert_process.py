"""The sentinel's hold on the alert process: real processes, real receivers, real kills."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from alerts.credentials import RouteUnusable
from alerts.values import Alert, Severity
from ipc.clock import NS_PER_S, SystemClock
from ipc.config.values import RouteValues
from sentinel.adapters.alert_child import scrubbed
from sentinel.adapters.alert_process import INBOX_MAX, AlertProcess
from tests.alerts.receivers import Receiver, eventually, free_port

CANARY = "c4n4ryT0ken"


@pytest.fixture
def receiver():
    made = []

    def make(*script):
        made.append(Receiver(*script))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def outcomes():
    return []


class SkippingClock(SystemClock):
    """This host's clock, which the test may set forward."""

    __slots__ = ("skipped_ns",)

    def __init__(self):
        self.skipped_ns = 0

    def elapsed_ns(self):
        return super().elapsed_ns() + self.skipped_ns

    def skip_s(self, seconds):
        self.skipped_ns += seconds * NS_PER_S


@pytest.fixture
def clock():
    return SkippingClock()


@pytest.fixture
def start(outcomes, clock):
    made = []

    def make(*routes, **options):
        made.append(AlertProcess(routes, clock, outcomes.append, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def alert(alert_id="a1", severity="critical", code="TRADING_HALTED"):
    return Alert(
        alert_id=alert_id,
        severity=Severity(severity),
        code=code,
        title="title",
        body=f"body\nAlert {alert_id}",
        at_wall_ns=0,
    )


def settled(outcomes):
    return {outcome.alert_id for outcome in outcomes if outcome.final}


def test_an_alert_is_delivered_and_acknowledged(start, receiver, outcomes):
    there = receiver("ok")
    process = start(RouteValues(name="there", url=there.url()))
    assert process.wait_ready(60_000)
    assert process.state == "up"
    process.send(alert("a1"))
    assert eventually(lambda: outcomes)
    (outcome,) = outcomes
    assert (outcome.alert_id, outcome.route) == ("a1", "there")
    assert outcome.delivered
    assert outcome.final
    assert process.counts.sent == 1
    assert process.counts.pending == 0
    assert [health.state for health in process.routes] == ["ok"]


def test_without_routes_it_is_off_and_starts_nothing(start, outcomes):
    process = start()
    assert process.state == "off"
    assert process.pid is None
    process.send(alert("a1"))
    (outcome,) = outcomes
    assert outcome.final
    assert not outcome.delivered
    assert outcome.detail == "no alert route is configured"


def test_a_required_route_that_loads_nothing_is_seen_at_the_start(start, receiver):
    process = start(
        RouteValues(name="bad", url=f"nothing://{CANARY}", required=True),
        RouteValues(name="good", url=receiver("ok").url()),
    )
    assert process.wait_ready(60_000)
    assert process.routes[0].state == "unloadable"
    assert process.routes[0].required
    assert CANARY not in repr(process.routes)


def test_a_missing_url_file_is_one_line_that_names_it(start, tmp_path):
    with pytest.raises(RouteUnusable) as caught:
        start(RouteValues(name="s", url_file="slack"), env={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert str(caught.value) == f'[[route]] "s": url_file {tmp_path}/slack: no such file'


def test_an_undelivered_alert_is_told_kept_and_delivered_when_the_route_is_back(
    start, receiver, outcomes, clock
):
    there = receiver("500", "500", "ok")
    process = start(RouteValues(name="there", url=there.url()), budget_ms=1000)
    process.send(alert("a1"))
    assert eventually(lambda: process.counts.failed == 1)
    assert (outcomes[0].delivered, outcomes[0].final) == (False, False)
    assert outcomes[0].detail == "the service answered HTTP 500"
    assert process.counts.pending == 1
    clock.skip_s(10)
    process.send(alert("a2", code="WAKES_IT_UP"))
    assert eventually(lambda: settled(outcomes) == {"a1", "a2"})
    assert process.counts.pending == 0


def test_send_returns_at_once_though_every_receiver_hangs(start, receiver):
    hanging = receiver("hang")
    process = start(
        RouteValues(name="a", url=hanging.url()), RouteValues(name="b", url=hanging.url())
    )
    process.wait_ready(60_000)
    took = []
    for number in range(500):
        began = time.monotonic()
        process.send(alert(f"a{number}"))
        took.append(time.monotonic() - began)
    assert sorted(took)[250] < 0.01
    assert process.counts.pending == 500


def test_a_killed_process_comes_back_and_sends_what_it_owed(start, receiver, outcomes):
    there = receiver("hang", "ok")
    process = start(RouteValues(name="there", url=there.url()))
    process.send(alert("a1"))
    assert eventually(lambda: there.requests)
    first = process.pid
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: settled(outcomes) == {"a1"})
    assert process.restarts == 1
    assert process.pid != first
    assert there.texts.count("Alert a1") == 2


def test_kills_at_random_instants_of_a_storm_lose_no_critical_alert(start, receiver, outcomes):
    there = receiver("ok")
    process = start(RouteValues(name="there", url=there.url()))
    chance = random.Random(7)
    for number in range(40):
        process.send(alert(f"a{number}", code=f"CODE_{number % 20}"))
        if number % 8 == 3 and (pid := process.pid) is not None:
            os.kill(pid, signal.SIGKILL)
        time.sleep(chance.random() / 20)
    wanted = {f"a{number}" for number in range(40)}
    assert eventually(lambda: settled(outcomes) == wanted)
    assert process.restarts >= 3
    delivered = {outcome.alert_id for outcome in outcomes if outcome.delivered}
    assert delivered == wanted


def test_a_stopped_process_is_told_of_after_five_seconds_and_replaced_when_it_stays_so(
    start, receiver, outcomes, clock
):
    process = start(RouteValues(name="there", url=receiver("ok").url()))
    assert process.wait_ready(60_000)
    stopped = process.pid
    os.kill(stopped, signal.SIGSTOP)
    process.send(alert("a1"))
    assert eventually(lambda: not process._inbox)
    clock.skip_s(5)
    process.send(alert("a2", code="WAKES_IT_UP"))
    assert eventually(lambda: outcomes)
    assert (outcomes[0].alert_id, outcomes[0].final) == ("a1", False)
    assert outcomes[0].detail == "not delivered within 5 s; it will be tried again"
    clock.skip_s(60)
    process.send(alert("a3", code="WAKES_IT_AGAIN"))
    assert eventually(lambda: settled(outcomes) == {"a1", "a2", "a3"})
    assert process.pid != stopped
    assert process.restarts == 1


def test_a_storm_of_ten_thousand_is_a_handful_of_messages_and_all_are_acknowledged(
    start, receiver, outcomes
):
    there = receiver("ok")
    process = start(RouteValues(name="there", url=there.url()))
    for number in range(10_000):
        process.send(alert(f"a{number}", severity="critical"))
    assert eventually(lambda: len(outcomes) >= 10_000)
    assert len(settled(outcomes)) == 10_000
    assert len(there.requests) <= 10
    assert process.counts.pending == 0
    assert process.counts.sent == 10_000


def test_a_full_inbox_is_told_and_keeps_room_for_critical_alerts(receiver, outcomes):
    gate = threading.Event()

    def slow(outcome):
        outcomes.append(outcome)
        gate.wait(30)

    there = receiver("ok")
    process = AlertProcess((RouteValues(name="r", url=there.url()),), SystemClock(), slow)
    try:
        process.send(alert("first", severity="warning"))
        assert eventually(lambda: outcomes)
        gate.set()
        gate.clear()
        process.send(alert("second", severity="info"))
        assert eventually(lambda: len(outcomes) == 2)
        refused = []
        process._on_outcome = refused.append
        for number in range(INBOX_MAX):
            process.send(alert(f"w{number}", severity="warning"))
        process.send(alert("loud", severity="critical"))
        assert process.overflowed == len(refused) > 0
        assert {outcome.detail for outcome in refused} == {"too many alerts at once"}
        assert "loud" not in {outcome.alert_id for outcome in refused}
    finally:
        gate.set()
        process.close()


def test_a_listener_that_fails_stops_no_alert(receiver):
    def broken(outcome):
        raise RuntimeError("listener")

    there = receiver("ok")
    process = AlertProcess((RouteValues(name="r", url=there.url()),), SystemClock(), broken)
    process.send(alert("a1", code="A"))
    process.send(alert("a2", code="B"))
    assert eventually(lambda: len(there.requests) == 2)
    assert eventually(lambda: process.callback_failures >= 2)
    process.close()


def test_close_sends_what_came_last_and_leaves_nothing_behind(start, receiver, outcomes):
    there = receiver("ok")
    process = start(RouteValues(name="there", url=there.url()))
    assert process.wait_ready(60_000)
    pid = process.pid
    process.send(alert("a1"))
    process.send(alert("a2"))
    process.close(5000)
    assert settled(outcomes) == {"a1", "a2"}
    assert process.state == "down"
    assert not Path(f"/proc/{pid}").exists()
    process.close()
    process.send(alert("a3"))
    assert outcomes[-1].detail == "the alerts are being shut down"


def test_close_does_not_wait_for_a_receiver_that_hangs(start, receiver):
    hanging = receiver("hang")
    process = start(RouteValues(name="there", url=hanging.url()))
    process.send(alert("a1"))
    assert eventually(lambda: hanging.requests)
    began = time.monotonic()
    process.close(1000)
    assert time.monotonic() - began < 30


def test_a_refused_connection_moves_a_warning_to_the_critical_line(start, receiver, outcomes):
    there = receiver("ok")
    start(
        RouteValues(name="gone", url=f"json://127.0.0.1:{free_port()}/"),
        RouteValues(name="line", url=there.url(), severity="critical"),
    ).send(alert("w", severity="warning"))
    assert eventually(lambda: settled(outcomes) == {"w"})
    assert [(one.route, one.delivered) for one in outcomes] == [("gone", False), ("line", True)]


def test_the_process_gets_nothing_of_the_service_managers_or_the_accounts_environment(
    start, receiver
):
    env = {
        "PATH": os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
        "NOTIFY_SOCKET": "/run/x",
        "APCA_API_SECRET_KEY": CANARY,
        "CREDENTIALS_DIRECTORY": "/nonexistent",
    }
    assert set(scrubbed(env)) == {"PATH", "LC_ALL", "PYTHONPATH"}
    process = start(RouteValues(name="r", url=receiver("ok").url(CANARY)), env=env)
    assert process.wait_ready(60_000)
    proc = Path(f"/proc/{process.pid}")
    seen = (proc / "environ").read_bytes() + (proc / "cmdline").read_bytes()
    assert b"NOTIFY_SOCKET" not in seen
    assert CANARY.encode() not in seen


def test_no_secret_is_in_an_outcome_or_in_what_it_shows_of_itself(start, receiver, outcomes):
    urls = (
        receiver("500").url(CANARY),
        f"json://u:{CANARY}@127.0.0.1:{free_port()}/{CANARY}?x={CANARY}",
        receiver("ok").url(CANARY),
    )
    process = start(
        *(RouteValues(name=f"r{number}", url=url) for number, url in enumerate(urls)),
        budget_ms=500,
    )
    process.send(alert("a1"))
    assert eventually(lambda: sum(bool(one.route) for one in outcomes) == 3)
    assert CANARY not in f"{outcomes}{process.routes}{process.counts}{vars(process)}"
