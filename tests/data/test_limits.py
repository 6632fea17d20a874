"""What a data set cannot carry is said in one line each, and nothing is said of a good one."""

import pandas as pd
import pytest

from regbench.data.limits import find_limits


def counts(**classes: tuple[int, int, int]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(classes, orient="index", columns=["train", "validation", "test"])


def test_a_good_data_set_has_no_limits() -> None:
    assert find_limits(counts(a=(500, 70, 140), b=(300, 40, 90))) == []


def test_classes_that_a_split_lacks_are_named() -> None:
    found = find_limits(counts(a=(500, 70, 140), b=(300, 40, 0), c=(0, 40, 90), d=(400, 0, 90), e=(400, 0, 90)))
    assert found == [
        "no train images of class 'c': networks cannot learn it: add images",
        "no validation images of classes 'd', 'e': the best epoch is chosen without them: add images",
        "no test images of class 'b': errors say nothing of it: add images",
    ]


def test_of_many_classes_some_are_named() -> None:
    many = {f"c{number}": (50, 5, 0) for number in range(8)}
    (line,) = find_limits(counts(a=(50, 5, 500), **many))
    assert "classes 'c0', 'c1', 'c2', 'c3', 'c4' and 3 more: errors say nothing of them" in line


def test_a_data_set_without_test_images_says_nothing_of_its_classes() -> None:
    assert find_limits(counts(a=(500, 70, 0), b=(300, 40, 0))) == []


def test_few_test_images_say_what_they_can_show() -> None:
    (line,) = find_limits(counts(a=(500, 70, 2), b=(300, 40, 1)))
    assert line == "3 test images: only differences of about 49 points or more can be seen: add test images"


@pytest.mark.parametrize(("rare", "said"), [(11, 0), (10, 1)])
def test_imbalance_is_said_from_ten_to_one(rare: int, said: int) -> None:
    found = find_limits(counts(a=(100, 70, 500), b=(rare, 10, 50)))
    assert len(found) == said
    if found:
        assert found[0].startswith("91 % of the train images are of class 'a', 10 of 'b': error says little of small")
