"""What an alert says: a code and its facts become words a person can act on. Pure.

It may let no control character, no mass mention and no unbounded text through.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from alerts.stories import story_of
from alerts.values import Alert, Severity
from ipc.clock import NS_PER_MS, NS_PER_S

TITLE_MAX: Final = 120
VALUE_MAX: Final = 240
NAME_MAX: Final = 40
FACTS_MAX: Final = 24
BODY_MAX: Final = 3000
"""Characters; under the 4,096 of a Telegram message with the title and some escaping."""
WHERE: Final = ("host", "account", "mode", "strategy")
SPOKEN: Final = frozenset({*WHERE, "what", "did", "next"})

_SPACES: Final = re.compile(r"\s+")
_MENTION: Final = re.compile(r"@(?=everyone|channel|here|all\b|group)|(?<=<)[@!#]", re.IGNORECASE)
_YEAR_9999_S: Final = 253_402_300_799


def clean(text: str, length_max: int = VALUE_MAX) -> str:
    """Make any text fit for one line of a message.

    Control, format (also text direction), surrogate and private characters become spaces, runs of
    spaces one space; mass mentions are broken up; what is too long is cut and ends in `…`.
    """
    shown = text[: 4 * length_max]
    plain = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in shown)
    line = _SPACES.sub(" ", _MENTION.sub(lambda match: f"{match[0]} ", plain)).strip()
    if len(line) > length_max or len(shown) < len(text):
        return f"{line[: length_max - 1]}…"
    return line


def utc_text(wall_ns: int) -> str:
    """Unix nanoseconds as `2026-01-31T23:59:59.999Z`; a time no calendar has, as a number."""
    seconds, rest_ns = divmod(wall_ns, NS_PER_S)
    if not 0 <= seconds <= _YEAR_9999_S:
        return f"{wall_ns} ns after 1970 (UTC)"
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest_ns // NS_PER_MS:03d}Z"


def compose(
    *,
    alert_id: str,
    severity: Severity,
    code: str,
    facts: Mapping[str, str],
    at_wall_ns: int,
) -> Alert:
    """Write the alert for a code.

    Of the facts, `host`, `account`, `mode` and `strategy` say where; `what`, `did` and `next`, if
    given, replace the sentences that the code has of its own; all others are the numbers, in the
    order in which they come (24 at most, the rest is counted).
    """
    story = story_of(code, facts.get("cause", ""))
    where = " · ".join(
        f"{name} {clean(facts[name], NAME_MAX)}" for name in WHERE if facts.get(name)
    )
    numbers = [(name, value) for name, value in facts.items() if name not in SPOKEN]
    lines = [clean(facts.get("what") or story.what)]
    lines += [f"Where: {where}"] if where else []
    lines.append(f"When: {utc_text(at_wall_ns)}")
    lines += [f"{clean(name, NAME_MAX)}: {clean(value)}" for name, value in numbers[:FACTS_MAX]]
    if len(numbers) > FACTS_MAX:
        lines.append(f"({len(numbers) - FACTS_MAX} more facts in the journal)")
    lines.append(f"Done: {clean(facts.get('did') or story.did)}")
    lines.append(f"Next: {clean(facts.get('next') or story.next)}")
    lines.append(f"Runbook: docs/runbook.md, {story.page}")
    tail = f"Alert {clean(alert_id)} · {clean(code, NAME_MAX)}"
    place = clean(facts.get("strategy") or facts.get("account") or "", NAME_MAX)
    title = f"{severity.value.upper()}: {story.title}" + (f" ({place})" if place else "")
    return Alert(
        alert_id=alert_id,
        severity=severity,
        code=code,
        title=clean(title, TITLE_MAX),
        body=_join(lines, tail),
        at_wall_ns=at_wall_ns,
    )


def summary(last: Alert, count: int, first_wall_ns: int) -> Alert:
    """One message for `count` alerts of a kind: how many, since when, and the last one whole."""
    lines = [f"{count} alerts like this since {utc_text(first_wall_ns)}; the last one:"]
    return Alert(
        alert_id=last.alert_id,
        severity=last.severity,
        code=last.code,
        title=clean(f"{last.title} [{count} times]", TITLE_MAX + 24),
        body=_join([*lines, *last.body.split("\n")[:-1]], last.body.rsplit("\n", 1)[-1]),
        at_wall_ns=last.at_wall_ns,
    )


def _join(lines: list[str], tail: str) -> str:
    """Put lines together within BODY_MAX; the tail, which names the alert, is always there."""
    room = BODY_MAX - len(tail) - 1
    body = "\n".join(lines)
    if len(body) > room:
        body = f"{body[: room - 1]}…"
    return f"{body}\n{tail}"
