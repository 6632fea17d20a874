"""The gate: exact decisions, levels that hold by enumeration, and everything that must keep the champion."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, multinomial
from support.answers import CLASSES, answers, pair

from regbench.config.retraining import Gate
from regbench.retraining.decision import Predictions, decide, summary
from regbench.statistics.intervals import paired_difference
from regbench.statistics.margins import above_margin


def promoted(wins: int, losses: int, images: int = 1000, refusals: tuple[str, ...] = (), **policy: Any) -> bool:
    champion, challenger, labels = pair(wins, losses, images)
    gate = Gate.model_validate({"class_veto": False, **policy})
    return decide(champion, challenger, labels, CLASSES, gate, 15, refusals).promote


@pytest.mark.parametrize(
    ("wins", "losses", "promote"),
    [
        (0, 0, False),
        (5, 0, False),  # McNemar's exact p is 2 / 2^5 = 0.0625
        (6, 0, True),  # 2 / 2^6 = 0.03125
        (0, 6, False),
        (10, 10, False),
        (14, 5, False),  # p = 0.064
        (15, 5, True),  # p = 0.041
        (5, 15, False),
    ],
)
def test_superiority_is_the_exact_test(wins: int, losses: int, promote: bool) -> None:
    exact = 2 * binom.cdf(min(wins, losses), wins + losses, 0.5) if wins + losses else 1
    assert promote == (wins > losses and exact <= 0.05)
    assert promoted(wins, losses) == promote


@pytest.mark.parametrize("horizon", [1, 2, 30, 365])
@pytest.mark.parametrize("discordant", [4, 20, 200])
def test_a_horizon_divides_the_level_of_each_decision(horizon: int, discordant: int) -> None:
    """By summing over all outcomes of equal networks: in as many decisions, at most 2.5 % false ones together."""
    chances = binom.pmf(np.arange(discordant + 1), discordant, 0.5)
    won = [promoted(wins, discordant - wins, horizon=horizon) for wins in range(discordant + 1)]
    false = float(chances[won].sum())
    assert horizon * false <= 0.025
    if discordant == 200:
        assert horizon * false > 0.01, "and not many times less, where the outcomes are fine enough"


def test_a_horizon_is_told_in_the_reason() -> None:
    champion, challenger, labels = pair(60, 5, 1000)
    decision = decide(champion, challenger, labels, CLASSES, Gate(horizon=365), 15)
    assert decision.promote and "(99.9863 % interval +" in decision.reasons[0]


@pytest.mark.parametrize("discordant", [0.002, 0.01, 0.05, 0.3])
@pytest.mark.parametrize("images", [100, 1000])
@pytest.mark.parametrize("points", [-2, -1, -0.5, -0.2, 0, 0.5, 1])
def test_of_challengers_as_far_off_as_the_margin_few_are_promoted(
    images: int, points: float, discordant: float
) -> None:
    """By summing over all outcomes, not by luck: at most (1 - confidence) / 2 of them."""
    margin = points / 100
    shares = (discordant / 2 + max(0, margin), discordant / 2 + max(0, -margin))
    most = int(min(images, images * sum(shares) + 8 * np.sqrt(images * sum(shares)) + 8))
    wins, losses = (grid.ravel() for grid in np.meshgrid(np.arange(most + 1), np.arange(most + 1)))
    wins, losses = wins[wins + losses <= images], losses[wins + losses <= images]
    chance = multinomial.pmf(np.stack([wins, losses, images - wins - losses], 1), images, [*shares, 1 - sum(shares)])
    likely = chance > 1e-9
    policy = Gate.model_validate(
        {"rule": "superiority" if points >= 0 else "non_inferiority", "margin": abs(points), "class_veto": False}
    )
    false = sum(
        p
        for won, lost, p in zip(wins[likely], losses[likely], chance[likely], strict=True)
        if _passes(int(won), int(lost), images, policy)
    )
    assert false <= (0.0254 if points else 0.025), "exact at margin 0, and to 2 % of itself elsewhere"


def _passes(wins: int, losses: int, images: int, policy: Gate) -> bool:
    """Whether `decide` promotes, without building the answers: `test_the_shortcut_decides_as_the_gate_does`."""
    cells = np.zeros(images)
    cells[:wins], cells[wins : wins + losses] = 1, -1
    margin = (1 if policy.rule == "superiority" else -1) * policy.margin / 100
    low = paired_difference(cells[None] > 0, cells[None] < 0, policy.confidence).low
    return wins + losses > 0 and low > margin and above_margin(wins, losses, images, margin) <= 0.025


@pytest.mark.parametrize("points", [-1.0, 0.0, 0.5])
def test_the_shortcut_decides_as_the_gate_does(points: float) -> None:
    rule = {"rule": "superiority" if points >= 0 else "non_inferiority", "margin": abs(points), "class_veto": False}
    policy = Gate.model_validate(rule)
    seen = [
        (promoted(wins, losses, 400, **rule), _passes(wins, losses, 400, policy))
        for wins in range(0, 30, 3)
        for losses in range(0, 12, 2)
    ]
    assert all(gate == shortcut for gate, shortcut in seen)
    assert {gate for gate, _ in seen} == {True, False}


def test_the_score_test_is_mcnemars_at_margin_0() -> None:
    from scipy.stats import norm

    assert above_margin(30, 12, 1000, 0) == pytest.approx(norm.sf(18 / np.sqrt(42)))
    assert np.isnan(above_margin(0, 0, 0, 0))
    assert above_margin(0, 0, 100, 0) == 0.5


def test_non_inferiority_takes_what_is_surely_not_much_worse() -> None:
    within = {"rule": "non_inferiority", "margin": 1.0}
    assert promoted(10, 12, 10_000, **within)
    assert not promoted(10, 150, 10_000, **within)
    assert not promoted(2, 3, 200, **within)  # too few images to be sure
    assert not promoted(0, 0, 10_000, **within), "a tie keeps the champion under either rule"


def test_a_margin_asks_for_more() -> None:
    assert promoted(40, 10) and not promoted(40, 10, margin=2.5)
    assert promoted(90, 10, margin=2.5)


def test_a_lost_class_vetoes_a_better_mean() -> None:
    labels = np.repeat([0, 1], 500)
    champion, challenger = np.ones((2, 1000), dtype=bool)
    champion[:60], challenger[500:520] = False, False
    parties = answers(champion, labels), answers(challenger, labels)
    vetoed = decide(*parties, labels, CLASSES, Gate(), 15)
    assert not vetoed.promote and vetoed.lost_classes == ("b",)
    assert vetoed.reasons == ("It is significantly worse on class b.",)
    assert decide(*parties, labels, CLASSES, Gate(class_veto=False), 15).promote


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ({"max_megabytes": 1.9}, "Its weights take 2 MB: more than retrain.gate.max_megabytes = 1.9."),
        ({"max_milliseconds": 2.9}, "It takes 3 ms an image: more than retrain.gate.max_milliseconds = 2.9."),
        (
            {"max_calibration_error": 0.05},
            "Its calibration error is 0.1: more than retrain.gate.max_calibration_error = 0.05.",
        ),
    ],
)
def test_limits_refuse_a_better_challenger_and_a_first_one(policy: dict[str, float], reason: str) -> None:
    champion, challenger, labels = pair(100, 0, 1000)
    gate = Gate.model_validate(policy)
    for rival in (champion, None):
        decision = decide(rival, challenger, labels, CLASSES, gate, 15)
        assert not decision.promote and decision.reasons == (reason,)
    wider = Gate.model_validate({key: value * 1.2 if value > 1 else 0.11 for key, value in policy.items()})
    assert decide(champion, challenger, labels, CLASSES, wider, 15).promote


def test_the_first_model_within_the_limits_becomes_champion() -> None:
    _, challenger, labels = pair(0, 500, 1000)
    decision = decide(None, challenger, labels, CLASSES, Gate(), 15)
    assert decision.promote and decision.difference is None
    assert decision.reasons == ("There is no champion yet, and all limits are met.",)


def test_a_refusal_keeps_the_champion_whatever_the_scores() -> None:
    champion, challenger, labels = pair(100, 0, 1000)
    for rival in (champion, None):
        decision = decide(rival, challenger, labels, CLASSES, Gate(), 15, ["Not committed."])
        assert not decision.promote and decision.reasons == ("Not committed.",)


@pytest.mark.fault
@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 0.5])
@pytest.mark.parametrize("who", [0, 1])
def test_answers_that_are_no_probabilities_keep_the_champion(who: int, value: float) -> None:
    champion, challenger, labels = pair(100, 0, 1000)
    parties = [champion, challenger]
    parties[who].probabilities[7, 0] = value
    decision = decide(parties[0], parties[1], labels, CLASSES, Gate(), 15)
    assert not decision.promote
    name = ("champion", "challenger")[who]
    assert decision.reasons[0].startswith(f"Predictions of the {name} ") and len(decision.reasons) == 1


@pytest.mark.fault
def test_missing_answers_and_missing_images_keep_the_champion() -> None:
    champion, challenger, labels = pair(100, 0, 1000)
    short = Predictions(challenger.probabilities[:-1], 1, 1)
    assert decide(champion, short, labels, CLASSES, Gate(), 15).reasons == (
        "Predictions of the challenger have the shape (999, 2), not (1000, 2).",
    )
    nothing = Predictions(np.zeros((0, 2), dtype=np.float32), 1, 1)
    decision = decide(None, nothing, np.zeros(0, dtype=np.int64), CLASSES, Gate(), 15)
    assert not decision.promote and "no test images" in decision.reasons[0]


@pytest.mark.fault
def test_costs_that_are_no_numbers_are_over_any_limit() -> None:
    _, challenger, labels = pair(0, 0, 10)
    slow = Predictions(challenger.probabilities, 1, np.nan)
    assert not decide(None, slow, labels, CLASSES, Gate(max_milliseconds=5), 15).promote


def test_the_summary_holds_what_the_answers_are_worth() -> None:
    _, challenger, labels = pair(0, 100, 1000)
    found = summary(challenger, labels, 0.95, 15)
    assert found["error_percent"] == pytest.approx(10)
    assert found["low"] < 10 < found["high"]
    assert found["log_loss"] == pytest.approx(-0.9 * np.log(0.9) - 0.1 * np.log(0.1), rel=1e-5)
    assert found["calibration_error"] == pytest.approx(0, abs=1e-6)
    assert (found["megabytes"], found["milliseconds"]) == (2, 3)
