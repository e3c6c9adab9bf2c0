"""A sentinel and one child process together. The child's end ends both, after what it set going."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import threading

from ipc.clock import NS_PER_S, SystemClock
from sentinel.adapters.process_tree import become_subreaper, end_orphans
from sentinel.commands.starting import start
from sentinel.core.kill import RUNNING
from sentinel.running import Running

NOT_FOUND = 127
NOT_EXECUTABLE = 126
LINGER_NS = 15 * NS_PER_S
"""How long a kill sequence may go on after the command's end."""
WITHDRAW_S = 2
"""How long a loop may take to cancel its orders and look whether they are gone."""


class Child:
    """The guarded command."""

    def __init__(self, words: tuple[str, ...], env: dict[str, str]) -> None:
        # No shell is involved. A session of its own makes the kill of its group sure.
        self.process = subprocess.Popen(words, env=env, start_new_session=True)

    @property
    def pids(self) -> tuple[int, ...]:
        """The children that are not orphans of the loop."""
        return (self.process.pid,)

    def interrupt(self) -> None:
        """Pass Ctrl-C on: the command ends as it likes, and then so do we."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)

    @property
    def code(self) -> int:
        """The shell's exit code of the command."""
        code = self.process.returncode
        return 128 - code if code < 0 else code


def guard(
    config: str | None, state_dir: str | None, runtime_dir: str | None, words: tuple[str, ...]
) -> int:
    """Start a sentinel, then the command; return the command's code."""
    become_subreaper()
    children: list[Child] = []

    def own() -> tuple[int, ...]:
        return tuple(pid for child in children for pid in child.pids)

    running, paths = start(config, state_dir, runtime_dir, own_children=own)
    try:
        env = {
            **os.environ,
            "SENTINEL_CONFIG": str(running.config_path.absolute()),
            "SENTINEL_STATE_DIR": str(paths.state_dir),
            "SENTINEL_RUNTIME_DIR": str(paths.runtime_dir),
            "SENTINEL_GUARD": secrets.token_hex(16),
        }
        running.stop_on_signals()
        try:
            children.append(Child(words, env))
        except FileNotFoundError:
            running.log.write("command_not_found", command=words[0])
            return NOT_FOUND
        except OSError as error:
            running.log.write("command_failed", command=words[0], detail=error.strerror)
            return NOT_EXECUTABLE
        child = children[0]
        running.guards(child.process.pid)
        signal.signal(signal.SIGINT, lambda *_: child.interrupt())
        waiter = threading.Thread(target=_wait, args=(child, running), daemon=True)
        waiter.start()
        sentinel_code = running.run()
        _end(child, running.config.ipc.sentinel_timeout_ms)
        return sentinel_code or child.code
    finally:
        running.close()
        end_orphans(own(), clock=SystemClock())


def _wait(child: Child, running: Running) -> None:
    """When the command has ended, let a kill sequence finish, then end the sentinel."""
    child.process.wait()
    clock = SystemClock()
    deadline_ns = clock.elapsed_ns() + LINGER_NS
    clock.sleep_ms(300)
    while running.state.kill.stage in RUNNING and clock.elapsed_ns() < deadline_ns:
        clock.sleep_ms(50)
    running.stop()


def _end(child: Child, silence_ms: int) -> None:
    """The sentinel ended first (SIGTERM): the command must not go on without one.

    A loop needs `silence_ms` to notice, and then withdraws; only what stays is ended by force.
    """
    try:
        child.process.wait(timeout=silence_ms / 1000 + WITHDRAW_S)
    except subprocess.TimeoutExpired:
        child.process.terminate()
        try:
            child.process.wait(timeout=WITHDRAW_S)
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()
