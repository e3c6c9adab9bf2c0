"""What a key of the configuration is, as data. Holds no key itself and reads no file."""

from __future__ import annotations

from enum import Enum, StrEnum

from msgspec import Struct

from ipc.reasons import Reason

INT_MAX = 2**63 - 1


class Kind(StrEnum):
    """What a key's value is; the text names it to a person."""

    DECIMAL = "decimal"
    COUNT = "count"
    MILLISECONDS = "milliseconds"
    FLAG = "true or false"
    TEXT = "text"
    CHOICE = "choice"
    TEXTS = "list of texts"
    CHOICES = "list of choices"
    HOURS = "list of windows"
    ZONE = "time zone"
    OPTIONS = "table of texts"


class Looser(Enum):
    """Which change of a value lets more through. A removed limit is looser whatever its way."""

    LARGER = "a larger number"
    SMALLER = "a smaller number"
    ADDED = "an added entry"
    TRUE = "true"
    FALSE = "false"
    RANK = "a choice further right"
    HOURS = "a minute more"
    WINDOW = "another length"
    """A longer window counts more and is the tighter one, yet forgives later: any change of it
    is put before a person."""
    GRID = "an increment that is no multiple of the old one"
    CHANGED = "another value"
    NEVER = "no change of it"


class Key(Struct, frozen=True, kw_only=True):
    """One key: what it takes, what it means, and which way is looser.

    `low` and `high` are inclusive; `positive` bars zero from a decimal. `choices` stand in
    order from the tightest to the loosest where `looser` is RANK. `default` is what holds when
    the key is left out (None: nothing). A `secret` value is never shown.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    default: str | int | bool | tuple[str, ...] | None = None
    required: bool = False
    low: int = 0
    high: int = INT_MAX
    positive: bool = False
    pattern: str = ".{1,256}"
    expected: str = "a text of 1 to 256 characters"
    choices: tuple[str, ...] = ()
    looser: Looser = Looser.NEVER
    reasons: tuple[Reason, ...] = ()
    secret: bool = False


class Table(Struct, frozen=True, kw_only=True):
    """One table of the file and where its values go: `field` is the path inside `Config`.

    `many` is an array of tables (`[[name]]`). In a `flat` table each key becomes the field
    `<table>_<key>` of `Config`. With `overrides` the table also takes the limits.
    """

    name: str
    meaning: str
    keys: tuple[Key, ...]
    field: tuple[str, ...] = ()
    many: bool = False
    flat: bool = False
    overrides: tuple[Key, ...] = ()

    @property
    def header(self) -> str:
        """The table's header line."""
        return f"[[{self.name}]]" if self.many else f"[{self.name}]"
