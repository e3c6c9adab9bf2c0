"""The doors: each outside library, the clock and the disk are reached in one place only."""

from __future__ import annotations

import ast
import sys
from fnmatch import fnmatch
from typing import TYPE_CHECKING

import pytest

from tests.architecture.house import called, imports, is_within, modules

if TYPE_CHECKING:
    from pathlib import Path

DOORS: dict[str, tuple[str, ...]] = {
    "zmq": ("ipc/client.py", "ipc/server.py"),
    "psutil": ("sentinel/adapters/process_tree.py",),
    "apprise": ("alerts/sender.py",),
    "prometheus_client": ("sentinel/adapters/metrics*.py",),
    "time": ("ipc/clock.py",),
    "sqlite3": ("broker_api/offline*.py", "sentinel/adapters/journal_export.py"),
    "alpaca": ("broker_api/alpaca*.py",),
    "ccxt": ("broker_api/ccxt*.py",),
}
"""Which files may import a library."""

CORE_MAY_IMPORT = (
    *("__future__", "abc", "array", "bisect", "collections", "dataclasses", "enum", "fractions"),
    *("functools", "hashlib", "heapq", "ipc", "itertools", "math", "msgspec", "operator", "re"),
    *("sentinel", "types", "typing"),
)
"""All that the core needs to decide; none of it can see the world."""

CORE_MAY_NOT_CALL = ("open", "print", "input", "float", "breakpoint", "__import__")
NOWHERE = ("pickle", "marshal", "shelve", "dill", "cloudpickle")


def open_doors(root: Path) -> list[str]:
    """Name each import of a library in a file that is not its door."""
    return [
        module.at(item.line, f"{library} is imported only in {' '.join(doors)}")
        for module in modules(root)
        for item in imports(module)
        for library, doors in DOORS.items()
        if is_within(item.target, library) and not any(fnmatch(module.path, door) for door in doors)
    ]


def other_clocks(root: Path) -> list[str]:
    """Name each reading of the wall clock through datetime: the clock is an argument."""
    return [
        module.at(node.lineno, f"{called(node)}() reads a clock; only ipc/clock.py does")
        for module in modules(root)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and called(node) in {"now", "utcnow", "today"}
        and any(part in ast.unparse(node.func).split(".") for part in ("datetime", "date"))
    ]


def dangers(root: Path) -> list[str]:
    """Name each eval, shell and pickle."""
    found = []
    for module in modules(root):
        for item in imports(module):
            if item.target.split(".")[0] in NOWHERE:
                found.append(module.at(item.line, f"{item.target} runs what it reads"))
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            if name in {"eval", "exec", "os.system", "os.popen", "subprocess.getoutput"}:
                found.append(module.at(node.lineno, f"{name} runs what it reads"))
            for keyword in node.keywords:
                plain = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                if keyword.arg == "shell" and not plain:
                    found.append(module.at(node.lineno, "no shell between us and a process"))
    return found


def impurities(root: Path) -> list[str]:
    """Name all in the core that sees the world or is a float: decide(state, event), no more."""
    found = []
    for module in modules(root, ("sentinel",)):
        if not is_within(module.name, "sentinel.core"):
            continue
        for item in imports(module):
            if item.target.split(".")[0] not in CORE_MAY_IMPORT:
                found.append(module.at(item.line, f"the core may not import {item.target}"))
        for node in ast.walk(module.tree):
            match node:
                case ast.Constant(value=float() | complex()):
                    found.append(module.at(node.lineno, "a float in the core"))
                case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                    found.append(module.at(node.lineno, "a true division in the core"))
                case ast.Call(func=ast.Name(id=name)) if name in CORE_MAY_NOT_CALL:
                    found.append(module.at(node.lineno, f"{name}() in the core"))
                case _:
                    pass
    return found


@pytest.mark.parametrize("rule", [open_doors, other_clocks, dangers, impurities])
def test_the_house_keeps_its_doors(house, rule):
    assert rule(house) == []


@pytest.mark.parametrize(
    ("rule", "path", "line"),
    [
        (open_doors, "sentinel/planted.py", "import zmq"),
        (open_doors, "scalper/planted.py", "from zmq.asyncio import Context"),
        (open_doors, "sentinel/adapters/planted.py", "import psutil"),
        (open_doors, "alerts/planted.py", "def f():\n    import apprise"),
        (open_doors, "scalper/planted.py", "import time"),
        (open_doors, "scalper/planted.py", "from time import sleep as pause"),
        (open_doors, "scalper/planted.py", "import importlib\nimportlib.import_module('time')"),
        (open_doors, "sentinel/adapters/planted.py", "import sqlite3"),
        (open_doors, "broker_api/planted.py", "import ccxt"),
        (open_doors, "broker_api/planted.py", "from alpaca.trading import client"),
        (other_clocks, "scalper/planted.py", "import datetime\ndatetime.datetime.now()"),
        (other_clocks, "scalper/planted.py", "from datetime import date\ndate.today()"),
        (other_clocks, "ipc/planted.py", "from datetime import datetime, UTC\ndatetime.now(UTC)"),
        (dangers, "ipc/planted.py", "import pickle"),
        (dangers, "ipc/planted.py", "eval('1')"),
        (dangers, "sentinel/planted.py", "import os\nos.system('ls')"),
        (dangers, "sentinel/planted.py", "import subprocess\nsubprocess.run('ls', shell=True)"),
        (impurities, "sentinel/core/planted.py", "import logging"),
        (impurities, "sentinel/core/planted.py", "import random"),
        (impurities, "sentinel/core/planted.py", "from pathlib import Path"),
        (impurities, "sentinel/core/planted.py", "from decimal import Decimal"),
        (impurities, "sentinel/core/planted.py", "LIMIT = 0.5"),
        (impurities, "sentinel/core/planted.py", "def f(a, b):\n    return a / b"),
        (impurities, "sentinel/core/planted.py", "def f(a):\n    a /= 2"),
        (impurities, "sentinel/core/planted.py", "def f(a):\n    return float(a)"),
        (impurities, "sentinel/core/planted.py", "def f(a):\n    return open(a)"),
    ],
)
def test_a_broken_door_is_found(plant, rule, path, line):
    assert [text for text in rule(plant(path, line)) if text.startswith(path)]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("broker_api/offline_planted.py", "import sqlite3"),
        ("scalper/planted.py", "import timeit\nimport zmqlike\nfrom ipc.clock import time"),
        ("sentinel/core/planted.py", "import math\n\n\ndef f(a, b):\n    return a // b"),
    ],
)
def test_a_door_in_its_place_is_not_found(plant, path, line):
    root = plant(path, line)
    for rule in (open_doors, other_clocks, dangers, impurities):
        assert [text for text in rule(root) if path in text] == []


def test_the_core_may_import_only_the_standard_library_and_values():
    outside = [name for name in CORE_MAY_IMPORT if name not in sys.stdlib_module_names]
    assert outside == ["ipc", "msgspec", "sentinel"]
