"""The accelerator of file watching: inotify through watchdog. It is never the guarantee.

inotify goes deaf in silence (a full queue, a replaced directory, a dead thread), so whoever uses
this also polls, and only wakes earlier because of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from enum import Enum
from pathlib import Path
from threading import Lock

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirModifiedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

JOIN_S = 1.0
ENTRY_EVENTS: tuple[type[FileSystemEvent], ...] = (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
)
CONTENT_EVENTS: tuple[type[FileSystemEvent], ...] = (
    *ENTRY_EVENTS,
    DirModifiedEvent,
    FileClosedEvent,
    FileModifiedEvent,
)


class Change(Enum):
    """What happened to an entry, as far as events can be trusted."""

    TOUCHED = "touched"
    VANISHED = "vanished"


class DirectoryWatch:
    """Calls `on_event(path, change)` from a thread of its own for what happens in directories.

    `path` is the entry, in the directory's real path. A directory that cannot be watched is left
    to the poll; `problem` says so in one line, None while all is well.
    """

    def __init__(
        self,
        directories: Collection[str],
        on_event: Callable[[str, Change], None],
        *,
        kinds: tuple[type[FileSystemEvent], ...],
    ) -> None:
        self._directories = tuple(directories)
        self._on_event = on_event
        self._kinds = kinds
        self._lock = Lock()
        self._observer: BaseObserver | None = None
        self._problem: str | None = "not armed"

    def arm(self) -> None:
        """Watch the directories as they are now, in place of an earlier watch; never raises."""
        with self._lock:
            self._disarm()
            observer = Observer()
            problem = None
            for directory in self._directories:
                real = Path(directory).resolve()
                if real.is_dir():
                    observer.schedule(
                        _Handler(self._on_event), str(real), event_filter=list(self._kinds)
                    )
                else:
                    problem = f"{directory} cannot be watched: no such directory"
            # A watch that the kernel refuses is an OSError, a thread that cannot be started a
            # RuntimeError: neither may end the program, since the poll goes on.
            try:
                observer.start()
            except (OSError, RuntimeError) as error:
                observer.unschedule_all()
                self._problem = f"file events cannot be had: {error}"
                return
            self._observer = observer
            self._problem = problem

    @property
    def problem(self) -> str | None:
        """Why events may be missing, or None."""
        with self._lock:
            observer = self._observer
            if observer is None:
                return self._problem
            if not observer.is_alive() or not all(it.is_alive() for it in observer.emitters):
                return "the thread that reads file events has died"
            return self._problem

    def close(self) -> None:
        """End the threads; waits a second at most for each."""
        with self._lock:
            self._disarm()
            self._problem = "closed"

    def _disarm(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            emitters = tuple(observer.emitters)
            observer.stop()
            observer.join(JOIN_S)
            for emitter in emitters:
                emitter.join(JOIN_S)


class _Handler(FileSystemEventHandler):
    """Hands events on, and swallows nothing but what would kill watchdog's thread."""

    def __init__(self, on_event: Callable[[str, Change], None]) -> None:
        self._on_event = on_event

    def on_any_event(self, event: FileSystemEvent) -> None:
        gone = isinstance(event, (DirDeletedEvent, FileDeletedEvent))
        moved = isinstance(event, (DirMovedEvent, FileMovedEvent))
        if event.src_path:
            change = Change.VANISHED if gone or moved else Change.TOUCHED
            self._on_event(os.fsdecode(event.src_path), change)
        if moved and event.dest_path:
            self._on_event(os.fsdecode(event.dest_path), Change.TOUCHED)
