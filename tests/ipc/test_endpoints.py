"""Where the two programs meet: directories and socket paths, on a real file system."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipc.endpoints import (
    SOCKET_PATH_MAX,
    EndpointTaken,
    PathRefused,
    TransportRefused,
    check_libzmq,
    check_socket_place,
    file_identity,
    lock_directory,
    prepare_directory,
    resolve_paths,
    socket_path,
    start_ticks,
)

HOME = {"HOME": "/home/u"}
XDG = {**HOME, "XDG_STATE_HOME": "/xs", "XDG_RUNTIME_DIR": "/xr"}
MANAGED = {**XDG, "STATE_DIRECTORY": "/ms", "RUNTIME_DIRECTORY": "/mr"}
OVERRIDDEN = {**MANAGED, "SENTINEL_STATE_DIR": "/es", "SENTINEL_RUNTIME_DIR": "/er"}


@pytest.mark.parametrize(
    ("env", "flags", "state", "runtime"),
    [
        (HOME, (None, None), "/home/u/.local/state/sentinel", "/home/u/.local/state/sentinel/run"),
        (XDG, (None, None), "/xs/sentinel", "/xr/sentinel"),
        (MANAGED, (None, None), "/ms", "/mr"),
        (OVERRIDDEN, (None, None), "/es", "/er"),
        (OVERRIDDEN, ("/fs", "/fr"), "/fs", "/fr"),
        (OVERRIDDEN, ("/fs", None), "/fs", "/er"),
        ({**HOME, "SENTINEL_STATE_DIR": "/es"}, (None, None), "/es", "/es/run"),
        ({**MANAGED, "STATE_DIRECTORY": "/m1:/m2"}, (None, None), "/m1", "/mr"),
        ({**XDG, "STATE_DIRECTORY": ""}, (None, None), "/xs/sentinel", "/xr/sentinel"),
        ({**XDG, "SENTINEL_STATE_DIR": ""}, (None, None), "/xs/sentinel", "/xr/sentinel"),
        ({**HOME, "XDG_STATE_HOME": "rel", "XDG_RUNTIME_DIR": "rel"}, (None, None),
         "/home/u/.local/state/sentinel", "/home/u/.local/state/sentinel/run"),
    ],
)  # fmt: skip
def test_flags_beat_overrides_beat_the_service_manager_beats_xdg(env, flags, state, runtime):
    paths = resolve_paths(env, *flags)
    assert (str(paths.state_dir), str(paths.runtime_dir)) == (state, runtime)
    assert paths.gate == f"ipc://{runtime}/gate.sock"
    assert paths.control == f"ipc://{runtime}/control.sock"
    assert paths.telemetry == f"ipc://{runtime}/telemetry.sock"


def test_a_relative_override_is_made_absolute():
    assert resolve_paths({"SENTINEL_STATE_DIR": "here"}).state_dir == Path.cwd() / "here"


@pytest.mark.parametrize("env", [{}, {"HOME": ""}, {"HOME": "rel"}])
def test_without_any_home_the_refusal_says_what_to_set(env):
    with pytest.raises(PathRefused, match="--state-dir"):
        resolve_paths(env)


def test_a_zero_byte_in_a_path_is_refused():
    with pytest.raises(PathRefused, match="zero byte"):
        resolve_paths(HOME, "/a\0b")


def test_the_longest_socket_path_fits_and_one_byte_more_is_refused_with_its_length():
    room = SOCKET_PATH_MAX - len("//telemetry.sock")
    assert resolve_paths(HOME, "/s", "/" + "r" * room).gate
    with pytest.raises(PathRefused, match="108 bytes"):
        resolve_paths(HOME, "/s", "/" + "r" * (room + 1))


def test_length_counts_bytes_and_not_letters():
    with pytest.raises(PathRefused, match="bytes long"):
        resolve_paths(HOME, "/s", "/" + "ä" * 60)


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:1", "ipc://relative", "ipc://@abstract", ""])
def test_only_absolute_ipc_endpoints_are_endpoints(endpoint):
    with pytest.raises(PathRefused, match="ipc://"):
        socket_path(endpoint)


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_missing_directories_are_created_tight_even_under_an_open_umask(short_tmp):
    umask = os.umask(0)
    try:
        assert prepare_directory(short_tmp / "a" / "b" / "c") is None
    finally:
        os.umask(umask)
    assert [mode_of(short_tmp / path) for path in ("a", "a/b", "a/b/c")] == [0o750] * 3


@pytest.mark.parametrize(
    ("mode", "after"),
    [(0o755, 0o750), (0o770, 0o750), (0o775, 0o750), (0o1777, 0o1750), (0o2755, 0o2750)],
)
def test_a_wider_directory_of_ours_is_narrowed_with_one_line(short_tmp, mode, after):
    short_tmp.chmod(mode)
    warning = prepare_directory(short_tmp)
    assert warning is not None
    assert "\n" not in warning
    assert f"{mode:04o}" in warning
    assert mode_of(short_tmp) == after
    assert prepare_directory(short_tmp) is None


@pytest.mark.parametrize("mode", [0o750, 0o700])
def test_a_tight_directory_is_left_as_it_is(short_tmp, mode):
    short_tmp.chmod(mode)
    assert prepare_directory(short_tmp) is None
    assert mode_of(short_tmp) == mode


@pytest.mark.parametrize("mode", [0o777, 0o757])
def test_a_world_writable_directory_without_the_sticky_bit_is_refused(short_tmp, mode):
    short_tmp.chmod(mode)
    with pytest.raises(PathRefused, match="anyone may write"):
        prepare_directory(short_tmp)
    assert mode_of(short_tmp) == mode


@pytest.mark.root
def test_a_directory_of_another_user_is_refused(short_tmp):
    os.chown(short_tmp, 65534, 65534)
    with pytest.raises(PathRefused, match="65534"):
        prepare_directory(short_tmp)


@pytest.mark.root
def test_a_link_made_by_another_user_is_refused(short_tmp):
    (short_tmp / "real").mkdir(mode=0o750)
    link = short_tmp / "link"
    link.symlink_to("real")
    assert prepare_directory(link) is None
    os.lchown(link, 65534, 65534)
    with pytest.raises(PathRefused, match="symbolic link"):
        prepare_directory(link)


@pytest.mark.parametrize("below", ["file", "file/sub"])
def test_a_file_in_the_directorys_place_is_refused_and_kept(short_tmp, below):
    (short_tmp / "file").write_text("precious")
    with pytest.raises(PathRefused, match="cannot use"):
        prepare_directory(short_tmp / below)
    assert (short_tmp / "file").read_text() == "precious"


def test_a_directory_that_cannot_be_made_is_refused_in_one_line():
    with pytest.raises(PathRefused) as caught:
        prepare_directory(Path("/proc/nowhere/sentinel"))
    assert "\n" not in str(caught.value)


def test_a_dangling_link_is_refused(short_tmp):
    (short_tmp / "link").symlink_to("nowhere")
    with pytest.raises(PathRefused):
        prepare_directory(short_tmp / "link")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write where the mode forbids it")
def test_a_read_only_directory_is_refused(short_tmp):
    short_tmp.chmod(0o500)
    with pytest.raises(PathRefused, match="cannot write"):
        prepare_directory(short_tmp)


def test_an_absent_path_and_an_old_socket_may_be_bound(short_tmp):
    import socket

    place = short_tmp / "s"
    check_socket_place(place)
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(place))
    check_socket_place(place)


@pytest.mark.parametrize("kind", ["file", "link", "directory", "fifo"])
def test_anything_else_in_a_sockets_place_is_refused(short_tmp, kind):
    place = short_tmp / "s"
    match kind:
        case "file":
            place.touch()
        case "link":
            place.symlink_to("elsewhere")
        case "directory":
            place.mkdir()
        case _:
            os.mkfifo(place)
    with pytest.raises(PathRefused, match="socket's place"):
        check_socket_place(place)
    assert place.is_symlink() or place.exists()


def test_one_holder_of_a_directory_at_a_time_and_the_next_learns_who(short_tmp):
    held = lock_directory(short_tmp)
    with pytest.raises(EndpointTaken, match=f"pid {os.getpid()}"):
        lock_directory(short_tmp)
    os.close(held)
    os.close(lock_directory(short_tmp))


def test_a_link_in_the_locks_place_is_not_followed(short_tmp):
    (short_tmp / "lock").symlink_to("victim")
    with pytest.raises(PathRefused):
        lock_directory(short_tmp)
    assert not (short_tmp / "victim").exists()


def test_a_replaced_file_has_another_identity_and_an_absent_one_has_none(short_tmp):
    path = short_tmp / "f"
    assert file_identity(path) is None
    path.touch()
    first = file_identity(path)
    (short_tmp / "g").touch()
    (short_tmp / "g").rename(path)
    assert first is not None
    assert file_identity(path) != first


@pytest.mark.parametrize("version", [(4, 3, 4), (4, 2, 9), (3, 9, 9)])
def test_an_old_libzmq_is_refused_with_both_versions(version):
    with pytest.raises(TransportRefused, match=r"4\.3\.5"):
        check_libzmq(version)


@pytest.mark.parametrize("version", [(4, 3, 5), (4, 4, 0), (5, 0, 0)])
def test_a_new_enough_libzmq_is_taken(version):
    check_libzmq(version)


def test_a_process_named_to_confuse_the_reader_keeps_its_start(short_tmp):
    script = short_tmp / ") R 1 2 3 ("
    shutil.copy("/bin/sleep", script)
    with subprocess.Popen([str(script), "60"]) as child:
        try:
            ours, theirs = start_ticks(os.getpid()), start_ticks(child.pid)
            uptime_ticks = float(Path("/proc/uptime").read_text().split()[0]) * os.sysconf(
                "SC_CLK_TCK"
            )
            assert ours <= theirs <= uptime_ticks + 100
        finally:
            child.kill()


def test_the_start_of_a_process_that_is_not_there_is_an_error():
    with pytest.raises(ProcessLookupError):
        start_ticks(2**22 + 1)


@given(st.text(min_size=1, max_size=200))
def test_any_text_as_a_directory_gives_paths_that_fit_or_one_clear_error(text):
    if "\0" in text or len(os.fsencode(Path(text).absolute() / "telemetry.sock")) > SOCKET_PATH_MAX:
        with pytest.raises(PathRefused, match=r"zero byte|bytes long"):
            resolve_paths(HOME, "/s", text)
    else:
        paths = resolve_paths(HOME, "/s", text)
        assert len(os.fsencode(socket_path(paths.telemetry))) <= SOCKET_PATH_MAX


@pytest.mark.parametrize("path", ["/", "/tmp", "/var/tmp", "/dev/shm"])
def test_a_directory_that_is_everybodys_is_refused_and_stays_as_it_was(path):
    before = Path(path).stat().st_mode
    with pytest.raises(PathRefused):
        prepare_directory(Path(path))
    assert Path(path).stat().st_mode == before
