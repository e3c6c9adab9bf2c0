"""The strict reader of `sentinel.toml`. A file is read whole or not at all; nothing is guessed."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from ipc.config.actions import effective_actions
from ipc.config.direction import loosenings
from ipc.config.effective import effective_limits, limits_hash
from ipc.config.locate import Lines
from ipc.config.problems import ConfigError, Problem, file_problem
from ipc.config.reading import Reading
from ipc.config.rules import broken_rules, live_missing
from ipc.config.scalars import FloatText
from ipc.config.values import Config

__all__ = [
    "ConfigError",
    "Problem",
    "decode_config",
    "effective_actions",
    "effective_limits",
    "find_config",
    "limits_hash",
    "live_missing",
    "loosenings",
    "parse_config",
    "read_config",
]

FILE_BYTES_MAX: Final = 1 << 18
LINE_MAX: Final = 4096

_NAME = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DEEP_KEY = re.compile(rf"^[ \t]*\[{{0,2}}[ \t]*(?:{_NAME}[ \t]*\.[ \t]*){{16}}", re.MULTILINE)
_TOML_LINE = re.compile(r" \(at line (\d+), column \d+\)$")


def find_config(explicit: str | None, env: Mapping[str, str], cwd: Path | None = None) -> Path:
    """Return the file to read: `explicit`, SENTINEL_CONFIG, ./sentinel.toml, XDG, /etc/sentinel.

    A file that was named is returned whether it exists or not, and one of the usual places even
    if it cannot be read: a broken file is never passed over for another. ConfigError, naming the
    places, if there is none.
    """
    here = cwd if cwd is not None else Path.cwd()
    named = explicit if explicit is not None else env.get("SENTINEL_CONFIG")
    if named:
        return here / named
    home = env.get("HOME")
    xdg = env.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else None)
    places = [here / "sentinel.toml"]
    if xdg:
        places.append(Path(xdg) / "sentinel" / "sentinel.toml")
    places.append(Path("/etc/sentinel/sentinel.toml"))
    for place in places:
        if os.path.lexists(place):
            return place
    listed = ", ".join(str(place) for place in places)
    raise file_problem(
        "sentinel.toml", f"expected a configuration at one of {listed}; `sentinel init` writes one"
    )


def read_config(path: Path) -> Config:
    """Read a file; ConfigError with every problem of it."""
    name = str(path) if str(path).isprintable() else ascii(str(path))
    return decode_config(_read_bytes(path, name), name)


def decode_config(data: bytes, name: str) -> Config:
    """Read a file's bytes; `name` is what problems call it."""
    if len(data) > FILE_BYTES_MAX:
        raise file_problem(name, f"expected at most {FILE_BYTES_MAX} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise file_problem(name, "expected UTF-8 text", line) from None
    return parse_config(text, name)


def parse_config(text: str, name: str) -> Config:
    """Read a file's text; ConfigError with every problem of it, sorted by line.

    Everything but `[limits] symbols` has a default, unless `[account] mode` is live.
    """
    document = _parse_toml(text, name)
    reading = Reading(name, Lines(text))
    config = msgspec.convert(reading.document(document), Config)
    for path, expected in broken_rules(config):
        reading.report(reading.original(path), expected)
    if reading.problems:
        raise ConfigError(reading.sorted_problems())
    return config


def _read_bytes(path: Path, name: str) -> bytes:
    try:
        # Without O_NONBLOCK a pipe of that name would hold the program for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise file_problem(name, f"expected a readable file: {reason}") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise file_problem(name, "expected a regular file")
        parts: list[bytes] = []
        left = FILE_BYTES_MAX + 1
        while left and (part := os.read(descriptor, left)):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
    except OSError as error:
        raise file_problem(name, f"cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _parse_toml(text: str, name: str) -> dict[str, Any]:
    if len(text) > FILE_BYTES_MAX:
        raise file_problem(name, f"expected at most {FILE_BYTES_MAX} bytes")
    if text.startswith("\ufeff"):
        raise file_problem(name, "expected no byte order mark", 1)
    if not _encodable(text):
        raise file_problem(name, "expected Unicode text without surrogates")
    for line, written in enumerate(text.split("\n"), start=1):
        if len(written) > LINE_MAX:
            raise file_problem(name, f"expected at most {LINE_MAX} characters on a line", line)
    deep = _DEEP_KEY.search(text)
    if deep is not None:
        line = text.count("\n", 0, deep.start()) + 1
        raise file_problem(name, "expected a key of fewer than 16 dotted parts", line)
    try:
        return tomllib.loads(text, parse_float=FloatText)
    except RecursionError:
        raise file_problem(name, "expected brackets nested less deeply") from None
    except ValueError as error:
        said = str(error)
        at = _TOML_LINE.search(said)
        line_number = int(at[1]) if at else text.count("\n") + 1
        said = _TOML_LINE.sub("", said).replace(" (at end of document)", " at the end of the file")
        raise file_problem(name, f"not TOML: {said[:160]}", line_number) from None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
