"""The token bucket, in exact integers: no drift, however long it runs."""

from __future__ import annotations

from ipc.clock import NS_PER_MS
from ipc.numbers import SCALE

_EXIT_PER_NS = 1000 * NS_PER_MS


class TokenBucket:
    """Continuous refill of `rate` tokens every `per_ns`, up to `burst`; starts full.

    One token is per_ns × 10¹⁸ units, so that the refill of any number of nanoseconds at a rate
    with 18 places is an integer. `rate` and `burst` are scaled by 10¹⁸. Time that goes back
    refills nothing.
    """

    def __init__(self, name: str, rate: int, per_ns: int, burst: int, at_ns: int) -> None:
        if rate <= 0 or per_ns <= 0 or burst < SCALE:
            raise ValueError(f"throttle {name}: rate and per_ms above 0, burst at least 1")
        self.name = name
        self.rate = rate
        self.burst = burst
        self.token = per_ns * SCALE
        self.capacity = burst * per_ns
        self.level = self.capacity
        self.at_ns = at_ns

    def refill(self, at_ns: int) -> None:
        """Bring the level to `at_ns`."""
        if at_ns > self.at_ns:
            level = self.level + (at_ns - self.at_ns) * self.rate
            self.level = min(self.capacity, level)
            self.at_ns = at_ns

    def has_token(self, at_ns: int) -> bool:
        """Whether a whole token is there."""
        self.refill(at_ns)
        return self.level >= self.token

    def take(self, at_ns: int) -> None:
        """Take one token; what is not there is not owed."""
        self.refill(at_ns)
        self.level = self.level - self.token if self.level >= self.token else 0

    def used_with_one_more(self) -> int:
        """Tokens in use if one more were taken, scaled by 10¹⁸: above `burst` means too many."""
        used = self.capacity - self.level + self.token
        return -(-used * SCALE // self.token)

    def resize(self, rate: int, per_ns: int, burst: int, at_ns: int) -> None:
        """Take new numbers; what was used stays used."""
        self.refill(at_ns)
        used = self.capacity - self.level
        old_token = self.token
        self.rate = rate
        self.burst = burst
        self.token = per_ns * SCALE
        self.capacity = burst * per_ns
        self.level = max(0, self.capacity - -(-used * self.token // old_token))


def exit_bucket(per_second: int, at_ns: int) -> TokenBucket:
    """Make the rate cap that exits have to themselves."""
    return TokenBucket("exits", per_second * SCALE, _EXIT_PER_NS, max(1, per_second) * SCALE, at_ns)
