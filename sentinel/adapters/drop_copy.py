"""The sentinel's own eyes and hands at the venue, in a thread of its own: it may never decide.

Reads the account at an interval, and does what the kill sequence asks for: cancel, read back,
protect or flatten. Everything comes back as an event.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from broker_api.errors import BrokerError
from broker_api.protocol import Oversight
from broker_api.values import Snapshot
from ipc.clock import NS_PER_MS, Clock
from ipc.numbers import format_decimal, parse_decimal
from sentinel.adapters.stamp import Posted
from sentinel.adapters.venue_events import (
    Task,
    broker_read,
    failed,
    last_price,
    open_positions,
    protective,
    rounded,
)
from sentinel.core.effects import CancelOrders, HandlePositions, ReadVenue
from sentinel.core.events import ConditionChanged
from sentinel.core.steps import OrdersCancelled, PositionsHandled, VenueRead

LOST = "DROP_COPY_LOST"
TASKS_MAX = 64
STOP_AWAY_BPS = 100
"""Where a protective stop is placed when the loop left none: 1 % from the last price."""
FLATTEN_READS = 10


def _words(error: Exception) -> str:
    """Say in one line what a venue call ended with; a surprise by its kind alone."""
    return str(error)[:400] if isinstance(error, BrokerError) else type(error).__name__


class DropCopy:
    """One worker on one oversight connection. `post` must be safe to call from its thread."""

    def __init__(
        self,
        broker: Oversight,
        post: Callable[[Posted], object],
        clock: Clock,
        *,
        poll_ms: int,
        since_fill: int,
        offset_ns: int,
    ) -> None:
        self._broker = broker
        self._post = post
        self._clock = clock
        self._poll_ms = poll_ms
        self._offset_ns = offset_ns
        self._fill_seq = max(0, since_fill)
        self._tasks: queue.Queue[Task | None] = queue.Queue(TASKS_MAX)
        self._lost = False
        self._thread = threading.Thread(target=self._run, name="drop-copy", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def ask(self, task: Task) -> bool:
        """Hand over a step of the kill sequence; False if too many wait."""
        try:
            self._tasks.put_nowait(task)
        except queue.Full:
            return False
        return True

    def close(self, timeout_ms: int = 500) -> None:
        """End the worker; one that hangs in the venue is left behind."""
        self.ask_to_end()
        if self._thread.ident is not None:
            self._thread.join(timeout_ms / 1000)

    def ask_to_end(self) -> None:
        """Let the worker end after what it is doing."""
        try:
            self._tasks.put_nowait(None)
        except queue.Full:
            return

    def _run(self) -> None:
        due_ns = self._clock.elapsed_ns()
        while True:
            wait_ms = max(0, (due_ns - self._clock.elapsed_ns()) // NS_PER_MS)
            try:
                task = self._tasks.get(timeout=wait_ms / 1000)
            except queue.Empty:
                self._read()
                due_ns = self._clock.elapsed_ns() + self._poll_ms * NS_PER_MS
                continue
            if task is None:
                return
            self._do(task)

    def _read(self) -> None:
        read_at_ns = self._clock.elapsed_ns()
        try:
            snapshot = self._broker.snapshot(self._fill_seq)
        except Exception as error:  # noqa: BLE001 - a worker that dies silently is blindness
            self._tell_lost(lost=True, detail=_words(error))
            return
        self._tell_lost(lost=False)
        if self._post(lambda stamp: broker_read(snapshot, read_at_ns + self._offset_ns, stamp)):
            self._fill_seq = max(self._fill_seq, snapshot.last_fill_seq)

    def _tell_lost(self, *, lost: bool, detail: str = "") -> None:
        if lost != self._lost:
            self._lost = lost
            self._post(
                lambda stamp: ConditionChanged(
                    at_ns=stamp.at_ns, wall_ns=stamp.wall_ns, name=LOST, lost=lost, detail=detail
                )
            )

    def _do(self, task: Task) -> None:
        try:
            match task:
                case CancelOrders():
                    self._cancel(task)
                case ReadVenue():
                    self._read_back(task)
                case HandlePositions():
                    self._handle(task)
        except Exception as error:  # noqa: BLE001 - see above
            problem = _words(error)
            self._post(lambda stamp: failed(task, problem, stamp))

    def _cancel(self, task: CancelOrders) -> None:
        before = self._broker.snapshot(self._fill_seq)
        keep = protective(before) if task.protect else frozenset()
        self._broker.cancel_all(keep)
        ids = tuple(o.cl_ord_id for o in before.working if o.cl_ord_id not in keep)
        self._post(
            lambda stamp: OrdersCancelled(
                at_ns=stamp.at_ns, wall_ns=stamp.wall_ns, sequence=task.sequence, cancelled=ids
            )
        )

    def _read_back(self, task: ReadVenue) -> None:
        wait_ns = task.not_before_ns - self._offset_ns - self._clock.elapsed_ns()
        self._clock.sleep_ms(wait_ns / NS_PER_MS)
        read_at_ns = self._clock.elapsed_ns() + self._offset_ns
        seen = self._broker.snapshot(self._fill_seq)
        keep = protective(seen)
        working = tuple(o.cl_ord_id for o in seen.working if o.cl_ord_id not in keep)
        self._post(
            lambda stamp: VenueRead(
                at_ns=stamp.at_ns,
                wall_ns=stamp.wall_ns,
                sequence=task.sequence,
                read_at_ns=read_at_ns,
                working=working,
                positions=open_positions(seen),
            )
        )

    def _handle(self, task: HandlePositions) -> None:
        seen = self._broker.snapshot(self._fill_seq)
        if task.policy == "flatten":
            seen = self._flatten(seen)
        elif task.policy == "protect" and self._broker.capabilities().protective_stops:
            self._protect(seen)
        positions = open_positions(seen)
        self._post(
            lambda stamp: PositionsHandled(
                at_ns=stamp.at_ns,
                wall_ns=stamp.wall_ns,
                sequence=task.sequence,
                open_positions=positions,
            )
        )

    def _flatten(self, seen: Snapshot) -> Snapshot:
        """Close what was read, no more than that, and read until it is gone or time is up."""
        self._broker.cancel_all()
        for position in seen.positions:
            qty = parse_decimal(position.qty) or 0
            if qty:
                side = "sell" if qty > 0 else "buy"
                self._broker.flatten(position.symbol, format_decimal(abs(qty)), side)
        for _ in range(FLATTEN_READS):
            seen = self._broker.snapshot(self._fill_seq)
            if not open_positions(seen):
                break
            self._clock.sleep_ms(self._poll_ms)
        return seen

    def _protect(self, seen: Snapshot) -> None:
        """Rest a stop under what the loop left without one."""
        keep = protective(seen)
        for position in seen.positions:
            qty = parse_decimal(position.qty) or 0
            covered = sum(
                parse_decimal(o.leaves_qty) or 0
                for o in seen.working
                if o.cl_ord_id in keep and o.symbol == position.symbol
            )
            bare = abs(qty) - covered
            price = last_price(seen, position.symbol) or parse_decimal(position.avg_price) or 0
            if bare > 0 and price > 0:
                away = price * STOP_AWAY_BPS // 10_000
                stop = price - away if qty > 0 else price + away
                side = "sell" if qty > 0 else "buy"
                self._broker.place_stop(position.symbol, side, format_decimal(bare), rounded(stop))
