"""Ablation: each strength alone, each left out, found in the model's fields and compared in pairs."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError
from support.small_study import COCKTAIL, small_data, small_params, trained

from regbench.config.params import Params
from regbench.config.variants import Variant
from regbench.errors import InputError
from regbench.layout import STORE
from regbench.protocols.ablation import ablation_params, write_ablation


@pytest.fixture
def params() -> Params:
    return small_params()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return small_data(tmp_path)


def valid(**record: Any) -> Variant | None:
    try:
        return Variant.model_validate(record)
    except ValidationError:
        return None


def test_leave_one_out_is_the_combination_with_that_field_off(params: Params) -> None:
    settings, members = ablation_params(params, "cocktail")
    assert members == {
        "recipe": "recipe affine",
        "l2": "l2 0.0001",
        "dropout": "dropout 0.2",
        "batch_norm": "batch_norm",
        "patience": "patience 2",
    }
    off = {"recipe": "plain", "l2": 0, "dropout": 0, "batch_norm": False, "patience": 0}
    for name, value in off.items():
        without = COCKTAIL.model_copy(update={name: value})
        assert settings.variants[f"without-{name}"] == without
        alone = Variant(recipe="plain").model_copy(update={name: getattr(COCKTAIL, name)})
        assert settings.variants[f"only-{name}"] == alone
    assert settings.variants["whole"] == COCKTAIL and settings.variants["baseline"] == Variant(recipe="plain")
    assert len(settings.variants) == 2 * 5 + 2


def test_every_strength_of_a_variant_would_be_found(params: Params) -> None:
    """Also those that come later: they are fields of `Variant`."""
    fields = set(Variant.model_fields) - {"recipe", "model", "train", "search"}
    for field in fields:
        alone = next(filter(None, (valid(recipe="zca", **{field: value}) for value in (0.5, 1, True))))
        members = ablation_params(params.with_resolved({"two": alone}), "two")[1]
        assert set(members) == {field, "recipe"}


def test_settings_are_no_strengths_and_stay_in_every_row(params: Params) -> None:
    record = COCKTAIL.model_copy(update={"train": {"learning_rate": 0.01}})
    settings = ablation_params(params.with_resolved({"cocktail": record}), "cocktail")[0]
    assert {settings.training(name).learning_rate for name in settings.variants} == {0.01}


def test_refuses_what_is_no_combination(params: Params) -> None:
    with pytest.raises(InputError, match="variant = l2: has 1 strengths: a combination has 2 or more"):
        ablation_params(params, "l2")


def test_table_compares_with_the_baseline_or_with_the_whole(params: Params, data: Path, tmp_path: Path) -> None:
    record = Variant(recipe="affine", dropout=0.2)
    out = tmp_path / "out"
    text = write_ablation(params.with_resolved({"pair": record}), "pair", data, out)
    table = pd.read_csv(out / "ablation.csv").set_index("name")
    assert list(table.index) == [
        "baseline",
        "+ recipe affine",
        "+ dropout 0.2",
        "- recipe affine",
        "- dropout 0.2",
        "the combination",
    ]
    assert list(table["against"])[1:] == ["baseline"] * 2 + ["the combination"] * 2 + ["baseline"]
    accuracy = table["accuracy"]
    for name, row in table.iloc[1:].iterrows():
        assert row["difference"] == pytest.approx(accuracy[name] - accuracy[row["against"]])
    # Of two strengths, one left out is the other alone: the same networks, trained once.
    assert accuracy["- recipe affine"] == accuracy["+ dropout 0.2"]
    assert len(trained(STORE)) == 4 * 2
    assert text == (out / "ablation.md").read_text() and (out / "ablation.png").stat().st_size > 5000
