"""What the pages say of the house is so: links, made pages, copied code, named headings."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from alerts.causes import CAUSES
from alerts.stories import STORIES, story_of
from ipc.config.reader import parse_config
from ipc.reasons import Reason
from sentinel.adapters.drop_copy import LOST
from sentinel.adapters.stop_file import StopCause
from sentinel.core import kill, sessions
from tests.docs.pages import (
    FILE,
    PAGES,
    ROOT,
    RUN,
    SAME,
    SHOWN,
    blocks,
    commands,
    fits,
    headings,
    links,
    prose,
)

RUNBOOK = ROOT / "docs" / "runbook.md"
SOURCES = [
    path
    for room in ("alerts", "broker_api", "ipc", "scalper", "sentinel", "examples", "systemd")
    for path in sorted((ROOT / room).rglob("*"))
    if path.suffix in {".py", ".service", ".path", ".conf"}
]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page):
    for target in links(page):
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        goal = (page.parent / name).resolve() if name else page
        assert goal.exists(), target
        assert not anchor or anchor in headings(goal), target


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_no_page_names_a_place_on_somebodys_machine(page):
    assert not re.search(r"/(home|root|Users|work|tmp)/", page.read_text(encoding="utf-8"))


def test_every_page_that_the_code_names_exists_with_its_heading():
    pattern = re.compile(r"\b(docs/[a-z-]+\.md)(?:#([a-z-]+))?")
    found = [hit for path in SOURCES for hit in pattern.findall(path.read_text(encoding="utf-8"))]
    assert ("docs/runbook.md", "journal") in found
    for name, anchor in found:
        assert (ROOT / name).is_file(), name
        assert not anchor or anchor in headings(ROOT / name), (name, anchor)


def test_the_made_pages_and_tables_are_current():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert generate.main(["--check"]) == 0
    assert generate.limits_in_brief() in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_code_that_is_said_to_be_a_file_is_that_file(page):
    for block in blocks(page):
        if block.note.startswith(SAME):
            source = ROOT / block.note.removeprefix(SAME).strip()
            assert block.text == source.read_text(encoding="utf-8")


def test_the_readme_holds_the_whole_bot():
    notes = [block.note for block in blocks(ROOT / "README.md")]
    assert f"{SAME} examples/own_bot.py" in notes


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_shell_session_is_run_or_says_why_not(page):
    for block in blocks(page):
        known = not block.note or block.note.startswith((SHOWN, FILE, SAME, "limits"))
        assert known, block.note
        assert bool(commands(block)) == (block.kind == RUN), block.text


@pytest.mark.parametrize("code", [*STORIES, *CAUSES])
def test_every_alert_leads_to_a_heading_of_the_runbook(code):
    assert (STORIES | CAUSES)[code].page in headings(RUNBOOK)


@pytest.mark.parametrize("reason", Reason)
def test_a_halt_by_any_limit_leads_to_a_heading_of_the_runbook(reason):
    assert story_of("HALTED", reason.value).page in headings(RUNBOOK)


@pytest.mark.parametrize("code", CAUSES)
def test_the_runbook_names_every_cause_by_its_code(code):
    assert f"`{code}`" in RUNBOOK.read_text(encoding="utf-8")


def calls(name: str) -> list[ast.Call]:
    """Return every call of a function of this name in the sentinel."""
    return [
        node
        for path in (ROOT / "sentinel").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and name == (node.func.attr if isinstance(node.func, ast.Attribute) else _name(node.func))
    ]


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def texts(node: ast.AST) -> set[str]:
    """Return the codes, upper case, that an expression can give."""
    return {
        found.value
        for found in ast.walk(node)
        if isinstance(found, ast.Constant)
        and isinstance(found.value, str)
        and re.fullmatch(r"[A-Z_]{4,}", found.value)
    }


def test_every_alert_that_the_core_makes_has_a_story():
    codes = {code for call in calls("alert") for code in texts(call.args[2])}
    assert len(codes) > 10
    outcomes = {kill.KILLED_FLAT, kill.KILLED_POSITION_OPEN, kill.KILL_UNVERIFIED}
    assert codes | outcomes | {"BLIND", LOST} <= set(STORIES)


def test_every_cause_of_a_halt_has_a_story():
    causes = {cause.value for cause in StopCause} | set(sessions.CAUSES.values())
    causes |= {code for call in calls("halt") if len(call.args) > 1 for code in texts(call.args[1])}
    causes |= {code for call in calls("_danger") for code in texts(call.args[0])}
    for name in ("HaltRequested", "ReduceRequested"):
        for call in calls(name):
            causes |= {c for k in call.keywords if k.arg == "cause" for c in texts(k.value)}
    assert causes == set(CAUSES)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_the_configuration_that_a_page_shows_is_valid(page):
    for block in blocks(page):
        if block.kind == "toml":
            least = "" if "[limits]" in block.text else '[limits]\nsymbols = ["*"]\n'
            assert parse_config(least + block.text, page.name).risk.limits.symbols


@pytest.mark.parametrize(
    ("shown", "seen", "result"),
    [
        ("a\nb", "a\nb", True),
        ("a\n...\nc", "a\nb\nb\nc", True),
        ("a\n...\nc", "a\nc", True),
        ("a ... c", "a b c", True),
        ("...\nc", "c", True),
        ("c\n...", "c", True),
        ("a.c", "abc", False),
        ("a\n...\nc", "a\nb", False),
        ("a", "a\nb", False),
    ],
)
def test_dots_stand_for_anything_and_nothing_else_does(shown, seen, result):
    assert fits(shown, seen) is result


def test_prose_is_what_is_outside_of_blocks(tmp_path):
    page = tmp_path / "p.md"
    page.write_text("# A b\n```sh\n# no\n[x](y)\n```\n[c](d#e)\n")
    assert headings(page) == {"a-b"}
    assert links(page) == ["d#e"]
    assert "no" not in prose(page)
