"""Reads the project's pages: their headings, links, blocks and shell sessions. Runs nothing."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).resolve().parents[2]
PAGES = tuple(
    sorted(
        path
        for pattern in ("*.md", "docs/*.md", "systemd/*.md", ".github/*.md")
        for path in ROOT.glob(pattern)
    )
)
RUN = "console"
"""Blocks of this kind are run, unless the comment above them says why not."""
SHOWN = "shown, not run:"
FILE = "file:"
SAME = "same as:"

_BLOCK = re.compile(
    r"(?:<!-- (?P<note>[^\n]*) -->\n)?```(?P<kind>[a-z]*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_LINK = re.compile(r"(?<!!)\[[^\]\n]*(?:\n[^\]\n]*)?\]\(([^)\s]+)\)")
_EXITS = re.compile(r"\s+# exits (\d+)$")


class Block(Struct, frozen=True, kw_only=True):
    """One fenced block: its kind, its text, and the comment above it."""

    kind: str
    text: str
    note: str


class Command(Struct, frozen=True, kw_only=True):
    """One line to type, what it shows (None: not said), and its exit code."""

    line: str
    shows: str | None
    exits: int
    background: bool


def blocks(page: Path) -> list[Block]:
    """Return a page's fenced blocks in order."""
    return [
        Block(kind=found["kind"], text=found["text"], note=found["note"] or "")
        for found in _BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in found}


def links(page: Path) -> list[str]:
    """Return the targets of a page's links."""
    return _LINK.findall(prose(page))


def commands(block: Block) -> list[Command]:
    """Return the commands of a shell session."""
    found = []
    for chunk in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        line, _, shows = chunk.partition("\n")
        exits = _EXITS.search(line)
        line = _EXITS.sub("", line)
        found.append(
            Command(
                line=line.removesuffix("&").strip(),
                shows=shows or None,
                exits=int(exits[1]) if exits else 0,
                background=line.endswith("&"),
            )
        )
    return found


def fits(shown: str, seen: str) -> bool:
    """Whether an output is what a page shows; `...` stands for anything, alone for any lines."""
    pattern = "".join(
        r"(?:[^\n]*\n)*" if line == "..." else re.escape(line).replace(r"\.\.\.", r"[^\n]*") + r"\n"
        for line in shown.strip().splitlines()
    )
    return re.fullmatch(pattern, seen.strip() + "\n") is not None
