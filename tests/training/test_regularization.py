"""Penalties, dropout masks and the best epoch: closed forms and exact sequences."""

import math

import pytest
import torch

from regbench.networks.layers import Dropout
from regbench.runtime.randomness import generator
from regbench.training.early_stopping import BestEpoch
from regbench.training.regularization import add_noise, add_penalty_gradients_, clip_norms_, mix_pairs, penalty


@pytest.mark.parametrize(("l1", "l2", "expected"), [(0, 0, 0), (0.5, 0, 3), (0, 0.25, 3.5), (0.5, 0.25, 6.5)])
def test_penalty_is_keras_s(l1: float, l2: float, expected: float) -> None:
    # Keras: l1 * sum|w| + l2 * sum w^2, without a factor of one half.
    assert penalty(torch.tensor([[1.0, -2.0], [3.0, 0.0]]), l1, l2) == expected


@pytest.mark.parametrize(("l1", "l2"), [(1e-3, 0), (0, 1e-3), (2e-3, 3e-3)])
def test_penalty_gradient_is_the_derivative_of_the_penalty(l1: float, l2: float) -> None:
    kernels = [torch.tensor([1.5, -2.0, 0.0, 1e-3], requires_grad=True), torch.tensor([[3.0]], requires_grad=True)]
    derivatives = torch.autograd.grad(sum(l1 * k.abs().sum() + l2 * k.square().sum() for k in kernels), kernels)
    for kernel in kernels:
        kernel.grad = torch.ones_like(kernel)
    add_penalty_gradients_(kernels, l1, l2)
    for kernel, derivative in zip(kernels, derivatives, strict=True):
        assert kernel.grad is not None
        torch.testing.assert_close(kernel.grad - 1, derivative, rtol=1e-6, atol=1e-7)


def test_no_strength_leaves_the_gradient_as_it_is() -> None:
    kernel = torch.randn(5, requires_grad=True)
    kernel.grad = torch.randn(5)
    before = kernel.grad.clone()
    add_penalty_gradients_([kernel], 0, 0)
    assert torch.equal(kernel.grad, before)


def test_max_norm_scales_longer_rows_back_and_leaves_the_others_their_bits() -> None:
    kernel = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0], [-6.0, 8.0]])
    other = torch.randn(50, 30)
    before = other.clone()
    clip_norms_([kernel, other], 2.0)
    torch.testing.assert_close(kernel, torch.tensor([[1.2, 1.6], [0.3, 0.4], [0.0, 0.0], [-1.2, 1.6]]))
    assert torch.equal(kernel[1:3], torch.tensor([[0.3, 0.4], [0.0, 0.0]]))
    torch.testing.assert_close(other, torch.renorm(before, 2, 0, 2.0))


def test_noise_has_its_deviation_and_no_mean_and_repeats_by_key() -> None:
    inputs = torch.rand(400, 300)
    noise = add_noise(inputs, 0.2, generator(1, "noise")) - inputs
    count = noise.numel()
    assert abs(float(noise.mean())) < 5 * 0.2 / math.sqrt(count)
    assert abs(float(noise.std()) - 0.2) < 5 * 0.2 / math.sqrt(2 * count)
    assert torch.equal(add_noise(inputs, 0.2, generator(1, "noise")), add_noise(inputs, 0.2, generator(1, "noise")))
    assert not torch.equal(
        add_noise(inputs, 0.2, generator(1, "noise")), add_noise(inputs, 0.2, generator(1, "noise", 1))
    )


def test_mixup_mixes_images_and_labels_in_the_same_parts() -> None:
    labels = torch.arange(64) % 5
    # An image is its own label, one-hot, so that the mixed inputs must be the mixed labels.
    inputs = torch.nn.functional.one_hot(labels, 5).float()
    random = generator(1, "mixup")
    parts = []
    for _ in range(3000):
        images, targets = mix_pairs(inputs, labels, 5, 0.4, random)
        assert torch.equal(images, targets)
        parts.append(float(targets[0].max()))
    torch.testing.assert_close(targets.sum(1), torch.ones(64))
    assert len(targets[targets > 0].unique()) <= 3, "one ratio a batch: the part, the rest, and 1 for equal labels"
    # A row keeps its own label in part: over many draws the mean part is one half, and a fifth meets its own class.
    assert 0.5 < sum(parts) / len(parts) < 1


def test_the_part_of_mixup_follows_the_beta_distribution() -> None:
    from scipy import stats

    random = generator(3, "mixup")
    found = []
    for _ in range(2000):
        images, _ = mix_pairs(torch.tensor([[1.0], [0.0]]), torch.tensor([0, 1]), 2, 0.4, random)
        found.append(float(images[0, 0]))
    # With two images the partner is the other one in half of the draws; the others show no part.
    shown = [part for part in found if part != 1.0]
    assert abs(len(shown) - 1000) < 5 * math.sqrt(500)
    assert stats.kstest(shown, stats.beta(0.4, 0.4).cdf).pvalue > 1e-3


