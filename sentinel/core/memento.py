"""The state as bytes and back, so that a restart need not decide a million entries again.

The objects of the core refer to each other, so they are written as a table with references.
Bytes of another version of any class are refused; the journal itself is then folded instead.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from ipc.calendar import TradingCalendar
from ipc.config.values import RiskConfig
from sentinel.core.account import Account, Day, Spent
from sentinel.core.book import Book, Instrument, SideBook, Worth
from sentinel.core.effects import SendAlert
from sentinel.core.kill import KillSequence
from sentinel.core.limits import Rulebook, SymbolTerms
from sentinel.core.order import Order
from sentinel.core.reserve import Reserve
from sentinel.core.state import Known, Recent, State, Tally
from sentinel.core.throttle import TokenBucket
from sentinel.core.trading import HaltRecord, Trading
from sentinel.core.vitals import Session, Vitals

VERSION = 1
CLASSES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        Account,
        Book,
        Day,
        HaltRecord,
        Instrument,
        KillSequence,
        Order,
        Recent,
        Reserve,
        Session,
        SideBook,
        Spent,
        State,
        SymbolTerms,
        Tally,
        TokenBucket,
        Trading,
        Worth,
    )
}
_ATOMS = (bool, str, bytes, type(None))
_WORD = 1 << 63
_ids = msgspec.msgpack.Decoder(dict[str, Known])
_alert = msgspec.msgpack.Decoder(SendAlert)
_risk = msgspec.msgpack.Decoder(RiskConfig)
_encode = msgspec.msgpack.encode


class MementoRefused(ValueError):
    """Bytes that are not a state of this version."""


class _Writer:
    """Numbers every object once and turns values into what msgpack can hold."""

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}
        self.rows: list[list[Any]] = []
        self.shapes: dict[str, list[str]] = {}

    def refer(self, thing: Any) -> int:  # noqa: ANN401 - any object of the core
        """Return an object's number; its attributes are written on first sight."""
        number = self.numbers.get(id(thing))
        if number is None:
            number = self.numbers[id(thing)] = len(self.rows)
            name = type(thing).__name__
            row: list[Any] = [name]
            self.rows.append(row)
            shape = self.shapes.setdefault(name, sorted(vars(thing)))
            row.extend(self.value(getattr(thing, field)) for field in shape)
        return number

    def value(self, value: Any) -> Any:  # noqa: ANN401 - see above
        """Turn a value into atoms and tagged lists."""
        if isinstance(value, Vitals):
            return ["v", value.value]
        if isinstance(value, _ATOMS):
            return value
        if isinstance(value, int):
            return value if -_WORD <= value < _WORD else ["i", str(value)]
        match value:
            case Rulebook():
                return ["r", _encode(value.risk), value.hash]
            case TradingCalendar():
                return None
            case SendAlert():
                return ["a", _encode(value)]
            case dict():
                return self._mapping(value)
            case list() | tuple() | deque():
                tag = {list: "l", tuple: "t", deque: "d"}[type(value)]
                return [tag, *map(self.value, value)]
            case set() | frozenset():
                return ["s", *sorted(value)]
            case _:
                if type(value).__name__ not in CLASSES:
                    raise TypeError(f"{type(value).__name__} is no part of a state")
                return ["o", self.refer(value)]

    def _mapping(self, value: dict[Any, Any]) -> list[Any]:
        if value and all(type(known) is Known for known in value.values()):
            return ["k", _encode(value)]
        flat: list[Any] = ["m"]
        for key, item in value.items():
            flat += [self.value(key), self.value(item)]
        return flat


class _Reader:
    """The way back."""

    def __init__(self, rows: list[list[Any]], shapes: dict[str, list[str]]) -> None:
        self.things: list[Any] = []
        for row in rows:
            cls = CLASSES[row[0]]
            self.things.append(object.__new__(cls))
        for thing, row in zip(self.things, rows, strict=True):
            for field, raw in zip(shapes[row[0]], row[1:], strict=True):
                setattr(thing, field, self.value(raw))

    def value(self, raw: Any) -> Any:  # noqa: ANN401 - see above
        """Turn atoms and tagged lists into a value."""
        if not isinstance(raw, list):
            return raw
        tag = raw[0]
        match tag:
            case "o":
                return self.things[raw[1]]
            case "i":
                return int(raw[1])
            case "v":
                return Vitals(raw[1])
            case "r":
                return Rulebook(_risk.decode(raw[1]), raw[2])
            case "a":
                return _alert.decode(raw[1])
            case "k":
                return _ids.decode(raw[1])
            case "m":
                values = map(self.value, raw[1:])
                return dict(zip(values, values, strict=True))
            case "s":
                return set(raw[1:])
            case _:
                kind: type = {"l": list, "t": tuple, "d": deque}[tag]
                return kind(map(self.value, raw[1:]))


def dump(state: State) -> bytes:
    """Write a state as bytes."""
    writer = _Writer()
    writer.refer(state)
    return _encode([VERSION, writer.shapes, writer.rows])


def load(data: bytes) -> State:
    """Make the state again; MementoRefused if these are not bytes of this version."""
    try:
        version, shapes, rows = msgspec.msgpack.decode(data)
        if version != VERSION or shapes != _present_shapes(shapes):
            raise MementoRefused(f"a state of version {version}, with other fields than today's")
        state = _Reader(rows, shapes).things[0]
    except (msgspec.DecodeError, ValueError, KeyError, TypeError, IndexError) as error:
        raise MementoRefused(str(error)[:200]) from None
    if not isinstance(state, State):
        raise MementoRefused("the first row is no state")
    if state.rules is not None:
        account = state.rules.risk.account
        state.calendar = TradingCalendar(account.day_zone, account.day_roll)
    else:
        state.calendar = TradingCalendar("UTC", "00:00")
    return state


def _present_shapes(shapes: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the fields that today's classes have, for the classes that are named."""
    samples = sample_fields()
    return {name: samples.get(name, []) for name in shapes}


def sample_fields() -> dict[str, list[str]]:
    """Return every class's fields, as its constructor sets them."""
    terms = SymbolTerms.__new__(SymbolTerms)
    reserve = Reserve()
    made: tuple[Any, ...] = (
        State(),
        HaltRecord("", "", "", "", 0),
        Instrument("", terms),
        Order("", "", 1, "", 0),
        reserve,
        Session("", "", 0, 0, 0),
        SideBook(),
        Spent(0, None, reserve),
        Account(),
        Book(),
        Day(),
        KillSequence(),
        Recent(1),
        Tally(),
        TokenBucket("", 1, 1, 10**18, 0),
        Trading(),
        Worth(),
    )
    fields = {type(thing).__name__: sorted(vars(thing)) for thing in made}
    fields["SymbolTerms"] = sorted(
        ("base", "quote", "price_increment", "qty_increment", "multiplier", "fx")
    )
    return fields
