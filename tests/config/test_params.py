"""params.yaml: what is shipped loads, and every mistake is one line with key, value, rule and cure."""

from pathlib import Path
from typing import Any

import pytest
from support.params import REMOVED, SHIPPED, change, refused

from regbench.config.checking import load_params
from regbench.config.params import Params
from regbench.config.ranges import Range
from regbench.config.section import Section
from regbench.config.strengths import Strengths
from regbench.config.variants import SearchableVariant


def test_the_shipped_file_holds_the_article_s_values() -> None:
    params = load_params(SHIPPED)
    assert params.model.hidden == (500,) * 5
    train = params.train
    assert (train.epochs, train.batch_size, train.learning_rate, train.epsilon) == (10, 128, 1e-3, 1e-7)
    assert params.seeds[0] == 128
    variants = params.variants
    assert variants["l2"].l2 == variants["l1"].l1 == 1e-4
    assert variants["dropout"].dropout == 0.25 and variants["averaging"].averaging == 0.99
    # The article's 2 stops on noise under the cosine schedule, which the article has not.
    assert variants["early_stopping"].patience == 3
    assert params.recipe("zca").zca > 0 and params.recipe("augmentation").augments
    assert params.recipe("augmentation").flip_horizontal == 0, "a flipped digit is another digit"


def _sections(section: type[Section] = Section) -> set[type[Section]]:
    below = section.__subclasses__()
    return {*below, *(found for child in below for found in _sections(child))}


def test_every_key_is_explained_in_its_place() -> None:
    """The file's first line promises it; what a variant's strengths mean is said once, in `Strengths`."""
    sections = _sections()
    assert {Params, SearchableVariant, Strengths, Range} <= sections
    for section in sections:
        if section.model_fields.keys() <= Params.model_fields.keys():
            continue  # Some of the file's sections, each of which has a module of its own.
        for name, field in section.model_fields.items():
            nested = isinstance(field.annotation, type) and issubclass(field.annotation, Section)
            places = [base for base in section.__mro__ if issubclass(base, Section)]
            places += [Strengths] if section is SearchableVariant else []
            explained = any(place.model_fields[name].description for place in places if name in place.model_fields)
            assert explained or nested, f"{section.__name__}.{name} has no docstring"


