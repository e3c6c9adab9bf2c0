"""`last.json`: what `status` reads when the sentinel is silent. Replaced whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec


class LastWords:
    """Replaces the file by rename; a failure is counted and stops nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.state = ""
        self.failures = 0

    def say(self, document: dict[str, object], state: str) -> None:
        """Write the document."""
        self.state = state
        temporary = self._path.with_suffix(".tmp")
        try:
            fd = os.open(
                temporary,
                os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW,
                0o640,
            )
            try:
                os.write(fd, msgspec.json.encode(document))
            finally:
                os.close(fd)
            temporary.replace(self._path)
        except OSError:
            self.failures += 1


def read_last_words(path: Path) -> dict[str, object] | None:
    """Return what the sentinel said last; None if it never did or it cannot be read."""
    try:
        document = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    return document if isinstance(document, dict) else None
