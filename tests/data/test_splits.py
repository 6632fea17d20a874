"""Splits by hash, by group, as given and as listed."""

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from regbench.config.data import Split
from regbench.data.splits import assign_splits
from regbench.errors import InputError

HASHES = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(20_000)]


def test_as_listed_is_exactly_70_to_30_of_the_49_000() -> None:
    split = Split(method="as_listed", validation=0.3, test=0)
    names = split_of(["0" * 64] * 49_000, split)
    assert list(names) == ["train"] * 34_300 + ["validation"] * 14_700


def test_hash_split_matches_its_definition() -> None:
    split = Split(validation=0.25, test=0.25)
    digests = [first + "0" * 63 for first in "0123456789abcdef"]
    assert list(split_of(digests, split)) == ["test"] * 4 + ["validation"] * 4 + ["train"] * 8


def test_hash_split_never_changes_as_data_grow() -> None:
    split = Split()
    small, large = split_of(HASHES[:5_000], split), split_of(HASHES, split)
    assert list(large[:5_000]) == list(small)
    assert list(split_of(HASHES[::-1], split)) == list(large)[::-1]


def test_hash_split_meets_its_fractions() -> None:
    counts = Counter(split_of(HASHES, Split(validation=0.1, test=0.2)))
    # Five standard deviations of a binomial count of 20,000.
    assert abs(counts["test"] - 4_000) < 5 * (20_000 * 0.2 * 0.8) ** 0.5
    assert abs(counts["validation"] - 2_000) < 5 * (20_000 * 0.1 * 0.9) ** 0.5


def test_another_validation_fraction_leaves_the_test_images() -> None:
    one, other = (split_of(HASHES, Split(validation=v, test=0.2)) for v in (0.1, 0.3))
    assert ((one == "test") == (other == "test")).all()


@pytest.mark.parametrize(
    ("digests", "split", "name"),
    [
        (["f" * 64] * 3, Split(), "validation"),
        (["f" * 64, "2" + "f" * 63], Split(validation=0.2, test=0.1), "test"),
        (["0" * 64] * 3, Split(), "train"),
        (["0" * 64], Split(method="as_listed", validation=0.3, test=0), "validation"),
    ],
)
def test_an_empty_split_is_refused(digests: list[str], split: Split, name: str) -> None:
    with pytest.raises(InputError, match=rf"data.split.{name}: none of {len(digests)} images falls into {name}"):
        split_of(digests, split)


def split_of(
    hashes: Sequence[str], split: Split, given: Sequence[str] | str = "", group: Sequence[str] | str = ""
) -> NDArray[np.object_]:
    names = [f"{number}.png" for number in range(len(hashes))]
    return assign_splits(pd.DataFrame({"hash": hashes, "split": given, "group": group, "filename": names}), split)


def test_given_splits_are_kept() -> None:
    given = ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
    assert list(split_of(HASHES[:10], Split(), given)) == given
    assert list(split_of(HASHES[:10], Split(method="given"), given)) == given
    by_hash = split_of(HASHES[:500], Split(method="hash"), ["train", "test"] * 250)
    assert list(by_hash) == list(split_of(HASHES[:500], Split()))


@pytest.mark.parametrize("absent", ["validation", "test"])
def test_a_split_that_is_not_given_comes_out_of_train_by_hash(absent: str) -> None:
    there = "test" if absent == "validation" else "validation"
    given = np.array([there] * 5_000 + ["train"] * 15_000, dtype=object)
    names = split_of(HASHES, Split(validation=0.25, test=0.25), given)
    assert list(names[:5_000]) == [there] * 5_000
    u = np.array([int(digest[:16], 16) / 2**64 for digest in HASHES[5_000:]])
    assert list(names[5_000:] == absent) == list(u < 0.25) and set(names[5_000:]) == {absent, "train"}


def test_a_group_is_never_divided_and_decides_by_its_own_hash() -> None:
    group = [f"writer {number % 400}" for number in range(len(HASHES))]
    names = pd.Series(split_of(HASHES, Split(), group=group))
    assert (names.groupby(group).nunique() == 1).all()
    u = int(hashlib.sha256(b"writer 7").hexdigest()[:16], 16) / 2**64
    assert names[7] == ("test" if u < 0.2 else "validation" if u < 0.3 else "train")
    counts = names.groupby(group).first().value_counts()
    assert abs(counts["test"] - 80) < 5 * (400 * 0.2 * 0.8) ** 0.5
    alone = split_of(HASHES[:100], Split(), group=["a"] * 50 + [""] * 50)
    assert list(alone[50:]) == list(split_of(HASHES, Split())[50:100]), "no group: the image decides"


@pytest.mark.fault
def test_images_in_two_given_splits_are_named_or_moved() -> None:
    hashes, given = [*HASHES[:4], HASHES[0], HASHES[1]], ["train", "train", "validation", "test", "test", "validation"]
    with pytest.raises(InputError, match=r"data.split.overlap = refuse: 2 times equal images in several") as caught:
        split_of(hashes, Split(), given)
    assert str(caught.value).splitlines()[1:] == [
        "0.png (train), 4.png (test): equal",
        "1.png (train), 5.png (validation): equal",
    ]
    moved = split_of(hashes, Split(overlap="train", method="given"), given)
    assert list(moved) == ["train", "train", "validation", "test", "train", "train"]
    moved = split_of([*hashes, HASHES[9]], Split(overlap="test"), [*given, "train"])
    assert list(moved) == ["test", "validation", "validation", "test", "test", "validation", "train"]


@pytest.mark.fault
def test_a_group_in_two_given_splits_is_named_or_moved() -> None:
    given, group = ["train", "train", "test", "validation"], ["p1", "p2", "p1", ""]
    with pytest.raises(InputError, match=r"images of one group .*\n0.png \(train\), 2.png \(test\): group 'p1'"):
        split_of(HASHES[:4], Split(), given, group)
    assert list(split_of(HASHES[:4], Split(overlap="test"), given, group)) == ["test", "train", "test", "validation"]


@pytest.mark.fault
def test_equal_images_of_two_groups_do_not_straddle_splits() -> None:
    """Groups a and b fall into different splits, and share a picture."""
    names = split_of(HASHES[:200], Split(), group=[f"g{number}" for number in range(200)])
    a, b = (list(names).index(name) for name in ("train", "test"))
    hashes = [*HASHES[:200], HASHES[a]]
    group = [*(f"g{number}" for number in range(200)), f"g{b}"]
    with pytest.raises(InputError, match="1 times equal images in several splits"):
        split_of(hashes, Split(), group=group)
    joined = split_of(hashes, Split(overlap="test"), group=group)
    assert {joined[a], joined[b], joined[200]} == {"test"}


def test_given_needs_a_split_of_every_image() -> None:
    with pytest.raises(InputError, match=r"data.split.method = auto: 1 of 3 labelled images have no given split"):
        split_of(HASHES[:3], Split(), ["train", "", "test"])
    with pytest.raises(InputError, match=r"data.split.method = given: 3 of 3 labelled images have no given split"):
        split_of(HASHES[:3], Split(method="given"))
