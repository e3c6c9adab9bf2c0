"""`sentinel replay --journal`: a recorded day under other limits."""

from __future__ import annotations

import json

from tests.sentinel.recorded import CONFIG


def _config(tmp_path, text):
    path = tmp_path / "other.toml"
    path.write_text(text)
    return str(path)


def test_a_day_under_its_own_limits_is_the_day_that_was(day, sentinel, tmp_path):
    day.order("o1")
    day.order("o2", qty="1001")
    config = _config(tmp_path, CONFIG)
    code, out, err = sentinel("replay", "--config", config, "--journal", str(day.directory))
    assert (code, out) == (0, "")
    assert "2 intents judged, 0 would have been otherwise" in err


def test_a_tighter_limit_shows_what_it_would_have_vetoed(day, sentinel, tmp_path):
    day.order("o1", qty="900")
    day.order("o2", qty="500")
    config = _config(tmp_path, CONFIG.replace('"1000"', '"600"'))
    code, out, err = sentinel("replay", "--config", config, "--journal", str(day.directory))
    (line,) = map(json.loads, out.splitlines())
    assert code == 0
    assert (line["cl_ord_id"], line["reason"]) == ("o1", "ORDER_QTY_EXCEEDS_LIMIT")
    assert (line["limit"], line["observed"]) == ("600", "900")
    assert line["recorded"]["verdict"] == "approved"
    assert "1 would have been otherwise" in err


def test_no_journal_is_bad_data_and_both_inputs_are_bad_usage(sentinel, tmp_path):
    config = _config(tmp_path, CONFIG)
    assert sentinel("replay", "--config", config, "--journal", str(tmp_path / "none"))[0] == 65
    assert sentinel("replay", "--config", config, "--journal", "x", "--events", "-")[0] == 64
    assert sentinel("replay", "--config", config)[0] == 64
