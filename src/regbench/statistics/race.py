"""A race: comparisons with one baseline get more seeds, look by look, until each is settled.

At a look, a comparison is settled when its verdict is better, worse or practically equal. The levels of the looks are
those of `sequential`, so the family of all comparisons keeps its level over all looks. A comparison that will hardly be
decided by the last look is given up: it stays undecided, which does not affect the level.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from regbench.statistics.comparison import compare_pairs
from regbench.statistics.pair import Comparison
from regbench.statistics.sequential import Look

GROWTH = 1.5
"""Factor of the number of seeds from look to look."""
HOPELESS = 0.2
"""A comparison is given up if its probability to be decided by the last look is below this."""


def plan_looks(first: int, most: int) -> tuple[int, ...]:
    """Return the number of seeds at each look, from `first` to `most`; at least 2.

    >>> plan_looks(first=7, most=30)
    (7, 11, 17, 26, 30)
    """
    looks = [max(2, first)]
    while looks[-1] < most:
        looks.append(min(most, int(np.ceil(looks[-1] * GROWTH))))
    return tuple(looks)


@dataclass(frozen=True)
class Seen:
    """The result of one look at one variant."""

    variant: str
    look: int
    """Index of the look, from 0."""
    seeds: int
    found: Comparison

    @property
    def hopeless(self) -> bool:
        """Whether it is undecided, and more seeds would hardly change that."""
        return self.found.verdict == "undecided" and self.found.chance < HOPELESS


@dataclass
class Race:
    """The looks so far at the variants of one comparison."""

    baseline: str
    rivals: tuple[str, ...]
    looks: tuple[int, ...]
    confidence: float
    margin: float = 0.0
    lower_is_better: bool = False
    seen: list[Seen] = field(default_factory=list)

    @property
    def latest(self) -> dict[str, Seen]:
        """The last look at each variant that was looked at."""
        return {seen.variant: seen for seen in self.seen}

    @property
    def open(self) -> list[str]:
        """Variants that need more seeds, least certain first: by the p-value of their last look."""
        latest = self.latest
        waiting = [
            name
            for name in self.rivals
            if name not in latest
            or (latest[name].found.verdict == "undecided" and not latest[name].hopeless and self._goes_on(name))
        ]
        return sorted(waiting, key=lambda name: -latest[name].found.adjusted_p if name in latest else 0.0)

    def next_look(self, variant: str) -> int:
        """Return the index of a variant's next look."""
        return self.latest[variant].look + 1 if variant in self.latest else 0

    def look(self, scores: Mapping[str, ArrayLike], variants: Sequence[str]) -> None:
        """Evaluate `variants`, all at the same look; `scores` holds the present (seeds, images) of all variants.

        Settled comparisons stay in the family and in the estimate of the noise.
        """
        place = self.next_look(variants[0])
        pairs = [(name, self.baseline) for name in self.rivals]
        found = compare_pairs(
            scores, pairs, self.confidence, self.margin, self.lower_is_better, look=Look(self.looks, place)
        )
        results = dict(zip(self.rivals, found, strict=True))
        self.seen += [Seen(name, place, self.looks[place], results[name]) for name in variants]

    def _goes_on(self, variant: str) -> bool:
        return self.latest[variant].look < len(self.looks) - 1
