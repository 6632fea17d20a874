"""The section `ensembles`: its forms, and each mistake in one line."""

from pathlib import Path
from typing import Any

import pytest
from support.params import change, refused

from regbench.config.checking import load_params


def ensemble(method: str, of: Any, **more: Any) -> dict[str, Any]:
    return {"method": method, "of": of, **more}


def test_names_follow_the_variants_and_the_shipped_file_has_none(tmp_path: Path) -> None:
    assert load_params(change(tmp_path)).ensembles == {}
    given = {"bagged": ensemble("bagging", "dropout"), "stacked": ensemble("stacking", ["l2", "dropout", "zca"])}
    params = load_params(change(tmp_path, ensembles=given, retrain__challenger="bagged"))
    assert params.names == (*params.variants, "bagged", "stacked")
    assert (params.ensembles["bagged"].of, params.ensembles["bagged"].size) == (("dropout",), 10)
    assert params.ensembles["stacked"].size == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"e": ensemble("baging", "l2")},
            "ensembles.e.method = 'baging': must be 'bagging', 'boosting' or 'stacking'",
        ),
        (
            {"e": ensemble("bagging", "dropuot")},
            "ensembles.e.of = 'dropuot': must be a key of variants: did you mean 'dropout'?",
        ),
        ({"l2": ensemble("bagging", "l1")}, "ensembles.l2: is the name of a variant too: rename one of them"),
        (
            {"e": ensemble("boosting", ["l1", "l2"])},
            "ensembles.e.of = ['l1', 'l2']: boosting is of one variant: name one, or use stacking",
        ),
        (
            {"e": ensemble("stacking", "l2")},
            "ensembles.e.of = ['l2']: stacking is of two or more different variants: list them",
        ),
        (
            {"e": ensemble("stacking", ["l2", "l2", "l1"])},
            "ensembles.e.of = ['l2', 'l2', 'l1']: stacking is of two or more different variants: list them",
        ),
        (
            {"e": ensemble("stacking", ["l2", "l1"], networks=4)},
            "ensembles.e.networks = 4: stacking has a network per variant: remove it",
        ),
        (
            {"e": ensemble("bagging", "l2", networks=1)},
            "ensembles.e.networks = 1: must be greater than or equal to 2",
        ),
        ({"e": ensemble("bagging", "l2", number=3)}, "ensembles.e.number = 3: unknown key: use one of method, "),
        ({"e": ensemble("bagging", 3)}, "ensembles.e.of = 3: must be a list, such as [3]"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    (line,) = refused(change(tmp_path, ensembles=given))
    assert line.startswith(message)


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ({"mixup": 0.2}, "has mixup, which mixes images of different weights: name another variant"),
        ({"mixup": {"low": 0.1, "high": 0.4}}, "has mixup, which mixes images of different weights"),
        (
            {"train": {"class_weights": "balanced"}},
            "has train.class_weights = 'balanced': boosting weights the images itself: name another variant",
        ),
        ({"train": {"sampling": "balanced"}}, "has train.sampling = 'balanced': boosting weights the images itself"),
    ],
)
def test_boosting_refuses_what_its_weights_would_meet(tmp_path: Path, variant: dict[str, Any], message: str) -> None:
    given = {"variants__l2": {"recipe": "plain", **variant}}
    (line,) = refused(change(tmp_path, ensembles={"e": ensemble("boosting", "l2")}, **given))
    assert line.startswith(f"ensembles.e.of = 'l2': {message}")
    load_params(change(tmp_path, ensembles={"e": ensemble("bagging", "l2")}, **given))
