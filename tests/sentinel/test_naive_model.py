"""The core and a naive model written from the rules alone agree on random histories."""

from __future__ import annotations

import json
import random
from fractions import Fraction

import pytest

from ipc.config.reader import limits_hash, parse_config
from sentinel.replay import Replayer
from tests.sentinel.naive_histories import History, as_toml, random_config
from tests.sentinel.naive_rules import NaiveSentinel

LENGTH = 60
BATCH = 155
BATCHES = 10
CLOSE = Fraction(1, 10**12)
"""What is printed is rounded to 18 places; what is judged is not."""


def parsed(toml):
    risk = parse_config(toml, "test").risk
    return risk, limits_hash(risk)


def decided(config, lines):
    """What the core says to each line: its verdict, and its effects on the state."""
    risk, config_hash = parsed(as_toml(config))
    core = Replayer(risk, config_hash, parsed)
    answers = []
    for line in lines:
        text = json.dumps({key: value for key, value in line.items() if key != "config"})
        verdict, effects = None, []
        for said in core.feed([text]):
            if "verdict" in said:
                numbers = exact(said["limit"]), exact(said["observed"])
                verdict = (said["verdict"], said["reason"], *numbers, said["state"], said["seq"])
            elif said["effect"] in {"halt", "reduce", "kill_tree"}:
                effects.append((said["effect"], said["cause"]))
        answers.append((verdict, effects))
    return answers


def exact(text):
    return None if text is None else Fraction(text)


def near(core, model):
    """Whether two numbers are the same but for rounding; a tuple holds alternatives."""
    if core is None or model is None:
        return core is model
    if isinstance(model, tuple):
        return core in model
    return abs(core - model) <= CLOSE * max(1, abs(model))


def agree(core, model):
    if core is None or model is None:
        return core is model
    parts = (core[0:2] == model[0:2], core[4:] == model[4:])
    return all(parts) and near(core[2], model[2]) and near(core[3], model[3])


def disagreement(seed):
    """Return the first line that the two judge differently, told for a person; None if none."""
    rng = random.Random(seed)
    config = random_config(rng)
    model = NaiveSentinel(config)
    lines = list(History(rng, config).lines(LENGTH))
    for line, (verdict, effects) in zip(lines, decided(config, lines), strict=True):
        expected, expected_effects = model.feed(line)
        if not agree(verdict, expected) or effects != expected_effects:
            said = f"core {verdict} {effects}\nmodel {expected} {expected_effects}"
            return f"seed {seed} at {line}\n{said}\n{as_toml(config)}"
    return None


@pytest.mark.parametrize("batch", range(BATCHES))
def test_core_and_naive_model_agree_on_every_line(batch):
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        assert disagreement(seed) is None


def test_histories_reach_every_reason_that_a_replay_can_give():
    wanted = {
        "approved HEARTBEAT_QUIET TRADING_HALTED TRADING_REDUCING SYMBOL_NOT_ALLOWED",
        "ORDER_INVALID ORDER_EXPIRED CL_ORD_ID_DUPLICATE REDUCE_ONLY_WOULD_FLIP SESSION_UNKNOWN",
        "ORDER_TYPE_NOT_ALLOWED SHORT_NOT_ALLOWED PRICE_INCREMENT_INVALID QTY_INCREMENT_INVALID",
        "ORDER_QTY_EXCEEDS_LIMIT ORDER_QTY_BELOW_MINIMUM REFERENCE_PRICE_MISSING",
        "REFERENCE_PRICE_STALE SPREAD_EXCEEDS_LIMIT PRICE_OUTSIDE_COLLAR REPEATED_ORDER",
        "ORDER_NOTIONAL_EXCEEDS_LIMIT ORDER_NOTIONAL_BELOW_MINIMUM TRADE_COUNT_EXCEEDS_LIMIT",
        "WORKING_ORDERS_EXCEED_LIMIT POSITION_EXCEEDS_LIMIT GROSS_EXPOSURE_EXCEEDS_LIMIT",
        "NET_EXPOSURE_EXCEEDS_LIMIT CONCENTRATION_EXCEEDS_LIMIT LEVERAGE_EXCEEDS_LIMIT",
        "ACCOUNT_UNKNOWN ACCOUNT_STALE BALANCE_BELOW_MINIMUM BALANCE_INSUFFICIENT",
        "DAILY_LOSS_EXCEEDS_LIMIT DRAWDOWN_EXCEEDS_LIMIT LOSS_STREAK_EXCEEDS_LIMIT",
        "SESSION_CLOSED ORDER_TO_FILL_EXCEEDS_LIMIT THROTTLE_EXCEEDED REJECT_STORM",
    }
    missing = set(" ".join(wanted).split())
    for seed in range(BATCH * BATCHES):
        rng = random.Random(seed)
        config = random_config(rng)
        model = NaiveSentinel(config)
        for line in History(rng, config).lines(LENGTH):
            verdict, _ = model.feed(line)
            if verdict is not None:
                missing.discard(verdict[1] or verdict[0])
        if not missing:
            break
    assert not missing
