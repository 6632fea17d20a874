"""Simulated races (`regbench decide`): family-wise error over all looks, agreement with a full comparison, trainings.

    python -m benchmarks.races                  # all settings, 1,000 races each
    python -m benchmarks.races --races 100

A race is run by the functions that run a real one, on made-up scores with the noise of the default data. The full
comparison gives every variant the seeds of the last look and looks once, at the whole level.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.verdict_draws import NOISES, RUN_SD
from regbench.statistics.comparison import compare_pairs
from regbench.statistics.race import Race, plan_looks
from regbench.statistics.seed_variance import Floats

HERE = Path(__file__).parent
IMAGES = 100
"""Of made-up normal scores; their variances are those that 1,017 real images have in the mean."""
MARGIN = 0.3
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Setting:
    """True gains of the rivals, in points, and how the variances over seeds differ."""

    name: str
    gains: tuple[float, ...]
    variances: str = "equal"
    looks: tuple[int, ...] = plan_looks(4, 16)


DEFAULT = (2.4, 1.5, 1.1, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0, 0.0, 0.0, -2.5)
"""About the gains of the default comparison."""
SETTINGS = (
    Setting("no gain", (0.0,) * 14),
    Setting("no gain, lognormal 0.5", (0.0,) * 14, "lognormal"),
    Setting("no gain, tenfold baseline", (0.0,) * 14, "tenfold"),
    Setting("no gain, 2 variants", (0.0,)),
    Setting("no gain, 5 variants", (0.0,) * 4),
    Setting("as the default data", DEFAULT),
    Setting("as the default data, to 32 seeds", DEFAULT, looks=plan_looks(4, 32)),
)


def draw(setting: Setting, random: np.random.Generator) -> dict[str, Floats]:
    """Return the scores of all variants, (seeds, images), in points, under as many seeds as the last look has."""
    remainder, image = NOISES["default data"]
    scores = {}
    for place, gain in enumerate((0.0, *setting.gains)):
        effect = RUN_SD**2 - remainder
        if setting.variances == "lognormal":
            effect *= np.exp(0.5 * random.standard_normal())
        if setting.variances == "tenfold" and place == 0:
            effect *= 10
        shape = (setting.looks[-1], IMAGES)
        cells = gain + np.sqrt(effect) * random.standard_normal((shape[0], 1))
        cells = cells + np.sqrt(IMAGES * image) * random.standard_normal(IMAGES)
        scores[f"v{place}"] = cells + np.sqrt(IMAGES * remainder) * random.standard_normal(shape)
    return scores


def run(setting: Setting, scores: dict[str, Floats]) -> Race:
    """Run a race to its end."""
    race = Race("v0", tuple(scores)[1:], setting.looks, CONFIDENCE, MARGIN)
    while waiting := race.open:
        place = race.next_look(waiting[0])
        count = {name: seen.seeds for name, seen in race.latest.items()}
        count |= dict.fromkeys(["v0", *waiting], race.looks[place])
        race.look({name: scores[name][:number] for name, number in count.items()}, waiting)
    return race


def measure(setting: Setting, races: int, key: int) -> dict[str, float]:
    """Return shares over all races: a wrong verdict in a family, verdicts as of the full comparison, trainings."""
    rows = []
    rivals = [f"v{place + 1}" for place in range(len(setting.gains))]
    gains = dict(zip(rivals, setting.gains, strict=True))
    for number in range(races):
        scores = draw(setting, np.random.default_rng([16, key, number]))
        race = run(setting, scores)
        latest = {name: seen.found.verdict for name, seen in race.latest.items()}
        found = compare_pairs(scores, [(name, "v0") for name in rivals], CONFIDENCE, MARGIN)
        full = {name: one.verdict for name, one in zip(rivals, found, strict=True)}
        trained = sum(seen.seeds for seen in race.latest.values()) + max(s.seeds for s in race.latest.values())
        rows.append(
            {
                "family_error": _wrong(latest, gains),
                "full_family_error": _wrong(full, gains),
                "agreement": np.mean([latest[name] == full[name] for name in rivals]),
                "contradiction": any({latest[n], full[n]} == {"better", "worse"} for n in rivals),
                "decided": np.mean([latest[name] != "undecided" for name in rivals]),
                "full_decided": np.mean([full[name] != "undecided" for name in rivals]),
                "trainings": trained / (setting.looks[-1] * (len(rivals) + 1)),
            }
        )
    return {name: float(value) for name, value in pd.DataFrame(rows).mean().items()}


def _wrong(verdicts: dict[str, str], gains: dict[str, float]) -> bool:
    """Whether a verdict is wrong: a gain of the wrong sign, or none, or one beyond the margin called equal."""
    false = {"better": lambda gain: gain <= 0, "worse": lambda gain: gain >= 0}
    false["practically equal"] = lambda gain: abs(gain) >= MARGIN
    return any(verdict in false and false[verdict](gains[name]) for name, verdict in verdicts.items())


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all settings and write races.csv beside this file, or to --out."""
    parser = argparse.ArgumentParser(description="Family-wise error, agreement and trainings of races, simulated.")
    parser.add_argument("--races", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=HERE)
    asked = parser.parse_args(arguments)
    rows = []
    for key, setting in enumerate(SETTINGS):
        found = measure(setting, asked.races, key)
        rows.append(
            {"setting": setting.name, "looks": "/".join(map(str, setting.looks)), "races": asked.races, **found}
        )
        print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    table.to_csv(asked.out / "races.csv", index=False, float_format="%.4f", lineterminator="\n")


if __name__ == "__main__":
    main()
