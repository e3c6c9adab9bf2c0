"""What a crossed limit does besides the veto, as data. Decides nothing by itself."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from ipc.config.values import RiskConfig
from ipc.reasons import Reason

ACTIONS: Final = ("kill", "halt", "reduce", "veto")
"""From the tightest to the loosest."""

DEFAULT_ACTIONS: Final = MappingProxyType(
    {
        Reason.REPEATED_ORDER: "halt",
        Reason.REJECT_STORM: "kill",
        Reason.VETO_STORM: "kill",
        Reason.DAILY_LOSS_EXCEEDS_LIMIT: "reduce",
        Reason.DRAWDOWN_EXCEEDS_LIMIT: "halt",
    }
)

_NOT_A_LIMIT: Final = frozenset(
    {
        Reason.SESSION_UNKNOWN,
        Reason.HEARTBEAT_QUIET,
        Reason.JOURNAL_UNAVAILABLE,
        Reason.LIMITS_UNAVAILABLE,
        Reason.TRADING_HALTED,
        Reason.TRADING_REDUCING,
        Reason.SENTINEL_SILENT,
        Reason.APPROVAL_EXPIRED,
    }
)

ACTIONABLE: Final = tuple(reason for reason in Reason if reason not in _NOT_A_LIMIT)
"""The reasons that may have an action: all but those of the state and of the client."""


def default_action(reason: Reason) -> str:
    """The action of a reason that the file says nothing about."""
    return DEFAULT_ACTIONS.get(reason, "veto")


def effective_actions(risk: RiskConfig) -> dict[Reason, str]:
    """The action of every reason that may have one: the file's, else the default."""
    return {reason: risk.actions.get(reason, default_action(reason)) for reason in ACTIONABLE}
