"""Simulated years of nightly decisions: false promotions, what they cost, and how soon a better network gets through.

    python -m benchmarks.gate                 # 500 years of 365 nights a setting
    python -m benchmarks.gate --years 20

Each night one challenger meets the champion on test images: the same ones all year, or new ones each night. An image is
easy or hard, which all networks share, and each network is right on it or not by a draw of its own: about 6 % of
errors, of which two networks share half. Decisions are those of `regbench.retraining.decision`. In the first kind of
year no challenger is better; in the second all are better than the champion of the first night, by some points.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.verdict_table import rows
from regbench.config.retraining import Gate
from regbench.retraining.decision import Predictions, decide

HERE = Path(__file__).parent
NIGHTS = 365
HARD, ERROR_ON_HARD = 0.12, 0.5
"""Share of the hard images, and how often a network errs on one; on the others it does not."""


@dataclass(frozen=True)
class Setting:
    """One kind of year."""

    test: str
    """`locked`: the same images all year; `new`: others each night."""
    images: int
    """Test images."""
    horizon: int
    gain: float
    """Points of true accuracy that every challenger is ahead of the first champion."""


SETTINGS = tuple(
    Setting(test, images, horizon, gain)
    for gain in (0.0, 1.0)
    for test in ("locked", "new")
    for images in (1_000, 10_000)
    for horizon in (1, 30, NIGHTS)
)


def simulate(setting: Setting, years: int, key: int) -> dict[str, float]:
    """Return means over years: false promotions, years with any, and nights until the first promotion."""
    counts, firsts, shares = [], [], []
    for year in range(years):
        random = np.random.default_rng([17, key, year])
        hard = random.random(setting.images) < HARD
        behind = setting.gain
        champion = _answers(random, hard, -behind)
        promotions = []
        for night in range(NIGHTS):
            if setting.test == "new":
                hard = random.random(setting.images) < HARD
                champion = _answers(random, hard, -behind)
            challenger = _answers(random, hard, 0.0)
            wins, losses = int((challenger & ~champion).sum()), int((champion & ~challenger).sum())
            if promotes(wins, losses, setting.images, setting.horizon):
                champion, behind = challenger, 0.0
                promotions.append(night)
        # The first promotion is right where challengers are better; all later ones are between equals.
        false = promotions[1:] if setting.gain else promotions
        counts.append(len(false))
        shares.append(bool(false))
        firsts.append(promotions[0] + 1 if promotions else np.inf)
    first = np.array(firsts)
    return {
        "false_a_year": float(np.mean(counts)),
        "most_in_a_year": float(np.max(counts)),
        "years_with_any": float(np.mean(shares)),
        "promoted_first_night": float((first == 1).mean()),
        "promoted_in_30_nights": float((first <= 30).mean()),
    }


@cache
def promotes(wins: int, losses: int, images: int, horizon: int) -> bool:
    """Return the gate's decision, by which images only one of the two gets right."""
    labels = np.zeros(images, dtype=np.int64)
    challenger, champion = np.ones((2, images), dtype=bool)
    champion[:wins], challenger[wins : wins + losses] = False, False
    gate = Gate(horizon=horizon, class_veto=False)
    return decide(_predictions(champion), _predictions(challenger), labels, ("a", "b"), gate, 15).promote


def _predictions(right: NDArray[np.bool_]) -> Predictions:
    chosen = np.where(right, 0.9, 0.1)
    return Predictions(np.stack([chosen, 1 - chosen], axis=1).astype(np.float32), 1.0, 1.0)


def _answers(random: np.random.Generator, hard: NDArray[np.bool_], gain: float) -> NDArray[np.bool_]:
    """Return which images a new network gets right; `gain` points less than usual are further errors anywhere."""
    errs = hard & (random.random(len(hard)) < ERROR_ON_HARD)
    if gain < 0:
        errs |= random.random(len(hard)) < -gain / 100 / (1 - HARD * ERROR_ON_HARD)
    return ~errs


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate all settings and write gate.csv and gate.md beside this file, or to --out."""
    parser = argparse.ArgumentParser(description="False promotions of a gate that decides every night, simulated.")
    parser.add_argument("--years", type=int, default=500)
    parser.add_argument("--out", type=Path, default=HERE)
    asked = parser.parse_args(arguments)
    found = []
    for key, setting in enumerate(SETTINGS):
        head = {**asdict(setting), "years": asked.years}
        found.append({**head, **simulate(setting, asked.years, key)})
        print(found[-1], flush=True)
    table = pd.DataFrame(found)
    table.to_csv(asked.out / "gate.csv", index=False, float_format="%.4f", lineterminator="\n")
    title = f"# A year of nightly decisions, simulated: {asked.years:,} years a setting"
    (asked.out / "gate.md").write_text("\n".join([title, "", *rows(table.drop(columns="years"))]) + "\n")


if __name__ == "__main__":
    main()
