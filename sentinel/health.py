"""How well a sentinel is, judged from its status document alone: exit codes, words, problems."""

from __future__ import annotations

from typing import Any

OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
"""The exit codes of monitoring plug-ins: armed, degraded, halted or killed, not answering."""


def judge(document: dict[str, Any]) -> int:
    """Return the exit code a document stands for."""
    if not document.get("answering"):
        return UNKNOWN
    if document["state"] == "HALTED" or document["kill"]["stage"] not in ("IDLE", "DONE"):
        return CRITICAL
    return WARNING if problems(document) else OK


def problems(document: dict[str, Any]) -> list[str]:
    """Name everything that is not as it should be, short of a halt."""
    found = []
    if document["state"] == "REDUCING":
        found.append(f"reducing: {document['cause']}")
    if document["drop_copy"]["state"] == "LOST":
        found.append("drop copy lost")
    elif document["drop_copy"].get("stale"):
        found.append("the last reading of the account is too old")
    if document["config"]["pending_hash"]:
        found.append("a looser configuration is pending")
    if document["config"]["problem"]:
        found.append(f"the configuration is not valid: {document['config']['problem']}")
    found += [f"route {name} is down" for name in document["alerts"]["required_routes_down"]]
    found += document["degraded"]
    return found
