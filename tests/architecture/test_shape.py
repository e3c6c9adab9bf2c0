"""The shape of every file: short, named for what it is, opened by a sentence, never half done."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from typing import TYPE_CHECKING

import pytest

from tests.architecture.house import ROOMS, SCRIPTS, Module, called, modules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINES_OF_A_FILE = 300
LINES_OF_A_TEST_FILE = 600
"""A test file holds a table of sentences, one after another: it may be longer."""
LINES_OF_A_FUNCTION = 60
NAMELESS = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}
NAMELESS_CLASS = re.compile(r"\w*(?<!Service)(Manager|Helper|Helpers|Util|Utils)")
SERVICE_MANAGER = "service_manager"
"""The one manager: what starts and watches the units. It is its own word."""
UNDONE = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
MUTABLE = {"bytearray", "Counter", "defaultdict", "deque", "dict", "list", "OrderedDict", "set"}
MUTATORS = {
    *("add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem"),
    *("popleft", "remove", "reverse", "setdefault", "sort", "update"),
}


def most(module: Module) -> int:
    """How long a file may be."""
    return LINES_OF_A_TEST_FILE if module.path.startswith("tests/") else LINES_OF_A_FILE


def long_files(root: Path) -> list[str]:
    """Name each file that has no room left."""
    return [
        module.at(lines, f"{lines} lines; a file has fewer than {most(module)}")
        for module in modules(root, (*ROOMS, *SCRIPTS))
        if (lines := len(module.text.splitlines())) >= most(module)
    ]


def long_functions(root: Path) -> list[str]:
    """Name each function that does not fit on one screen."""
    return [
        module.at(node.lineno, f"{node.name} is over {LINES_OF_A_FUNCTION} lines")
        for module in modules(root, (*ROOMS, *SCRIPTS))
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= LINES_OF_A_FUNCTION
    ]


def unopened_files(root: Path) -> list[str]:
    """Name each file that does not say in its first line what it is."""
    return [
        module.at(1, "the first line is a docstring that says what the file is")
        for module in modules(root, (*ROOMS, *SCRIPTS))
        if not (ast.get_docstring(module.tree) or "").strip()
        or not module.text.startswith(('"""', 'r"""'))
    ]


def nameless_things(root: Path) -> list[str]:
    """Name each file and class that is called after nothing."""
    found = []
    for module in modules(root, (*ROOMS, *SCRIPTS)):
        if NAMELESS & set(re.split(r"[._]", module.name.replace(SERVICE_MANAGER, ""))):
            found.append(module.at(1, "a file is named for what it is"))
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and NAMELESS_CLASS.fullmatch(node.name):
                found.append(module.at(node.lineno, f"{node.name} is named for nothing"))
    return found


def undone_work(root: Path) -> list[str]:
    """Name each comment and docstring that puts work off."""
    return [
        module.at(line, "work put off")
        for module in modules(root, (*ROOMS, *SCRIPTS))
        for line, text in _prose(module)
        if UNDONE.search(text)
    ]


def _prose(module: Module) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""


def module_state(root: Path) -> list[str]:
    """Name each module-level thing that can change while the program runs.

    A table in CAPITALS that nothing in its module changes is a constant.
    """
    found = []
    for module in modules(root):
        tables = dict(_mutables(module.tree))
        for name, line in tables.items():
            if not name.lstrip("_").isupper() and name != "__all__":
                found.append(module.at(line, f"{name} is module-level mutable state"))
        for node in ast.walk(module.tree):
            changed = _changed(node)
            if isinstance(node, ast.stmt | ast.expr) and changed in tables:
                found.append(module.at(node.lineno, f"{changed} is changed here"))
            if isinstance(node, ast.Global):
                found.append(module.at(node.lineno, "a global statement"))
    return found


def _mutables(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=value)
            ):
                made = isinstance(value, ast.Call) and called(value) in MUTABLE
                shown = ast.Dict | ast.DictComp | ast.List | ast.ListComp | ast.Set | ast.SetComp
                if made or isinstance(value, shown):
                    yield name, node.lineno
            case _:
                pass


def _changed(node: ast.AST) -> str | None:
    """Return the name that a node changes in place, if it is one."""
    match node:
        case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
            return name
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)) if attr in MUTATORS:
            return name
        case ast.AugAssign(target=ast.Name(id=name)):
            return name
        case _:
            return None


def misplaced_packages(root: Path) -> list[str]:
    """Name each `__init__.py` where there is no package: below tests, scripts and units."""
    return [
        f"{path.relative_to(root)}:1: not a package"
        for top in (*SCRIPTS, "systemd")
        for path in sorted((root / top).rglob("__init__.py"))
    ]


RULES = [
    long_files,
    long_functions,
    unopened_files,
    nameless_things,
    undone_work,
    module_state,
    misplaced_packages,
]


@pytest.mark.parametrize("rule", RULES)
def test_every_file_has_the_shape_of_the_house(house, rule):
    assert rule(house) == []


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (long_files, "ipc/planted.py", "A = 1\n" * 299),
        (long_files, "tests/test_planted.py", "A = 1\n" * 599),
        (long_functions, "ipc/planted.py", "def f():\n" + "    a = 1\n" * 60),
        (nameless_things, "scalper/utils.py", ""),
        (nameless_things, "scalper/order_helpers.py", ""),
        (nameless_things, "ipc/base/planted.py", ""),
        (nameless_things, "ipc/planted.py", "class OrderManager:\n    pass"),
        (undone_work, "ipc/planted.py", "# TODO: later"),
        (undone_work, "ipc/planted.py", 'def f():\n    """FIXME."""'),
        (module_state, "ipc/planted.py", "cache = {}"),
        (module_state, "ipc/planted.py", "cache: dict[str, int] = dict()"),
        (module_state, "ipc/planted.py", "SEEN = [1]\n\n\ndef f():\n    SEEN.append(1)"),
        (module_state, "ipc/planted.py", "SEEN = {1: 2}\n\n\ndef f():\n    SEEN[1] = 1"),
        (module_state, "ipc/planted.py", "A = 1\n\n\ndef f():\n    global A\n    A = 2"),
        (misplaced_packages, "tests/ipc/__init__.py", ""),
        (misplaced_packages, "systemd/__init__.py", ""),
    ],
)
def test_a_misshapen_file_is_found(plant, rule, path, text):
    assert [line for line in rule(plant(path, text)) if line.startswith(path)]


@pytest.mark.parametrize("text", ["", "import os", '#!/usr/bin/env python\n"""Late."""'])
def test_a_file_without_its_first_sentence_is_found(tmp_path, text):
    (tmp_path / "ipc").mkdir()
    (tmp_path / "ipc" / "planted.py").write_text(text)
    assert len(unopened_files(tmp_path)) == 1


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (long_files, "A = 1\n" * 296),
        (long_functions, "def f():\n" + "    a = 1\n" * 59),
        (nameless_things, "class Journal:\n    pass"),
        (nameless_things, "class ServiceManager:\n    pass"),
        (undone_work, "A = 'TODO'  # a text"),
        (module_state, "_TABLE = {1: 2}\nPAIR = (1, 2)\n\n\ndef f():\n    return _TABLE[1]"),
    ],
)
def test_a_well_shaped_file_is_not_found(tmp_path, rule, text):
    (tmp_path / "ipc").mkdir()
    (tmp_path / "ipc" / "planted.py").write_text(f'"""Planted."""\n\n{text}\n')
    assert rule(tmp_path) == []
