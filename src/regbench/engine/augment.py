"""Make the augmentations that the store does not have, on all cores; a recipe's name does not affect the result."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from regbench.config.augmentation import Augment, Recipe
from regbench.data.dataset import INDEX
from regbench.engine.run import Engine, run_all
from regbench.engine.store import Store, copy_entry, keep_only
from regbench.files import atomic, digest, sha256
from regbench.runtime.code_identity import identity_of

AUGMENTATIONS = "augmentations"
"""Kind of the store's entries."""
DIGEST = "digest.txt"
"""File that identifies an augmentation by everything that determines its bits."""
CODE = "regbench.augmentation.writing"


@dataclass(frozen=True)
class AugmentationTask:
    """One augmentation to make."""

    recipe: Recipe
    settings: Augment
    data: Path
    """Folder of the ingested splits."""
    store: Path
    name: str
    """Of its entry in the store."""
    label: str


def write_augmentations(
    engine: Engine, recipes: Mapping[str, Recipe], settings: Augment, data: Path, out: Path
) -> None:
    """Fill `out/RECIPE` for each recipe; reuse what `out` or the store already has.

    Remove folders of other recipes, and print one line with the number of augmentations made.
    """
    for folder in out.glob("*"):
        _adopt(engine.store, folder)
    found = make_augmentations(engine, recipes, settings, data)
    for name, entry in found.items():
        copy_entry(entry, out / name)
    keep_only(out, found)


def make_augmentations(engine: Engine, recipes: Mapping[str, Recipe], settings: Augment, data: Path) -> dict[str, Path]:
    """Return the store's folder of each recipe; make the missing ones."""
    names = {label: augmentation_digest(recipe, settings, data) for label, recipe in recipes.items()}
    labels = {name: label for label, name in names.items()}
    missing = {
        name: AugmentationTask(recipes[label], settings, data, engine.store.root, name, label)
        for name, label in labels.items()
        if engine.store.find(AUGMENTATIONS, name) is None
    }
    print(f"augment: {len(recipes)} augmentations needed, {len(missing)} to make", flush=True)
    run_all(engine, make_augmentation, missing, "augment")
    return {label: engine.store.place(AUGMENTATIONS, name) for label, name in names.items()}


def augmentation_digest(recipe: Recipe, settings: Augment, data: Path) -> str:
    """Return an augmentation's name; it depends on recipe, copies, train images and code, not on labels."""
    return digest(
        {
            "recipe": recipe.model_dump(),
            "settings": settings.model_dump() if recipe.augments else None,
            "data": [sha256(data / name) for name in ("dataset.json", f"train/{INDEX}")],
            "code": identity_of(CODE),
        }
    )


def read_digest(folder: Path) -> str:
    """Return the name of an augmentation that was written."""
    return (folder / DIGEST).read_text(encoding="utf-8").strip()


def make_augmentation(task: AugmentationTask) -> None:
    """Make one augmentation and add it to the store; runs in a worker."""
    from regbench.augmentation.writing import write_recipe
    from regbench.data.dataset import load_split

    with Store(task.store).write(AUGMENTATIONS, task.name) as folder:
        write_recipe(folder, load_split(task.data, "train").images, task.recipe, task.settings)
        with atomic(folder / DIGEST) as temporary:
            temporary.write_text(f"{task.name}\n", encoding="utf-8")


def _adopt(store: Store, folder: Path) -> None:
    """Enter a folder that `dvc pull` brought into the store."""
    if (folder / DIGEST).is_file() and store.find(AUGMENTATIONS, read_digest(folder)) is None:
        with store.write(AUGMENTATIONS, read_digest(folder)) as entry:
            copy_entry(folder, entry)
