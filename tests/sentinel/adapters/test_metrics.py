"""Metrics and health over real HTTP: what is said, to whom, and for how long."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ipc.reasons import Reason
from sentinel.adapters import metrics_server
from sentinel.adapters.metered_server import MeteredServer
from sentinel.adapters.metrics import Metrics, metrics_port
from sentinel.core.state import State
from sentinel.health import judge
from sentinel.status_document import Surroundings, status_document

PATIENCE_S = 20


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now_ns = 1_000_000_000

    def elapsed_ns(self):
        return self.now_ns

    def wall_ns(self):
        return self.now_ns

    def sleep_ms(self, duration_ms):
        self.now_ns += int(duration_ms * 1_000_000)


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def metrics(clock):
    """Metrics on a port that was free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    served = Metrics(port, clock, judge)
    assert served.problem is None
    yield served
    served.close()


def document(**changes):
    """A real status document, with changes at its top level."""
    surroundings = Surroundings(
        version="1",
        started_ns=0,
        journal_seq=7,
        journal_lag_ms=2,
        alerts_state="off",
        required_routes_down=(),
        degraded=(),
        counters={"malformed": 3},
    )
    made = status_document(State(), surroundings, 5_000_000_000)
    return {**made, **changes}


SESSION = {
    "run_id": "r",
    "strategy": "fade",
    "pid": 1,
    "vitals": "LATE",
    "beating": True,
    "heartbeat_age_ms": 650,
    "iteration": 9,
    "data_age_ms": 20,
    "approved": 0,
    "vetoed": 0,
    "trades": 0,
}
LIMIT = {"key": "trades_max", "scope": "account", "limit": "10", "used": "4", "headroom": "6"}


