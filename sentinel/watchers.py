"""The files that are watched: STOP entries and the configuration. They only post."""

from __future__ import annotations

from pathlib import Path

from ipc.clock import Clock
from ipc.config.problems import ConfigError
from ipc.config.reader import decode_config, limits_hash
from ipc.config.values import Config
from sentinel.adapters.config_watch import ConfigWatch, FileRefused, read_guarded
from sentinel.adapters.inbox import Inbox
from sentinel.adapters.stamp import Posted, Stamp
from sentinel.adapters.stop_file import StopCause, StopFileWatch
from sentinel.core.events import Event, LimitsPended, StopFileGone, StopFileSeen
from sentinel.core.state import State
from sentinel.limits_desk import Candidate, limits_event
from sentinel.operators import Operators

STALE_MS = 2_000
"""A look at the STOP paths that takes this long means that nobody looks."""
PROBLEM_MAX = 400


class Watchers:
    """Both watches of one sentinel, armed by `start`."""

    def __init__(
        self,
        config: Config,
        config_path: Path,
        state_dir: Path,
        *,
        inbox: Inbox[Posted],
        state: State,
        operators: Operators,
        clock: Clock,
    ) -> None:
        self._config = config
        self._path = config_path
        self._inbox = inbox
        self._state = state
        self._operators = operators
        stops = [state_dir / "STOP", *map(Path, config.stop_file_paths)]
        self._stops = StopFileWatch(stops, self._on_stop, clock)
        self._limits = ConfigWatch(config_path, self._on_config, clock)
        self._stop_present = False

    def start(self) -> None:
        """Arm both, then look for STOP: nothing falls between the watch and the look."""
        self._stops.start()
        self._stops.check_now()
        self._limits.start()

    def close(self) -> None:
        """End both."""
        self._limits.close()
        self._stops.close()

    @property
    def degraded(self) -> list[str]:
        """What does not work as it should, a line each."""
        found = (self._stops.degraded, self._limits.degraded)
        return [problem for problem in found if problem is not None]

    @property
    def blind(self) -> bool:
        """Whether the STOP paths have not been looked at for too long."""
        return self._stops.poll_age_ms() > STALE_MS

    def look_for_gone_stop(self) -> None:
        """Post that no STOP is left, once that is so."""
        if self._stop_present and not self._stops.check_now():
            self._stop_present = False
            self._inbox.put(lambda s: StopFileGone(at_ns=s.at_ns, wall_ns=s.wall_ns))

    def offered(self, stamp: Stamp) -> Event | None:
        """Return what the configuration that the program was started with means now."""
        risk = self._config.risk
        return self._judged(Candidate(risk=risk, hash=limits_hash(risk)), stamp)

    def _on_stop(self, path: Path, cause: StopCause) -> bool:
        self._stop_present = True
        return self._inbox.put_urgent(
            lambda s: StopFileSeen(
                at_ns=s.at_ns, wall_ns=s.wall_ns, path=str(path), cause=cause.value
            )
        )

    def _on_config(self) -> bool:
        candidate = self._read()
        return self._inbox.put(lambda stamp: self._judged(candidate, stamp))

    def _read(self) -> Candidate:
        try:
            config = decode_config(read_guarded(self._path), str(self._path))
        except (ConfigError, FileRefused) as error:
            return Candidate(problem=str(error).splitlines()[0][:PROBLEM_MAX])
        if config.risk.account.mode != self._config.risk.account.mode:
            problem = f"{self._path}: [account] mode cannot change while running"
            return Candidate(problem=problem)
        return Candidate(risk=config.risk, hash=limits_hash(config.risk))

    def _judged(self, candidate: Candidate, stamp: Stamp) -> Event | None:
        event = limits_event(self._state, candidate, stamp)
        if candidate.risk is not None:
            waits = isinstance(event, LimitsPended) or (
                event is None and self._state.pending_hash == candidate.hash
            )
            self._operators.pending = (candidate.risk, candidate.hash) if waits else None
        return event
