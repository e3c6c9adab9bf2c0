"""One sentinel per state."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sentinel.adapters.journal_format import JournalFailed
from sentinel.adapters.journal_lock import StateLocked, lock_state_dir

ROOT = Path(__file__).parents[4]

HOLDER = """
import sys
from pathlib import Path
from sentinel.adapters.journal_lock import lock_state_dir
lock = lock_state_dir(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
"""


def test_row_95_a_second_process_is_refused_and_told_the_pid_of_the_first(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        with pytest.raises(StateLocked, match=f"pid {holder.pid}$") as caught:
            lock_state_dir(tmp_path)
        assert "\n" not in str(caught.value)
        holder.kill()
        holder.wait()
    lock_state_dir(tmp_path).close()


def test_the_lock_is_held_until_it_is_closed(tmp_path):
    with lock_state_dir(tmp_path) as lock:
        lock.check_identity()
        with pytest.raises(StateLocked, match=f"pid {os.getpid()}$"):
            lock_state_dir(tmp_path)
    with lock_state_dir(tmp_path):
        pass


def test_the_lock_is_not_inherited_by_programs_that_are_started(tmp_path):
    with lock_state_dir(tmp_path):
        sleeper = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
        )
    with sleeper:
        lock_state_dir(tmp_path).close()
        sleeper.kill()


@pytest.mark.parametrize("harm", ["removed", "replaced"])
def test_a_lock_whose_file_is_removed_or_replaced_is_noticed(tmp_path, harm):
    with lock_state_dir(tmp_path) as lock:
        lock.path.unlink()
        if harm == "replaced":
            lock.path.write_text("1")
        with pytest.raises(JournalFailed, match="the lock"):
            lock.check_identity()


def test_a_link_in_the_locks_place_is_not_followed(tmp_path):
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        lock_state_dir(tmp_path)
    assert not (tmp_path / "elsewhere").exists()
