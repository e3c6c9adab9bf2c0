"""The demo's verdict: each broken promise alone makes it fail, and is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from examples.demo_report import Act, Latch, Results, Stop, Throttled, checks, report


def act(name="an act", **changes) -> Act:
    values: dict[str, Any] = {"approved": 3, "by_reason": {}, "orders": 3, "exit_code": 0}
    return Act(name=name, **(values | changes))


def stop(name: str, cause: str, **changes) -> Stop:
    return Stop(
        act=act(name, exit_code=-9, **changes),
        expected=cause,
        cause=cause,
        outcome="KILLED_FLAT",
        dead_ms=812,
        verified_ms=1913,
        left_working=0,
    )


@pytest.fixture
def good() -> Results:
    return Results(
        dry_run=act("dry run, SYN/USD", approved=64, orders=64),
        runaway=stop(
            "runaway", "VETO_STORM", approved=6, orders=6, by_reason={"THROTTLE_EXCEEDED": 200}
        ),
        throttled=Throttled(burst=5, per_s=5, elapsed_ms=400),
        others=(stop("hang: SIGSTOP", "HEARTBEAT_QUIET"),),
        latch=Latch(
            halt_before_restart="h1",
            halt_after_restart="h1",
            start_while_halted=75,
            resume_with_stop_file=1,
            start_with_stop_file=75,
            start_after_resume=0,
        ),
        after=act("after the resume"),
        approved=76,
        orders=76,
    )


def failed(results: Results) -> list[str]:
    return [check.text for check in checks(results) if not check.ok]


def test_when_all_of_it_happened_every_check_holds(good):
    assert failed(good) == []
    assert report(good, colors=False).endswith("demo: all 13 checks hold")


@pytest.mark.parametrize(
    ("part", "changes", "named"),
    [
        ("dry_run", {"exit_code": 69}, "exit 69"),
        ("dry_run", {"orders": 63}, "orders at the venue"),
        ("dry_run", {"orders": 65}, "orders at the venue"),
        ("dry_run", {"approved": 0, "orders": 0}, "it traded"),
        ("after", {"orders": 4}, "orders at the venue"),
        ("runaway", {"cause": None}, "halted by None"),
        ("runaway", {"cause": "OPERATOR_HALT"}, "halted by OPERATOR_HALT"),
        ("runaway", {"outcome": "KILL_UNVERIFIED"}, "KILL_UNVERIFIED"),
        ("runaway", {"outcome": None}, "None"),
        ("runaway", {"left_working": 1}, "1 working"),
        ("latch", {"halt_after_restart": None}, "outlived"),
        ("latch", {"halt_after_restart": "h2"}, "outlived"),
        ("latch", {"start_while_halted": 0}, "refused while halted"),
        ("latch", {"start_with_stop_file": 69}, "exit 69"),
        ("latch", {"resume_with_stop_file": 0}, "`sentinel resume` (exit 0)"),
        ("latch", {"start_after_resume": 75}, "the loop ran again"),
    ],
)
def test_a_promise_that_did_not_hold_is_named(good, part, changes, named):
    broken = replace(good, **{part: replace(getattr(good, part), **changes)})
    assert any(named in text for text in failed(broken))
    text = report(broken, colors=False)
    assert "  FAILED  " in text
    assert "do NOT hold" in text.splitlines()[-1]


@pytest.mark.parametrize("code", [0, 69, 75, -15])
def test_a_loop_that_left_by_itself_was_not_killed(good, code):
    first = replace(good.others[0], act=replace(good.others[0].act, exit_code=code))
    assert failed(replace(good, others=(first,))) == [
        f"hang: SIGSTOP: halted by HEARTBEAT_QUIET, process killed - no, it left with {code}"
    ]


@pytest.mark.parametrize("approved", [4, 8])
def test_a_throttle_that_gives_too_little_or_too_much_is_named(good, approved):
    run = replace(good.runaway, act=replace(good.runaway.act, approved=approved, orders=approved))
    total = 70 + approved
    found = failed(replace(good, runaway=run, approved=total, orders=total))
    assert len(found) == 1
    assert f"the runaway got {approved} approvals" in found[0]


def test_a_runaway_that_met_no_throttle_is_named(good):
    run = replace(good.runaway, act=replace(good.runaway.act, by_reason={"ORDER_INVALID": 200}))
    assert len(failed(replace(good, runaway=run))) == 1


def test_an_approval_that_came_too_late_may_be_without_an_order(good):
    late = replace(good.dry_run, orders=62, late=2)
    assert failed(replace(good, dry_run=late, orders=74)) == []
    assert failed(replace(good, dry_run=replace(late, late=1), orders=74)) != []


def test_an_order_nobody_counted_in_an_act_is_named(good):
    assert failed(replace(good, orders=77)) != []


def test_no_line_of_the_tables_is_wider_than_a_terminal(good):
    lines = report(good, colors=False).splitlines()
    assert max(map(len, lines)) <= 80
    assert "runaway                               206         6         6     200" in lines
    assert "  THROTTLE_EXCEEDED                                               200" in lines


def test_colours_are_only_there_when_asked_for(good):
    assert "\x1b" not in report(good, colors=False)
    assert "\x1b[32mok\x1b[0m" in report(good, colors=True)
