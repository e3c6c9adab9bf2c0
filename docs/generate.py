"""Writes the pages that are made from the code, or says which are stale. Writes nothing else.

`python docs/generate.py` writes them, `python docs/generate.py --check` only compares.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from ipc.config.actions import ACTIONABLE, default_action  # noqa: E402 - needs the path above
from ipc.config.keys import Key, Kind, Looser, Table  # noqa: E402
from ipc.config.limit_keys import LIMIT_KEYS  # noqa: E402
from ipc.config.tables import TABLES  # noqa: E402
from ipc.reasons import Reason  # noqa: E402


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _row(*cells: str) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _table_of(heads: tuple[str, ...], rows: list[str]) -> list[str]:
    return [_row(*heads), "|" + "---|" * len(heads), *rows]


def _takes(key: Key) -> str:
    if key.choices:
        return ", ".join(f"`{choice}`" for choice in key.choices)
    return f"{key.kind.value}, {key.unit}" if key.unit else key.kind.value


def _default(key: Key) -> str:
    match key.default:
        case None:
            if key.name == "short_allowed":
                return "as `[account] kind`"
            return "required" if key.required else "off" if key in LIMIT_KEYS else ""
        case bool():
            return "true" if key.default else "false"
        case tuple():
            return "none"
        case str() if key.kind is not Kind.DECIMAL:
            return f'`"{key.default}"`'
        case _:
            return f"`{key.default}`"


def _looser(key: Key) -> str:
    if key.looser is Looser.NEVER:
        return "nothing"
    return key.looser.value if key.default is not None else f"{key.looser.value}, or none"


def limits_page() -> str:
    """Return `limits.md`: every limit, every reason, as the code has them."""
    limits = [
        _row(
            f"`{key.name}`",
            _takes(key),
            _default(key),
            ", ".join(f"`{reason.value}`" for reason in key.reasons),
            _looser(key),
            key.meaning,
        )
        for key in LIMIT_KEYS
    ]
    reasons = [
        _row(
            f"`{reason.value}`",
            default_action(reason) if reason in ACTIONABLE else "veto, fixed",
            reason.meaning,
        )
        for reason in Reason
    ]
    return "\n".join(
        [
            "# Limits",
            "",
            "Made from the code by `python docs/generate.py`. Exactly at a limit passes. A limit",
            "that is left out is not checked, except where a default is given. A change that lets",
            "more through than before waits for `sentinel accept-config` in live mode.",
            "",
            *_table_of(("key", "takes", "default", "reasons", "looser is", "meaning"), limits),
            "",
            "## Reasons",
            "",
            "In the order in which they are checked: the first failure names the reason.",
            "",
            *_table_of(("reason", "action unless configured", "meaning"), reasons),
            "",
        ]
    )


def _section(table: Table) -> list[str]:
    rows = [_row(f"`{key.name}`", _takes(key), _default(key), key.meaning) for key in table.keys]
    extra = ["It also takes any limit of `[limits]`.", ""] if table.overrides else []
    head = [f"## `{table.header}`", "", f"{table.meaning[0].upper()}{table.meaning[1:]}.", ""]
    return [*head, *extra, *_table_of(("key", "takes", "default", "meaning"), rows), ""]


def configuration_page() -> str:
    """Return `configuration.md`: every table and key but the limits."""
    sections = [
        line for table in TABLES if table.name not in _ELSEWHERE for line in _section(table)
    ]
    return "\n".join(
        [
            "# Configuration",
            "",
            "Every key of `sentinel.toml`, made from the code by `python docs/generate.py`. The",
            "limits, `[limits]` and `[limits.actions]`, are in [limits.md](limits.md).",
            "",
            *sections,
        ]
    )


_ELSEWHERE = ("limits", "limits.actions")
PAGES = (("limits.md", limits_page), ("configuration.md", configuration_page))


def main(arguments: list[str]) -> int:
    """Write or compare the pages; 1 if one is stale."""
    stale = 0
    for name, page in PAGES:
        path = HERE / name
        text = page()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        if "--check" in arguments:
            print(f"{path.name} is stale: run python docs/generate.py")
            stale = 1
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.name}")
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
