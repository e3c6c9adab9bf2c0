"""Who belongs to the loop, judged on made-up readings of the process table."""

from __future__ import annotations

import pytest

from sentinel.adapters.identity import Identity, Stat
from sentinel.adapters.kinship import Kinship, Signs, own_image

IMAGE = (0x55D0_0000_1000, 0x7FFC_1234_5000, 0x55D0_0000_9000, 0x55D0_4444_0000)
OTHER = (0x5600_0000_1000, 0x7FFE_1234_5000, 0x5600_0000_9000, 0x5600_4444_0000)
INIT = dict(name="init", parent=0, start=1)


def stat(pid, *, parent=10, start=100, group=10, session=10, name="python", image=OTHER, state="S"):
    return Stat(
        pid=pid,
        name=name,
        state=state,
        parent=parent,
        group=group,
        session=session,
        threads=1,
        start_ticks=start,
        image=image,
    )


def table(*stats):
    return {it.pid: it for it in (stat(1, **INIT), stat(10, parent=1, start=5), *stats)}


def root(**changes):
    facts = dict(pid=50, start_ticks=100, uid=0, cgroup="/", command="loop", parent=10)
    return Identity(**{**facts, **changes})


def kinship(identity, marks=()):
    return Kinship(
        identity, protected={0, 1, 99}, marks_of=lambda pid: frozenset(dict(marks).get(pid, ()))
    )


def pids(kin, reading, signs=None, in_group=()):
    return [it.pid for it in kin.members(reading, signs or Signs(), in_group)]


def test_the_loop_comes_first_and_then_all_below_it():
    reading = table(stat(40, parent=60), stat(50), stat(60, parent=50), stat(61, parent=60))
    assert pids(kinship(root()), reading) == [50, 40, 60, 61]


def test_nobody_older_than_the_loop_is_of_it():
    reading = table(stat(50), stat(60, parent=50, start=99))
    assert pids(kinship(root()), reading) == [50]


def test_protected_processes_are_never_named():
    reading = table(stat(50), stat(99, parent=50))
    assert pids(kinship(root()), reading) == [50]


def test_a_later_owner_of_the_number_is_a_stranger_with_all_its_children():
    reading = table(stat(50, start=101), stat(60, parent=50, start=102))
    assert pids(kinship(root()), reading) == []


def test_a_session_led_by_one_of_the_loop_is_of_it():
    kin = kinship(root())
    assert pids(kin, table(stat(50), stat(60, parent=50, session=60))) == [50, 60]
    assert pids(kin, table(stat(50), stat(61, parent=10, session=60))) == [50, 61]


def test_a_session_number_that_was_given_out_again_is_forgotten():
    kin = kinship(root())
    assert pids(kin, table(stat(50), stat(60, parent=50, session=60))) == [50, 60]
    assert pids(kin, table(stat(50), stat(60, parent=10, session=60, start=300))) == [50]
    assert pids(kin, table(stat(50), stat(61, parent=10, session=60, start=301))) == [50]


def test_one_seen_before_stays_known_when_its_parent_is_gone():
    kin = kinship(root())
    assert pids(kin, table(stat(50), stat(60, parent=50))) == [50, 60]
    assert pids(kin, table(stat(60, parent=10))) == [60]
    assert pids(kin, table(stat(60, parent=10, start=300))) == []


def test_an_orphan_in_a_group_led_by_the_loop_is_of_it_and_a_foreign_child_is_not():
    identity = root(group=50)
    orphan, foreign = stat(60, parent=1, group=50), stat(61, parent=10, group=50)
    assert pids(kinship(identity), table(stat(50, group=50), orphan, foreign)) == [50, 60]


@pytest.mark.parametrize(("parent", "ours"), [(1, True), (9, True), (10, False)])
def test_a_sign_counts_only_where_the_parent_adopts_orphans(parent, ours):
    signs = Signs(image=IMAGE, marks=frozenset({b"m"}), forebears=frozenset({9}))
    by_image = stat(60, parent=parent, image=IMAGE)
    by_mark = stat(61, parent=parent)
    reading = table(stat(9, parent=1, start=2), stat(50), by_image, by_mark)
    expected = [50, 60, 61] if ours else [50]
    assert pids(kinship(root(), {61: {b"m"}}.items()), reading, signs) == expected


def test_a_users_service_manager_adopts_orphans_too():
    reading = table(stat(8, name="systemd", parent=1, start=3), stat(50), stat(60, parent=8))
    assert pids(kinship(root()), reading, Signs(), {60}) == [50, 60]


def test_in_a_private_group_only_orphans_need_its_witness():
    reading = table(stat(50), stat(60, parent=1), stat(61, parent=10))
    assert pids(kinship(root()), reading, Signs(), {50, 60, 61}) == [50, 60]


def test_a_subreaper_takes_every_child_that_it_did_not_start():
    signs = Signs(adopter=10, own_children=frozenset({61}))
    reading = table(stat(50), stat(60), stat(61), stat(62, parent=61))
    assert pids(kinship(root()), reading, signs) == [50, 60]


def test_a_loop_that_the_subreaper_started_itself_is_the_loop_all_the_same():
    signs = Signs(adopter=10, own_children=frozenset({50, 61}))
    reading = table(stat(50), stat(60, parent=50), stat(61))
    assert pids(kinship(root()), reading, signs) == [50, 60]


def test_kernel_threads_are_never_named():
    signs = Signs(image=(0, 0, 0, 0))
    reading = table(stat(50), stat(2, parent=0, start=200), stat(60, parent=2, image=(0, 0, 0, 0)))
    assert 60 not in pids(kinship(root()), reading, signs)


def test_a_zombie_is_named_but_dead():
    reading = table(stat(50, state="Z"))
    found = kinship(root()).members(reading, Signs())
    assert [it.dead for it in found] == [True]


def test_the_image_is_the_loops_own_when_its_parent_has_another():
    now = stat(50, image=IMAGE)
    assert own_image(now, (10, 1), table(now), randomized=True) == IMAGE


@pytest.mark.parametrize("why", ["parent", "fixed", "off", "hidden", "twin"])
def test_the_image_is_no_sign_where_others_may_share_it(why):
    now = stat(50, image=IMAGE)
    reading = table(now)
    if why == "parent":
        reading[10] = stat(10, parent=1, start=5, image=IMAGE)
    if why == "fixed":
        now = stat(50, image=(IMAGE[0], 0x7FFF_FFFF_E000, IMAGE[2], IMAGE[2] + 0x2000))
    if why == "hidden":
        now = stat(50, image=(1, 0, 0, 0))
    if why == "twin":
        now = stat(50, parent=1, image=IMAGE)
        reading[60] = stat(60, parent=1, image=IMAGE)
    reading[50] = now
    assert own_image(now, (10, 1), reading, randomized=why != "off") is None


def test_a_stack_that_is_high_by_chance_does_not_spoil_the_image():
    chance = (IMAGE[0], 0x7FFF_FFFF_E000, IMAGE[2], IMAGE[3])
    now = stat(50, image=chance)
    assert own_image(now, (10, 1), table(now), randomized=True) == chance


def test_children_of_an_adopted_loop_do_not_spoil_its_image():
    now = stat(50, parent=1, image=IMAGE)
    reading = table(now, stat(60, parent=50, image=IMAGE))
    assert own_image(now, (1,), reading, randomized=True) == IMAGE