@pytest.mark.fault
@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("variants__l2__droput", 0.1, "variants.l2.droput = 0.1: unknown key: did you mean 'dropout'?"),
        ("variants__l2__dropout", 1.5, "variants.l2.dropout = 1.5: must be less than 1"),
        ("variants__l2__dropout", -0.1, "variants.l2.dropout = -0.1: must be greater than or equal to 0"),
        ("variants__l2__l2", "1e-4", "variants.l2.l2 = '1e-4': must be a number"),
        ("variants__l2__l2", float("nan"), "variants.l2.l2 = nan: must be a finite number"),
        ("variants__l2__batch_norm", 1, "variants.l2.batch_norm = 1: must be true or false"),
        ("variants__l2__patience", 1.5, "variants.l2.patience = 1.5: must be a whole number"),
        (
            "variants__l2__recipe",
            "plane",
            "recipe = 'plane': must be a key of recipes: did you mean 'plain'?",
        ),
        ("variants__l2__recipe", REMOVED, "variants.l2.recipe: missing: add it"),
        ("variants__l2__train", {"lr": 1}, "variants.l2.train.lr = 1: unknown key: use one of batch_size, "),
        ("variants__l2__train", {"epochs": 0}, "variants.l2.train.epochs = 0: must be greater than or equal to 1"),
        ("variants__l2__proximal", True, "variants.l2.proximal = True: has no l1 to apply: give l1, or remove it"),
        ("variants__l1__proximal", 1, "variants.l1.proximal = 1: must be true or false"),
        ("variants__l2__weight_decay", -1, "variants.l2.weight_decay = -1: must be greater than or equal to 0"),
        ("variants__l2__max_norm", float("inf"), "variants.l2.max_norm = inf: must be a finite number"),
        ("variants__l2__label_smoothing", 1, "variants.l2.label_smoothing = 1: must be less than 1"),
        ("variants__l2__mixup", -0.2, "variants.l2.mixup = -0.2: must be greater than or equal to 0"),
        ("variants__l2__input_noise", "0.1", "variants.l2.input_noise = '0.1': must be a number"),
        ("variants__l2__averaging", 1, "variants.l2.averaging = 1: must be less than 1"),
        (
            "variants__l2__averaging",
            {"low": 0.9, "high": 1.0},
            "variants.l2.averaging.high = 1: must be less than 1",
        ),
        ("recipes__affine__elastic", -1, "recipes.affine.elastic = -1: must be greater than or equal to 0"),
        ("recipes__affine__elastic_sigma", 0, "recipes.affine.elastic_sigma = 0: must be greater than 0"),
        ("recipes__affine__elastic_sigma", 40, "recipes.affine.elastic_sigma = 40: must be less than or equal to 16"),
        ("recipes__affine__cutout", 2.5, "recipes.affine.cutout = 2.5: must be a whole number"),
        ("recipes__affine__brightness", 1.2, "recipes.affine.brightness = 1.2: must be less than or equal to 1"),
        ("recipes__affine__hue", 0.6, "recipes.affine.hue = 0.6: must be less than or equal to 0.5"),
        (
            "recipes__affine__saturation",
            0.2,
            "recipes.affine.saturation = 0.2: changes no grayscale image: remove it, or set data.channels to 3",
        ),
        (
            "recipes__affine__hue",
            0.1,
            "recipes.affine.hue = 0.1: changes no grayscale image: remove it, or set data.channels to 3",
        ),
        ("train__class_weights", "equal", "train.class_weights = 'equal': must be 'none' or 'balanced'"),
        ("train__sampling", "none", "train.sampling = 'none': must be 'shuffled' or 'balanced'"),
        (
            "variants__l2__train",
            {"class_weights": "balanced", "sampling": "balanced"},
            "variants.l2.train.class_weights = 'balanced': corrects twice beside sampling = 'balanced': switch one",
        ),
        ("variants__l2__train", {"sampling": ["balanced"]}, "variants.l2.train.sampling = ['balanced']: must be "),
        ("train__schedule", "linear", "train.schedule = 'linear': must be 'constant' or 'cosine'"),
        ("train__warmup", -1, "train.warmup = -1: must be greater than or equal to 0"),
        ("recipes__affine__rotat", 5, "recipes.affine.rotat = 5: unknown key: did you mean 'rotate'?"),
        ("train__epoch", 3, "train.epoch = 3: unknown key: did you mean 'epochs'?"),
        ("train__learning_rate", 0, "train.learning_rate = 0: must be greater than 0"),
        ("train__monitor", "loss", "train.monitor = 'loss': must be 'validation_accuracy' or 'validation_loss'"),
        ("model__hidden", [500, 0], "model.hidden.1 = 0: must be greater than or equal to 1"),
        ("seeds", [], "seeds = []: must not be empty: give at least 1"),
        ("seeds", 128, "seeds = 128: must be a list, such as [128]"),
        ("seeds", None, "seeds = null: must be a list, such as [1, 2]"),
        ("model__hidden", [], "model.hidden = []: must not be empty: give at least 1"),
        (
            "data__classes",
            ["a ", "b"],
            "data.classes = ['a ']: labels are read without outer blanks and are never empty",
        ),
        ("data__classes", ["", "b"], "data.classes = ['']: labels are read without outer blanks and are never empty"),
        (
            "variants__batch_norm__train",
            {"batch_size": 1},
            "variants.batch_norm.batch_norm = True: one image has no variance: set train.batch_size to 2 or more",
        ),
        ("seeds", [1, 1], "seeds = [1, 1]: must differ from each other: remove the repeated ones"),
        ("optuna", {}, "optuna = {}: unknown key: use one of "),
        ("model", REMOVED, "model: missing: add it"),
        ("model__network", "cn", "model.network = 'cn': must be mlp, cnn, torchvision:NAME, such as "),
        ("model__network", "os:system", "model.network = 'os:system': must be mlp, cnn, torchvision:NAME, such as "),
        (
            "model__weights",
            "w.pth",
            "model.weights = 'w.pth': must be a .safetensors, .pth or .pt in the folder networks/",
        ),
        (
            "model__frozen",
            True,
            "model.frozen = True: random layers would stay random: give model.weights, or remove it",
        ),
        ("variants__l2__model", {"net": "cnn"}, "variants.l2.model.net = 'cnn': unknown key: did you mean 'network'?"),
        (
            "variants__l2__model",
            {"network": "cnn", "hidden": [5]},
            "variants.l2.model.hidden = [5]: is for the network mlp, this one is cnn: remove it",
        ),
        (
            "variants__l2__model",
            {"convolutions": 2},
            "variants.l2.model.convolutions = 2: is for the network cnn, this one is mlp: remove it",
        ),
        (
            "variants__l2__model",
            {"weights": "networks/w.pth", "frozen": True},
            "variants.l2.l2: does nothing where model.frozen is true: the output layer alone is trained, ",
        ),
        ("data__channels", 2, "data.channels = 2: must be 1 or 3"),
        ("data__split__test", 0.9, "data.split.test = 0.9: validation + test must be below 1"),
        ("data__split__validation", 0, "data.split.validation = 0: must be greater than 0"),
        ("data__split__method", "as_listed", "data.split.test = 0.2: must be 0 where method is as_listed"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, key: str, value: Any, line: str) -> None:
    lines = refused(change(tmp_path, **{key: value}))
    assert len(lines) == 1
    assert line in lines[0]