@pytest.mark.parametrize("rate", [0.05, 0.25, 0.5, 0.9])
def test_dropout_meets_its_rate_within_binomial_bounds(rate: float) -> None:
    layer = Dropout(rate)
    layer.random = generator(1, "dropout")
    outputs = layer(torch.ones(1000, 500))
    dropped = float((outputs == 0).double().mean())
    assert abs(dropped - rate) < 5 * math.sqrt(rate * (1 - rate) / outputs.numel())


def test_dropout_is_inverted_and_masks_the_gradient() -> None:
    layer = Dropout(0.25)
    layer.random = generator(1, "dropout")
    inputs = torch.ones(64, 33, requires_grad=True)
    outputs = layer(inputs)
    assert torch.equal(outputs.unique(), torch.tensor([0.0, 4 / 3]))
    outputs.sum().backward()
    assert inputs.grad is not None and torch.equal(inputs.grad, outputs.detach())


def test_dropout_is_off_in_evaluation_and_at_rate_zero() -> None:
    inputs = torch.randn(8, 8)
    assert Dropout(0.5).eval()(inputs) is inputs
    assert Dropout(0)(inputs) is inputs


def test_dropout_refuses_to_train_without_keyed_masks() -> None:
    with pytest.raises(RuntimeError, match=r"set Dropout\.random before training"):
        Dropout(0.5)(torch.ones(2, 2))


def test_dropout_masks_repeat_by_key_and_differ_between_draws() -> None:
    def masks(epoch: int) -> list[torch.Tensor]:
        layer = Dropout(0.5)
        layer.random = generator(7, "dropout", epoch)
        return [layer(torch.ones(10, 10)) for _ in range(2)]

    first, second = masks(0)
    again, _ = masks(0)
    other, _ = masks(1)
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert not torch.equal(first, other)


NAN = float("nan")


@pytest.mark.parametrize(
    ("mode", "patience", "min_delta", "scores", "stops_after", "best"),
    [
        # Patience counts epochs in a row without improvement, from the best one.
        ("max", 2, 0, [0.1, 0.5, 0.4, 0.45, 0.9], 4, 1),
        ("min", 2, 0, [0.9, 0.5, 0.6, 0.4, 0.5, 0.5], 6, 3),
        # A tie is no improvement, and the first of equals stays best.
        ("max", 2, 0, [0.5, 0.5, 0.5, 0.9], 3, 0),
        # An improvement must exceed min_delta, which is absolute even for negative scores.
        ("max", 1, 0.1, [0.5, 0.6, 0.9], 2, 0),
        ("max", 1, 0.1, [-1.0, -0.95], 2, 0),
        ("min", 1, 0.1, [0.5, 0.39, 0.38], 3, 1),
        # NaN never improves; after NaN first nothing compares as better, as in Keras.
        ("max", 2, 0, [0.5, NAN, NAN, 0.9], 3, 0),
        ("min", 2, 0, [NAN, 0.5, 0.4, 0.3], 3, 0),
        # Patience 0 is off.
        ("max", 0, 0, [0.5, 0.4, 0.3, 0.2], None, 0),
    ],
)
def test_best_epoch(
    mode: str, patience: int, min_delta: float, scores: list[float], stops_after: int | None, best: int
) -> None:
    follower = BestEpoch(mode, patience, min_delta)  # type: ignore[arg-type]
    stopped = None
    for epoch, score in enumerate(scores):
        follower.update(epoch, score)
        if follower.exhausted:
            stopped = epoch + 1
            break
    assert stopped == stops_after
    assert follower.epoch == best


def test_a_model_that_cannot_improve_stops_after_patience_plus_one_epochs() -> None:
    for patience in range(1, 6):
        follower = BestEpoch("max", patience)
        updates = 0
        while not follower.exhausted:
            follower.update(updates, 0.5)
            updates += 1
        assert updates == patience + 1


def test_generators_are_keyed_by_seed_purpose_and_epoch() -> None:
    draws = {
        key: generator(*key).integers(0, 2**63)  # type: ignore[arg-type]
        for key in [(1, "order", 0), (2, "order", 0), (1, "dropout", 0), (1, "order", 1)]
    }
    assert len(set(draws.values())) == len(draws)
    assert generator(1, "order", 0).integers(0, 2**63) == draws[(1, "order", 0)]
    # The stream is part of every published result: it must not change between versions or machines.
    assert generator(128, "weights").integers(0, 2**32, size=3).tolist() == [3359483145, 1975862454, 827576841]
