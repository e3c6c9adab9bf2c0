"""The log is JSON in a rotating file and one plain line on a terminal; it never stops a run."""

import io
import json

import pytest

from scalper.logs import LogUnwritable, open_log


@pytest.fixture
def opened(tmp_path, clock):
    closing = []

    def make(**changes):
        stream = io.StringIO()
        given = {
            "clock": clock,
            "file": tmp_path / "log.json",
            "file_level": "info",
            "terminal_level": "warning",
            "max_bytes": 0,
            "keep": 3,
            "stream": stream,
            "colors": False,
        }
        log, files = open_log(**(given | changes))
        closing.append(files)
        return log, stream

    yield make
    for files in closing:
        files.close()


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_event_is_one_json_line_with_its_facts(opened, tmp_path):
    log, _ = opened()
    log.bind(run_id="r1").info("order_sent", cl_ord_id="a\nb", reason=None)
    assert lines(tmp_path / "log.json") == [
        {
            "event": "order_sent",
            "cl_ord_id": "a\nb",
            "run_id": "r1",
            "level": "info",
            "timestamp": "2023-11-14T22:30:00.000000Z",
        }
    ]


def test_levels_differ_between_file_and_terminal(opened, tmp_path):
    log, stream = opened()
    log.debug("a")
    log.info("b")
    log.warning("c")
    assert [event["event"] for event in lines(tmp_path / "log.json")] == ["b", "c"]
    assert "c" in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 1


def test_a_trace_is_in_the_file_and_not_on_the_terminal(opened, tmp_path):
    log, stream = opened()
    try:
        raise ValueError("deep")
    except ValueError:
        log.exception("failed")
    assert "Traceback" in lines(tmp_path / "log.json")[0]["exception"]
    assert "Traceback" not in stream.getvalue()


def test_the_file_is_rotated_by_size_and_old_ones_are_counted(opened, tmp_path):
    log, _ = opened(max_bytes=500, keep=2)
    for number in range(100):
        log.info("event", number=number)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "log.json",
        "log.json.1",
        "log.json.2",
    ]
    assert all(path.stat().st_size <= 500 for path in tmp_path.iterdir())
    assert lines(tmp_path / "log.json")[-1]["number"] == 99


def test_an_unwritable_file_is_refused_in_one_line(opened, tmp_path):
    with pytest.raises(LogUnwritable, match="cannot be written") as caught:
        opened(file=tmp_path / "none" / "log.json")
    assert "\n" not in str(caught.value)


def test_a_full_disk_loses_lines_and_not_the_run(opened, capsys):
    log, _ = opened(file=__import__("pathlib").Path("/dev/full"))
    for _ in range(3):
        log.info("event")
    assert len(capsys.readouterr().err.splitlines()) == 1