def test_colours_of_rgb_images_and_brightness_of_gray_ones_are_accepted(tmp_path: Path) -> None:
    load_params(change(tmp_path, recipes__affine__saturation=0.2, recipes__affine__hue=0.1, data__channels=3))
    load_params(change(tmp_path, recipes__affine__brightness=0.2, recipes__affine__contrast=0.1))


def test_each_correction_of_unequal_classes_can_be_a_variant(tmp_path: Path) -> None:
    own = {"variants__l1__train": {"class_weights": "none", "sampling": "balanced"}}
    params = load_params(change(tmp_path, train__class_weights="balanced", **own))
    assert (params.training("l2").class_weights, params.training("l2").sampling) == ("balanced", "shuffled")
    assert (params.training("l1").class_weights, params.training("l1").sampling) == ("none", "balanced")
    lines = refused(change(tmp_path, train__class_weights="balanced", train__sampling="balanced"))
    assert len(lines) == 1 and lines[0].startswith("train.class_weights = 'balanced': corrects twice beside sampling")


def test_proximal_goes_with_an_l1_that_is_searched(tmp_path: Path) -> None:
    params = load_params(change(tmp_path, variants__l1__l1={"choices": [0, 1e-4]}, variants__l1__proximal=True))
    assert params.variants["l1"].resolve({"l1": 0}).proximal


def test_a_setting_of_a_strength_does_not_switch_it_on(tmp_path: Path) -> None:
    params = load_params(change(tmp_path, recipes__plain__elastic_sigma=2))
    assert not params.recipes["plain"].augments
    assert not any(params.recipes["plain"].strengths.values())


@pytest.mark.fault
def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    lines = refused(change(tmp_path, train__epochs=0, model__width=3, variants__l1__l1=-1))
    assert [line.split(" = ")[0] for line in lines] == ["model.width", "train.epochs", "variants.l1.l1"]


@pytest.mark.fault
def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    assert refused(tmp_path / "params.yaml") == ["no such file: run from the project's folder, or restore it from git"]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "not valid YAML: "),
        ("seeds: [1]\nseeds: [2]", 'found duplicate key "seeds"'),
        ("", "must hold keys with values: restore it from git"),
        ("- 1", "must hold keys with values: restore it from git"),
    ],
)
def test_what_is_no_mapping_of_yaml_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    lines = refused(path)
    assert len(lines) == 1 and message in lines[0]


def test_a_record_cannot_be_changed() -> None:
    params = load_params(SHIPPED)
    with pytest.raises(ValueError, match="frozen"):
        params.train.epochs = 3


def test_a_variant_overrides_training_settings_of_its_own(tmp_path: Path) -> None:
    params = load_params(change(tmp_path, variants__l2__train={"learning_rate": 0.01}))
    assert params.training("l2").learning_rate == 0.01
    assert params.training("l2").model_copy(update={"learning_rate": 1e-3}) == params.train == params.training("l1")


def test_yaml_1_2_numbers_are_numbers(tmp_path: Path) -> None:
    # PyYAML reads 1e-3 as text; DVC and this loader do not.
    path = tmp_path / "params.yaml"
    path.write_text(SHIPPED.read_text().replace("learning_rate: 1e-3", "learning_rate: 5e-3"))
    assert load_params(path).train.learning_rate == 0.005
