"""Live trading is refused with every missing fact named."""

import pytest

from broker_api.values import BrokerFacts
from ipc.clock import SystemClock
from scalper import confirming
from scalper.confirming import Console, pass_live_guard
from scalper.options import Options, Stopped
from tests.scalper.house import LIVE, NOBODY, one_line


@pytest.mark.parametrize("allow", [None, "", "TRUE", "1", "yes"])
def test_live_without_the_exact_allowance_is_77_and_names_what_is_missing(house, allow):
    (house.place / "sentinel.toml").write_text(NOBODY)
    env = {} if allow is None else {"ALLOW_LIVE": allow}
    done = house.call("--live", "--yes", **env)
    assert done.returncode == 77
    assert "ALLOW_LIVE" in done.stderr
    assert "paper" in done.stderr
    assert "no sentinel" in done.stderr


def test_live_without_a_configuration_is_77(house):
    (house.place / "sentinel.toml").unlink()
    done = house.call(
        "--live", "--yes", ALLOW_LIVE="true", HOME=str(house.place), XDG_CONFIG_HOME="/none"
    )
    assert done.returncode == 77
    assert "no valid configuration" in done.stderr


def test_live_without_a_terminal_or_yes_is_77(house):
    house.sentinel()
    done = house.call("--live", ALLOW_LIVE="true")
    assert done.returncode == 77
    assert "--yes was not given" in done.stderr


def test_live_on_the_offline_broker_is_77_even_if_all_else_agrees(house):
    house.sentinel()
    (house.place / "sentinel.toml").write_text(LIVE)
    done = house.call("--live", "--yes", "--feed", "csv:missing", ALLOW_LIVE="true")
    assert done.returncode == 77
    assert "endpoint" in one_line(done)


@pytest.mark.parametrize("code", ["MODE_MISMATCH", "ACCOUNT_MISMATCH", "LIMITS_MISMATCH"])
def test_live_with_a_sentinel_that_found_other_facts_is_77(house, code):
    house.sentinel().refusal = code
    (house.place / "sentinel.toml").write_text(LIVE)
    done = house.call("--live", "--yes", ALLOW_LIVE="true")
    assert done.returncode == 77
    assert code in done.stderr


class Person:
    """Types what it was told to, and remembers the question."""

    def __init__(self, typed):
        self.typed = typed
        self.asked = []

    def console(self, *, terminal=True):
        def ask(prompt):
            self.asked.append(prompt)
            return self.typed

        return Console(terminal=terminal, ask=ask)


@pytest.fixture
def guarded(house, venue, monkeypatch):
    """Run the guard against a venue that is live, with the account id A1."""
    (house.place / "sentinel.toml").write_text(LIVE)
    venue.present = BrokerFacts.resolved(broker="x", account_id="A1", endpoint="https://live")
    monkeypatch.setattr(confirming, "open_broker", lambda *_, **__: venue)
    monkeypatch.chdir(house.place)
    house.sentinel()

    def run(person, *, terminal=True, yes=False):
        pass_live_guard(
            Options(live=True, yes=yes),
            house.env | {"ALLOW_LIVE": "true"},
            SystemClock(),
            person.console(terminal=terminal),
            run_id="r1",
        )

    return run


def test_with_every_fact_and_the_account_id_typed_the_guard_lets_pass(guarded):
    person = Person("A1\n")
    guarded(person)
    assert len(person.asked) == 1
    assert "https://live" in person.asked[0]


def test_with_yes_nobody_is_asked(guarded):
    person = Person("")
    guarded(person, terminal=False, yes=True)
    assert person.asked == []


@pytest.mark.parametrize("typed", ["", "yes\n", "A2\n"])
def test_anything_else_typed_is_a_refusal(guarded, typed):
    with pytest.raises(Stopped, match="not confirmed") as caught:
        guarded(Person(typed))
    assert caught.value.code == 77


def test_another_account_at_the_broker_is_named_and_nobody_is_asked(guarded, venue):
    venue.present = BrokerFacts.resolved(broker="x", account_id="B2", endpoint="https://live")
    person = Person("A1\n")
    with pytest.raises(Stopped, match="account is B2") as caught:
        guarded(person)
    assert caught.value.code == 77
    assert person.asked == []
