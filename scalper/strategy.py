"""What a strategy is and how one is found. A strategy is pure: no clock, file, socket or order."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from ipc.messages import Intent
from scalper.fade import Fade
from scalper.feed import QuoteRow, TradeRow
from scalper.view import Setup, View

SHIPPED: Final = ("fade",)
_METHODS: Final = ("on_quote", "on_trade", "on_veto")


class StrategyInvalid(ValueError):
    """The named strategy cannot be used. Its text is one line."""


class Strategy(Protocol):
    """Turns market data into intents; constructed with one `Setup`.

    Derive from it to inherit the methods that do nothing. What it returns is asked of the
    sentinel in order; nothing it returns is sent without an approval.
    """

    def on_quote(self, quote: QuoteRow, view: View) -> Sequence[Intent]:
        """Return what to send after this quote; the quote's `ts_ns` is the only time there is."""
        ...

    def on_trade(self, trade: TradeRow, view: View) -> Sequence[Intent]:
        """Return what to send after this trade."""
        del trade, view
        return ()

    def on_veto(self, intent: Intent, reason: str) -> None:
        """Learn that this intent was vetoed; wait for the next signal, never repeat at once."""
        del intent, reason


class StrategyChoice(Struct, frozen=True, kw_only=True):
    """A strategy by the name under which the sentinel knows it, and how to make one."""

    name: str
    make: Callable[[Setup], Strategy]


def find_strategy(text: str) -> StrategyChoice:
    """Find `fade`, or `module:Class` with the working directory importable.

    Raises:
        StrategyInvalid: If there is none, it cannot be imported, or lacks a method.
    """
    module_name, colon, class_name = text.partition(":")
    if not colon:
        if text != "fade":
            known = ", ".join(SHIPPED)
            raise StrategyInvalid(f"strategy {text!r}: expected {known} or module:Class")
        return StrategyChoice(name="fade", make=Fade)
    if not all(part.isidentifier() for part in (*module_name.split("."), class_name)):
        raise StrategyInvalid(f"strategy {text!r}: expected module:Class")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        text_of = " ".join(str(error).split())[:200]
        raise StrategyInvalid(
            f"strategy {text!r}: cannot import {module_name}: {type(error).__name__}: {text_of}"
        ) from error
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        raise StrategyInvalid(f"strategy {text!r}: {module_name} has no class {class_name}")
    missing = [name for name in _METHODS if not callable(getattr(found, name, None))]
    if missing:
        raise StrategyInvalid(
            f"strategy {text!r}: {class_name} lacks {', '.join(missing)}"
            " (derive it from scalper.strategy.Strategy)"
        )
    return StrategyChoice(name=text, make=found)
