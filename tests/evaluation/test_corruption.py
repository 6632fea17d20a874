"""Corruptions: seeded, bounded, stronger with severity, and each what its name says."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.small_study import small_data
from torchvision.transforms.functional import rotate

from regbench.data.dataset import load_split, sample_rows
from regbench.evaluation.corruption import CORRUPTIONS, SEVERITIES, corrupted
from regbench.evaluation.predicted_split import corrupted_images

Images = NDArray[np.uint8]


@pytest.fixture
def images() -> Images:
    """Discs off the centre, so that every corruption changes them."""
    rows, columns = np.mgrid[:28, :28]
    radii = np.linspace(5, 9, 20)[:, None, None]
    discs = ((rows - 11) ** 2 + (columns - 16) ** 2 < radii**2) * 200
    return discs[:, np.newaxis].astype(np.uint8)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_severity_moves_images_further_from_themselves_and_repeats(images: Images, kind: str) -> None:
    before = images.copy()
    made = [corrupted(images, kind, severity) for severity in SEVERITIES]
    distances = [float(np.abs(each.astype(float) - images).mean()) for each in made]
    assert 0 < distances[0] < distances[1] < distances[2]
    assert all(each.dtype == np.uint8 and each.shape == images.shape for each in made)
    assert np.array_equal(made[1], corrupted(images, kind, 2))
    assert np.array_equal(images, before)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_no_images_stay_none(kind: str) -> None:
    assert corrupted(np.zeros((0, 1, 28, 28), dtype=np.uint8), kind, 1).shape == (0, 1, 28, 28)


def test_rotation_is_torchvision_s_by_the_same_angle(images: Images) -> None:
    turned = corrupted(images, "rotation", 2).astype(float)
    both = [rotate(torch.from_numpy(images).float(), angle, interpolation=2).numpy() for angle in (20.0, -20.0)]
    distance = [np.abs(turned - other).mean(axis=(1, 2, 3)) for other in both]
    assert (np.minimum(*distance) < 0.5).all()
    assert (distance[0] < 0.5).any() and (distance[1] < 0.5).any()


def test_occlusion_blackens_one_square(images: Images) -> None:
    white = np.full((50, 3, 28, 20), 255, dtype=np.uint8)
    black = corrupted(white, "occlusion", 3) == 0
    assert (black.sum(axis=(1, 2, 3)) == 3 * 8**2).all()
    assert (black == black[:, :1]).all()
    assert black.any(axis=(0, 1)).mean() > 0.9


def test_contrast_keeps_the_mean_and_a_share_of_the_spread(images: Images) -> None:
    dull = corrupted(images, "contrast", 2).astype(float)
    assert np.abs(dull.mean(axis=(1, 2, 3)) - images.mean(axis=(1, 2, 3))).max() < 0.5
    assert dull.std(axis=(1, 2, 3)) == pytest.approx(0.3 * images.std(axis=(1, 2, 3)), abs=0.5)


def test_noise_has_its_standard_deviation() -> None:
    grey = np.full((30, 1, 28, 28), 128, dtype=np.uint8)
    assert corrupted(grey, "noise", 1).std() == pytest.approx(25.5, rel=0.02)


def test_the_parameter_says_how_many_images_are_corrupted(tmp_path: Path) -> None:
    data = small_data(tmp_path)
    test = load_split(data, "test")
    chosen = test.images[sample_rows(test.hashes, 7)]
    made = corrupted_images(data, "test", 7)
    assert set(made) == {(kind, severity) for kind in CORRUPTIONS for severity in SEVERITIES}
    for (kind, severity), images in made.items():
        np.testing.assert_array_equal(images, corrupted(chosen, kind, severity))
    assert corrupted_images(data, "test", 0) == {}
