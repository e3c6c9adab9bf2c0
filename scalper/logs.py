"""The loop's log: JSON lines to a rotating file, plain ones to a terminal. It never stops a run."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import logging.handlers
import os
import sys
from pathlib import Path
from typing import Any, Final, Protocol, TextIO

import structlog

from ipc.clock import NS_PER_S, Clock

LEVELS: Final = ("debug", "info", "warning", "error", "critical")
FILE_MODE: Final = 0o640


class LogUnwritable(Exception):
    """The log file cannot be written. Its text is one line that names it."""


class Log(Protocol):
    """What the loop says of its doing: a stable event name and its facts."""

    def bind(self, **facts: Any) -> Log:  # noqa: ANN401
        """Return a log that adds these facts to every line."""
        ...

    def debug(self, event: str, **facts: Any) -> Any:  # noqa: ANN401 - structlog's own signature
        """Say something for a developer."""
        ...

    def info(self, event: str, **facts: Any) -> Any:  # noqa: ANN401
        """Say what happened."""
        ...

    def warning(self, event: str, **facts: Any) -> Any:  # noqa: ANN401
        """Say what a person should look at."""
        ...

    def exception(self, event: str, **facts: Any) -> Any:  # noqa: ANN401
        """Say what went wrong, with the trace of the exception at hand."""
        ...


class _RotatingFile(logging.handlers.RotatingFileHandler):
    """Rotates by size; a line that cannot be written is counted, and told once."""

    lost = 0

    def _open(self) -> Any:  # noqa: ANN401 - the signature of logging
        def opener(path: str, flags: int) -> int:
            return os.open(path, flags | os.O_CLOEXEC, FILE_MODE)

        return open(self.baseFilename, self.mode, encoding=self.encoding, opener=opener)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Go on trading: the log is not what permission depends on."""
        del record
        self.lost += 1
        if self.lost == 1:
            error = sys.exc_info()[1]
            sys.stderr.write(f"scalper: {self.baseFilename}: log lines are lost: {error}\n")


class _Terminal(logging.StreamHandler[TextIO]):
    """Writes plain lines; a reader that went away is not our business."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Drop the line."""
        del record


def stamp(wall_ns: int) -> str:
    """Return a wall time as ISO 8601 in UTC with microseconds."""
    seconds, rest = divmod(wall_ns, NS_PER_S)
    moment = dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def _shared(clock: Clock) -> list[structlog.typing.Processor]:
    def timestamp(
        _: object, __: str, facts: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        facts["timestamp"] = stamp(clock.wall_ns())
        return facts

    def present(
        _: object, __: str, facts: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        return {key: value for key, value in facts.items() if value is not None}

    return [present, structlog.stdlib.add_log_level, timestamp]


def _without_trace(
    _: object, __: str, facts: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Keep a terminal to one line; the trace is in the file."""
    facts.pop("exc_info", None)
    return facts


def _file_handler(path: Path, max_bytes: int, keep: int) -> logging.Handler:
    try:
        handler = _RotatingFile(path, maxBytes=max_bytes, backupCount=keep, encoding="utf-8")
    except OSError as error:
        raise LogUnwritable(f"{path}: the log file cannot be written: {error.strerror}") from None
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ]
        )
    )
    return handler


def _terminal_handler(stream: TextIO, *, colors: bool) -> logging.Handler:
    handler = _Terminal(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_trace,
                structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=0, sort_keys=False),
            ]
        )
    )
    return handler


class LogFiles:
    """The open handlers of one run, to be closed at its end."""

    def __init__(self, handlers: list[logging.Handler]) -> None:
        self._handlers = handlers

    def close(self) -> None:
        """Flush and close; what a full disk does not take is lost."""
        for handler in self._handlers:
            with contextlib.suppress(OSError):
                handler.close()


def open_log(
    *,
    clock: Clock,
    file: Path | None,
    file_level: str,
    terminal_level: str,
    max_bytes: int,
    keep: int,
    stream: TextIO,
    colors: bool,
) -> tuple[Log, LogFiles]:
    """Open the log of one run.

    Args:
        clock: Gives each line its wall time.
        file: Where JSON lines go, 0640, rotated at `max_bytes` with `keep` old files; or None.
        file_level: The least level in the file.
        terminal_level: The least level on `stream`.
        max_bytes: The size at which the file is rotated; 0 is never.
        keep: How many old files stay.
        stream: Where plain lines go.
        colors: Whether those may be coloured.

    Raises:
        LogUnwritable: If the file cannot be opened.
    """
    logger = logging.Logger("scalper")  # noqa: LOG001 - the run's own, not a global one
    handlers = [_terminal_handler(stream, colors=colors)]
    handlers[0].setLevel(terminal_level.upper())
    if file is not None:
        handlers.append(_file_handler(file, max_bytes, keep))
        handlers[1].setLevel(file_level.upper())
    for handler in handlers:
        logger.addHandler(handler)
    logger.setLevel(min(handler.level for handler in handlers))
    log: Log = structlog.wrap_logger(
        logger,
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(clock),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return log, LogFiles(handlers)
