"""Journal entries with the names of their fields: on the disk they are positional. Reads only."""

from __future__ import annotations

from typing import Any

import msgspec

from sentinel.adapters.journal_format import JournalDamaged, Record
from sentinel.core.ledger import Entry, decode_entry

SCHEMA = 1


def entry_of(record: Record) -> Entry:
    """Decode a record; JournalDamaged if this version of the program cannot understand it."""
    try:
        return decode_entry(record.payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalDamaged(
            file="journal",
            offset=0,
            seq=record.seq,
            what=f"not an entry of this version of the program: {error}",
        ) from None


def type_of(value: msgspec.Struct) -> str:
    """Return the name that an event, effect or intent has in the journal."""
    return str(value.__struct_config__.tag)


def named(value: object) -> Any:  # noqa: ANN401 - a JSON value
    """Return a value of the journal as JSON would have it: fields named, bytes in hexadecimal."""
    match value:
        case msgspec.Struct():
            fields = {name: named(getattr(value, name)) for name in value.__struct_fields__}
            tag = value.__struct_config__.tag
            return fields if tag is None else {"type": tag, **fields}
        case bytes():
            return value.hex()
        case tuple() | list():
            return [named(part) for part in value]
        case dict():
            return {key: named(part) for key, part in value.items()}
        case _:
            return value


def entry_document(record: Record, entry: Entry) -> dict[str, object]:
    """Return one entry as a document; times are nanoseconds, money and quantities texts."""
    event = named(entry.event)
    return {
        "schema": SCHEMA,
        "seq": record.seq,
        "epoch": record.epoch,
        "at_ns": event.pop("at_ns"),
        "wall_ns": event.pop("wall_ns"),
        "event": event,
        "effects": [named(effect) for effect in entry.effects],
    }
