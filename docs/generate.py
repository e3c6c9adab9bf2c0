"""Writes the pages that are made from the code, or says which are stale. Writes nothing else.

`python docs/generate.py` writes them, `python docs/generate.py --check` only compares.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import click

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from ipc.config.actions import ACTIONABLE, default_action  # noqa: E402 - needs the path above
from ipc.config.keys import Key, Kind, Looser, Table  # noqa: E402
from ipc.config.limit_keys import LIMIT_KEYS  # noqa: E402
from ipc.config.tables import TABLES  # noqa: E402
from ipc.reasons import Reason  # noqa: E402
from scalper.cli import command as scalper_command  # noqa: E402
from sentinel.cli import command as sentinel_command  # noqa: E402

README = HERE.parent / "README.md"
LIMITS_BEGIN = "<!-- limits: made by docs/generate.py -->"
LIMITS_END = "<!-- end of limits -->"
THROTTLE = next(table for table in TABLES if table.name == "throttle")


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
    """Return `limits.md`: every limit, as the code has them."""
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
    return "\n".join(
        [
            "# Limits",
            "",
            "Every key of `[limits]`, made from the code by `python docs/generate.py`. Exactly at",
            "a limit passes. A limit that is left out is not checked, except where a default is",
            "given. A change that lets more through than before waits for",
            "[`sentinel accept-config`](commands.md#sentinel-accept-config) in live mode. What",
            "each reason means, and what else a crossed limit does, is in",
            "[reasons.md](reasons.md).",
            "",
            *_table_of(("key", "takes", "default", "reasons", "looser is", "meaning"), limits),
            "",
        ]
    )


_NOT_IN_LIMITS = {
    Reason.PRICE_INCREMENT_INVALID: "`[[symbol]] price_increment`",
    Reason.QTY_INCREMENT_INVALID: "`[[symbol]] qty_increment`",
    Reason.BALANCE_INSUFFICIENT: "`[account]`, always",
    Reason.THROTTLE_EXCEEDED: "`[[throttle]]`",
    Reason.SENTINEL_SILENT: "`[ipc] answer_timeout_ms`",
    Reason.APPROVAL_EXPIRED: "`[ipc] approval_ttl_ms`",
    Reason.HEARTBEAT_QUIET: "`[heartbeat] heartbeat_timeout_ms`",
}
"""Where a reason comes from that no key of [limits] gives."""


def _set_by(reason: Reason) -> str:
    keys = [f"`{key.name}`" for key in LIMIT_KEYS if reason in key.reasons]
    other = [_NOT_IN_LIMITS[reason]] if reason in _NOT_IN_LIMITS else []
    return ", ".join([*keys, *other]) or "always"


def reasons_page() -> str:
    """Return `reasons.md`: every reason, what sets it and what it does."""
    rows = [
        _row(
            f"`{reason.value}`",
            reason.meaning,
            _set_by(reason),
            default_action(reason) if reason in ACTIONABLE else "veto, fixed",
        )
        for reason in Reason
    ]
    return "\n".join(
        [
            "# Reasons",
            "",
            "Why an order was vetoed, made from the code by `python docs/generate.py`. They stand",
            "in the order in which they are checked: the first failure names the reason. A veto",
            "also carries the limit and what was observed, where there are such numbers.",
            "",
            "Every crossed limit vetoes. `reduce`, `halt` and `kill` come on top of the veto, and",
            "`[limits.actions]` changes them by reason. The keys are in [limits.md](limits.md) and",
            "[configuration.md](configuration.md).",
            "",
            *_table_of(("reason", "meaning", "set by", "action unless configured"), rows),
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
            "limits are in [limits.md](limits.md), the actions of `[limits.actions]` in",
            "[reasons.md](reasons.md).",
            "",
            *sections,
        ]
    )


def limits_in_brief() -> str:
    """Return the limits table of the README: what one can set, and the reason it gives."""
    rows = [
        _row(f"`{key.name}`", ", ".join(f"`{reason.value}`" for reason in key.reasons), key.meaning)
        for key in LIMIT_KEYS
    ]
    throttle = _row("`[[throttle]]`", f"`{Reason.THROTTLE_EXCEEDED.value}`", THROTTLE.meaning)
    return "\n".join(_table_of(("key", "reason", "meaning"), [*rows, throttle]))


def readme_page() -> str:
    """Return the README with its limits table as the code has it."""
    text = README.read_text(encoding="utf-8")
    before, opening, rest = text.partition(LIMITS_BEGIN)
    _, closing, after = rest.partition(LIMITS_END)
    return f"{before}{opening}\n{limits_in_brief()}\n{closing}{after}" if closing else text


def _usage(name: str, command: click.Command, context: click.Context) -> list[str]:
    pieces = " ".join([name, *command.collect_usage_pieces(context)])
    return ["```text", pieces, "```", ""]


def _paragraphs(text: str) -> list[str]:
    """Return a docstring's paragraphs; commands in it are code already."""
    lines: list[str] = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        lines += [" ".join(paragraph.split()), ""]
    return lines


def _flags(parameter: click.Parameter) -> str:
    names = " ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    if isinstance(parameter, click.Option) and not parameter.is_flag:
        kind = parameter.type
        choices = "|".join(map(str, kind.choices)) if isinstance(kind, click.Choice) else None
        names += f" `{parameter.metavar or choices or kind.name.upper()}`"
    return names


def _options(command: click.Command) -> list[str]:
    rows = [
        _row(_flags(option), "required" if option.required else "", option.help or "")
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden
    ]
    return [*_table_of(("option", "", "meaning"), rows), ""] if rows else []


def _manual(name: str, command: click.Command, above: click.Context | None = None) -> list[str]:
    """Return one command's section, and those of its sub-commands."""
    context = click.Context(command, info_name=name.rpartition(" ")[2], parent=above)
    lines = [f"## {name}", "", *_usage(name, command, context), *_paragraphs(command.help or "")]
    lines += _options(command)
    if isinstance(command, click.Group):
        for word in command.list_commands(context):
            found = command.get_command(context, word)
            if found is not None:
                lines += _manual(f"{name} {word}", found, context)
    return lines


def commands_page() -> str:
    """Return `commands.md`: every command's own manual, as its help shows it."""
    return "\n".join(
        [
            "# Commands",
            "",
            "Made from the commands themselves by `python docs/generate.py`; `--help` shows the",
            "same. Data goes to standard output, everything else to standard error.",
            "",
            *_manual("sentinel", sentinel_command),
            *_manual("scalper", scalper_command),
        ]
    )


_ELSEWHERE = ("limits", "limits.actions")
PAGES = (
    ("limits.md", limits_page),
    ("reasons.md", reasons_page),
    ("configuration.md", configuration_page),
    ("commands.md", commands_page),
    ("../README.md", readme_page),
)


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
