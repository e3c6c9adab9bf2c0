"""STOP files on a real file system; the poll is stepped by hand where it can be."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ipc.clock import SystemClock
from sentinel.adapters.directory_watch import Change
from sentinel.adapters.stop_file import StopCause, StopFileWatch

NEVER_MS = 600_000


@pytest.fixture
def place(tmp_path):
    """A directory for a STOP file, a watch that is not started, and what it told."""
    seen = []
    made = []

    def watch(*paths, on_seen=None, poll_ms=NEVER_MS):
        found = StopFileWatch(
            paths or (tmp_path / "stops/STOP",),
            on_seen or (lambda path, cause: seen.append((path, cause))),
            SystemClock(),
            poll_ms=poll_ms,
        )
        made.append(found)
        return found

    (tmp_path / "stops").mkdir()
    yield tmp_path / "stops/STOP", watch, seen
    for it in made:
        it.close()


def fifo(path):
    os.mkfifo(path)


def dangling(path):
    path.symlink_to("/nowhere/at/all")


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, fifo, dangling])
def test_any_entry_of_that_name_is_a_stop(place, make):
    stop, watch, seen = place
    found = watch()
    assert found.check_now() == ()
    make(stop)
    assert found.check_now() == ((stop, StopCause.PRESENT),)
    assert seen == [(stop, StopCause.PRESENT)]


def test_a_stop_is_told_once_and_again_when_it_comes_back(place):
    stop, watch, seen = place
    found = watch()
    for _ in range(2):
        stop.touch()
        found.check_now()
        found.check_now()
        stop.unlink()
        assert found.check_now() == ()
    assert seen == [(stop, StopCause.PRESENT)] * 2


def test_a_stop_that_nobody_took_is_told_again(place):
    stop, watch, _ = place
    answers = [False, RuntimeError("full"), True]
    calls = []

    def on_seen(path, cause):
        calls.append(cause)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    found = watch(on_seen=on_seen)
    stop.touch()
    found.check_now()
    stop.unlink()
    found.check_now()
    found.check_now()
    found.check_now()
    assert calls == [StopCause.PRESENT] * 3
    assert found.failures == 2


def test_a_missing_directory_is_a_danger_of_its_own(place):
    stop, watch, seen = place
    found = watch()
    stop.parent.rmdir()
    found.check_now()
    assert seen == [(stop, StopCause.DIRECTORY_MISSING)]


def test_a_directory_that_was_never_there_is_a_danger_too(place):
    stop, watch, seen = place
    stop.parent.rmdir()
    watch().check_now()
    assert seen == [(stop, StopCause.DIRECTORY_MISSING)]


def test_a_replaced_directory_is_a_danger_of_its_own(place):
    stop, watch, seen = place
    found = watch()
    stop.parent.rename(stop.parent.with_name("moved"))
    stop.parent.mkdir()
    found.check_now()
    assert seen == [(stop, StopCause.DIRECTORY_REPLACED)]


def test_a_file_in_place_of_the_directory_is_a_danger(place):
    stop, watch, seen = place
    found = watch()
    stop.parent.rmdir()
    stop.parent.touch()
    found.check_now()
    assert {cause for _, cause in seen} == {
        StopCause.DIRECTORY_MISSING,
        StopCause.DIRECTORY_REPLACED,
    }


def test_a_path_that_cannot_be_looked_at_is_a_danger(place, monkeypatch):
    stop, watch, seen = place
    found = watch()

    def failing(path):
        raise OSError(5, "input/output error")

    monkeypatch.setattr(os, "lstat", failing)
    found.check_now()
    assert seen == [(stop, StopCause.UNREADABLE)]


def test_each_path_speaks_for_itself(place, tmp_path):
    stop, watch, seen = place
    other = tmp_path / "HALT"
    found = watch(stop, other, stop)
    other.touch()
    assert found.check_now() == ((other, StopCause.PRESENT),)
    assert seen == [(other, StopCause.PRESENT)]


@pytest.mark.parametrize(("mode", "refused"), [(0o777, True), (0o1777, False), (0o775, False)])
def test_a_directory_where_everybody_may_remove_a_stop_is_refused(place, mode, refused):
    stop, watch, _ = place
    stop.parent.chmod(mode)
    if refused:
        with pytest.raises(ValueError, match="lets everybody write"):
            watch()
    else:
        watch()


def test_a_directory_of_another_user_is_refused(place):
    stop, watch, _ = place
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: giving a directory away needs root")
    os.chown(stop.parent, 65534, -1)
    with pytest.raises(ValueError, match="owned by user 65534"):
        watch()


def test_a_relative_path_is_refused(place):
    _, watch, _ = place
    with pytest.raises(ValueError, match="absolute"):
        watch(Path("STOP"))


def test_the_poll_alone_sees_a_stop(place, eventually, monkeypatch):
    stop, watch, seen = place
    found = watch(poll_ms=20)
    monkeypatch.setattr(found._events, "arm", lambda: None)
    found.start()
    assert found.degraded == "not armed"
    stop.touch()
    assert eventually(lambda: seen == [(stop, StopCause.PRESENT)])
    assert found.poll_age_ms() < 60_000


def test_events_alone_see_a_stop_long_before_the_poll(place, eventually):
    stop, watch, seen = place
    found = watch(poll_ms=NEVER_MS)
    found.start()
    assert found.degraded is None
    stop.touch()
    assert eventually(lambda: seen == [(stop, StopCause.PRESENT)])


def test_events_see_a_stop_that_is_moved_in(place, eventually, tmp_path):
    stop, watch, seen = place
    found = watch(poll_ms=NEVER_MS)
    found.start()
    (tmp_path / "ready").touch()
    (tmp_path / "ready").rename(stop)
    assert eventually(lambda: seen == [(stop, StopCause.PRESENT)])


def test_events_see_a_stop_below_a_linked_directory(place, eventually, tmp_path):
    stop, watch, seen = place
    (tmp_path / "link").symlink_to("stops")
    found = watch(tmp_path / "link/STOP")
    found.start()
    stop.touch()
    assert eventually(lambda: seen == [(tmp_path / "link/STOP", StopCause.PRESENT)])


def test_a_stop_that_was_there_for_a_moment_counts(place):
    stop, watch, seen = place
    found = watch()
    found._on_event(str(stop), Change.TOUCHED)
    found.check_now()
    assert seen == [(stop, StopCause.PRESENT)]


def test_the_late_news_that_a_stop_was_removed_is_no_new_stop(place):
    stop, watch, seen = place
    found = watch()
    found._on_event(str(stop), Change.VANISHED)
    found.check_now()
    assert seen == []


def test_a_replaced_directory_is_watched_anew(place, eventually):
    stop, watch, seen = place
    found = watch(poll_ms=20)
    found.start()
    shutil.rmtree(stop.parent)
    assert eventually(lambda: (stop, StopCause.DIRECTORY_MISSING) in seen)
    stop.parent.mkdir()
    assert eventually(lambda: (stop, StopCause.DIRECTORY_REPLACED) in seen)
    assert eventually(lambda: found.check_now() == () and found.degraded is None)
    stop.touch()
    assert eventually(lambda: (stop, StopCause.PRESENT) in seen)


def test_where_the_kernel_gives_no_events_the_poll_goes_on_and_it_is_told(
    place, eventually, monkeypatch
):
    stop, watch, seen = place

    def refused(self):
        raise OSError(24, "inotify instance limit reached")

    monkeypatch.setattr("watchdog.observers.api.BaseObserver.start", refused)
    found = watch(poll_ms=20)
    found.start()
    assert "limit reached" in (found.degraded or "")
    stop.touch()
    assert eventually(lambda: seen == [(stop, StopCause.PRESENT)])


def test_a_dead_event_thread_is_told(place, eventually):
    _, watch, _ = place
    found = watch(poll_ms=NEVER_MS)
    found.start()
    found._events._observer.stop()
    assert eventually(lambda: "died" in (found.degraded or ""))
