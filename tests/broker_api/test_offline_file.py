"""The file: created once, private enough, and refused in one line when it is not what it was."""

import os
import sqlite3
import stat
import subprocess
import sys

import pytest

from broker_api.errors import BrokerUnavailable
from broker_api.offline import OfflineBroker
from broker_api.offline_oversight import OfflineOversight
from broker_api.offline_settings import OfflineSettings


def run(path, *statements):
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


@pytest.fixture
def account(tmp_path, clock):
    """Return the path of an account with a history."""
    path = tmp_path / "a.sqlite3"
    OfflineBroker(path, clock).close()
    return path


@pytest.fixture(params=[OfflineBroker, OfflineOversight])
def refusal(request, clock):
    """Return what opens a path, must be refused, and gives the one line."""

    def open_it(path):
        with pytest.raises(BrokerUnavailable) as caught:
            request.param(path, clock).snapshot(0)
        line = str(caught.value)
        assert "\n" not in line
        assert str(path) in line
        return line

    return open_it


def test_the_directory_is_private_and_the_file_is_no_more_open_than_the_mask(tmp_path, clock):
    path = tmp_path / "new" / "a.sqlite3"
    old = os.umask(0o027)
    try:
        OfflineOversight(path, clock).close()
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_rollback_journal_is_used(account):
    db = sqlite3.connect(account)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    db.close()


def test_starting_cash_and_seed_are_for_a_new_account_only(account, clock):
    eye = OfflineOversight(account, clock, OfflineSettings(cash=1, seed=9))
    assert eye.snapshot(0).equity == "100000"
    eye.close()


def test_a_file_that_is_no_database_is_refused(tmp_path, refusal):
    path = tmp_path / "a.sqlite3"
    path.write_text("this is a shopping list, and a long one at that\n" * 40)
    assert "not a database" in refusal(path)


def test_another_programs_database_is_refused_untouched(tmp_path, refusal):
    path = tmp_path / "a.sqlite3"
    run(path, "CREATE TABLE birds (name TEXT)")
    before = path.read_bytes()
    assert "not an offline account" in refusal(path)
    assert path.read_bytes() == before


def test_another_schema_version_is_refused_and_both_are_named(account, refusal):
    run(account, "UPDATE meta SET value = '7' WHERE key = 'schema_version'")
    line = refusal(account)
    assert "schema version is 7" in line
    assert "knows 1" in line


def test_a_file_without_its_middle_is_refused(account, refusal):
    whole = account.read_bytes()
    account.write_bytes(whole[: len(whole) // 2])
    refusal(account)


def test_a_file_with_overwritten_pages_is_refused(account, refusal):
    whole = bytearray(account.read_bytes())
    whole[4096:] = b"\x5a" * (len(whole) - 4096)
    account.write_bytes(bytes(whole))
    refusal(account)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE account SET cash = '1e9'",
        "UPDATE account SET cash = 'NaN'",
        "DELETE FROM account",
        "INSERT INTO positions VALUES ('X', 'many', '1')",
        "UPDATE account SET next_seq = 'soon'",
    ],
)
def test_a_number_that_was_never_written_here_is_refused(account, refusal, statement):
    run(account, statement)
    refusal(account)


@pytest.mark.parametrize("kind", ["directory", "link", "pipe"])
def test_what_is_no_plain_file_is_refused(tmp_path, refusal, account, kind):
    path = tmp_path / "odd"
    match kind:
        case "directory":
            path.mkdir()
        case "link":
            path.symlink_to(account)
        case _:
            os.mkfifo(path)
    assert "not a plain file" in refusal(path)


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path, refusal):
    (tmp_path / "file").write_text("")
    refusal(tmp_path / "file" / "a.sqlite3")


def test_a_lock_that_is_never_given_up_is_one_line_after_the_time_out(account, clock):
    db = sqlite3.connect(account, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    settings = OfflineSettings(busy_ms=50)
    with pytest.raises(BrokerUnavailable, match="locked"):
        OfflineBroker(account, clock, settings)
    db.execute("ROLLBACK")
    db.close()
    OfflineBroker(account, clock, settings).close()


def test_opening_a_second_connection_in_one_process_drops_no_lock(account, clock):
    first = sqlite3.connect(account, isolation_level=None)
    first.execute("BEGIN IMMEDIATE")
    OfflineOversight(account, clock).close()
    code = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    done = subprocess.run(
        [sys.executable, "-c", code, str(account)], capture_output=True, check=False
    )
    assert b"locked" in done.stderr
    first.close()
