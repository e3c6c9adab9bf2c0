"""Kills process trees in a thread of its own, so that the gate goes on answering meanwhile."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Collection

from ipc.clock import NS_PER_MS, Clock
from sentinel.adapters.identity import ProcessGone, ProcessUnreadable, identify
from sentinel.adapters.process_tree import KillRefused, ProcessTree
from sentinel.adapters.stamp import Posted
from sentinel.core.effects import KillTree
from sentinel.core.steps import TreeKilled

OBSERVE_MS = 250
TASKS_MAX = 64
CONFIRM_MS = 1000
"""A kill that is not confirmed in that time is told, and tried again."""
Process = tuple[int, int]


class Executioner:
    """Knows the trees of the open sessions by looking at them now and then, and ends them."""

    def __init__(
        self,
        post: Callable[[Posted], object],
        clock: Clock,
        *,
        own_children: Callable[[], Collection[int]] | None = None,
    ) -> None:
        self._post = post
        self._clock = clock
        self._own_children = own_children
        self._trees: dict[Process, ProcessTree] = {}
        self._lock = threading.Lock()
        self._tasks: queue.Queue[KillTree | None] = queue.Queue(TASKS_MAX)
        self._thread = threading.Thread(target=self._run, name="executioner", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def watch(self, pid: int, start_ticks: int) -> None:
        """Know a loop's tree from here; nothing if it is gone. ProcessUnreadable if hidden."""
        try:
            identity = identify(pid)
        except ProcessGone:
            return
        if identity.start_ticks != start_ticks:
            return
        tree = ProcessTree(identity, own_children=self._own_children)
        with self._lock:
            self._trees.setdefault((pid, start_ticks), tree)

    def forget(self, pid: int, start_ticks: int) -> None:
        """The loop said goodbye."""
        with self._lock:
            self._trees.pop((pid, start_ticks), None)

    def ask(self, task: KillTree) -> None:
        """Kill; the answer comes as an event. More than wait already repeat what they ask."""
        with contextlib.suppress(queue.Full):
            self._tasks.put_nowait(task)

    def close(self) -> None:
        """End the thread."""
        with contextlib.suppress(queue.Full):
            self._tasks.put_nowait(None)
        if self._thread.ident is not None:
            self._thread.join(CONFIRM_MS / 1000)

    def kill_now(self, processes: Collection[Process]) -> int:
        """Kill in the calling thread, as the last thing a dying sentinel does; count survivors."""
        return self._kill(processes, 0)[1]

    def _run(self) -> None:
        while True:
            try:
                task = self._tasks.get(timeout=OBSERVE_MS / 1000)
            except queue.Empty:
                self._observe()
                continue
            if task is None:
                return
            self._end(task)

    def _observe(self) -> None:
        with self._lock:
            trees = list(self._trees.values())
        for tree in trees:
            tree.observe()

    def _end(self, task: KillTree) -> None:
        began_ns = self._clock.elapsed_ns()
        killed, survivors = self._kill(task.processes, task.grace_ms)
        took_ms = (self._clock.elapsed_ns() - began_ns) // NS_PER_MS
        self._post(
            lambda stamp: TreeKilled(
                at_ns=stamp.at_ns,
                wall_ns=stamp.wall_ns,
                sequence=task.sequence,
                killed=killed,
                survivors=survivors,
                took_ms=took_ms,
            )
        )

    def _kill(self, processes: Collection[Process], grace_ms: int) -> tuple[int, int]:
        killed = survivors = 0
        for process in processes:
            with self._lock:
                tree = self._trees.get(process)
            if tree is None:
                try:
                    self.watch(*process)
                except ProcessUnreadable:
                    survivors += 1
                    continue
                with self._lock:
                    tree = self._trees.get(process)
            if tree is None:
                continue
            try:
                report = tree.kill(clock=self._clock, grace_ms=grace_ms, deadline_ms=CONFIRM_MS)
            except KillRefused:
                survivors += 1
                continue
            killed += report.killed
            if not report.confirmed:
                survivors += max(1, len(report.survivors))
            else:
                with self._lock:
                    self._trees.pop(process, None)
        return killed, survivors
