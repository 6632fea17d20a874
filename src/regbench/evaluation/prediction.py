"""Predict labels of unlabelled images with one saved network, or with the mean probability of several."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from regbench import files
from regbench.config.compute import Compute
from regbench.config.data import Data
from regbench.data.earlier_ingest import EarlierIngest
from regbench.data.ingest import decode_rows
from regbench.data.layouts.recognize import read_unlabelled as read_unlabelled_rows
from regbench.data.sources import open_source
from regbench.errors import InputError, IntegrityError
from regbench.networks.ensemble import load_predictor
from regbench.networks.predictor import Predictor
from regbench.runtime.arithmetic import prepare
from regbench.runtime.device import device


@dataclass(frozen=True, eq=False)
class Unlabelled:
    """Images without labels, in the order of their table or names."""

    filenames: tuple[str, ...]
    images: NDArray[np.uint8]
    """Shape (N, C, H, W), 0..255."""
    left_out: tuple[str, ...]
    """A line for each unusable row, of which there are at most `data.max_rejected`."""


def load_networks(folder: Path) -> list[Predictor]:
    """Return the network saved in `folder`, or those in its folders `seed-*`, which are the runs of a variant.

    Raises:
        InputError: it holds neither.
        IntegrityError: one cannot be loaded, or takes other images or has other classes than the first.
    """
    folders = [folder] if (folder / "model.json").is_file() else sorted(folder.glob("seed-*"))
    if not folders:
        raise InputError(f"{folder}: holds no run: name a variant that was trained (dvc repro)")
    networks = [load_predictor(found) for found in folders]
    for found, network in zip(folders, networks, strict=True):
        if _answers_like(network) != _answers_like(networks[0]):
            raise IntegrityError(f"{found}: has other classes or images than {folders[0]}: remove what is out of date")
    return networks


def read_unlabelled(raw: Path, data: Data, network: Predictor) -> Unlabelled:
    """Read the unlabelled images of a raw data set in any layout, converted to what a network takes.

    These are the images that `data.test_csv` lists, else those without label, else all of them.

    Raises:
        InputError: there is no such path, it holds no images, or more images than `data.max_rejected` cannot be read:
            all are named.
    """
    if not raw.exists():
        raise InputError(f"{raw}: no such folder or archive: give the path of your images")
    takes = network.architecture
    data = data.model_copy(update={"channels": takes.channels, "image_size": (takes.height, takes.width)})
    decoded = decode_rows(read_unlabelled_rows(open_source(raw), data), data, EarlierIngest())
    images = decoded.pixels[decoded.rows["position"]].reshape(-1, takes.channels, takes.height, takes.width)
    return Unlabelled(tuple(decoded.rows["filename"]), images, decoded.rejected)


def predict(networks: Sequence[Predictor], images: NDArray[np.uint8], compute: Compute) -> NDArray[np.float32]:
    """Return the mean of the networks' class probabilities, (N, K), for images (N, C, H, W), 0..255."""
    prepare(compute)
    pixels = torch.from_numpy(images)
    found: NDArray[np.float32] = np.mean(
        [network.to(device(compute)).probabilities(pixels).numpy() for network in networks], axis=0
    )
    return found


def write_submission(
    out: Path, filenames: Sequence[str], probabilities: NDArray[np.float32], classes: Sequence[str]
) -> Path:
    """Write `filename,label` to `out`; beside it a file of `filename` and a probability per class; return that file."""
    labels = np.array(classes, dtype=object)[probabilities.argmax(1)]
    names = pd.Series(filenames, name="filename")
    beside = out.with_name(f"{out.stem}-probabilities{out.suffix}")
    files.write_csv(beside, pd.concat([names, pd.DataFrame(probabilities, columns=list(classes))], axis="columns"))
    files.write_csv(out, pd.DataFrame({"filename": names, "label": labels}))
    return beside


def count_formulas(cells: Iterable[str]) -> int:
    """Return how many cells a spreadsheet would run as a formula (OWASP, CSV injection); a negative number is none."""
    return sum(cell.startswith(("=", "+", "-", "@")) and not _is_number(cell) for cell in cells)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _answers_like(network: Predictor) -> tuple[object, ...]:
    takes = network.architecture
    return takes.classes, takes.channels, takes.height, takes.width
