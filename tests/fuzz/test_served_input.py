"""Whatever a served network is asked: labels and probabilities of that many images, or code 400."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from mlflow.exceptions import MlflowException
from support.fuzzing import Tally

from regbench.tracking.image_classifier import ImageClassifier

SHAPES = {"gray": (1, 2, 3), "colour": (3, 2, 2)}
CLASSES = ["a", "b", "c"]
NUMBERS = st.integers() | st.floats() | st.booleans() | st.none() | st.text(max_size=3) | st.binary(max_size=3)
JSON = st.recursive(
    NUMBERS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)
TYPES = arrays.integer_dtypes() | arrays.unsigned_integer_dtypes() | arrays.floating_dtypes() | arrays.boolean_dtypes()
TYPES |= (
    arrays.complex_number_dtypes()
    | arrays.datetime64_dtypes()
    | arrays.unicode_string_dtypes()
    | arrays.byte_string_dtypes()
)


def likely(shape: tuple[int, int, int]) -> st.SearchStrategy[tuple[int, ...]]:
    """Return shapes that are, or nearly are, those of images."""
    channels, height, width = shape
    exact = st.sampled_from(
        [shape, (height, width), (channels * height * width,), (height, width, channels), (1, 1), ()]
    )
    return st.builds(lambda count, rest: (*count, *rest), st.lists(st.integers(0, 3), max_size=2), exact)


def questions(shape: tuple[int, int, int]) -> st.SearchStrategy[Any]:
    any_array = arrays.arrays(
        TYPES, likely(shape) | arrays.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)
    )
    good = arrays.arrays(np.int64, likely(shape), elements=st.integers(0, 255) | st.integers(-1, 256))
    table = st.builds(lambda rows: pd.DataFrame(rows), good.filter(lambda found: found.ndim == 2))
    return good | good.map(np.ndarray.tolist) | any_array | table | JSON


@pytest.fixture(autouse=True)
def subnormal_numbers() -> None:
    """Undo what a training of another test in this process told the processor: to take such numbers for 0."""
    torch.set_flush_denormal(False)


@pytest.mark.parametrize("kind", SHAPES)
def test_any_question(kind: str, tally: Tally) -> None:
    shape = SHAPES[kind]
    graph = torch.nn.Sequential(
        torch.nn.Flatten(), Floats(), torch.nn.Linear(int(np.prod(shape)), 3), torch.nn.Softmax(1)
    )
    served = ImageClassifier(graph, CLASSES, shape)

    @given(question=questions(shape))
    def try_one(question: Any) -> None:
        try:
            answers = tally.attempt(lambda: served.predict(question), (MlflowException,))
        except MlflowException as error:
            assert error.get_http_status_code() == 400
            return
        if answers is not None:
            assert list(answers.columns) == ["label", "probabilities"] and set(answers["label"]) <= set(CLASSES)
            assert all(list(row) == CLASSES for row in answers["probabilities"])
            assert np.allclose([sum(row.values()) for row in answers["probabilities"]], 1, atol=1e-5)

    try_one()


class Floats(torch.nn.Module):
    """Pixels to numbers of 0 to 1."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.float() / 255
