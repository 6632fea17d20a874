"""Simulated comparisons: family-wise error, coverage and power of the verdicts.

    python -m benchmarks.verdicts                     # all settings, 4,000 draws or more: about an hour on one core
    python -m benchmarks.verdicts --only 18 --draws 500   # these alone; the rows of others stay in the table
    python -m benchmarks.verdicts --evaluation PATH   # also nulls dealt from the stored cells of a project

A draw is one comparison of all variants with the baseline. It is simulated by its sufficient statistics, all exact for
normal effects: the means of each run and their sample variances; the variance over images of the differences of the
means over seeds, from the first column of a Wishart matrix (Bartlett's decomposition, 1,017 images); and the mean
square of the remainders. They enter the functions of `regbench.statistics` that judge a real comparison.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.verdict_draws import ALIKE, Draws, Setting, dealt, simulate
from benchmarks.verdict_table import markdown
from regbench.statistics.family import critical_level
from regbench.statistics.seed_variance import Floats, seed_variances
from regbench.statistics.variant_noise import DifferenceNoise, seed_noise

ALPHA = 0.05
GAINS = (1.2, 2.0)
"""True gains, in points, of the last quarter of the variants."""
VARIANTS = (2, 3, 6, 18, 60)
SEEDS: tuple[tuple[int, ...], ...] = ((2,), (4,), (8,), (2, 4, 8), (8, 2, 4))
"""Seeds of the variants, dealt in turn from the baseline on."""
VARIANCES = ("equal", "lognormal", "tenfold baseline", "tenfold rival", "collapse")
MORE = {2: 5, 3: 5, 18: 2}
"""Times as many draws for numbers of variants whose error is close to its level."""
HERE = Path(__file__).parent


def settings() -> Iterator[Setting]:
    """Yield every setting of the table; where images are the only noise, variances over seeds do not matter."""
    for variants in VARIANTS:
        for seeds in SEEDS:
            for variances in VARIANCES:
                yield Setting(variants, seeds, variances, "seeds")
                yield Setting(variants, seeds, variances, "both")
            yield Setting(variants, seeds, "equal", "images")
            if variants == 18:
                yield Setting(variants, seeds, "equal", "default data")


def measure(draws: Draws, seeds: Sequence[int], images: int) -> dict[str, float]:
    """Return the shares of draws with a wrong verdict, and of true gains that are found."""
    half, half_equal = half_widths(draws, np.array(seeds, dtype=np.float64), images)
    count = draws.differences.shape[1]
    better = max(1, round(count / 4)) if count > 1 else 0
    wrong = np.abs(draws.differences) > half
    beside = draws.differences[:, count - max(better, 1) :]
    reach = half[:, count - max(better, 1) :]
    margin = 1.0
    equal = np.abs(draws.differences + margin) + half_equal < margin
    return {
        "family_error": wrong.any(1).mean(),
        "family_error_some": wrong[:, : count - better].any(1).mean() if better else np.nan,
        "coverage": 1 - wrong.any(1).mean(),
        "coverage_each": 1 - wrong.mean(),
        "equal_error": equal.any(1).mean(),
        **{f"power_{gain}": (beside + gain > reach).mean() for gain in GAINS},
    }


def half_widths(draws: Draws, seeds: Floats, images: int) -> tuple[Floats, Floats]:
    """Return half the widths of the simultaneous intervals, two-sided and of the two one-sided tests of equality."""
    run = seed_variances(draws.variances, seeds - 1, draws.remainders / images)
    excess = draws.over_images - draws.remainders[:, 1:] / seeds[1:] - draws.remainders[:, :1] / seeds[0]
    by_seeds, freedom = seed_noise(
        (run.variance[:, :1], run.variance[:, 1:]), (run.freedom[:, :1], run.freedom[:, 1:]), (seeds[:1], seeds[1:])
    )
    noise = DifferenceNoise(by_seeds, np.maximum(excess, 0) / images, freedom, np.full(freedom.shape, images - 1.0))
    loadings = np.sqrt(run.variance[:, :1] / seeds[0] / noise.total)
    two, one = (critical_level([loadings], ALPHA, sides)[:, np.newaxis] for sides in (2, 1))
    return noise.half_width(two / 2), noise.half_width(one)


def main() -> None:
    """Measure the settings asked for and write verdicts.csv and verdicts.md beside this file, or to --out."""
    parser = argparse.ArgumentParser(description="Family-wise error, coverage and power of the verdicts, simulated.")
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--only", type=int, nargs="+", default=VARIANTS, help="numbers of variants")
    parser.add_argument("--evaluation", type=Path, help="folder `evaluation` of a project, for nulls of stored cells")
    parser.add_argument("--out", type=Path, default=HERE)
    asked = parser.parse_args()
    rows = []
    for number, setting in enumerate(settings()):
        if setting.variants in asked.only:
            draws = asked.draws * MORE.get(setting.variants, 1)
            found = measure(simulate(setting, draws, number), setting.dealt_seeds, setting.images)
            rows.append({**setting.row(), "draws": draws, **found})
            print(*(round(value, 4) if isinstance(value, float) else value for value in rows[-1].values()), flush=True)
    if asked.evaluation:
        for seeds in (2, 4, 8):
            draws, variants, images = dealt(asked.evaluation, ALIKE, seeds, asked.draws)
            found = measure(draws, [seeds] * variants, images)
            row = {"variants": variants, "seeds": str(seeds), "variances": "as stored", "noise": "stored cells"}
            rows.append({**row, "draws": asked.draws, **found})
    table, kept = pd.DataFrame(rows), asked.out / "verdicts.csv"
    if kept.exists():
        earlier = pd.read_csv(kept)
        stored = earlier["variances"] == "as stored"
        same = earlier["variants"].isin(asked.only) & ~stored | (stored & (asked.evaluation is not None))
        table = pd.concat([earlier[~same], table]).sort_values(["variants"], kind="stable", ignore_index=True)
    table.to_csv(kept, index=False, float_format="%.4f", lineterminator="\n")
    (asked.out / "verdicts.md").write_text(markdown(table))
    print(markdown(table))


if __name__ == "__main__":
    main()
