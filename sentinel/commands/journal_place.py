"""Where a journal is; one clear line where there is none."""

from __future__ import annotations

from pathlib import Path

from sentinel.adapters.journal_directory import list_segments, marker_path
from sentinel.commands import exits


def journal_place(directory: Path) -> Path:
    """Return the directory if a journal is there, or was (its marker tells); Stopped with 65."""
    try:
        if marker_path(directory).exists() or list_segments(directory):
            return directory
    except FileNotFoundError:
        pass
    except OSError as error:
        line = f"{directory}: cannot be read: {error.strerror}"
        raise exits.Stopped(exits.DATA, line) from None
    line = f"{directory}: there is no journal; `sentinel run` writes one, --state-dir names another"
    raise exits.Stopped(exits.DATA, line)
