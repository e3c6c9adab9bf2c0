"""The journal is enough: it is folded into the state, from a snapshot or from the start."""

from __future__ import annotations

import msgspec
import pytest

from ipc.clock import SystemClock
from ipc.codec import fingerprint
from ipc.config.reader import limits_hash, parse_config
from ipc.messages import OrderIntent
from sentinel import snapshotter
from sentinel.adapters import archivist
from sentinel.adapters.archivist import Archivist
from sentinel.adapters.journal_format import JournalDamaged
from sentinel.adapters.journal_writer import JournalWriter
from sentinel.adapters.snapshots import list_snapshots
from sentinel.core.effects import Reply
from sentinel.core.events import (
    EpochStarted,
    HeartbeatReceived,
    HelloReceived,
    IntentReceived,
    LimitsLoaded,
)
from sentinel.core.ledger import Entry, Ledger, encode_entry
from sentinel.core.memento import dump
from sentinel.core.state import State
from sentinel.memory import remember

RISK = parse_config('[account]\nrequired = false\n[limits]\nsymbols = ["*"]\n', "test").risk
CLOCK = SystemClock()
SEGMENT = 1 << 20


def _remember(directory):
    memory = remember(directory, durability="process", segment_bytes=SEGMENT, clock=CLOCK)
    memory.journal.close()
    return memory


def _order(number, at_ns):
    intent = OrderIntent(
        cl_ord_id=f"o{number}",
        symbol="EUR/USD",
        side="buy",
        ord_type="limit",
        order_qty="1",
        price="1",
    )
    return IntentReceived(
        at_ns=at_ns, wall_ns=at_ns, run_id="r", intent=intent, fingerprint=fingerprint(intent)
    )


def _history(count):
    state = State()
    ledger = Ledger(state)
    events = [
        EpochStarted(
            at_ns=1,
            wall_ns=1,
            epoch=1,
            boot_id="b",
            offset_ns=0,
            account_id="A",
            mode="paper",
            version="0",
        ),
        LimitsLoaded(at_ns=2, wall_ns=2, risk=RISK, hash=limits_hash(RISK)),
        HelloReceived(
            at_ns=3,
            wall_ns=3,
            session=b"s",
            protocol=1,
            pid=2,
            start_ticks=3,
            run_id="r",
            strategy="s",
            mode="paper",
            account_id="A",
            limits_hash=limits_hash(RISK),
            max_trades=None,
            peer_pid=2,
            peer_start_ticks=3,
            peer_allowed=True,
            own_mode="paper",
            own_account_id="A",
            own_protocol=1,
        ),
        HeartbeatReceived(at_ns=4, wall_ns=4, run_id="r", iteration=1),
        *(_order(number, 5 + number) for number in range(count)),
    ]
    payloads = [encode_entry(e) for event in events for e in ledger.take(event)[0]]
    return state, payloads


@pytest.fixture
def journal(tmp_path):
    directory = tmp_path / "state" / "journal"
    directory.parent.mkdir()
    return directory


def _write(directory, payloads):
    writer, _ = JournalWriter.open(
        directory, durability="process", segment_bytes=SEGMENT, clock=CLOCK
    )
    writer.append(payloads)
    position = writer.position
    writer.close()
    return position


def _words(directory, position):
    return [
        str(directory),
        str(position.seq),
        position.chain_hash.hex(),
        str(position.segment),
        str(position.offset),
        "30",
        "0",
    ]


def test_a_folded_journal_gives_the_state_that_wrote_it(journal):
    state, payloads = _history(50)
    _write(journal, payloads)
    memory = _remember(journal)
    assert dump(memory.state) == dump(state)


def test_a_start_from_a_snapshot_gives_the_same_state_as_one_from_the_beginning(journal):
    state, payloads = _history(50)
    position = _write(journal, payloads[:30])
    assert snapshotter.main(_words(journal, position)) == 0
    _write(journal, payloads[30:])
    memory = _remember(journal)
    assert memory.snapshot_seq == 30
    assert dump(memory.state) == dump(state)


def test_a_verdict_that_would_be_another_today_refuses_the_start(journal):
    _, payloads = _history(3)
    forged = msgspec.msgpack.decode(payloads[-1])
    assert forged[1][0][3] is True
    forged[1][0][3:5] = [False, "THROTTLE_EXCEEDED"]
    _write(journal, [*payloads[:-1], msgspec.msgpack.encode(forged)])
    with pytest.raises(JournalDamaged, match="cannot be folded"):
        _remember(journal)


def test_an_entry_of_another_version_refuses_the_start(journal):
    _write(journal, [msgspec.msgpack.encode(["tomorrow", 1, 2])])
    with pytest.raises(JournalDamaged, match="cannot be folded"):
        _remember(journal)


def test_the_archivist_has_a_snapshot_made_by_a_process_of_its_own(journal, monkeypatch):
    monkeypatch.setattr(archivist, "EVERY", 10)
    _, payloads = _history(20)
    position = _write(journal, payloads)
    keeper = Archivist(journal, retain_days=30, snapshot_seq=0)
    keeper.look(position, 0)
    assert keeper.pid is not None
    pid = keeper.pid
    while keeper.pid is not None:
        CLOCK.sleep_ms(20)
        keeper.look(position, 0)
    assert (pid > 1, keeper.failures) == (True, 0)
    assert list_snapshots(journal) == [position.seq]
    keeper.close()


def test_the_archivist_waits_until_the_journal_has_grown(journal):
    position = _write(journal, _history(5)[1])
    keeper = Archivist(journal, retain_days=30, snapshot_seq=0)
    keeper.look(position, 0)
    assert keeper.pid is None


def test_entries_say_what_was_decided():
    _, payloads = _history(1)
    entry = msgspec.msgpack.decode(payloads[-1], type=Entry)
    verdict = entry.effects[0]
    assert isinstance(verdict, Reply)
    assert verdict.approved
