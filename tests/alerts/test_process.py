"""`python -m alerts`, spoken to over its pipes as the sentinel does."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from alerts.frames import FramePipe, from_alert_process
from alerts.values import Finished, Outcome, Ready, Setup
from tests.alerts.receivers import eventually, free_port

ROOT = Path(__file__).resolve().parents[2]
CANARY = "c4n4ryT0ken"


class Spoken:
    """The process and what it said."""

    def __init__(self):
        read_fd, out_fd = os.pipe()
        in_fd, write_fd = os.pipe()
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "alerts"],
            stdin=in_fd,
            stdout=out_fd,
            stderr=self.errors,
            cwd=ROOT,
        )
        os.close(in_fd)
        os.close(out_fd)
        self.pipe = FramePipe(read_fd, write_fd, from_alert_process)
        self.words = []

    def hear(self, truth, within_s=60.0):
        end = time.monotonic() + within_s
        while not truth():
            assert time.monotonic() < end, self.words
            assert not self.pipe.ended, self.words
            self.pipe.flush()
            if select.select([self.pipe.read_fd], [], [], 0.05)[0]:
                self.words += self.pipe.receive()

    def outcomes(self, alert_id):
        return [
            word for word in self.words if isinstance(word, Outcome) and word.alert_id == alert_id
        ]

    def finished(self, alert_id):
        return Finished(alert_id=alert_id) in self.words

    def diagnostics(self):
        self.errors.seek(0)
        return self.errors.read().decode()

    def close(self):
        self.pipe.close()
        self.process.kill()
        self.process.wait()
        self.errors.close()


@pytest.fixture
def spoken():
    made = Spoken()
    yield made
    made.close()


@pytest.fixture
def deliver(spoken, alert):
    """Set the process up with these routes and hand it one alert; returns its outcomes."""

    def one(*routes, severity="warning", budget_ms=1000):
        spoken.pipe.send(Setup(routes=routes, budget_ms=budget_ms))
        spoken.pipe.send(alert("a1", severity=severity))
        spoken.hear(lambda: spoken.finished("a1"))
        return spoken.outcomes("a1")

    return one


def test_an_alert_is_delivered_and_said_to_be(deliver, receiver, route, spoken):
    there = receiver("ok")
    (outcome,) = deliver(route("there", there.url()))
    assert outcome.delivered
    assert outcome.route == "there"
    assert there.bodies[0]["message"] == "body\nAlert a1"
    (ready,) = [word for word in spoken.words if isinstance(word, Ready)]
    assert [(check.name, check.ok) for check in ready.checks] == [("there", True)]


def test_a_500_is_tried_again_and_delivered(deliver, receiver, route):
    there = receiver("500", "ok")
    (outcome,) = deliver(route("there", there.url()), budget_ms=8000)
    assert outcome.delivered
    assert outcome.attempt == 2


def test_an_alert_goes_to_the_next_route_when_the_first_fail_in_every_way_there_is(
    deliver, receiver, route
):
    ways = {
        "hang": "no answer in time",
        "drip": "no answer in time",
        "500": "the service answered HTTP 500",
        "429": "the service answered HTTP 429",
        "cut": "the connection was cut",
        "close": "the connection was cut",
    }
    first = [route(how, receiver(how).url()) for how in ways]
    first.append(route("refuse", f"json://127.0.0.1:{free_port()}/"))
    fallback = receiver("ok")
    last = route("fallback", fallback.url(), severity="critical")
    outcomes = deliver(*first, last, budget_ms=3000)
    assert {one.route: one.detail for one in outcomes} == {
        **ways,
        "refuse": "connection refused",
        "fallback": "delivered",
    }
    assert [one.route for one in outcomes if one.delivered] == ["fallback"]
    assert outcomes[-1].route == "fallback"
    assert len(fallback.requests) == 1


def test_a_critical_alert_goes_to_every_route_and_waits_for_none(deliver, receiver, route):
    good = receiver("ok")
    outcomes = deliver(
        route("hangs", receiver("hang").url()),
        route("good", good.url(), severity="critical"),
        severity="critical",
    )
    assert [(one.route, one.delivered) for one in outcomes] == [
        ("good", True),
        ("hangs", False),
    ]


def test_a_hanging_route_holds_up_no_other(spoken, receiver, route, alert):
    good = receiver("ok")
    routes = (route("hangs", receiver("hang").url()), route("good", good.url()))
    spoken.pipe.send(Setup(routes=routes, budget_ms=60_000))
    for number in range(6):
        spoken.pipe.send(alert(f"a{number}"))
    spoken.hear(lambda: all(spoken.outcomes(f"a{number}") for number in range(6)))
    assert all(spoken.outcomes(f"a{number}")[0].route == "good" for number in range(6))
    assert [body["message"][-2:] for body in good.bodies] == [f"a{number}" for number in range(6)]


def test_a_route_that_loads_nothing_is_told_at_once_and_skipped(deliver, receiver, route, spoken):
    outcomes = deliver(
        route("bad", f"nothing://{CANARY}", required=True),
        route("good", receiver("ok").url(), severity="critical"),
    )
    assert [(one.route, one.delivered) for one in outcomes] == [("bad", False), ("good", True)]
    (ready,) = [word for word in spoken.words if isinstance(word, Ready)]
    assert [(check.name, check.required, check.ok) for check in ready.checks] == [
        ("bad", True, False),
        ("good", False, True),
    ]


def test_an_alert_that_nobody_takes_is_finished_without_being_delivered(deliver, route):
    outcomes = deliver(
        route("a", f"json://127.0.0.1:{free_port()}/"),
        route("b", f"json://127.0.0.1:{free_port()}/"),
        severity="critical",
        budget_ms=8000,
    )
    assert sorted((one.route, one.delivered) for one in outcomes) == [("a", False), ("b", False)]
    assert {one.detail for one in outcomes} == {"connection refused"}


def test_it_ends_promptly_with_its_pipe_though_a_receiver_hangs(spoken, receiver, route, alert):
    hanging = receiver("hang")
    spoken.pipe.send(Setup(routes=(route("hangs", hanging.url()),), budget_ms=60_000))
    spoken.pipe.send(alert("a1", severity="critical"))
    spoken.hear(lambda: any(isinstance(word, Ready) for word in spoken.words))
    assert eventually(lambda: hanging.requests)
    started = time.monotonic()
    spoken.pipe.close_write()
    assert spoken.process.wait(60) == 0
    assert time.monotonic() - started < 30


def test_what_was_handed_over_last_is_still_sent(spoken, receiver, route, alert):
    there = receiver("ok")
    spoken.pipe.send(Setup(routes=(route("there", there.url()),), budget_ms=1000))
    spoken.pipe.send(alert("a1"))
    spoken.pipe.close_write()
    assert spoken.process.wait(60) == 0
    assert len(there.requests) == 1


def test_only_its_pipe_or_sigkill_ends_it(spoken, receiver, route, alert):
    there = receiver("ok")
    spoken.pipe.send(Setup(routes=(route("there", there.url()),), budget_ms=1000))
    spoken.hear(lambda: spoken.words)
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        spoken.process.send_signal(ignored)
    spoken.pipe.send(alert("a1"))
    spoken.hear(lambda: spoken.finished("a1"))
    assert len(there.requests) == 1


def test_garbage_ends_it_with_one_line(spoken):
    os.write(spoken.pipe.write_fd, b"\x00\x00\x00\x03abc")
    assert spoken.process.wait(60) == 65
    line = spoken.diagnostics()
    assert line == "alerts: a frame of 3 bytes is not of this protocol\n"


def test_an_alert_before_the_set_up_is_refused(spoken, alert):
    spoken.pipe.send(alert())
    assert spoken.process.wait(60) == 65


def test_no_secret_is_in_its_arguments_its_environment_or_its_words(spoken, receiver, route, alert):
    urls = (
        receiver("500").url(CANARY),
        f"json://u:{CANARY}@127.0.0.1:{free_port()}/{CANARY}?x={CANARY}",
        f"slack://{CANARY}",
        receiver("ok").url(CANARY),
    )
    routes = tuple(route(f"r{number}", url) for number, url in enumerate(urls))
    spoken.pipe.send(Setup(routes=routes, budget_ms=500))
    spoken.pipe.send(alert("a1"))
    spoken.hear(lambda: spoken.finished("a1"))
    proc = Path(f"/proc/{spoken.process.pid}")
    outside = (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
    spoken.pipe.close_write()
    assert spoken.process.wait(60) == 0
    assert CANARY not in f"{spoken.words}{outside!r}{spoken.diagnostics()}"
