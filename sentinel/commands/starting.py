"""From a configuration file to a running sentinel; every failure has its line and exit code."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path

from alerts.credentials import RouteUnusable
from broker_api.errors import BrokerError, BrokerSettingsInvalid
from ipc.clock import SystemClock
from ipc.config.problems import ConfigError
from ipc.config.reader import find_config, read_config
from ipc.config.values import Config
from ipc.endpoints import EndpointTaken, PathRefused, Paths, TransportRefused
from sentinel.adapters.journal_format import JournalDamaged, JournalError, JournalFailed
from sentinel.adapters.journal_lock import StateLocked
from sentinel.commands import exits
from sentinel.commands.places import find_paths
from sentinel.running import Running


def load_config(config: str | None) -> tuple[Path, Config]:
    """Find and read the configuration; Stopped with 78 and every problem."""
    try:
        path = find_config(config, os.environ)
        return path, read_config(path)
    except ConfigError as error:
        raise exits.Stopped(exits.CONFIG, *str(error).splitlines()) from None


def start(
    config: str | None,
    state_dir: str | None,
    runtime_dir: str | None,
    own_children: Callable[[], Collection[int]] | None = None,
) -> tuple[Running, Paths]:
    """Assemble a sentinel; Stopped says what stood in the way."""
    paths = find_paths(state_dir, runtime_dir)
    path, values = load_config(config)
    try:
        running = Running(values, path, paths, SystemClock(), own_children=own_children)
    except (PathRefused, BrokerSettingsInvalid, RouteUnusable) as error:
        raise exits.Stopped(exits.CONFIG, str(error)) from None
    except (StateLocked, EndpointTaken, TransportRefused, BrokerError) as error:
        raise exits.Stopped(exits.UNAVAILABLE, str(error)) from None
    except JournalDamaged as error:
        raise exits.Stopped(
            exits.FAILED,
            f"the journal in {paths.state_dir} is damaged, and nothing was changed: {error}"
            " (see docs/runbook.md#journal)",
        ) from None
    except (JournalFailed, JournalError, PermissionError) as error:
        raise exits.Stopped(exits.CONFIG, str(error)) from None
    except ValueError as error:
        raise exits.Stopped(exits.CONFIG, str(error)) from None
    return running, paths
