"""The configuration file: seen to change, and read safely."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipc.clock import SystemClock
from sentinel.adapters.config_watch import SIZE_MAX, ConfigWatch, FileRefused, read_guarded

NEVER_MS = 600_000


class HandClock:
    def __init__(self):
        self.now_ns = 0

    def elapsed_ns(self):
        return self.now_ns

    def wall_ns(self):
        return self.now_ns

    def sleep_ms(self, duration_ms):
        self.now_ns += int(duration_ms * 1e6)


class Bench:
    """A watch stepped by hand."""

    def __init__(self, path):
        self.path = path
        self.clock = HandClock()
        self.changes = []
        self.answer = True
        self.watch = ConfigWatch(path, self._on_change, self.clock)

    def _on_change(self):
        self.changes.append(self.path.read_text() if self.path.exists() else None)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def settle(self):
        for _ in range(3):
            self.watch.look()
            self.clock.sleep_ms(60)


@pytest.fixture
def bench(tmp_path):
    path = tmp_path / "sentinel.toml"
    path.write_text("one")
    found = Bench(path)
    yield found
    found.watch.close()


def in_place(path, text):
    path.write_text(text)


def by_rename(path, text):
    path.with_suffix(".swp").write_text(text)
    path.with_suffix(".swp").replace(path)


def by_backup(path, text):
    path.rename(path.with_suffix(".bak"))
    path.write_text(text)


@pytest.mark.parametrize("save", [in_place, by_rename, by_backup])
def test_each_way_to_save_is_one_change(bench, save):
    bench.settle()
    save(bench.path, "two")
    bench.settle()
    bench.settle()
    assert bench.changes == ["two"]


def test_a_half_written_file_is_waited_out(bench):
    bench.path.write_text("")
    assert not bench.watch.look()
    bench.clock.sleep_ms(40)
    bench.path.write_text("two")
    assert not bench.watch.look()
    bench.clock.sleep_ms(40)
    assert not bench.watch.look()
    bench.clock.sleep_ms(40)
    assert bench.watch.look()
    assert bench.changes == ["two"]


def test_an_endless_writer_is_told_of_after_a_second(bench):
    for number in range(30):
        bench.path.write_text(str(number))
        bench.watch.look()
        bench.clock.sleep_ms(40)
    assert len(bench.changes) == 1


def test_a_change_that_was_taken_back_in_time_is_none(bench):
    bench.path.write_text("two")
    bench.watch.look()
    bench.path.write_text("one")
    bench.settle()
    assert bench.changes == []


def test_vanishing_and_coming_back_are_changes(bench):
    bench.path.unlink()
    bench.settle()
    bench.path.write_text("one")
    bench.settle()
    assert bench.changes == [None, "one"]


def test_a_touch_is_no_change_but_a_wider_mode_is(bench):
    os.utime(bench.path, ns=(1, 1))
    bench.settle()
    assert bench.changes == []
    bench.path.chmod(0o666)
    bench.settle()
    assert bench.changes == ["one"]


def test_a_change_of_the_same_size_at_the_same_time_is_seen(bench):
    status = bench.path.stat()
    bench.path.write_text("eno")
    os.utime(bench.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    bench.settle()
    assert bench.changes == ["eno"]


@pytest.mark.parametrize("answer", [False, RuntimeError("busy")])
def test_a_change_that_nobody_took_is_told_again(bench, answer):
    bench.answer = answer
    bench.path.write_text("two")
    bench.settle()
    assert bench.watch.failures >= 1
    bench.answer = True
    bench.settle()
    assert bench.watch.look() is False
    assert bench.changes[-1] == "two"


def test_a_file_behind_a_swapped_directory_link_is_followed(tmp_path):
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "sentinel.toml").write_text(version)
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "sentinel.toml").symlink_to("..data/sentinel.toml")
    bench = Bench(tmp_path / "sentinel.toml")
    (tmp_path / "..tmp").symlink_to("v2")
    (tmp_path / "..tmp").replace(tmp_path / "..data")
    bench.settle()
    assert bench.changes == ["v2"]
    bench.watch.close()


@pytest.mark.parametrize("way", ["events", "poll"])
def test_its_threads_see_a_change(tmp_path, eventually, monkeypatch, way):
    path = tmp_path / "sentinel.toml"
    path.write_text("one")
    changes = []
    watch = ConfigWatch(
        path,
        lambda: changes.append(path.read_text()),
        SystemClock(),
        poll_ms=NEVER_MS if way == "events" else 20,
    )
    if way == "poll":
        monkeypatch.setattr(watch._events, "arm", lambda: None)
    watch.start()
    by_rename(path, "two")
    assert eventually(lambda: changes == ["two"])
    in_place(path, "three")
    assert eventually(lambda: changes[-1] == "three")
    assert watch.poll_age_ms() < 60_000
    assert (watch.degraded is None) == (way == "events")
    watch.close()


def test_a_file_of_ours_is_read(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * SIZE_MAX)
    path.chmod(0o640)
    assert read_guarded(path) == b"x" * SIZE_MAX


@pytest.mark.parametrize("mode", [0o666, 0o660, 0o602])
def test_a_file_that_others_may_write_is_refused(tmp_path, mode):
    path = tmp_path / "a"
    path.write_text("x")
    path.chmod(mode)
    with pytest.raises(FileRefused, match=f"{path}: mode {mode:04o}"):
        read_guarded(path)


def test_a_file_or_link_of_another_user_is_refused(tmp_path):
    path, link = tmp_path / "a", tmp_path / "link"
    path.write_text("x")
    link.symlink_to(path)
    with pytest.raises(FileRefused, match="owned by user"):
        read_guarded(path, owners=(os.geteuid() + 1,))
    if os.geteuid() == 0:
        os.chown(link, 65534, -1, follow_symlinks=False)
        with pytest.raises(FileRefused, match="a link of user 65534"):
            read_guarded(link)


def fifo(path):
    os.mkfifo(path)


def too_large(path):
    path.write_bytes(b"x" * (SIZE_MAX + 1))


@pytest.mark.parametrize("make", [fifo, Path.mkdir, too_large, lambda path: None])
def test_what_is_no_sound_file_is_refused_in_one_line(tmp_path, make):
    path = tmp_path / "a"
    make(path)
    path.exists() and path.chmod(0o640)
    with pytest.raises(FileRefused, match="expected") as caught:
        read_guarded(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
