"""Affine maps against torchvision, ZCA against its definition, keyed copies."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from regbench.augmentation.distortion import (
    affine_matrices,
    augmented,
    cut_out,
    elastic_displacements,
    radius,
    smooth,
    warp,
)
from regbench.augmentation.reading import read_copies, read_whitening
from regbench.augmentation.writing import write_recipe
from regbench.augmentation.zca import CHUNK, fit_whitening, scale
from regbench.config.augmentation import Augment, Recipe
from regbench.errors import InputError, IntegrityError
from regbench.runtime.randomness import generator


def images(count: int, channels: int = 1, height: int = 28, width: int = 28) -> NDArray[np.uint8]:
    """Smooth random pictures with an empty border: bilinear resampling of noise would only test noise."""
    random = np.random.default_rng(count)
    coarse = torch.from_numpy(random.uniform(0, 255, (count, channels, height // 4, width // 4)))
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear").numpy().astype(np.uint8)
    smooth[:, :, :2], smooth[:, :, -2:], smooth[..., :2], smooth[..., -2:] = 0, 0, 0, 0
    return smooth


@pytest.mark.parametrize("shape", [(28, 28), (20, 32)])
@pytest.mark.parametrize(
    ("angle", "shift", "scaling", "shear"),
    [
        (0, (0, 0), 1, 0),
        (30, (0, 0), 1, 0),
        (0, (3, -2), 1, 0),
        (0, (0, 0), 1.2, 0),
        (0, (0, 0), 1, 15),
        (-17, (2, 1), 0.9, -8),
    ],
)
def test_affine_agrees_with_torchvision(
    shape: tuple[int, int], angle: float, shift: tuple[int, int], scaling: float, shear: float
) -> None:
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.functional import affine

    pixels = torch.from_numpy(images(4, 1, *shape)).float()
    arrays = [np.full(4, angle, float), np.tile(np.array(shift, float), (4, 1)), np.full(4, scaling), np.full(4, shear)]
    ours = warp(pixels, affine_matrices(*arrays))
    theirs = affine(pixels, angle, list(shift), scaling, [shear, 0.0], InterpolationMode.BILINEAR)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0.02)  # of 255


def test_no_strength_changes_no_pixel() -> None:
    pixels = torch.from_numpy(images(5))
    assert torch.equal(augmented(pixels, Recipe(), generator(1, "augment")), pixels)


@pytest.mark.parametrize(("name", "axis"), [("flip_horizontal", 3), ("flip_vertical", 2)])
def test_a_flip_is_exact_and_its_strength_is_a_probability(name: str, axis: int) -> None:
    pixels = torch.from_numpy(images(400))
    always = augmented(pixels, Recipe.model_validate({name: 1.0}), generator(1, "augment"))
    assert torch.equal(always, pixels.flip(axis))
    sometimes = augmented(pixels, Recipe.model_validate({name: 0.25}), generator(1, "augment"))
    flipped = (sometimes == pixels.flip(axis)).flatten(1).all(1)
    assert torch.equal(sometimes[~flipped], pixels[~flipped])
    assert 60 < int(flipped.sum()) < 140  # binomial(400, 0.25) leaves this less than once in a million


@pytest.mark.parametrize(
    "name", ["rotate", "shift", "scale", "shear", "flip_horizontal", "flip_vertical", "elastic", "cutout"]
)
def test_each_strength_changes_images_and_the_same_key_repeats(name: str) -> None:
    pixels = torch.from_numpy(images(8))
    strengths = {"rotate": 20.0, "shift": 3.0, "shear": 20.0, "elastic": 34.0, "cutout": 9}
    recipe = Recipe.model_validate({name: strengths.get(name, 0.5)})
    once = augmented(pixels, recipe, generator(3, "augment", 0))
    assert not torch.equal(once, pixels)
    assert torch.equal(once, augmented(pixels, recipe, generator(3, "augment", 0)))
    assert not torch.equal(once, augmented(pixels, recipe, generator(3, "augment", 1)))


def test_strengths_bound_what_is_drawn() -> None:
    # A shift of at most 2 pixels keeps the centre of mass of a single bright block within 2 pixels.
    block = np.zeros((200, 1, 28, 28), np.uint8)
    block[:, :, 12:16, 12:16] = 200
    moved = augmented(torch.from_numpy(block), Recipe(shift=2.0), generator(1, "augment")).double()
    centre = (moved.sum((1, 2)) * torch.arange(28)).sum(1) / moved.sum((1, 2, 3))
    offsets = centre - 13.5
    assert float(offsets.abs().max()) < 2.05
    assert float(offsets.max()) > 1.5 and float(offsets.min()) < -1.5


@pytest.mark.parametrize("shape", [(28, 28), (20, 32)])
def test_displacements_mean_what_torchvision_s_elastic_transform_does_with_them(shape: tuple[int, int]) -> None:
    from torchvision.transforms.functional import elastic_transform

    pixels = torch.from_numpy(images(3, 1, *shape)).float()
    found = elastic_displacements(3, *shape, Recipe(elastic=30.0, elastic_sigma=3.0), generator(1, "augment"))
    assert found is not None and found.shape == (3, 2, *shape)
    identity = affine_matrices(np.zeros(3), np.zeros((3, 2)), np.ones(3), np.zeros(3))
    ours = warp(pixels, identity, found)
    # torchvision counts from -1 to 1 across each axis, x first.
    relative = found.permute(0, 2, 3, 1) * torch.tensor([2 / shape[1], 2 / shape[0]])
    theirs = torch.cat([elastic_transform(pixels[i : i + 1], relative[i : i + 1], fill=[0.0]) for i in range(3)])
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0.02)  # of 255


@pytest.mark.parametrize("sigma", [0.7, 2.0, 4.0])
def test_fields_are_smoothed_as_scipy_does_where_no_edge_is_near(sigma: float) -> None:
    from scipy.ndimage import gaussian_filter

    reach = radius(sigma)
    fields = np.random.default_rng(0).uniform(-1, 1, (2, 20 + 2 * reach, 24 + 2 * reach)).astype(np.float32)
    theirs = gaussian_filter(fields.astype(float), sigma, axes=(1, 2))[:, reach : reach + 20, reach : reach + 24]
    np.testing.assert_allclose(smooth(torch.from_numpy(fields), sigma).numpy(), theirs, atol=1e-6)


def test_displacements_are_as_large_in_the_middle_as_at_the_edge_and_as_documented() -> None:
    found = elastic_displacements(2000, 12, 12, Recipe(elastic=34.0), generator(1, "augment"))
    assert found is not None
    spread = found.double().square().mean((0, 1)).sqrt()
    expected = 34 / 4 / np.sqrt(3) / (2 * np.sqrt(np.pi))  # of Simard's values: 1.4 pixels
    torch.testing.assert_close(spread, torch.full((12, 12), expected, dtype=torch.float64), rtol=0.1, atol=0)
    assert pytest.approx(expected, rel=0.03) == 0.16 * 34 / 4


def test_elastic_and_affine_changes_are_one_resampling() -> None:
    """A constant displacement is a shift: together with the map it must equal the map alone, not a blurred copy."""
    pixels = torch.from_numpy(images(4)).float()
    zero, one = np.zeros(4), np.ones(4)
    moved = torch.tensor([1.5, -2.5]).view(1, 2, 1, 1).expand(4, 2, 28, 28)
    both = warp(pixels, affine_matrices(zero, np.tile([0.5, 0.5], (4, 1)), one, zero), moved)
    alone = warp(pixels, affine_matrices(zero, np.tile([-1.0, 3.0], (4, 1)), one, zero))
    torch.testing.assert_close(both, alone, rtol=0, atol=1e-3)  # of 255


@pytest.mark.parametrize("side", [1, 4, 7, 60])
def test_cutout_blanks_one_square_about_any_pixel(side: int) -> None:
    pixels = torch.full((3000, 2, 10, 12), 9, dtype=torch.uint8)
    cut = cut_out(pixels, side, generator(1, "augment")) == 0
    assert torch.equal(cut[:, 0], cut[:, 1]), "all channels lose the same square"
    rows, columns = cut[:, 0].any(2), cut[:, 0].any(1)
    assert torch.equal(cut[:, 0], rows[:, :, None] & columns[:, None, :])
    assert int(rows.sum(1).max()) == min(side, 10) and int(columns.sum(1).max()) == min(side, 12)
    assert int(rows.sum(1).min()) >= min(10, max(1, side // 2))
    starts = rows.int().argmax(1)
    assert set(starts.tolist()) == set(range(max(1, 10 - side // 2)))
    # The centre is uniform over pixels: each row is the middle of a tenth of the squares.
    if side == 1:
        assert (torch.bincount(starts, minlength=10) - 300).abs().max() < 5 * np.sqrt(300 * 0.9)


def test_no_new_strength_moves_the_random_numbers_of_the_affine_ones() -> None:
    """Copies of affine recipes are published results: these are the bytes from before elastic and cutout existed."""
    pixels = torch.from_numpy(images(50))
    recipe = Recipe(rotate=10.0, shift=2.0, scale=0.1, shear=5.0, flip_horizontal=0.3)
    random = generator(1, "augment")
    augmented(pixels, recipe, random)
    fresh = generator(1, "augment")
    fresh.uniform(size=(50, 5))
    fresh.random(100)
    assert random.integers(2**63) == fresh.integers(2**63)
    combined = recipe.model_copy(update={"cutout": 3})
    same = augmented(pixels, combined, generator(1, "augment")) != augmented(pixels, recipe, generator(1, "augment"))
    assert int(same.flatten(1).sum(1).max()) <= 9, "only the square differs"


def test_whitened_train_images_have_unit_covariance() -> None:
    random = np.random.default_rng(0)
    mixing = random.normal(size=(16, 16))
    pixels = np.clip(random.normal(size=(5000, 16)) @ mixing * 8 + 128, 0, 255).astype(np.uint8).reshape(-1, 1, 4, 4)
    whitening = fit_whitening(pixels, epsilon=1e-9)
    white = whitening.apply(scale(torch.from_numpy(pixels).flatten(1))).double()
    torch.testing.assert_close(white.mean(0), torch.zeros(16, dtype=torch.float64), rtol=0, atol=1e-4)
    torch.testing.assert_close(torch.cov(white.T, correction=0), torch.eye(16, dtype=torch.float64), rtol=0, atol=2e-3)
    # Zero-phase: of all whitening maps, ZCA's is the symmetric one.
    torch.testing.assert_close(whitening.matrix, whitening.matrix.T, rtol=1e-4, atol=1e-5)


def test_epsilon_shrinks_each_variance_to_s_over_s_plus_epsilon() -> None:
    pixels = images(3000, 1, 8, 8)
    epsilon = 0.05
    rows = scale(torch.from_numpy(pixels).flatten(1)).double()
    eigenvalues = torch.linalg.eigvalsh(torch.cov(rows.T, correction=0)).clamp(min=0)
    white = fit_whitening(pixels, epsilon).apply(rows.float()).double()
    found = torch.linalg.eigvalsh(torch.cov(white.T, correction=0))
    torch.testing.assert_close(found, eigenvalues / (eigenvalues + epsilon), rtol=1e-3, atol=1e-5)


def test_whitening_refuses_images_that_are_too_large() -> None:
    with pytest.raises(InputError, match=r"zca = 0\.1: an image has 12288 numbers, ZCA takes 4096: shrink it"):
        fit_whitening(np.zeros((2, 3, 64, 64), np.uint8), 0.1)


def test_a_written_recipe_holds_keyed_copies_in_the_order_of_the_rows(tmp_path: Path) -> None:
    pixels = images(CHUNK + 30)
    recipe, settings = Recipe(rotate=10.0, shift=1.0, zca=0.1), Augment(copies=3, seed=5)
    write_recipe(tmp_path, pixels, recipe, settings)
    copies = read_copies(tmp_path)
    assert copies is not None and copies.shape == (3, *pixels.shape) and copies.dtype == np.uint8
    assert not np.array_equal(copies[0], copies[1])
    # Row i of a copy is image i: it is nearer to its own original than to most others.
    distance = np.abs(copies[0, :50].astype(int)[:, None] - pixels[:50].astype(int)[None]).mean((2, 3, 4))
    assert (distance.argmin(1) == np.arange(50)).all()
    whitening = read_whitening(tmp_path)
    assert whitening is not None and torch.equal(whitening.matrix, fit_whitening(pixels, 0.1).matrix)
    other = tmp_path / "again"
    write_recipe(other, pixels, recipe, settings)
    for name in ("copies.npy", "whitening.safetensors", "recipe.json", "preview.png"):
        assert (tmp_path / name).read_bytes() == (other / name).read_bytes()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_plain_recipe_writes_no_arrays_but_a_preview(tmp_path: Path, channels: int) -> None:
    write_recipe(tmp_path, images(5, channels), Recipe(), Augment())
    assert read_copies(tmp_path) is None and read_whitening(tmp_path) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["preview.png", "recipe.json", "sums.json"]
    with Image.open(tmp_path / "preview.png") as preview:
        assert preview.size == (5 * 30 * 2, 2 * 30 * 2)


@pytest.mark.fault
@pytest.mark.parametrize("name", ["copies.npy", "whitening.safetensors"])
def test_an_augmentation_that_was_changed_after_it_was_written_is_refused(tmp_path: Path, name: str) -> None:
    write_recipe(tmp_path, images(5, 1), Recipe(rotate=10.0, zca=0.1), Augment(copies=2))
    content = bytearray((tmp_path / name).read_bytes())
    content[-1] ^= 1
    (tmp_path / name).write_bytes(content)
    read, other = (read_copies, read_whitening) if name == "copies.npy" else (read_whitening, read_copies)
    with pytest.raises(IntegrityError, match=rf"{name}: its SHA-256 is not that in sums.json: .*dvc repro --force"):
        read(tmp_path)
    assert other(tmp_path) is not None
    (tmp_path / name).unlink()
    with pytest.raises(IntegrityError, match=r"unreadable .*No such file"):
        read(tmp_path)
