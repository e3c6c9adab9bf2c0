"""Bad input: one clear line that names file, line and field, the right code, and nothing lost."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from contextlib import contextmanager

import pytest

from sentinel.adapters.journal_reader import read_records
from tests.end_to_end.pair import CALM, config_text
from tests.end_to_end.program import wait_until

FEED = ("--feed", "synthetic:1?speed=40", "--log-level", "info")
HEADER = "ts_ns,symbol,kind,bid,ask,bid_size,ask_size,last,last_size,venue,flags\n"


def errors(program):
    """Return the lines of a refusal; there is no traceback among them."""
    assert "Traceback" not in program.err
    return program.err.splitlines()


def assert_refused(program, code, *parts):
    """One clear line, this code."""
    assert program.end() == code, program.err
    lines = errors(program)
    assert len(lines) == 1, lines
    for part in parts:
        assert part in lines[0], lines[0]


CONFIGS = {
    "an unknown key": ("[limits]\nsymbols = ['A']\nmax_qty = 1\n", ":3", "max_qty"),
    "a negative limit": (
        "[limits]\nsymbols = ['A']\n\norder_qty_max = -1\n",
        ":4",
        "order_qty_max",
    ),
    "a float": ("[limits]\nsymbols = ['A']\norder_qty_max = 1.5\n", ":3", "order_qty_max"),
    "a zero rate": (
        "[limits]\nsymbols = ['A']\n[[throttle]]\nname = 'a'\nrate = 0\nburst = 1\n",
        ":5",
        "rate",
    ),
    "no symbols": ("[limits]\nsymbols = []\n", ":2", "symbols"),
    "no TOML": ("[limits\n", ":1", ""),
    "an empty file": ("", "", "symbols"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_bad_configuration_is_78_with_file_line_and_field(pair, name):
    text, line, field = CONFIGS[name]
    pair.configure(text)
    for command in (("sentinel", "run"), ("scalper", *FEED)):
        assert_refused(pair.run(*command), 78, f"{pair.config_path}{line}", field)
    assert not pair.state_dir.exists()


def test_several_mistakes_are_all_told_at_once(pair):
    pair.configure("[limits]\nsymbols = ['A']\norder_qty_max = -1\ntrades_max = -1\nother = 1\n")
    program = pair.run("sentinel", "run")
    assert program.end() == 78
    lines = errors(program)
    assert len(lines) == 3
    for line, number in zip(lines, (3, 4, 5), strict=True):
        assert f"{pair.config_path}:{number}" in line


def test_a_missing_configuration_is_78_and_named(pair):
    pair.config_path.unlink()
    assert_refused(pair.run("sentinel", "run"), 78, str(pair.config_path))
    assert_refused(pair.run("scalper", *FEED), 78, str(pair.config_path))


def test_a_missing_recording_is_65_and_named(pair):
    pair.start_sentinel()
    assert_refused(pair.run("scalper", "--feed", "csv:/no/such/file.csv"), 65, "/no/such/file.csv")
    assert pair.status()["sessions"] == []


def test_a_malformed_row_is_65_and_names_file_line_and_field_before_anything_is_traded(pair):
    pair.start_sentinel()
    file = pair.root / "feed.csv"
    good = "1,SYN/USD,quote,1.0,1.1,,,,,,\n"
    file.write_text(HEADER + good + "2,SYN/USD,quote,1.0,oops,,,,,,\n")
    program = pair.run("scalper", "--feed", f"csv:{file}", "--strategy", "fade")
    assert_refused(program, 65, f"{file}:3", "ask")
    assert pair.orders() == []
    assert pair.status()["state"] == "ACTIVE"


def test_a_second_sentinel_on_the_same_state_is_69_and_the_first_goes_on(pair):
    first = pair.start_sentinel()
    assert_refused(pair.run("sentinel", "run"), 69, str(pair.state_dir))
    elsewhere = {"SENTINEL_RUNTIME_DIR": str(pair.root / "r2")}
    assert_refused(pair.run("sentinel", "run", **elsewhere), 69, str(pair.state_dir))
    other = {"SENTINEL_STATE_DIR": str(pair.root / "s2")}
    assert_refused(pair.run("sentinel", "run", **other), 69, str(pair.runtime_dir))
    assert pair.status()["epoch"] == 1
    assert not first.ended


def test_a_state_directory_that_is_a_file_is_78(pair):
    pair.state_dir.write_text("mine")
    assert_refused(pair.run("sentinel", "run"), 78, str(pair.state_dir))
    assert pair.state_dir.read_text() == "mine"


@pytest.mark.parametrize("which", ["SENTINEL_RUNTIME_DIR", "SENTINEL_STATE_DIR"])
def test_a_socket_path_that_is_too_long_is_78_for_both_programs(pair, which):
    env = {which: str(pair.root / ("x" * 120))}
    if which == "SENTINEL_STATE_DIR":
        env["SENTINEL_RUNTIME_DIR"] = ""
    for command in (("sentinel", "run"), ("scalper", *FEED), ("sentinel", "status")):
        assert_refused(pair.run(*command, **env), 78, "107")


@contextmanager
def mounted(path, options):
    """Mount a small file system there, or skip where that is not allowed."""
    path.mkdir(mode=0o700, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", options, "end-to-end", str(path)]
    if subprocess.run(words, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a tmpfs is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.mark.root
def test_an_unwritable_state_directory_is_78(pair):
    with mounted(pair.state_dir, "ro,mode=0700"):
        assert_refused(pair.run("sentinel", "run"), 78, str(pair.state_dir))


def journal_after_a_run(pair):
    """Trade a little, end both programs, and return the journal's only segment."""
    sentinel = pair.start_sentinel()
    loop = pair.start_loop(*FEED, "--iterations", "60", strategy="Restless")
    assert loop.end() == 0, loop.err
    sentinel.signal(signal.SIGKILL)
    sentinel.end()
    (segment,) = (pair.state_dir / "journal").glob("*.seg")
    return segment


