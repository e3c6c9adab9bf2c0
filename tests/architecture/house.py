"""Reads the source tree as data for the architecture tests; it never imports what it reads."""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOMS = ("alerts", "broker_api", "ipc", "scalper", "sentinel")
SCRIPTS = ("benchmarks", "docs", "examples", "requirements", "tests")
DYNAMIC = ("__import__", "import_module", "find_spec")


@dataclass(frozen=True, kw_only=True)
class Import:
    """One imported thing, by its full dotted name, and the line that imports it."""

    target: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Module:
    """One source file: its dotted name, its path below the root, its text and its syntax tree."""

    name: str
    path: str
    text: str
    tree: ast.Module
    is_package: bool

    def at(self, line: int, what: str) -> str:
        """Say what is wrong in a line, in the form that editors jump to."""
        return f"{self.path}:{line}: {what}"


@functools.lru_cache(maxsize=4096)
def _parse(text: str, name: str) -> ast.Module:
    """Parse a text once, however many copies of the tree have it; nobody changes the result."""
    return ast.parse(text, name)


def modules(root: Path, tops: tuple[str, ...] = ROOMS) -> list[Module]:
    """Parse every Python file below the given top-level folders."""
    found = []
    for top in tops:
        for path in sorted((root / top).rglob("*.py")):
            parts = list(path.relative_to(root).with_suffix("").parts)
            is_package = parts[-1] == "__init__"
            text = path.read_text()
            found.append(
                Module(
                    name=".".join(parts[:-1] if is_package else parts),
                    path=str(path.relative_to(root)),
                    text=text,
                    tree=_parse(text, str(path.relative_to(root))),
                    is_package=is_package,
                )
            )
    return found


def called(node: ast.Call) -> str:
    """Return the last part of what is called: `import_module` of `importlib.import_module(…)`."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def imports(module: Module) -> Iterator[Import]:
    """Yield all that a module imports, wherever in it, by name, relatively or by `import_module`.

    `from a import b` yields `a.b`, whether b is a module or a name in one.
    """
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield Import(target=alias.name, line=node.lineno)
            case ast.ImportFrom(names=names):
                source = _source(module, node)
                for alias in names:
                    yield Import(target=f"{source}.{alias.name}", line=node.lineno)
            case ast.Call(args=[ast.Constant(value=str(target)), *_]) if called(node) in DYNAMIC:
                yield Import(target=target, line=node.lineno)
            case _:
                pass


def _source(module: Module, node: ast.ImportFrom) -> str:
    """Resolve the module of a from-import, dots included."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    drop = node.level - 1 if module.is_package else node.level
    return ".".join([*parts[: len(parts) - drop], *([node.module] if node.module else [])])


def is_within(name: str, package: str) -> bool:
    """Tell whether a dotted name is a package or something in it."""
    return name == package or name.startswith(f"{package}.")
