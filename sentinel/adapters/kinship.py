"""Which processes are the loop's, judged from one reading of /proc. It may never signal anything.

A process is the loop's when it is the loop, a child of one that is, or in a session that one of
them leads (nobody can join a foreign session). An orphan, whose parent the kernel had to replace,
is also the loop's when it still carries a sign: its process group, its memory image, its run mark,
its private control group. A process whose own parent lives outside is a bystander, whatever else
it shares.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from msgspec import Struct

from sentinel.adapters.identity import KERNEL_THREADS, Identity, Stat

STACK_SLACK = 1 << 21
HEAP_SLACK = 1 << 22
Key = tuple[int, int]


class Signs(Struct, frozen=True, kw_only=True):
    """What marks an orphan as the loop's.

    `image` is None, and `marks` empty, where others could share them; `forebears` are those
    ancestors of the loop that may have adopted its orphans; `adopter` is this process where it is a
    subreaper, with `own_children` the ones it started itself.
    """

    image: tuple[int, int, int, int] | None = None
    marks: frozenset[bytes] = frozenset()
    forebears: frozenset[int] = frozenset()
    adopter: int | None = None
    own_children: frozenset[int] = frozenset()


class Kinship:
    """The loop's family as far as it was ever seen; remembers whom it saw until they are gone."""

    __slots__ = ("_groups", "_marks_of", "_protected", "_root", "_root_key", "_seen", "_sessions")

    def __init__(
        self,
        root: Identity,
        *,
        protected: Collection[int],
        marks_of: Callable[[int], frozenset[bytes]],
    ) -> None:
        self._root = root
        self._root_key = (root.pid, root.start_ticks)
        self._protected = frozenset(protected)
        self._marks_of = marks_of
        self._seen: set[Key] = set()
        self._sessions: dict[int, int] = {}
        self._groups: dict[int, int] = {}
        if root.session == root.pid:
            self._sessions[root.pid] = root.start_ticks
        if root.group == root.pid:
            self._groups[root.pid] = root.start_ticks

    def members(
        self, table: Mapping[int, Stat], signs: Signs, in_group: Collection[int] = ()
    ) -> list[Stat]:
        """Everyone of the loop's in this reading, zombies included, the loop itself first.

        `in_group` are the processes of a control group that is the loop's alone.
        """
        self._forget_the_gone(table)
        young = {
            pid: stat
            for pid, stat in table.items()
            if stat.start_ticks >= self._root.start_ticks and self._may_be_ours(stat, signs)
        }
        found: dict[int, Stat] = {}
        while True:
            grown = {
                pid: stat
                for pid, stat in young.items()
                if pid not in found and self._is_ours(stat, found, table, signs, in_group)
            }
            if not grown:
                break
            found.update(grown)
            self._remember(grown.values())
        return sorted(found.values(), key=lambda stat: (stat.pid != self._root.pid, stat.key))

    def _may_be_ours(self, stat: Stat, signs: Signs) -> bool:
        return (
            stat.pid not in {0, 1, KERNEL_THREADS}
            and stat.parent != KERNEL_THREADS
            and stat.pid not in self._protected
            and (stat.pid not in signs.own_children or stat.key == self._root_key)
        )

    def _is_ours(
        self,
        stat: Stat,
        found: Mapping[int, Stat],
        table: Mapping[int, Stat],
        signs: Signs,
        in_group: Collection[int],
    ) -> bool:
        if stat.key == self._root_key or stat.key in self._seen:
            return True
        if stat.parent in found or stat.session in self._sessions:
            return True
        if stat.parent == signs.adopter:
            return True
        if is_adopted(stat, table):
            return stat.group in self._groups or stat.pid in in_group or self._has_sign(stat, signs)
        return stat.parent in signs.forebears and self._has_sign(stat, signs)

    def _has_sign(self, stat: Stat, signs: Signs) -> bool:
        if signs.image is not None and stat.image == signs.image:
            return True
        return bool(signs.marks) and not signs.marks.isdisjoint(self._marks_of(stat.pid))

    def _remember(self, stats: Collection[Stat]) -> None:
        for stat in stats:
            self._seen.add(stat.key)
            if stat.session == stat.pid:
                self._sessions[stat.pid] = stat.start_ticks
            if stat.group == stat.pid:
                self._groups[stat.pid] = stat.start_ticks

    def _forget_the_gone(self, table: Mapping[int, Stat]) -> None:
        # A session or group number is not given out again while one process still carries it;
        # once nobody does, a later owner of the number is a stranger.
        self._seen = {key for key in self._seen if key[0] in table and table[key[0]].key == key}
        sessions = {stat.session for stat in table.values()}
        groups = {stat.group for stat in table.values()}
        self._sessions = _still_led(self._sessions, sessions, table)
        self._groups = _still_led(self._groups, groups, table)


def _still_led(
    led: Mapping[int, int], in_use: Collection[int], table: Mapping[int, Stat]
) -> dict[int, int]:
    return {
        number: start
        for number, start in led.items()
        if number in in_use and (number not in table or table[number].start_ticks == start)
    }


def is_adopted(stat: Stat, table: Mapping[int, Stat]) -> bool:
    """True when its parent is one that adopts orphans: PID 1, or a user's service manager."""
    parent = table.get(stat.parent)
    return stat.parent <= 1 or parent is None or parent.name == "systemd"


def own_image(
    root: Stat, forebears: Collection[int], table: Mapping[int, Stat], *, randomized: bool
) -> tuple[int, int, int, int] | None:
    """The loop's memory image where nobody but a fork of the loop can share it, else None.

    That is so when the loop's living parent has another one (the loop ran exec itself); where the
    parent is gone, when nobody outside the loop's children has it at this moment.
    """
    if not randomized or 0 in root.image or _looks_fixed(root.image):
        return None
    if any(pid in table and table[pid].image == root.image for pid in forebears):
        return None
    if is_adopted(root, table) and any(
        stat.image == root.image and not _descends(stat, root.pid, table) for stat in table.values()
    ):
        return None
    return root.image


def _looks_fixed(image: tuple[int, int, int, int]) -> bool:
    # Without randomisation the stack ends right below a power of two, less what arguments and
    # environment take, and the heap follows the data; by chance that is so once in 60,000 times.
    _, stack, data, heap = image
    top = (stack | (STACK_SLACK - 1)) + 1
    return top & (top - 1) == 0 and heap - data < HEAP_SLACK


def _descends(stat: Stat, ancestor: int, table: Mapping[int, Stat]) -> bool:
    for _ in range(1024):
        if stat.pid == ancestor:
            return True
        parent = table.get(stat.parent)
        if parent is None:
            return False
        stat = parent
    return False
