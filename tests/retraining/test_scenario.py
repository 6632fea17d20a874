"""Ten generations of growing real data: every decision the right one, and no test image ever learnt from."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from support.project import Project
from support.retraining_project import (
    KEPT,
    NOTHING_NEW,
    PROMOTED,
    REJECTED,
    Row,
    champions,
    commit,
    create,
    ends,
    files_of,
    images_of,
    records,
    write_rows,
)

from regbench.networks.model_files import load_model

pytestmark = pytest.mark.slow
OUTSIDE = 4_000
"""Images that no generation holds: what the models are truly worth."""
OFF = {"warn": 1.0, "stop": 1.0}


@dataclass(frozen=True)
class Digits:
    """The first images of the real archive."""

    pixels: NDArray[np.uint8]
    labels: Sequence[str]

    def rows(self, start: int, end: int) -> list[Row]:
        return [(self.pixels[n], self.labels[n]) for n in range(start, end)]


@pytest.fixture
def real(real_zip: Path) -> Digits:
    with zipfile.ZipFile(real_zip) as archive:
        names = {name.rpartition("/")[2]: name for name in archive.namelist() if "/train/" in name}
        table = next(name for name in archive.namelist() if name.endswith("train.csv"))
        listed = pd.read_csv(archive.open(table), dtype=str).head(14_000)
        pixels = [Image.open(BytesIO(archive.read(names[name]))).convert("L") for name in listed["filename"]]
    return Digits(np.stack([np.asarray(image) for image in pixels]), list(listed["label"]))


def poisoned(rows: Sequence[Row]) -> list[Row]:
    """Return rows with labels drawn by lot."""
    rng = np.random.default_rng(1)
    return [(pixels, str(rng.integers(10))) for pixels, _ in rows]


def inverted(rows: Sequence[Row]) -> list[Row]:
    return [(255 - pixels, label) for pixels, label in rows]


def error(project: Project, version: int, real: Digits) -> float:
    """Return the percentage of the images outside that a version gets wrong."""
    network = load_model(files_of(project, version))
    found = network.probabilities(torch.from_numpy(real.pixels[:OUTSIDE, np.newaxis])).argmax(1).numpy()
    return 100 * float((np.array(network.classes)[found] != np.array(real.labels[:OUTSIDE])).mean())


@pytest.mark.fault
@pytest.mark.timeout(1800)  # ten whole pipelines
def test_ten_generations(real: Digits, tmp_path: Path) -> None:
    grown = [real.rows(OUTSIDE, OUTSIDE + size) for size in (400, 1_500, 4_500, 9_500)]
    beyond = real.rows(OUTSIDE + 9_500, OUTSIDE + 10_000)
    limits = {name: dict(OFF) for name in ("labels", "pixels", "confidence", "agreement")}
    # Bad data must reach the gate first; each kind of drift is switched on by a generation of its own.
    settings = {"data.raw": "raw", "retrain.drift": limits, "retrain.gate.margin": 0.5}
    project = create(tmp_path / "project", grown[0], **settings)
    raw, incoming = project.folder / "raw", project.folder / "incoming"

    def generation(code: int, champion: int) -> str:
        said = ends(project, code)
        assert champions(project) == [champion], said
        return said

    generation(PROMOTED, 1)
    generation(NOTHING_NEW, 1)

    commit(project, **{"retrain.incoming": "incoming"})
    write_rows(incoming, grown[1][400:])
    assert "1,100 labelled" in generation(PROMOTED, 2)

    write_rows(raw, [*grown[1], *poisoned(real.rows(OUTSIDE + 1_500, OUTSIDE + 3_000))])
    generation(KEPT, 2)
    generation(NOTHING_NEW, 2)

    write_rows(raw, grown[2])
    generation(PROMOTED, 4)

    table = (raw / "Train/train.csv").read_bytes()
    commit(project, **{"retrain.drift.pixels": {"warn": 0.2, "stop": 0.4}})
    write_rows(incoming, inverted(beyond))
    assert "drift (stop): arrangement" in generation(REJECTED, 4)
    write_rows(incoming, grown[2][:100])
    generation(NOTHING_NEW, 4)
    commit(project, **{"retrain.drift.agreement": {"warn": 0.1, "stop": 0.3}})
    write_rows(incoming, poisoned(beyond))
    assert "drift (stop): agreement" in generation(REJECTED, 4)
    assert (raw / "Train/train.csv").read_bytes() == table, "nothing was merged"

    write_rows(incoming, grown[3][4_500:])
    generation(PROMOTED, 5)

    made = records(project)
    won = [record.in_use.version for record in made if record.outcome == "promoted" and record.in_use]
    assert won == ["1", "2", "4", "5"]
    errors = [error(project, int(version), real) for version in won]
    assert errors == sorted(errors, reverse=True), "on images that no generation held, each champion is better"
    for record in made:
        if record.outcome == "promoted" and record.champion:
            assert record.difference["low"] > 0.5, "and on the locked test by more than the margin and its noise"
    days = [images_of(project, number) for number in range(1, 6)]
    tested = {image for day in days for image in day["hash"][day["split"] == "test"]}
    learnt = {image for day in days for image in day["hash"][day["split"] != "test"]}
    assert len(tested) > 1_500 and not tested & learnt, "no test image of any day was ever trained on"
