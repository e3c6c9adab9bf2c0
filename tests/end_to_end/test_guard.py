"""`sentinel guard -- COMMAND`: one terminal, one exit code, nothing left behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.pair import QUICK, STRATEGIES, config_text
from tests.end_to_end.program import wait_until

FEED = ("--feed", "synthetic:1?speed=40", "--log-level", "info")
LOOP = (sys.executable, "-m", "scalper", *FEED)


LETHAL = "heartbeat_timeout_ms = 1000\nprogress_timeout_ms = 20000"


def start_guard(pair, *command, **env):
    """Start a guarded command."""
    return pair.start("sentinel", "guard", "--", *command, **env)


def assert_nothing_left(pair):
    """No process of the pair lives, and the sockets' lock is free for the next one."""
    wait_until(lambda: not pair.alive(), "an end of every process")
    assert not pair.answers()


def test_a_guarded_loop_runs_to_its_end_and_its_code_is_the_guards(pair):
    guard = start_guard(pair, *LOOP, "--iterations", "50", "--strategy", f"{STRATEGIES}:Restless")
    assert guard.end() == 0, guard.err
    assert "all asked iterations are done" in guard.out
    assert pair.orders() == pair.approved_ids()
    assert len(pair.orders()) > 20
    assert_nothing_left(pair)


@pytest.mark.parametrize("code", [1, 255])
def test_the_commands_code_is_the_guards(pair, code):
    assert start_guard(pair, "sh", "-c", f"exit {code}").end() == code
    assert_nothing_left(pair)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_command_killed_by_signal_n_gives_128_and_n(pair, number):
    assert start_guard(pair, "sh", "-c", f"kill -{int(number)} $$").end() == 128 + number


def test_a_command_that_is_not_found_gives_127_and_one_that_cannot_run_126(pair):
    guard = start_guard(pair, "no-such-command-anywhere")
    assert guard.end() == 127
    assert "no-such-command-anywhere" in guard.err
    file = pair.root / "not-executable"
    file.write_text("")
    assert start_guard(pair, str(file)).end() == 126
    assert_nothing_left(pair)


def test_a_command_that_starts_with_dashes_keeps_its_own_flags(pair):
    guard = start_guard(pair, "echo", "--config", "-x")
    assert guard.end() == 0
    assert guard.out == "--config -x\n"


def test_without_a_command_the_usage_is_wrong(pair):
    assert pair.run("sentinel", "guard").end() == 64


def test_a_frozen_loop_is_killed_and_the_guard_says_so(pair):
    pair.configure(config_text(heartbeat=LETHAL))
    guard = start_guard(pair, *LOOP, "--strategy", f"{STRATEGIES}:Restless")
    pair.wait_for_orders(5)
    pid = pair.status()["sessions"][0]["pid"]
    os.kill(pid, signal.SIGSTOP)
    assert guard.end(60) == 128 + signal.SIGKILL
    assert pair.working() == []
    assert_nothing_left(pair)
    again = start_guard(pair, *LOOP, "--iterations", "50")
    assert again.end() == 75


def test_ctrl_c_ends_the_loop_in_order_and_leaves_nothing(pair):
    guard = start_guard(pair, *LOOP, "--strategy", f"{STRATEGIES}:Restless")
    pair.wait_for_orders(5)
    guard.signal(signal.SIGINT)
    assert guard.end() == 0, guard.err
    assert "stopped by a signal" in guard.out
    assert pair.working() == []
    assert_nothing_left(pair)
    pair.start_sentinel()
    assert pair.status()["state"] == "ACTIVE"


def test_sigterm_to_the_guard_lets_the_loop_withdraw_and_ends_with_its_code(pair, figure):
    pair.configure(config_text(ipc=QUICK))
    guard = start_guard(pair, *LOOP, "--strategy", f"{STRATEGIES}:Restless")
    pair.wait_for_orders(5)
    began = time.monotonic()
    guard.signal(signal.SIGTERM)
    assert guard.end() == 69, guard.err
    figure("SIGTERM of the guard to its end", (time.monotonic() - began) * 1000)
    assert pair.working() == []
    assert_nothing_left(pair)


def test_an_orphan_that_the_loop_double_forked_dies_with_the_loop(pair):
    pair.configure(config_text(heartbeat=LETHAL))
    file = pair.root / "daemon"
    guard = start_guard(pair, *LOOP, "--strategy", f"{STRATEGIES}:Alone", DAEMON_PID_FILE=str(file))
    status = pair.wait_for(lambda s: s["sessions"], "the session")
    daemon = int(wait_until(lambda: file.exists() and file.read_text(), "the daemon"))
    assert Path(f"/proc/{daemon}").exists()
    os.kill(status["sessions"][0]["pid"], signal.SIGSTOP)
    assert guard.end(60) == 128 + signal.SIGKILL
    assert_nothing_left(pair)


def test_an_orphan_does_not_outlive_a_loop_that_ended_in_order(pair):
    file = pair.root / "daemon"
    guard = start_guard(
        pair,
        *(*LOOP, "--iterations", "20", "--strategy", f"{STRATEGIES}:Alone"),
        DAEMON_PID_FILE=str(file),
    )
    assert guard.end() == 0, guard.err
    assert int(file.read_text()) > 1
    assert_nothing_left(pair)


def test_a_command_that_never_said_hello_dies_in_a_kill_all_the_same(pair):
    pair.configure(config_text(heartbeat=LETHAL))
    guard = start_guard(pair, "sleep", "600")
    pair.wait_for(lambda s: s["state"] == "ACTIVE", "the sentinel")
    (pair.state_dir / "STOP").touch()
    assert guard.end(60) == 128 + signal.SIGKILL
    assert_nothing_left(pair)
