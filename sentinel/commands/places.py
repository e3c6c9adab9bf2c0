"""The options every command shares: where the state and the sockets are, and who asks."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from ipc.endpoints import PathRefused, Paths, resolve_paths
from sentinel.commands import exits

_F = TypeVar("_F", bound=Callable[..., Any])


def placed(command: _F) -> _F:
    """Add `--state-dir` and `--runtime-dir`."""
    state = click.option("--state-dir", metavar="DIR", help="Where the journal is.")
    runtime = click.option("--runtime-dir", metavar="DIR", help="Where the sockets are.")
    return state(runtime(command))


def find_paths(state_dir: str | None, runtime_dir: str | None) -> Paths:
    """Resolve both directories; Stopped with 78 if one cannot be used."""
    try:
        return resolve_paths(os.environ, state_dir, runtime_dir)
    except PathRefused as error:
        raise exits.Stopped(exits.CONFIG, str(error)) from None


def operator_name() -> str:
    """Return the name of the user who runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
