"""One training: order of batches, means, best weights, early stopping, repeatability. Tiny networks."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from regbench.augmentation.zca import Whitening, scale
from regbench.config.training import Train
from regbench.config.variants import Variant
from regbench.errors import DivergedError
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.runtime.randomness import generator
from regbench.training.epoch import run_epoch
from regbench.training.examples import Examples, batch_count, batches, in_order
from regbench.training.fit import FitResult, fit

ARCHITECTURE = Architecture(classes=("a", "b", "c"), channels=1, height=4, width=4, hidden=(12, 10))


def examples(count: int, seed: int = 0, copies: int = 1) -> Examples:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (copies, count, 1, 4, 4), dtype=np.uint8)
    return Examples(pixels, torch.from_numpy(pixels[0].reshape(count, 16)[:, :3].argmax(1)))


def train(
    *, seed: int = 1, data: Examples | None = None, settings: dict[str, Any] | None = None, **strengths: Any
) -> tuple[Classifier, FitResult]:
    variant = Variant(recipe="plain", **strengths)
    architecture = replace(ARCHITECTURE, batch_norm=variant.batch_norm)
    model = Classifier(architecture, variant.dropout, variant.input_dropout, seed=seed)
    data = data or examples(200)
    chosen = Train.model_validate({"epochs": 6, "batch_size": 16, "learning_rate": 1e-2, **(settings or {})})
    return model, fit(model, data, examples(200).chosen(np.arange(60)), examples(60, 9), chosen, variant, seed)


def weights(model: Classifier) -> torch.Tensor:
    return torch.cat([value.flatten().float() for value in model.state_dict().values()])


@pytest.mark.parametrize(
    ("count", "size", "lengths"), [(10, 4, [4, 4, 2]), (9, 4, [4, 5]), (8, 4, [4, 4]), (1, 4, [1]), (3, 4, [3])]
)
def test_batches_hold_every_row_once_and_never_one_image_alone(count: int, size: int, lengths: list[int]) -> None:
    parts = list(batches(count, size, generator(1, "order")))
    assert [len(part) for part in parts] == lengths
    assert batch_count(count, size) == len(lengths)
    assert sorted(torch.cat(parts).tolist()) == list(range(count))


def test_batch_order_differs_between_epochs_and_repeats_by_key() -> None:
    first, again, other = (torch.cat(list(batches(50, 8, generator(1, "order", e)))) for e in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_scores_are_means_over_images_not_over_batches() -> None:
    model, data = Classifier(ARCHITECTURE, seed=1), examples(1037)
    found = run_epoch(model, data.inputs(), data.labels, in_order(len(data)))
    logits = model.eval()(torch.from_numpy(data.pixels[0])).detach()
    assert found.loss == pytest.approx(float(F.cross_entropy(logits, data.labels)), rel=1e-6)
    assert found.accuracy == float((logits.argmax(1) == data.labels).double().mean())


def test_no_images_give_nan() -> None:
    model, data = Classifier(ARCHITECTURE), examples(0)
    assert np.isnan(run_epoch(model, data.inputs(), data.labels, in_order(0)).loss)


@pytest.mark.parametrize(
    "strengths",
    [{}, {"l2": 1e-3}, {"l1": 1e-3}, {"dropout": 0.3, "input_dropout": 0.1}, {"batch_norm": True}, {"patience": 2}],
)
def test_same_seed_same_bits_other_seed_other_weights(strengths: dict[str, Any]) -> None:
    first, one = train(**strengths)
    second, two = train(**strengths)
    assert torch.equal(weights(first), weights(second))
    assert one.history == two.history and one.best_epoch == two.best_epoch
    other, _ = train(seed=2, **strengths)
    assert not torch.equal(weights(first), weights(other))


@pytest.mark.parametrize(
    "change",
    [{"l1": 1e-3}, {"l2": 1e-3}, {"dropout": 0.3}, {"input_dropout": 0.3}]
    + [
        {"settings": {key: value}}
        for key, value in {"learning_rate": 3e-3, "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-2, "batch_size": 20}.items()
    ],
)
def test_each_strength_and_setting_changes_the_training(change: dict[str, Any]) -> None:
    plain, changed = train(), train(**change)
    assert plain[1].history[-1].train_loss != changed[1].history[-1].train_loss


def test_bfloat16_learns_about_the_same_and_is_scored_in_float32() -> None:
    models = {name: Classifier(ARCHITECTURE, seed=1) for name in ("float32", "bfloat16")}
    data = examples(200)
    settings = Train(epochs=1, batch_size=16)
    full, half = (
        fit(model, data, data, data, settings, Variant(recipe="p"), 1, precision=name)  # type: ignore[arg-type]
        for name, model in models.items()
    )
    assert full.history[0].train_loss != half.history[0].train_loss
    assert full.history[0].train_loss == pytest.approx(half.history[0].train_loss, rel=1e-2)
    again = run_epoch(models["bfloat16"], data.inputs(), data.labels, in_order(len(data)))
    assert again.loss == half.history[0].validation_loss
    assert all(parameter.dtype == torch.float32 for parameter in models["bfloat16"].parameters())


def test_variants_of_a_seed_start_from_the_same_weights() -> None:
    models = [
        Classifier(replace(ARCHITECTURE, batch_norm=batch_norm), dropout, seed=5)
        for batch_norm, dropout in [(False, 0.0), (True, 0.5)]
    ]
    kernels = [[kernel.detach() for kernel in model.hidden_kernels] for model in models]
    assert all(torch.equal(a, b) for a, b in zip(*kernels, strict=True))


def test_weights_are_those_of_the_best_epoch_not_of_the_last() -> None:
    """Training to the best epoch only must give the same bits as training on and going back."""
    long, result = train(settings={"epochs": 12})
    assert result.best_epoch < 11, "choose data on which the last epoch is not the best"
    short, _ = train(settings={"epochs": result.best_epoch + 1})
    assert torch.equal(weights(long), weights(short))
    validation = examples(60, 9)
    again = run_epoch(long, validation.inputs(), validation.labels, in_order(60))
    assert again.accuracy == result.history[result.best_epoch].validation_accuracy
    assert again.loss == result.history[result.best_epoch].validation_loss


def test_patience_stops_where_the_full_history_says() -> None:
    _, full = train(settings={"epochs": 30})
    _, stopped = train(settings={"epochs": 30}, patience=2)
    assert stopped.stopped_early and len(stopped.history) == stopped.best_epoch + 3 < 30
    assert stopped.history == full.history[: len(stopped.history)]


def test_monitor_and_min_delta_decide_the_best_epoch() -> None:
    _, by_accuracy = train(settings={"epochs": 12})
    _, by_loss = train(settings={"epochs": 12, "monitor": "validation_loss"})
    losses = [record.validation_loss for record in by_loss.history]
    assert by_loss.best_epoch == int(np.argmin(losses))
    accuracies = [record.validation_accuracy for record in by_accuracy.history]
    assert by_accuracy.best_epoch == int(np.argmax(accuracies))
    _, never = train(settings={"epochs": 12, "min_delta": 10.0})
    assert never.best_epoch == 0


def test_record_adds_up() -> None:
    model, result = train(l1=1e-3, l2=1e-2)
    for record in result.history:
        assert record.train_objective == record.train_loss + record.penalty
        assert record.validation_objective == record.validation_loss + record.penalty
        assert record.gap == record.sample_accuracy - record.validation_accuracy
    kernels = torch.cat([kernel.detach().flatten() for kernel in model.hidden_kernels])
    best = result.history[result.best_epoch]
    assert best.weight_norm == pytest.approx(float(kernels.norm()), rel=1e-6)
    assert best.penalty == pytest.approx(float(1e-3 * kernels.abs().sum() + 1e-2 * kernels.square().sum()), rel=1e-5)


def test_epochs_go_through_the_copies_in_turn() -> None:
    data = examples(20, copies=3)
    assert [int(data.inputs(epoch)[0, 0, 0, 0]) for epoch in range(4)] == [
        int(data.pixels[c, 0, 0, 0, 0]) for c in (0, 1, 2, 0)
    ]
    _, once = train(data=examples(200, copies=2))
    _, other = train(data=Examples(examples(200, copies=2).pixels[:1], examples(200, copies=2).labels))
    assert once.history[0] == other.history[0], "the first epoch reads the first copy"
    assert once.history[1] != other.history[1], "the second epoch reads the second"


def test_whitened_rows_are_what_the_saved_model_computes_from_pixels() -> None:
    random = np.random.default_rng(1)
    whitening = Whitening(
        torch.from_numpy(random.uniform(size=16).astype(np.float32)),
        torch.from_numpy(random.normal(size=(16, 16)).astype(np.float32)),
    )
    data = replace(examples(30), whitening=whitening)
    model = Classifier(replace(ARCHITECTURE, whitening=True), seed=1).set_whitening(whitening).eval()
    torch.testing.assert_close(model.layers(data.inputs()), model(torch.from_numpy(data.pixels[0])))
    plain = examples(30)
    torch.testing.assert_close(model.layers(whitening.apply(scale(plain.inputs()))), model.layers(data.inputs()))


def test_a_small_set_is_learnt_by_heart() -> None:
    data = examples(16)
    model = Classifier(ARCHITECTURE, seed=3)
    result = fit(model, data, data, data, Train(epochs=200, batch_size=16, learning_rate=1e-2), Variant(recipe="p"), 3)
    assert result.history[-1].sample_loss < 1e-2
    assert result.history[result.best_epoch].sample_accuracy == 1


@pytest.mark.fault
def test_divergence_ends_the_training_with_its_reason() -> None:
    with pytest.raises(
        DivergedError, match=r"seed 1: the loss is (nan|inf) after epoch \d+, it must stay finite: lower"
    ):
        train(settings={"learning_rate": 1e30})


def test_what_on_epoch_raises_ends_the_training() -> None:
    class StopError(Exception):
        pass

    seen = []

    def stop(record: Any) -> None:
        seen.append(record.epoch)
        if len(seen) == 2:
            raise StopError

    model, data = Classifier(ARCHITECTURE, seed=1), examples(40)
    with pytest.raises(StopError):
        fit(model, data, data, data, Train(epochs=9), Variant(recipe="plain"), 1, stop)
    assert seen == [0, 1]
