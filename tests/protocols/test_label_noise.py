"""Label noise: exact counts, nested damage, nothing else changed, and a table of all conditions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.learnable import learnable_params, write_learnable
from support.small_study import files, trained

from regbench.config.params import Params
from regbench.data.dataset import load_split
from regbench.layout import STORE
from regbench.protocols.damaged_images import Damage, other_labels, shuffle_pixels, write_damaged
from regbench.protocols.label_noise import write_label_noise
from regbench.protocols.protocol import ingest_raw, run_protocol


@pytest.fixture
def params() -> Params:
    return learnable_params(seeds=(1, 2))


@pytest.fixture
def data(params: Params, tmp_path: Path) -> Path:
    return ingest_raw(params.data, write_learnable(tmp_path / "raw.zip", images=200), tmp_path / "ingested")


@pytest.mark.parametrize("kind", ["labels", "outliers"])
def test_counts_are_exact_damage_is_nested_and_the_rest_is_untouched(kind: str, data: Path, tmp_path: Path) -> None:
    whole = load_split(data, "train")
    wrong: list[dict[int, tuple[int, bytes]]] = []
    for rate in (0.1, 0.25, 0.4):
        out = tmp_path / f"{rate}"
        damage = Damage("labels" if kind == "labels" else "outliers", rate)
        assert write_damaged(data, out, damage, 128) == damage.count(len(whole)) == round(rate * len(whole))
        split = load_split(out, "train")  # which compares pixels with their hashes
        changed = (split.labels != whole.labels) | (split.images != whole.images).any((1, 2, 3))
        assert changed.sum() == round(rate * len(whole))
        assert split.filenames == whole.filenames
        assert (split.images == whole.images).all() if kind == "labels" else (split.labels == whole.labels).all()
        rows = np.flatnonzero(changed)
        wrong.append({int(row): (int(split.labels[row]), split.images[row].tobytes()) for row in rows})
        for name in (
            "dataset.json",
            *(f"{part}/{file}" for part in ("validation", "test") for file in files(data / part)),
        ):
            assert (out / name).read_bytes() == (data / name).read_bytes()
    assert wrong[0].items() < wrong[1].items() < wrong[2].items()
    write_damaged(data, tmp_path / "again", Damage("labels" if kind == "labels" else "outliers", 0.4), 128)
    assert files(tmp_path / "again") == files(tmp_path / "0.4")


def test_wrong_labels_are_each_other_class_alike() -> None:
    labels = np.arange(40_000) % 5
    found = other_labels(labels, 5, 3)
    assert (found != labels).all() and set(found) == set(range(5))
    for label in range(5):
        counts = np.bincount(found[labels == label], minlength=5)
        assert counts[label] == 0 and np.abs(np.delete(counts, label) - 2000).max() < 6 * np.sqrt(1500)


def test_an_outlier_has_its_pixels_in_an_order_of_its_own() -> None:
    image = np.arange(3 * 6 * 5, dtype=np.uint8).reshape(3, 6, 5)
    one, other = shuffle_pixels(image, 1, 0), shuffle_pixels(image, 1, 1)
    assert (one != other).any() and (one == shuffle_pixels(image, 1, 0)).all()
    colours = {tuple(pixel) for pixel in image.reshape(3, -1).T}
    assert {tuple(pixel) for pixel in one.reshape(3, -1).T} == colours, "colours stay together"


@pytest.mark.slow
def test_a_row_a_condition_and_variant_and_what_is_undamaged_is_not_trained_again(
    params: Params, data: Path, tmp_path: Path
) -> None:
    run_protocol(params, data, tmp_path / "plain")
    before = trained(STORE)
    text = write_label_noise(params, [0.4, 0, 0.1], [0.2], data, tmp_path / "noise", 128)
    after = trained(STORE)
    assert before.items() <= after.items() and len(after) == len(before) + 3 * 2 * 2
    table = pd.read_csv(tmp_path / "noise/label-noise.csv")
    train = len(load_split(data, "train"))
    conditions = [("labels", 0.0), ("labels", 0.1), ("labels", 0.4), ("outliers", 0.2)]
    assert list(zip(table["damage"], table["rate"], table["variant"], strict=True)) == [
        (*condition, variant) for condition in conditions for variant in params.variants
    ]
    assert table["damaged_images"].tolist() == [round(rate * train) for _, rate in conditions for _ in params.variants]
    assert (table["rise"][:2] == 0).all()
    clean = table.set_index(["damage", "rate", "variant"])["error_percent"]
    assert table["rise"].iloc[5] == pytest.approx(clean["labels", 0.4, "l2"] - clean["labels", 0.0, "l2"])
    assert "At 40 % wrong labels: " in text and f"20 % outliers ({round(0.2 * train)})" in text
    assert write_label_noise(params, [0, 0.1, 0.4], [0.2], data, tmp_path / "noise", 128) == text
    assert trained(STORE) == after
    assert Image.open(tmp_path / "noise/label-noise.png").size[0] > 400