def ask(metrics, path, method="GET", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", metrics.port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), dict(answer.getheaders())
    finally:
        connection.close()


def samples(metrics):
    """Return every sample by name and labels."""
    status, text, _ = ask(metrics, "/metrics")
    assert status == 200
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_what_the_document_says_is_what_is_served(metrics):
    verdicts = {"approved": 5, "vetoed": 2, "cancels": 1, "by_reason": {"THROTTLE_EXCEEDED": 2}}
    metrics.update(
        document(
            state="REDUCING", verdicts=verdicts, sessions=[SESSION], limits=[LIMIT], equity="12.5"
        )
    )
    found = samples(metrics)
    assert found["sentinel_state", "REDUCING"] == 1
    assert found["sentinel_state", "ACTIVE"] == 0
    assert found["sentinel_verdicts_total", "approved"] == 5
    assert found["sentinel_verdicts_total", "vetoed"] == 2
    assert found["sentinel_vetoes_total", "THROTTLE_EXCEEDED"] == 2
    assert found["sentinel_vetoes_total", "ORDER_INVALID"] == 0
    assert found["sentinel_cancels_total",] == 1
    assert found["sentinel_sessions",] == 1
    assert found["sentinel_heartbeat_age_seconds", "fade"] == 0.65
    assert found["sentinel_session_vitals", "LATE", "fade"] == 1
    assert found["sentinel_limit_used", "account", "trades_max"] == 4
    assert found["sentinel_limit_headroom", "account", "trades_max"] == 6
    assert found["sentinel_equity",] == 12.5
    assert found["sentinel_journal_seq",] == 7
    assert found["sentinel_journal_lag_seconds",] == 0.002
    assert found["sentinel_config_pending",] == 0
    assert found["sentinel_kill_stage", "IDLE"] == 1
    assert found["sentinel_incidents_total", "malformed"] == 3


def test_what_is_not_known_has_no_sample(metrics):
    metrics.update(document())
    names = {key[0] for key in samples(metrics)}
    assert "sentinel_equity" not in names
    assert "sentinel_drop_copy_age_seconds" not in names
    assert "sentinel_halt_timestamp_seconds" not in names


def test_every_name_has_a_prefix_a_help_and_one_meaning(metrics):
    metrics.update(document(sessions=[SESSION], limits=[LIMIT]))
    families = list(text_string_to_metric_families(ask(metrics, "/metrics")[1]))
    names = [family.name for family in families]
    assert len(names) == len(set(names)) > 30
    assert all(name.startswith("sentinel_") for name in names)
    assert all(family.documentation for family in families)
    assert not [name for name in names if name.endswith(("_ms", "_ns"))]


def test_every_reason_has_its_series_from_the_start(metrics):
    metrics.update(document())
    reasons = {key[1] for key in samples(metrics) if key[0] == "sentinel_vetoes_total"}
    assert reasons == {reason.value for reason in Reason}


def test_the_rows_of_one_family_are_bounded_and_the_rest_is_counted(metrics):
    rows = [{**LIMIT, "scope": f"S{number}"} for number in range(600)]
    metrics.update(document(limits=rows))
    found = samples(metrics)
    assert sum(key[0] == "sentinel_limit_used" for key in found) == 500
    assert found["sentinel_limit_rows_omitted",] == 100


def test_latency_falls_in_the_bucket_that_includes_its_bound(metrics):
    for latency_ns in (0, 50_000, 50_001, 14_999_999, 2_000_000_000):
        metrics.observe_gate(latency_ns)
    metrics.update(document())
    found = samples(metrics)
    name = "sentinel_gate_latency_seconds"
    assert found[f"{name}_bucket", "5e-05"] == 2
    assert found[f"{name}_bucket", "0.0001"] == 3
    assert found[f"{name}_bucket", "0.015"] == 4
    assert found[f"{name}_bucket", "1"] == 4
    assert found[f"{name}_bucket", "+Inf"] == found[f"{name}_count",] == 5
    assert found[f"{name}_sum",] == pytest.approx(2.0151, rel=1e-4)


def test_open_metrics_is_spoken_to_who_asks_for_it(metrics):
    metrics.update(document())
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    _, text, headers = ask(metrics, "/metrics", headers=accept)
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


@pytest.mark.parametrize(
    ("changes", "code", "word"),
    [
        ({}, 200, "ACTIVE"),
        ({"state": "HALTED"}, 503, "HALTED"),
        ({"state": "REDUCING", "cause": "X"}, 503, "REDUCING DEGRADED"),
        ({"degraded": ["watch lost"]}, 503, "ACTIVE DEGRADED"),
        ({"drop_copy": {"state": "LOST", "age_ms": 1}}, 503, "ACTIVE DEGRADED"),
    ],
)
def test_health_is_200_only_when_all_is_well(metrics, changes, code, word):
    metrics.update(document(**changes))
    assert ask(metrics, "/healthz")[:2] == (code, f"{word}\n")


def test_before_the_first_document_nothing_is_well(metrics):
    assert ask(metrics, "/healthz")[:2] == (503, "STARTING\n")
    assert ask(metrics, "/status.json")[0] == 503
    assert "sentinel_state" not in {key[0] for key in samples(metrics)}


def test_a_loop_that_stands_still_is_not_well(metrics, clock):
    metrics.update(document())
    clock.sleep_ms(5_001)
    assert ask(metrics, "/healthz")[:2] == (503, "STALLED\n")
    status, text, _ = ask(metrics, "/status.json")
    assert (status, json.loads(text)["answering"]) == (503, False)
    assert samples(metrics)["sentinel_document_age_seconds",] > 5


def test_the_status_document_is_served_as_it_is(metrics):
    metrics.update(document())
    status, text, headers = ask(metrics, "/status.json")
    assert status == 200
    assert json.loads(text) == json.loads(json.dumps(document()))
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/metrics/", "/status", "/halt", "/../etc/passwd", "//"])
def test_nothing_else_is_found(metrics, path):
    metrics.update(document())
    assert ask(metrics, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HALT"])
def test_there_are_no_controls(metrics, method):
    metrics.update(document())
    assert ask(metrics, "/status.json", method)[0] == 405


def test_a_page_of_another_name_is_not_answered(metrics):
    metrics.update(document())
    assert ask(metrics, "/status.json", headers={"Host": "evil.example"})[0] == 403
    assert ask(metrics, "/status.json", headers={"Host": "evil.example:80"})[0] == 403
    assert ask(metrics, "/status.json", headers={"Host": "localhost:3000"})[0] == 200


def test_it_listens_on_loopback_alone(metrics):
    assert samples(metrics) is not None
    with socket.socket() as other:
        other.bind(("127.0.0.2", metrics.port))


def test_a_taken_port_is_a_problem_and_no_error(metrics, clock):
    second = Metrics(metrics.port, clock, judge)
    assert second.problem == (
        f"metrics: 127.0.0.1:{metrics.port} cannot be served: Address already in use"
    )
    assert not second.on
    second.update(document())
    second.close()


def test_port_0_serves_nothing_and_is_no_problem(clock):
    off = Metrics(0, clock, judge)
    assert (off.on, off.problem) == (False, None)
    off.update(document())
    off.observe_gate(1)
    off.close()


def test_the_port_is_free_again_after_close(metrics, clock):
    port = metrics.port
    metrics.close()
    again = Metrics(port, clock, judge)
    assert again.problem is None
    again.close()


def closed_by_peer(connection):
    """Whether the other side ends the connection within a generous time."""
    connection.settimeout(PATIENCE_S)
    try:
        while connection.recv(4096):
            pass
    except ConnectionResetError:
        return True
    return True


def test_a_client_that_sends_nothing_or_drips_is_cut_off(metrics, clock):
    metrics.update(document())
    with (
        socket.create_connection(("127.0.0.1", metrics.port), PATIENCE_S) as mute,
        socket.create_connection(("127.0.0.1", metrics.port), PATIENCE_S) as dripping,
    ):
        dripping.sendall(b"GET /metr")
        assert ask(metrics, "/healthz")[0] == 200
        clock.sleep_ms(metrics_server.CONNECTION_MS + 1)
        metrics.update(document())
        assert closed_by_peer(mute)
        assert closed_by_peer(dripping)
    assert ask(metrics, "/healthz")[0] == 200


def test_many_connections_are_not_many_threads(metrics):
    metrics.update(document())
    before = threading.active_count()
    held = [
        socket.create_connection(("127.0.0.1", metrics.port), PATIENCE_S)
        for _ in range(metrics_server.CONNECTIONS_MAX + 4)
    ]
    try:
        assert sum(_ended(one) for one in reversed(held)) >= 4
        assert threading.active_count() - before <= metrics_server.CONNECTIONS_MAX
    finally:
        for one in held:
            one.close()


def _ended(connection):
    connection.settimeout(0.1)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "raw", [b"\x00\xff\x16\x03\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 70_000]
)
def test_garbage_is_turned_away_and_the_next_one_is_served(metrics, raw):
    metrics.update(document())
    with socket.create_connection(("127.0.0.1", metrics.port), PATIENCE_S) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        assert closed_by_peer(connection)
    assert ask(metrics, "/healthz")[0] == 200


def test_readers_see_one_whole_document_while_it_is_replaced(metrics):
    stop = threading.Event()

    def replace():
        number = 0
        while not stop.is_set():
            number += 1
            metrics.update(document(epoch=number, working_orders=number))
            time.sleep(0)

    writer = threading.Thread(target=replace)
    metrics.update(document(epoch=0, working_orders=0))
    writer.start()
    try:
        for _ in range(20):
            found = samples(metrics)
            assert found["sentinel_epoch",] == found["sentinel_working_orders",]
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize(
    ("env", "port"),
    [({}, 9464), ({"SENTINEL_METRICS_PORT": "0"}, 0), ({"SENTINEL_METRICS_PORT": "65535"}, 65535)],
)
def test_the_environment_beats_the_file(env, port):
    assert metrics_port(9464, env) == port


@pytest.mark.parametrize("text", ["", "-1", "65536", "9464.0", "port", "٣", "9" * 400, " 1"])
def test_a_port_that_is_none_is_refused_by_name(text):
    with pytest.raises(ValueError, match=r"SENTINEL_METRICS_PORT: .*expected a port, 0 to 65535"):
        metrics_port(9464, {"SENTINEL_METRICS_PORT": text})


class Sockets:
    """Stands in for the server: hands out what it is given, and takes what it is sent."""

    def __init__(self, batches):
        self.batches = batches
        self.sent = []

    def poll(self, timeout_ms):
        return self.batches.pop(0)

    def send_gate(self, peer, reply):
        self.sent.append((peer, reply))
        return True

    def send_control(self, peer, reply):
        self.sent.append((peer, reply))
        return False


def test_only_verdicts_are_timed_from_receipt_to_reply(clock):
    from ipc.arrivals import Batch, GateIncoming
    from ipc.messages import BeatAck, Goodbye, Veto

    incoming = GateIncoming(
        peer=b"p", uid=0, pid=1, message=Goodbye(session=b"s"), received_ns=clock.now_ns
    )
    sockets: Any = Sockets([Batch(gate=[incoming], control=[], ready_fds=[])])
    seen = []
    metered = MeteredServer(sockets, clock, seen.append)
    assert metered.poll(1).gate == [incoming]
    clock.sleep_ms(2)
    beat = BeatAck(session=b"s", seq=1, epoch=1, state="ACTIVE")
    veto = Veto(
        session=b"s",
        seq=1,
        cl_ord_id="a",
        fingerprint=b"",
        epoch=1,
        verdict_seq=1,
        reason="ORDER_INVALID",
        limit=None,
        observed=None,
        state="ACTIVE",
    )
    assert metered.send_gate(b"p", beat)
    assert metered.send_gate(b"p", veto)
    answer: Any = beat
    assert not metered.send_control(b"c", answer)
    assert seen == [2_000_000]
    assert sockets.sent == [(b"p", beat), (b"p", veto), (b"c", beat)]
