"""The sentence that says how a variant compares with the baseline."""

from typing import Any

import numpy as np
import pytest

from regbench.tracking.standing import standing

GAIN = {"gain": -0.0232, "gain_low": -0.0364, "gain_high": -0.01}


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (
            {"verdict": "worse", **GAIN},
            "Worse than baseline: 2.32 points more test error (95 % interval 1.00 to 3.64).",
        ),
        (
            {"verdict": "undecided", **GAIN, "seeds_needed": np.inf},
            "Not significantly different from baseline: 2.32 points more test error (95 % interval 1.00 to 3.64).",
        ),
        ({"verdict": np.nan}, "The baseline: all other variants are compared with it."),
        ({"verdict": "practically equal", "same_network_as": "l2"}, "The same network as l2."),
    ],
)
def test_each_verdict_has_its_sentence(row: dict[str, Any], sentence: str) -> None:
    assert standing(row, "baseline", "test error", 0.95) == sentence
