"""`sentinel replay`'s engine: event lines, in virtual time, to the very same core."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ipc.config.values import RiskConfig
from ipc.messages import PROTOCOL
from sentinel.core.decide import decide, next_deadline_ns
from sentinel.core.effects import Answer, Effect, Halt, KillTree, Reduce, Reply, Resume, SendAlert
from sentinel.core.events import (
    EpochStarted,
    Event,
    LimitsLoaded,
    LimitsRejected,
    TimePassed,
)
from sentinel.core.state import State
from sentinel.event_line import BadLine, Line, is_text
from sentinel.replay_lines import BUILDERS, RUN_ID

ParseConfig = Callable[[str], tuple[RiskConfig, str]]


class Replayer:
    """Feeds lines to a state of its own and yields what is to be printed."""

    def __init__(self, risk: RiskConfig, config_hash: str, parse_config: ParseConfig) -> None:
        self.state = State()
        self.state.replaying = True
        self._risk, self._hash = risk, config_hash
        self._parse_config = parse_config
        self._at_ns = 0
        self._started = False

    def feed(self, lines: Iterable[str]) -> Iterator[dict[str, object]]:
        """Decide every line; BadLine for the first that is no event, after what came before it."""
        for number, text in enumerate(lines, 1):
            if not text.strip():
                raise BadLine(number, "a JSON object was expected")
            line = Line(number, text)
            if line.at_ns < self._at_ns:
                raise line.bad("a time not before the line above was expected")
            event = self._event(line)
            if not self._started:
                self._start(line.at_ns)
            yield from self._pass_time(line)
            self._at_ns = line.at_ns
            yield from self._shown(line, line.at_ns, decide(self.state, event))

    def _start(self, at_ns: int) -> None:
        self._started = True
        account = self._risk.account
        decide(
            self.state,
            EpochStarted(
                at_ns=at_ns,
                wall_ns=at_ns,
                epoch=1,
                boot_id=RUN_ID,
                offset_ns=0,
                account_id=account.account_id or RUN_ID,
                mode=account.mode,
                version=str(PROTOCOL),
            ),
        )
        decide(
            self.state,
            LimitsLoaded(at_ns=at_ns, wall_ns=at_ns, risk=self._risk, hash=self._hash),
        )

    def _pass_time(self, line: Line) -> Iterator[dict[str, object]]:
        """Let every deadline before this line come, each at its own time."""
        while (due_ns := next_deadline_ns(self.state)) <= line.at_ns:
            due_ns = max(due_ns, self._at_ns)
            effects = decide(self.state, TimePassed(at_ns=due_ns, wall_ns=due_ns))
            yield from self._shown(line, due_ns, effects)

    def _event(self, line: Line) -> Event:
        if line.event == "config":
            return self._config(line)
        build = BUILDERS.get(line.event)
        if build is None:
            raise line.bad(f"an event of {', '.join(sorted([*BUILDERS, 'config']))} was expected")
        return build(line)

    def _config(self, line: Line) -> Event:
        """A valid configuration is in force at once; another changes nothing and is told."""
        at_ns, toml = line.at_ns, line.text("toml")
        try:
            risk, config_hash = self._parse_config(toml)
        except ValueError as error:
            problem = str(error).splitlines()[0]
            return LimitsRejected(at_ns=at_ns, wall_ns=at_ns, problem=problem)
        return LimitsLoaded(at_ns=at_ns, wall_ns=at_ns, risk=risk, hash=config_hash)

    def _shown(self, line: Line, at_ns: int, effects: list[Effect]) -> Iterator[dict[str, object]]:
        at = line.shown(at_ns)
        for effect in effects:
            match effect:
                case Reply():
                    yield {**at, **_verdict(line, effect)}
                case Halt(cause=cause):
                    yield {**at, "effect": "halt", "cause": cause}
                case Reduce(cause=cause):
                    yield {**at, "effect": "reduce", "cause": cause}
                case Resume(cause=cause):
                    yield {**at, "effect": "resume", "cause": cause}
                case KillTree(cause=cause):
                    yield {**at, "effect": "kill_tree", "cause": cause}
                case SendAlert(code=code, severity=severity, facts=facts):
                    yield {
                        **at,
                        "effect": "alert",
                        "cause": facts.get("cause", code),
                        "severity": severity,
                        "code": code,
                    }
                case Answer(ok=False, code=code, detail=detail) if line.event == "resume":
                    yield {**at, "effect": "resume_refused", "cause": code, "detail": detail}
                case _:
                    pass


def _verdict(line: Line, reply: Reply) -> dict[str, object]:
    given = line.fields.get("cl_ord_id")
    return {
        "cl_ord_id": given if is_text(given) else None,
        "verdict": "approved" if reply.approved else "vetoed",
        "reason": reply.reason,
        "limit": reply.limit,
        "observed": reply.observed,
        "state": reply.state,
        "seq": reply.seq,
    }
