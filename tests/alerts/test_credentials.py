"""Routes and the files that hold their URLs."""

from __future__ import annotations

import pytest

from alerts.credentials import RouteUnusable, resolve_routes
from alerts.values import Severity
from ipc.config.values import RouteValues

SECRET = "json://127.0.0.1:9/c4n4ry"


def test_a_relative_url_file_is_found_in_the_credentials_directory(tmp_path):
    (tmp_path / "slack").write_text(f"# the team's channel\n\n{SECRET}\n")
    values = RouteValues(name="s", url_file="slack", severity="critical", required=True)
    (route,) = resolve_routes((values,), {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert route.url == SECRET
    assert route.severity is Severity.CRITICAL
    assert route.required


def test_an_absolute_url_file_is_taken_as_it_is(tmp_path):
    (tmp_path / "slack").write_text(SECRET)
    values = RouteValues(name="s", url_file=str(tmp_path / "slack"))
    (route,) = resolve_routes((values,), {"CREDENTIALS_DIRECTORY": "/nonexistent"})
    assert route.url == SECRET


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "no such file"),
        (b"", "has 0 URLs"),
        (b"# only a comment\n", "has 0 URLs"),
        (f"{SECRET}\n{SECRET}2\n".encode(), "has 2 URLs"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (SECRET.encode() + b"x" * 9000, "1 to 8192 characters"),
    ],
)
def test_a_bad_url_file_is_one_line_that_names_it_and_tells_no_secret(tmp_path, content, complaint):
    path = tmp_path / "slack"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RouteUnusable) as caught:
        resolve_routes((RouteValues(name="s", url_file=str(path)),), {})
    text = str(caught.value)
    assert complaint in text
    assert '[[route]] "s"' in text
    assert "c4n4ry" not in text
    assert "\n" not in text


def test_a_directory_in_place_of_the_file_is_refused(tmp_path):
    with pytest.raises(RouteUnusable, match="no such file"):
        resolve_routes((RouteValues(name="s", url_file=str(tmp_path)),), {})


@pytest.mark.parametrize(
    "values",
    [
        RouteValues(name="s"),
        RouteValues(name="s", url=SECRET, url_file="x"),
        RouteValues(name="s", url=SECRET, severity="loud"),
        RouteValues(name="s", url="  "),
        RouteValues(name="s", url=f"{SECRET}\n{SECRET}"),
    ],
)
def test_a_route_without_exactly_one_good_url_is_refused(values):
    with pytest.raises(RouteUnusable) as caught:
        resolve_routes((values,), {})
    assert "c4n4ry" not in str(caught.value)


def test_two_routes_of_one_name_are_refused():
    twice = RouteValues(name="s", url=SECRET)
    with pytest.raises(RouteUnusable, match="used twice"):
        resolve_routes((twice, twice), {})


def test_a_route_shows_itself_without_its_url():
    (route,) = resolve_routes((RouteValues(name="s", url=SECRET),), {})
    assert "c4n4ry" not in repr(route)
    assert "c4n4ry" not in f"{[route]}"
