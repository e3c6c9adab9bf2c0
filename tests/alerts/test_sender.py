"""Apprise, with real receivers: what counts as delivered, what is said, and what is never said."""

from __future__ import annotations

import io
import logging

import pytest

from alerts.sender import RouteUnloadable, Service, check_route, phrase_for
from tests.alerts.receivers import free_port

CANARY = "c4n4ryT0ken"


@pytest.fixture
def send(alert):
    def one(url, budget_ms=4000, **fields):
        return Service(url, budget_ms).send(alert(**fields))

    return one


def test_a_message_arrives_whole_with_its_severity(send, receiver):
    there = receiver("ok")
    sent = send(there.url(), title="halt <b>", body="line one\nx & <!y>", severity="critical")
    assert sent.delivered
    (body,) = there.bodies
    assert body["title"] == "halt <b>"
    assert body["message"] == "line one\nx & <!y>\nAlert a1"
    assert body["type"] == "failure"


@pytest.mark.parametrize(
    ("how", "detail"),
    [
        ("500", "the service answered HTTP 500"),
        ("429", "the service answered HTTP 429"),
        ("close", "the connection was cut"),
        ("cut", "the connection was cut"),
    ],
)
def test_what_is_not_taken_is_said_to_be_not_delivered(send, receiver, how, detail):
    sent = send(receiver(how).url())
    assert not sent.delivered
    assert sent.detail == detail


def test_a_closed_port_is_a_refused_connection(send):
    sent = send(f"json://127.0.0.1:{free_port()}/{CANARY}")
    assert sent.detail == "connection refused"


def test_a_receiver_that_hangs_is_not_delivered(send, receiver):
    sent = send(receiver("hang").url(query="?rto=0.2"))
    assert sent.detail == "no answer in time"


def test_a_redirect_is_not_followed_and_not_delivered(send, receiver):
    elsewhere = receiver("ok")
    here = receiver(f"redirect:http://127.0.0.1:{elsewhere.port}/")
    sent = send(here.url())
    assert not sent.delivered
    assert sent.detail == "the service answered HTTP 302"
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        (f"nothing://{CANARY}", "loads no notification service"),
        (CANARY, "loads no notification service"),
        ("", "loads no notification service"),
        (f"slack://{CANARY}", "loads no notification service"),
        (f"json://a/{CANARY} json://b/{CANARY}", "names 2 services"),
    ],
)
def test_a_url_that_loads_nothing_or_several_is_refused_without_being_shown(
    url, complaint, capfd, route
):
    with pytest.raises(RouteUnloadable, match=complaint) as caught:
        Service(url, 1000)
    check = check_route(route("mine", url=url, required=True))
    shown = capfd.readouterr()
    assert not check.ok
    assert check.required
    assert CANARY not in f"{caught.value!r}{check}{shown}"


def test_a_url_that_loads_passes_its_check(route):
    assert check_route(route(url="json://127.0.0.1:9/x")).ok


def test_no_log_of_any_level_gets_a_secret(send, receiver, capfd):
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(1)
    try:
        send(receiver("500").url(CANARY))
        send(f"json://user:{CANARY}@127.0.0.1:{free_port()}/{CANARY}?token={CANARY}")
        logging.getLogger("urllib3").error("path /%s", CANARY)
        logging.getLogger("ours").debug("the handler listens")
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    shown = capfd.readouterr()
    assert written.getvalue() == "the handler listens\n"
    assert CANARY not in shown.out + shown.err


def test_a_long_message_is_split_by_a_service_with_a_limit():
    service = Service("tgram://123456789:ABCdefghijklmnopqrstuvwxyzABCDEFGHI/12345/", 1000)
    assert service._box.services[0].overflow_mode.value == "split"
    kept = Service(
        "tgram://123456789:ABCdefghijklmnopqrstuvwxyzABCDEFGHI/12345/?overflow=truncate", 1000
    )
    assert kept._box.services[0].overflow_mode.value == "truncate"


@pytest.mark.parametrize(
    ("line", "phrase"),
    [
        ("Failed: Internal Server Error., error=503.", "the service answered HTTP 503"),
        ("Failed to resolve 'x' ([Errno -2] Name or service not known)", "does not resolve"),
        ("SSLError: CERTIFICATE_VERIFY_FAILED", "TLS failed"),
        ("Read timed out. (read timeout=4.0)", "no answer in time"),
        (f"something else with {CANARY}", "the service did not take it"),
        ("", "the service did not take it"),
    ],
)
def test_a_library_log_becomes_a_closed_phrase(line, phrase):
    assert phrase in phrase_for([line])
    assert CANARY not in phrase_for([line])
