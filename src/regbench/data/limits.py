"""Finds what a data set is too small or too unequal for, one line each, for reports and the terminal."""

import pandas as pd

FEW_TEST = 100
"""Test images below which a comparison says next to nothing."""
IMBALANCE = 10
"""Images of the largest class for each one of the smallest, from which error alone misleads."""
NAMED = 5
"""Classes that a line names at most."""


def find_limits(counts: pd.DataFrame) -> list[str]:
    """Return a line for each thing that a comparison on these images cannot tell.

    `counts` has the images of each class (index) in the columns train, validation and test.
    """
    return [*_absent(counts), *_few(counts), *_imbalance(counts)]


def _absent(counts: pd.DataFrame) -> list[str]:
    consequences = {
        "train": "networks cannot learn {them}",
        "validation": "the best epoch is chosen without {them}",
        "test": "errors say nothing of {them}",
    }
    lines = []
    for split, consequence in consequences.items():
        absent = counts.index[counts[split] == 0].tolist() if counts[split].any() else []
        if absent:
            names = ", ".join(map(repr, absent[:NAMED])) + (
                f" and {len(absent) - NAMED} more" if absent[NAMED:] else ""
            )
            them = "it" if len(absent) == 1 else "them"
            classes = "class" if len(absent) == 1 else "classes"
            lines.append(f"no {split} images of {classes} {names}: {consequence.format(them=them)}: add images")
    return lines


def _few(counts: pd.DataFrame) -> list[str]:
    test = int(counts["test"].sum())
    if not 0 < test < FEW_TEST:
        return []
    # Of a difference near zero between two networks that each err on a tenth of the images.
    points = 100 * 2 * (2 * 0.1 * 0.9 / test) ** 0.5
    return [f"{test} test images: only differences of about {points:.0f} points or more can be seen: add test images"]


def _imbalance(counts: pd.DataFrame) -> list[str]:
    train = counts["train"][counts["train"] > 0]
    if train.empty or train.max() < IMBALANCE * train.min():
        return []
    share = 100 * train.max() / train.sum()
    return [
        f"{share:.0f} % of the train images are of class {train.idxmax()!r}, {train.min():,} of {train.idxmin()!r}: "
        "error says little of small classes: set evaluate.score: balanced_error, and try train.class_weights"
    ]
