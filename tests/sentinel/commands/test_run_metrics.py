"""`sentinel run` and its metrics port: served, taken, wrong."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request

import pytest

PATIENCE_S = 30


@pytest.fixture
def port():
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def get(port, path):
    """Return the answer's code and text, waiting for a server that is about to answer."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def test_a_halt_is_seen_in_metrics_and_health(launch, short_tmp, port):
    launch.sentinel(short_tmp, port=port)
    assert get(port, "/healthz") == (200, "ACTIVE\n")
    assert launch(short_tmp, "halt", "--why", "test").wait(PATIENCE_S) == 0
    assert get(port, "/healthz") == (503, "HALTED\n")
    assert 'sentinel_state{state="HALTED"} 1.0' in get(port, "/metrics")[1]
    assert json.loads(get(port, "/status.json")[1])["halt"]["why"] == "test"


def test_a_taken_port_is_degraded_and_the_sentinel_guards_all_the_same(launch, short_tmp, port):
    launch.sentinel(short_tmp / "a", port=port)
    launch.sentinel(short_tmp / "b", port=port)
    status = launch(short_tmp / "b", "status", "--json")
    out, _ = status.communicate(timeout=PATIENCE_S)
    document = json.loads(out)
    assert status.returncode == 1
    assert document["state"] == "ACTIVE"
    assert document["degraded"] == [
        f"metrics: 127.0.0.1:{port} cannot be served: Address already in use"
    ]


def test_a_variable_that_is_no_port_is_one_line_and_78(launch, short_tmp):
    config = short_tmp / "sentinel.toml"
    assert launch(short_tmp, "init", str(config)).wait(PATIENCE_S) == 0
    process = launch(short_tmp, "run", "--config", str(config), port="many")
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 78
    assert err.splitlines()[-1] == (
        "sentinel: SENTINEL_METRICS_PORT: 'many': expected a port, 0 to 65535, 0 is off"
    )
