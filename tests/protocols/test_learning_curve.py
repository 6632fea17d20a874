"""Learning curve: nested subsets, the same for all variants, and nothing else of the data changed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.small_study import files, small_data, small_params, trained

from regbench.config.params import Params
from regbench.data.dataset import load_split
from regbench.engine.augment import AUGMENTATIONS
from regbench.errors import InputError
from regbench.layout import STORE
from regbench.protocols.learning_curve import judge_sizes, subset_order, write_learning_curve, write_subset
from regbench.protocols.protocol import run_protocol


@pytest.fixture
def params() -> Params:
    return small_params()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return small_data(tmp_path)


def test_subsets_are_nested_keyed_by_the_seed_and_leave_the_other_splits(data: Path, tmp_path: Path) -> None:
    order = subset_order(data, 128)
    assert (order == subset_order(data, 128)).all() and (order != subset_order(data, 129)).any()
    kept: list[set[str]] = []
    for size in (10, 30, len(order)):
        write_subset(data, tmp_path / str(size), order[:size])
        split = load_split(tmp_path / str(size), "train")
        kept.append(set(split.filenames))
        assert len(split) == len(kept[-1]) == size
        whole = load_split(data, "train")
        rows = [whole.filenames.index(name) for name in split.filenames]
        assert (whole.images[rows] == split.images).all() and (whole.labels[rows] == split.labels).all()
        others = {*files(data / "validation"), *files(data / "test")}
        assert others == {"images.npy", "index.csv"}
        for name in ("dataset.json", *(f"{split}/{name}" for split in ("validation", "test") for name in others)):
            assert (tmp_path / str(size) / name).read_bytes() == (data / name).read_bytes()
    assert kept[0] < kept[1] < kept[2]
    assert files(tmp_path / str(len(order)))["train/images.npy"] == (data / "train/images.npy").read_bytes()


@pytest.mark.slow
def test_one_row_a_size_and_variant_and_whitening_is_of_the_subset(params: Params, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = write_learning_curve(params, [40, 20, 20], data, out, 128)
    table = pd.read_csv(out / "learning-curve.csv")
    assert list(zip(table["train_images"], table["variant"], strict=True)) == [
        (size, variant) for size in (20, 40) for variant in params.variants
    ]
    assert text == (out / "learning-curve.md").read_text() and (out / "learning-curve.png").stat().st_size > 5000
    fitted = [path.read_bytes() for path in (STORE / AUGMENTATIONS).rglob("whitening.safetensors")]
    assert len(fitted) == 2 and fitted[0] != fitted[1]
    assert {np.load(path).shape[1] for path in (STORE / AUGMENTATIONS).rglob("copies.npy")} == {20, 40}
    before = trained(STORE)
    assert len(before) == 2 * 4 * 2
    write_learning_curve(params, [40, 20, 30], data, out, 128)
    assert before.items() <= trained(STORE).items() and len(trained(STORE)) == 3 * 4 * 2


def test_p_values_are_corrected_over_the_whole_table(params: Params, data: Path, tmp_path: Path) -> None:
    found = run_protocol(params, data, tmp_path / "out")
    one, two = judge_sizes({10: found}), judge_sizes({10: found, 20: found})
    rivals = one["variant"] != "baseline"
    assert (two["adjusted_p"].dropna().to_numpy()[:3] >= one["adjusted_p"][rivals].to_numpy()).all()
    assert one["verdict"][~rivals].isna().all()


@pytest.mark.parametrize("size", [1, 10_000])
def test_refuses_a_size_that_is_not_there(params: Params, data: Path, tmp_path: Path, size: int) -> None:
    with pytest.raises(InputError, match=rf"sizes = {size}: must be 2 to \d+, the number of train images"):
        write_learning_curve(params, [size], data, tmp_path / "out", 128)
    assert not (tmp_path / "out").exists()
