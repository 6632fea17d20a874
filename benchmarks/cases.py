"""Everything that is measured, declared."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import Arrays
from benchmarks.race import Contender


@dataclass(frozen=True)
class Case:
    """A variant of the article: what is done to the images, and the strengths."""

    recipe: str
    strengths: dict[str, float | bool]


VARIANTS = {
    "baseline": Case("plain", {}),
    "l2": Case("plain", {"l2": 1e-4}),
    "l1": Case("plain", {"l1": 1e-4}),
    "dropout": Case("plain", {"dropout": 0.25}),
    "batch_norm": Case("plain", {"batch_norm": True}),
    "zca": Case("zca", {}),
    "augmentation": Case("affine", {}),
}

OWN, OWN_BFLOAT16 = "regbench", "regbench bfloat16"
LIMIT, LIMIT_ONE = "limit", "limit, one process"
KERAS_TF, KERAS_JAX, LIGHTNING, PLAIN, SKLEARN = (
    "Keras/TensorFlow",
    "Keras/JAX",
    "Lightning",
    "PyTorch loop",
    "scikit-learn",
)

PEERS: dict[str, tuple[str, dict[str, str]]] = {
    KERAS_TF: ("keras_training", {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}),
    KERAS_JAX: ("keras_training", {"KERAS_BACKEND": "jax"}),
    LIGHTNING: ("lightning_training", {}),
    PLAIN: ("torch_training", {}),
    SKLEARN: ("sklearn_training", {}),
}
"""Script and environment of each training peer."""

CANNOT = {
    SKLEARN: {"l1", "dropout", "batch_norm", "augmentation"},
    # Their way is torchvision per image, which the race of augmentations measures: it would take minutes per epoch.
    LIGHTNING: {"augmentation"},
    PLAIN: {"augmentation"},
}
"""Variants that a peer does not express."""

PEER_PACKAGES = ("jax", "keras", "lightning", "scikit-learn", "tensorflow-cpu", "torch", "torchvision")

TRAINING_TARGETS = {KERAS_TF: 0.45, KERAS_JAX: 0.65, LIGHTNING: 0.40, PLAIN: 0.60}
"""Largest allowed ratio of regbench's seconds a model and epoch to the peer's."""

BFLOAT16_TARGET = 0.40
"""The same against Keras/JAX, with compute.precision = bfloat16."""

LIMIT_TARGET = 0.80
"""Smallest allowed share of the limit's seconds in regbench's."""

STRENGTHS = "strengths"
"""The race of regbench's own variants."""

COST_TARGETS = {"l2": 1.05, "l1": 1.05, "dropout": 1.10}
"""Largest allowed ratio of regbench's seconds to its own baseline's."""


def training(variant: str, arrays: Arrays, peers: Path | None, processes: int) -> list[Contender]:
    """Return who trains a variant: regbench, the machine's limit, and every peer that can express it."""
    case = VARIANTS[variant]
    folder, strengths = str(arrays.folder), json.dumps(case.strengths)
    own = (sys.executable, "-m", "benchmarks.own_training", folder, case.recipe, strengths)
    limit = (sys.executable, "-m", "benchmarks.limit", folder)
    contenders = [
        Contender(OWN, (*own, "float32"), processes),
        Contender(OWN_BFLOAT16, (*own, "bfloat16"), processes),
        Contender(LIMIT, (*limit, "float32"), processes),
    ]
    if variant == "baseline":
        contenders.append(Contender(LIMIT_ONE, (*limit, "float32")))
    for name, (script, environment) in PEERS.items():
        if peers is not None and variant not in CANNOT.get(name, set()):
            command = (str(peers), _peer(script), folder, case.recipe, strengths)
            contenders.append(Contender(name, command, environment=environment))
    return contenders


def strengths(arrays: Arrays, processes: int) -> list[Contender]:
    """Return regbench alone, once a variant of COST_TARGETS: what a strength costs is measured against its baseline."""
    command = (sys.executable, "-m", "benchmarks.own_training", str(arrays.folder), "plain")
    return [
        Contender(name, (*command, json.dumps(VARIANTS[name].strengths), "float32"), processes)
        for name in ("baseline", *COST_TARGETS)
    ]


def around_training(arrays: Arrays, peers: Path | None) -> dict[str, list[Contender]]:
    """Return the races of augmentation, ingest and whitening."""
    where = (str(arrays.folder), str(arrays.raw))

    def own(unit: str, name: str = OWN) -> Contender:
        return Contender(name, (sys.executable, "-m", "benchmarks.own_units", unit, *where))

    def peer(unit: str, name: str, **environment: str) -> list[Contender]:
        command = (str(peers), _peer("units"), unit, *where)
        return [Contender(name, command, environment=environment)] if peers is not None else []

    return {
        "augmentation": [
            own("augmentation"),
            *peer("torchvision_per_sample", "torchvision, an image at a time"),
            *peer("torchvision_batched", "torchvision, one change a batch"),
            *peer("keras_layers", "Keras layers/TensorFlow", KERAS_BACKEND="tensorflow"),
            *peer("keras_layers", "Keras layers/JAX", KERAS_BACKEND="jax"),
        ],
        "ingest": [
            own("whole_ingest"),
            own("second_ingest", "regbench, 1,000 images added"),
            *peer("pillow_loop", "Pillow loop"),
        ],
        "whitening": [own("whitening")],
    }


def _peer(script: str) -> str:
    return str(Path(__file__).parent / "peers" / f"{script}.py")
