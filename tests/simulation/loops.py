"""Simulated loops on the real client and the real gate: some behave, some are runaways."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from ipc.approved import ApprovalVoid, Approved
from ipc.codec import fingerprint
from ipc.conversation import Conversation, SentinelUnavailable
from ipc.messages import CancelIntent, OrderIntent, Refused, ReplaceIntent
from scalper.feed import QuoteRow
from scalper.gate import Gate
from tests.simulation.chance import HOSTILE, MARKETS, MS, QUANTITIES
from tests.simulation.history import Believed, Emitted
from tests.simulation.network import SimChannel

if TYPE_CHECKING:
    from tests.simulation.world import World

ANSWER_MS = 100
SILENCE_MS = 1000
BEAT_MS = 200
BURST = 6


class Killed(Exception):
    """This loop's process was ended while it did something."""


class SimLoop:
    """One strategy's process, and after its end the next one of the same strategy."""

    def __init__(self, world: World, number: int, *, runaway: bool) -> None:
        self._world = world
        self._runaway = runaway
        self.strategy = f"s{number}"
        self._made = 0
        self._asked: deque[OrderIntent | ReplaceIntent] = deque(maxlen=8)
        self._begin()

    def _begin(self) -> None:
        world = self._world
        self.pid = world.new_pid()
        self.run_id = f"{self.strategy}-{self.pid}"
        self.dead = False
        self.busy = False
        self.greeted = False
        self._iteration = 0
        self._beat_due_ns = 0
        self._mute = False
        self._rash = self._runaway and world.chance(0.3)
        """Whether it asks before it has beaten."""
        self._unanswered: OrderIntent | ReplaceIntent | None = None
        if self._asked and world.chance(0.7):
            self._unanswered = world.rng.choice(self._asked)
        self.channel = SimChannel(world, self)
        self.talk = Conversation(
            self.channel, world.clock, answer_timeout_ms=ANSWER_MS, sentinel_timeout_ms=SILENCE_MS
        )
        self.gate = Gate(self.talk, world.clock)

    def check_alive(self) -> None:
        """Raise Killed where the process is no more."""
        if self.dead:
            raise Killed

    def die(self, *, said_goodbye: bool = False) -> None:
        """End this process; its strategy starts anew later."""
        if self.dead:
            return
        self.dead = True
        world = self._world
        if not said_goodbye:
            run_id = self.run_id
            world.after(world.rng.randrange(1, 10) * MS, lambda: world.saw_death(run_id))
        if self.talk.refusal is None:
            pause_ms = world.rng.choice((50, 200, 800))
        else:
            pause_ms = world.rng.choice((1000, 3000))
        world.after(pause_ms * MS, self.revive)

    def revive(self) -> None:
        """Start the next process, unless this one still unwinds."""
        if self.busy:
            self._world.after(50 * MS, self.revive)
            return
        self._begin()
        self.plan_step(1)

    def plan_step(self, delay_ms: int) -> None:
        """Plan a pass of this process, and of no later one."""
        pid = self.pid

        def step() -> None:
            if self.pid == pid and not self.dead:
                self._step()

        self._world.after(delay_ms * MS, step)

    def _step(self) -> None:
        self.busy = True
        try:
            self._pass()
        except Killed:
            pass
        finally:
            self.busy = False
        if not self.dead:
            pace = self._world.drawn.pace_ms
            self.plan_step(self._world.rng.randrange(pace // 2, 2 * pace))

    def _pass(self) -> None:
        world = self._world
        if not self.greeted and not self._greet():
            return
        if self.talk.silent or self.gate.refusal is not None:
            self._withdraw()
            return
        self._iteration += 1
        self._look()
        self._forward()
        rash = self._rash and self._iteration == 1
        if not self._mute and not rash and world.now_ns >= self._beat_due_ns:
            self.gate.beat(self._iteration, 0)
            self._beat_due_ns = world.now_ns + BEAT_MS * MS
        for _ in range(world.rng.randrange(BURST) if self._runaway else 1):
            if self.talk.silent or self.gate.refusal is not None:
                break
            self._want()
        if world.chance(0.001):
            self._mute = True
        if world.chance(0.002) and not self._runaway:
            self.talk.goodbye()
            self.check_alive()
            self._cancel_own()
            self.die(said_goodbye=True)

    def _greet(self) -> bool:
        try:
            opening = self.talk.hello(
                run_id=self.run_id,
                strategy=self.strategy,
                mode="live" if self._world.drawn.live else "paper",
                account_id="A1",
                limits_hash=self._world.file_hash,
                pid=self.pid,
            )
        except SentinelUnavailable:
            opening = None
        self.check_alive()
        if opening is None or isinstance(opening, Refused):
            self.die()
            return False
        self.greeted = True
        return True

    def _look(self) -> None:
        for symbol in MARKETS:
            bid, ask = self._world.venue.quote(symbol)
            chance = self._world.rng.random()
            if chance < 0.03:
                bid, ask = ask, bid
            row = QuoteRow(
                ts_ns=self._world.now_ns,
                symbol=symbol,
                bid=None if chance > 0.98 else bid,
                ask=ask,
                bid_units=None,
                ask_units=None,
            )
            self.gate.saw(row)

    def _forward(self) -> None:
        for report in self._world.venue.reports.pop(self.run_id, []):
            for _ in range(1 + self._world.chance(self._world.drawn.doubling / 5)):
                self.gate.report(**report)

    def _withdraw(self) -> None:
        """The sentinel is silent or closed the session: cancel what is ours, and end."""
        self._cancel_own()
        self.die()

    def _cancel_own(self) -> None:
        venue = self._world.venue
        for order in [o for o in venue.working.values() if o.run_id == self.run_id]:
            venue.cancel(order.cl_ord_id)

    def _want(self) -> None:
        rng, venue = self._world.rng, self._world.venue
        own = [o for o in venue.working.values() if o.run_id == self.run_id]
        chance = rng.random()
        if self._unanswered is not None and chance < 0.7:
            again, self._unanswered = self._unanswered, None
            self._ask(again)
        elif self._asked and chance < (0.15 if self._runaway else 0.03):
            intent = rng.choice(self._asked)
            if rng.random() < 0.5:
                intent = msgspec.structs.replace(intent, order_qty=rng.choice(QUANTITIES))
            self._ask(intent)
        elif own and chance < 0.4:
            order = rng.choice(own)
            if rng.random() < 0.5:
                cancel = CancelIntent(cl_ord_id=self._new_id(), orig_cl_ord_id=order.cl_ord_id)
                self.gate.cancel(cancel)
                self.check_alive()
                venue.cancel(order.cl_ord_id)
            else:
                self._ask(self._replace(order.cl_ord_id, order.symbol))
        elif chance < (1.0 if self._runaway else 0.6):
            self._ask(self._order())

    def _new_id(self) -> str:
        self._made += 1
        return f"{self.strategy}.{self._made}"

    def _order(self) -> OrderIntent:
        world = self._world
        symbol = world.rng.choice(sorted(MARKETS))
        market = world.rng.random() < 0.3
        return OrderIntent(
            cl_ord_id=self._new_id(),
            symbol=symbol,
            side=world.rng.choice(("buy", "sell")),
            ord_type="market" if market else "limit",
            order_qty=self._qty(),
            price=None if market else self._near(symbol),
            reduce_only=world.rng.random() < 0.05,
        )

    def _replace(self, orig: str, symbol: str) -> ReplaceIntent:
        return ReplaceIntent(
            cl_ord_id=self._new_id(),
            orig_cl_ord_id=orig,
            order_qty=self._qty(),
            price=self._near(symbol),
        )

    def _qty(self) -> str:
        rng = self._world.rng
        return rng.choice(HOSTILE if rng.random() < self._world.drawn.hostile else QUANTITIES)

    def _near(self, symbol: str) -> str:
        world = self._world
        if world.rng.random() < world.drawn.hostile / 2:
            return world.rng.choice(HOSTILE)
        ticks = world.venue.mids[symbol] + world.rng.choice((-40, -5, -1, 0, 1, 5, 40, 300))
        return world.venue.price(symbol, ticks)

    def _ask(self, intent: OrderIntent | ReplaceIntent) -> None:
        world = self._world
        self._asked.append(intent)
        begun_ns = world.clock.elapsed_ns()
        verdict = self.gate.order(intent)
        self.check_alive()
        if not isinstance(verdict, Approved):
            if verdict.reason == "SENTINEL_SILENT":
                self._unanswered = intent
            return
        world.history.believed.append(
            Believed(
                cl_ord_id=intent.cl_ord_id,
                boot_ns=world.clock.elapsed_ns(),
                patience_ns=begun_ns + ANSWER_MS * MS,
                true_ns=world.now_ns,
            )
        )
        if world.chance(0.1 if world.drawn.pause else 0.0):
            world.run_until(lambda: False, world.now_ns + world.rng.choice((5, 300, 800)) * MS)
            self.check_alive()
        self._emit(verdict)

    def _emit(self, approved: Approved) -> None:
        world = self._world
        try:
            intent = approved.spend(world.clock.elapsed_ns())
        except ApprovalVoid:
            return
        epoch = self.talk.epoch or 0
        world.history.emitted.append(
            Emitted(
                cl_ord_id=intent.cl_ord_id,
                fingerprint=fingerprint(intent),
                run_id=self.run_id,
                epoch=epoch,
                boot_ns=world.clock.elapsed_ns(),
                true_ns=world.now_ns,
            )
        )
        run_id = self.run_id
        world.after(world.rng.randrange(20) * MS, lambda: world.at_venue(intent, run_id))
