"""`sentinel why`: the whole story of one order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from sentinel.commands import exits
from sentinel.commands.places import find_paths, placed
from sentinel.commands.shown import duration, instant, plain

if TYPE_CHECKING:
    from sentinel.story import Chapter, Story

_REPLACE_FIELDS: Final[tuple[str, ...]] = ("price", "stop_price")
_ORDER_FIELDS: Final[tuple[str, ...]] = (
    *_REPLACE_FIELDS,
    *("time_in_force", "expire_at_ms", "group", "stop_loss", "take_profit"),
)


@click.command("why")
@click.argument("cl_ord_id")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@placed
def command(cl_ord_id: str, as_json: bool, state_dir: str | None, runtime_dir: str | None) -> int:
    """Tell what happened to one order, from the journal alone.

    Every intent with its id, the quote it was judged by, the verdict with limit and observed, the
    trading state, what the loop reported, what the broker's own record showed, and where the order
    stands. A running sentinel is not disturbed. Exit codes: 0 told, 1 the id is unknown or the
    journal is damaged, 65 there is no journal.
    """
    from sentinel.adapters.journal_format import JournalError
    from sentinel.adapters.journal_reader import read_records
    from sentinel.commands.journal_place import journal_place
    from sentinel.commands.progress import Progress
    from sentinel.story import chapters_document, story_of

    place = journal_place(find_paths(state_dir, runtime_dir).state_dir / "journal")
    try:
        with Progress("reading") as progress:
            story = story_of(lambda: read_records(place), cl_ord_id, progress)
    except (JournalError, OSError) as error:
        raise exits.Stopped(exits.FAILED, str(error)) from None
    if story is None:
        raise exits.Stopped(exits.FAILED, f"{plain(cl_ord_id)}: the journal knows no such order")
    if as_json:
        document = {
            "schema": 1,
            "cl_ord_id": story.cl_ord_id,
            "outcome": story.outcome,
            "story": list(chapters_document(story)),
        }
        click.echo(msgspec.json.encode(document))
    else:
        click.echo("\n".join(plain(line) for line in lines_of(story)))
    return exits.DONE


def lines_of(story: Story) -> list[str]:
    """Return the story for a person; times are UTC."""
    lines = [story.cl_ord_id]
    for chapter in story.chapters:
        first, *more = _TELL[chapter.what](chapter)
        lines.append(f"  {instant(chapter.wall_ns)}  {first}  [entry {chapter.seq}]")
        lines += [f"  {'':23}  {line}" for line in more]
    outcome = story.outcome
    price = f" at {outcome.avg_price}" if outcome.avg_price else ""
    of = f" of {outcome.order_qty}" if outcome.order_qty else ""
    filled = f", {outcome.cum_qty}{of}{price}" if outcome.cum_qty != "0" else ""
    lines.append(f"  stands: {outcome.state.replace('_', ' ')}{filled}")
    return lines


def _intent(chapter: Chapter) -> list[str]:
    facts: dict[str, Any] = chapter.facts
    session = facts.get("session")
    who = f"{session['strategy']} (pid {session['pid']})" if session else f"run {facts['run_id']}"
    late = ", past its deadline" if facts["late"] else ""
    lines = [
        f"{who} asked: {_asked(facts['intent'])}",
        f"{duration(facts['age_ns'])} after it was made{late}",
    ]
    reference = facts.get("reference")
    if reference:
        lines.append(
            f"reference: bid {reference['bid'] or 'none'}, ask {reference['ask'] or 'none'},"
            f" {duration(reference['age_ns'])} old [entry {reference['seq']}]"
        )
    elif facts["intent"]["type"] != "cancel":
        lines.append("reference: no quote before it")
    return [*lines, *_verdict(facts["verdict"])]


def _related(chapter: Chapter) -> list[str]:
    facts: dict[str, Any] = chapter.facts
    return [f"then asked: {_asked(facts['intent'])}", *_verdict(facts["verdict"])]


def _asked(intent: dict[str, Any]) -> str:
    """Return an intent in one line, its fields by name where they are not plain."""
    kind = intent["type"]
    if kind == "cancel":
        return f"cancel {intent['orig_cl_ord_id']}, as {intent['cl_ord_id']}"
    if kind == "replace":
        start = f"replace {intent['orig_cl_ord_id']} by {intent['order_qty']}"
        rest = _REPLACE_FIELDS
        end = f", as {intent['cl_ord_id']}"
    else:
        start = f"{intent['side']} {intent['order_qty']} {intent['symbol']} {intent['ord_type']}"
        rest = _ORDER_FIELDS
        end = ", reduce only" if intent["reduce_only"] else ""
    told = (f" {key.replace('_', ' ')} {intent[key]}" for key in rest if intent[key] is not None)
    return f"{start}{''.join(told)}{end}"


def _verdict(verdict: dict[str, Any] | None) -> list[str]:
    from ipc.reasons import Reason

    if verdict is None:
        return ["no verdict is recorded"]
    again = ", as before" if verdict["repeated"] else ""
    number = f"verdict {verdict['verdict_seq']}, state {verdict['state']}{again}"
    if verdict["verdict"] == "approved":
        return [f"APPROVED for {duration(verdict['expires_in_ns'])} ({number})"]
    lines = [f"VETOED {verdict['reason']} ({number})"]
    meaning = {reason.value: reason.meaning for reason in Reason}.get(verdict["reason"])
    numbers = [f"{k} {verdict[k]}" for k in ("limit", "observed") if verdict[k] is not None]
    if meaning:
        lines.append(": ".join([meaning, ", ".join(numbers)]) if numbers else meaning)
    return lines


def _report(chapter: Chapter) -> list[str]:
    facts: dict[str, Any] = chapter.facts
    text = f": {facts['text']}" if facts["text"] else ""
    kind = str(facts["exec_type"]).replace("_", " ")
    return [f"the loop reported {facts['cl_ord_id']}: {kind}{_trade(facts)}{text}"]


def _trade(facts: dict[str, Any]) -> str:
    if facts["last_qty"] is None:
        return ""
    fee = f", fee {facts['fee']}" if facts["fee"] else ""
    return f" {facts['last_qty']} at {facts['last_price']}{fee}"


def _seen(chapter: Chapter) -> list[str]:
    facts: dict[str, Any] = chapter.facts
    what = f"{facts['side']} {facts['qty']} {facts['symbol']} at {facts['price']}"
    return [f"the broker's record shows {facts['cl_ord_id']}: {what}, fee {facts['fee']}"]


def _cancelled(_chapter: Chapter) -> list[str]:
    return ["the sentinel cancelled it at the venue"]


_TELL = {
    "intent": _intent,
    "related_intent": _related,
    "report": _report,
    "fill_seen": _seen,
    "cancelled_by_sentinel": _cancelled,
}
