"""What an alert says."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.causes import CAUSES
from alerts.stories import STORIES, story_of
from alerts.text import BODY_MAX, TITLE_MAX, VALUE_MAX, clean, compose, summary, utc_text
from alerts.values import Severity
from ipc.reasons import Reason


def written(code="HALTED", facts=None, alert_id="e7-12"):
    return compose(
        alert_id=alert_id,
        severity=Severity.CRITICAL,
        code=code,
        facts=facts or {},
        at_wall_ns=1_767_225_599_999_000_000,
    )


def test_an_alert_says_what_where_when_the_numbers_what_was_done_and_what_to_type():
    alert = written(
        facts={
            "host": "h1",
            "account": "PA-7",
            "mode": "live",
            "strategy": "fade",
            "limit": "5",
            "observed": "7",
        }
    )
    assert alert.title == "CRITICAL: trading is halted (fade)"
    assert alert.body.split("\n") == [
        "The sentinel latched a halt.",
        "Where: host h1 · account PA-7 · mode live · strategy fade",
        "When: 2025-12-31T23:59:59.999Z",
        "limit: 5",
        "observed: 7",
        "Done: Every order is vetoed; only cancels pass. The halt outlives a restart.",
        "Next: sentinel status; then sentinel resume --by NAME --why TEXT",
        "Runbook: docs/runbook.md, halted",
        "Alert e7-12 · HALTED",
    ]


def test_facts_can_speak_for_themselves():
    body = written(facts={"what": "It broke.", "did": "I mended it.", "next": "sleep"}).body
    assert "It broke." in body
    assert "Done: I mended it." in body
    assert "Next: sleep" in body


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in STORIES])
def test_every_reason_without_a_story_is_explained_in_an_alert(reason):
    assert reason.meaning[1:] in written(code=reason.value).body


def test_an_unknown_code_is_said_in_plain_words():
    assert "Clock jumped far." in written(code="CLOCK_JUMPED_FAR").body
    assert story_of("CLOCK_JUMPED_FAR").page == "clock-jumped-far"


@pytest.mark.parametrize("cause", CAUSES)
def test_a_halt_tells_its_cause_and_leads_to_the_causes_page(cause):
    alert = written(facts={"cause": cause})
    assert CAUSES[cause].title in alert.title
    assert alert.body.startswith(CAUSES[cause].what)
    assert f"Runbook: docs/runbook.md, {cause.lower().replace('_', '-')}\n" in alert.body


@pytest.mark.parametrize("reason", Reason)
def test_a_halt_by_a_limit_tells_what_was_crossed(reason):
    story = story_of("HALTED", reason.value)
    assert reason.meaning in story.title or reason.value in CAUSES


def test_a_kills_outcome_keeps_its_own_story_whatever_caused_it():
    assert story_of("KILLED_FLAT", "LOOP_GONE") is STORIES["KILLED_FLAT"]


def test_a_code_that_names_its_subject_has_the_story_of_the_code():
    assert story_of("BLIND:6b031ba17ace") is STORIES["BLIND"]


@pytest.mark.parametrize("code", STORIES | CAUSES)
def test_every_story_is_whole_and_fits(code):
    story = (STORIES | CAUSES)[code]
    for text in (story.title, story.what, story.did, story.next, story.page):
        assert text
        assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb\r\nc\td", "a [31mb c d"),
        ("\u202egnp.exe\u200b", "gnp.exe"),
        ("hi @everyone and @here", "hi @ everyone and @ here"),
        ("<!channel> <@U123>", "<! channel> <@ U123>"),
        ("@\u200beveryone", "@ everyone"),
        ("\ud800", ""),
        ("x" * 1000, "x" * (VALUE_MAX - 1) + "…"),
        ("\n" * 5000 + "x", "…"),
    ],
)
def test_what_a_text_could_do_to_its_reader_is_taken_out(text, shown):
    assert clean(text) == shown


@given(
    facts=st.dictionaries(st.text(max_size=60), st.text(max_size=600), max_size=60),
    code=st.text(max_size=80),
    alert_id=st.text(max_size=80),
)
def test_no_facts_make_a_message_too_long_or_unprintable(facts, code, alert_id):
    alert = written(code=code, facts=facts, alert_id=alert_id)
    assert len(alert.title) <= TITLE_MAX
    assert len(alert.body) <= BODY_MAX
    assert not any(unicodedata.category(char)[0] == "C" for char in alert.title)
    assert not any(unicodedata.category(char)[0] == "C" for char in alert.body.replace("\n", ""))
    assert alert.body.split("\n")[-1].startswith("Alert ")


def test_a_long_message_keeps_the_line_that_names_it():
    facts = {f"n{number}": "y" * 1000 for number in range(60)}
    body = written(facts=facts).body
    assert len(body) == BODY_MAX
    assert body.endswith("…\nAlert e7-12 · HALTED")


def test_facts_beyond_the_first_are_counted():
    body = written(facts={f"n{number}": "1" for number in range(30)}).body
    assert "(6 more facts in the journal)" in body


def test_a_summary_counts_and_repeats_the_last_one_whole():
    last = written(facts={"limit": "5"})
    told = summary(last, 37, 0)
    assert told.title == "CRITICAL: trading is halted [37 times]"
    assert told.body.startswith("37 alerts like this since 1970-01-01T00:00:00.000Z; the last one:")
    assert last.body in told.body
    assert told.alert_id == last.alert_id


@pytest.mark.parametrize("wall_ns", [-1, 1 << 62, 10**30])
def test_a_time_no_calendar_has_is_still_said(wall_ns):
    assert utc_text(wall_ns)