def test_a_flipped_byte_in_the_middle_of_the_journal_refuses_the_start_with_one_line(pair):
    segment = journal_after_a_run(pair)
    data = bytearray(segment.read_bytes())
    place = len(data.rstrip(b"\0")) // 2
    data[place] ^= 0x40
    segment.write_bytes(data)
    program = pair.run("sentinel", "run")
    assert_refused(program, 1, segment.name)
    assert re.search(r"offset \d+", program.err)
    assert segment.read_bytes() == bytes(data)


def test_a_torn_last_record_is_cut_off_and_the_rest_is_kept(pair):
    segment = journal_after_a_run(pair)
    before = [record.seq for record in read_records(segment.parent)]
    data = segment.read_bytes()
    segment.write_bytes(data[: len(data.rstrip(b"\0")) - 3])
    sentinel = pair.start_sentinel()
    assert "journal_tail_truncated" in sentinel.err
    after = [record.seq for record in read_records(segment.parent)]
    assert after[: len(before) - 1] == before[:-1]
    assert pair.status()["state"] == "ACTIVE"
    assert pair.status()["verdicts"]["approved"] == len(pair.approved_ids())


@pytest.mark.root
def test_a_full_disk_closes_the_gate_and_the_next_start_is_halted(pair, figure):
    venue = pair.root / "venue.sqlite3"
    broker = CALM["broker"] + f'\noptions = {{ path = "{venue}" }}'
    pair.configure(config_text(broker=broker, journal="segment_bytes = 1048576"))
    with mounted(pair.state_dir, "size=6m,mode=0700"):
        sentinel = pair.start_sentinel()
        loop = pair.start_loop(*FEED, strategy="Restless")
        pair.wait_for(lambda s: s["verdicts"]["approved"] > 5, "some approvals")
        filler = pair.state_dir / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\1" * 65536)
            except OSError:
                pass
        assert sentinel.end(60) == 1, sentinel.err
        assert "Traceback" not in sentinel.err
        assert "journal_failed" in sentinel.err
        assert (pair.runtime_dir / "HALT").exists()
        assert loop.end() in {69, -signal.SIGKILL}
        filler.unlink()
        pair.start_sentinel()
        status = pair.status()
        assert status["state"] == "HALTED"
        assert status["halt"]["cause"] == "JOURNAL_FAILED"
        assert not (pair.runtime_dir / "HALT").exists()
        for program in pair.programs:
            program.clear()


def test_a_damaged_venue_file_is_one_clear_line(pair):
    pair.state_dir.mkdir(mode=0o700)
    (pair.state_dir / "offline.sqlite3").write_bytes(b"not a database at all" * 100)
    assert_refused(pair.run("sentinel", "run"), 69, "offline.sqlite3")


def test_last_json_is_whole_at_every_look(pair):
    pair.start_sentinel()
    file = pair.state_dir / "last.json"
    wait_until(file.exists, "last.json")
    seen = set()

    def look():
        seen.add(json.loads(file.read_bytes())["uptime_ms"])
        return len(seen) >= 3

    wait_until(look, "three versions of last.json")
