"""The arrows: which room may import which; each is also seen to fail when it is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.architecture.house import ROOMS, imports, is_within, modules

if TYPE_CHECKING:
    from pathlib import Path

VALUES = (
    "ipc.approved",
    "ipc.calendar",
    "ipc.clock.NS_PER_MS",
    "ipc.clock.NS_PER_S",
    "ipc.codec",
    "ipc.config.actions",
    "ipc.config.effective",
    "ipc.config.keys",
    "ipc.config.limit_keys",
    "ipc.config.values",
    "ipc.messages",
    "ipc.numbers",
    "ipc.reasons",
)
"""The parts of `ipc` that are pure: no clock, no socket, no file."""

WORLDLY = {
    *("asyncio", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets"),
    *("select", "signal", "socket", "subprocess", "sys", "tempfile", "threading", "time", "zmq"),
}

ARROWS: dict[str, tuple[str, ...]] = {
    "ipc": ("ipc",),
    "broker_api": ("broker_api", "ipc.clock", *VALUES),
    "alerts": ("alerts", "ipc.clock", *VALUES),
    "scalper": ("scalper", "ipc", "broker_api"),
    "sentinel.core": ("sentinel.core", *VALUES),
    "sentinel.adapters": ("sentinel.adapters", "sentinel.core", "ipc", "broker_api", "alerts"),
    "sentinel": ("sentinel", "ipc", "broker_api", "alerts"),
}
"""What each room may import of ours; the longest name that fits a module is its room."""


def broken_arrows(root: Path) -> list[str]:
    """Name each import of ours that its room may not make."""
    found = []
    for module in modules(root):
        room = max((room for room in ARROWS if is_within(module.name, room)), key=len)
        for item in imports(module):
            ours = item.target.split(".")[0] in (*ROOMS, "tests", "examples", "benchmarks")
            if ours and not any(is_within(item.target, allowed) for allowed in ARROWS[room]):
                found.append(module.at(item.line, f"{room} may not import {item.target}"))
    return found


def worldly_values(root: Path) -> list[str]:
    """Name each import by which a value of `ipc`, and so the core, would see the world."""
    return [
        module.at(item.line, f"a value may not import {item.target}")
        for module in modules(root, ("ipc",))
        for item in imports(module)
        if module.name in VALUES
        and (
            item.target.partition(".")[0] in WORLDLY
            or (
                is_within(item.target, "ipc")
                and not any(is_within(item.target, value) for value in VALUES)
            )
        )
    ]


def circles(root: Path) -> list[str]:
    """Name each circle of modules that import each other, once, from its first module."""
    known = {module.name: module for module in modules(root)}
    edges = {name: _neighbours(name, known) for name in known}
    found = set()
    for start in sorted(edges):
        path = _way_back(start, edges)
        if path and min(path) == start:
            found.add(" -> ".join([*path, start]))
    return sorted(found)


def _neighbours(name, known) -> set[str]:
    targets = set()
    for item in imports(known[name]):
        target = item.target
        while target and target not in known:
            target = target.rpartition(".")[0]
        # A module inside a package always has the package imported before it.
        if target and target != name and not is_within(name, target):
            targets.add(target)
    return targets


def _way_back(start: str, edges: dict[str, set[str]]) -> list[str]:
    """Return a shortest way from a module back to itself, or nothing."""
    ways = [[start]]
    seen: set[str] = set()
    for way in ways:
        for target in sorted(edges[way[-1]]):
            if target == start:
                return way
            if target not in seen:
                seen.add(target)
                ways.append([*way, target])
    return []


def test_no_room_imports_what_it_may_not(house):
    assert broken_arrows(house) == []


def test_what_the_core_may_import_is_pure(house):
    assert worldly_values(house) == []


@pytest.mark.parametrize("line", ["import os", "from ipc.clock import Clock", "import ipc.client"])
def test_a_worldly_value_is_found(plant, line):
    found = worldly_values(plant("ipc/messages.py", line))
    assert [text for text in found if text.startswith("ipc/messages.py")]


def test_there_are_no_circles(house):
    assert circles(house) == []


@pytest.mark.parametrize(
    ("path", "line", "target"),
    [
        ("ipc/planted.py", "import broker_api.values", "broker_api.values"),
        ("ipc/planted.py", "from sentinel.core import decide", "sentinel.core.decide"),
        ("broker_api/planted.py", "import ipc.client", "ipc.client"),
        ("broker_api/planted.py", "from alerts import sender", "alerts.sender"),
        ("alerts/planted.py", "from ipc.server import Server", "ipc.server.Server"),
        ("alerts/planted.py", "import sentinel", "sentinel"),
        ("scalper/planted.py", "import sentinel.core.decide", "sentinel.core.decide"),
        ("scalper/planted.py", "import alerts", "alerts"),
        ("sentinel/planted.py", "def f():\n    import scalper.gate", "scalper.gate"),
        ("sentinel/core/planted.py", "from ipc.clock import Clock", "ipc.clock.Clock"),
        ("sentinel/core/planted.py", "from ipc import clock", "ipc.clock"),
        ("sentinel/core/planted.py", "from sentinel.adapters import x", "sentinel.adapters.x"),
        ("sentinel/core/planted.py", "from .. import loop", "sentinel.loop"),
        ("sentinel/core/planted.py", "from ipc.config import reader", "ipc.config.reader"),
        ("sentinel/adapters/planted.py", "from sentinel import loop", "sentinel.loop"),
        ("sentinel/adapters/planted.py", "from ..loop import x", "sentinel.loop.x"),
        ("sentinel/adapters/__init__.py", "from ..loop import x", "sentinel.loop.x"),
        ("sentinel/planted.py", "import importlib\nimportlib.import_module('scalper')", "scalper"),
        ("sentinel/planted.py", "__import__('scalper.gate')", "scalper.gate"),
        ("ipc/planted.py", "import tests.conftest", "tests.conftest"),
    ],
)
def test_a_forbidden_import_is_found(plant, path, line, target):
    found = broken_arrows(plant(path, line))
    assert [text for text in found if path in text and text.endswith(f"import {target}")]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("scalper/planted.py", "from broker_api import values"),
        ("sentinel/planted.py", "from alerts import sender"),
        ("sentinel/core/planted.py", "from ipc.clock import NS_PER_S"),
        ("sentinel/core/planted.py", "from ipc.messages import Approval\nfrom ipc import reasons"),
        ("sentinel/adapters/planted.py", "from sentinel.core import state"),
        ("broker_api/planted.py", "from ipc.clock import Clock"),
    ],
)
def test_an_allowed_import_is_not_found(plant, path, line):
    assert [text for text in broken_arrows(plant(path, line)) if path in text] == []


def test_a_circle_is_found_however_late_the_import(plant):
    root = plant("ipc/planted_a.py", "import ipc.planted_b")
    (root / "ipc" / "planted_b.py").write_text("def f():\n    from ipc import planted_c\n")
    (root / "ipc" / "planted_c.py").write_text("from ipc.planted_a import x\n")
    assert "ipc.planted_a -> ipc.planted_b -> ipc.planted_c" in " ".join(circles(root))
