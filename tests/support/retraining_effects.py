"""What parameters of the retraining job do: decisions, drift, and what the job is told to take, publish and tell."""

import json
import shutil
import time
from pathlib import Path
from typing import Any, cast
from unittest.mock import DEFAULT, patch

import numpy as np
from support.answers import CLASSES, answers, pair
from support.gate_inputs import refusals
from support.raw_images import write_canonical

from regbench.config.params import Params
from regbench.config.variants import Variant
from regbench.files import write_json
from regbench.layout import Results
from regbench.retraining import intake, notify, pipeline
from regbench.retraining.challenger import choose
from regbench.retraining.decision import decide
from regbench.retraining.decision_log import Log
from regbench.retraining.drift import Sample, drift_report
from regbench.retraining.ended import Ended, tell
from regbench.retraining.gate import Intake
from regbench.retraining.paths import JobPaths
from regbench.tracking.provenance import Provenance
from regbench.tracking.registry import Registry

RECORD = {"outcome": "kept", "text": "kept: it is no better"}


def decide_at_gate(params: Params, _: Path) -> Any:
    """Decisions on challengers that win by more or less, that lose a class, and that are dear."""
    labels, policy = np.repeat([0, 1], 500), params.retrain.gate
    pairs = [pair(60, 5, 1000), pair(45, 5, 1000), pair(30, 2, 1000), pair(22, 2, 1000), pair(1, 9, 1000)]
    made = [decide(champion, challenger, found, CLASSES, policy, 15).promote for champion, challenger, found in pairs]
    champion, challenger = np.ones((2, 1000), dtype=bool)
    champion[:90], challenger[500:520] = False, False
    return made, decide(answers(champion, labels), answers(challenger, labels), labels, CLASSES, policy, 15).promote


def check_drift(params: Params, _: Path) -> Any:
    """Verdicts on images that differ a little in every respect."""
    random = np.random.default_rng(3)
    images = random.integers(0, 200, (2, 300, 1, 8, 8), dtype=np.uint8)
    images[1, :75] += 55
    confidence = random.uniform(0.5, 1, (2, 300))
    confidence[1, :80] = 0.4
    right = np.ones((2, 300), dtype=bool)
    right[1, :60] = False
    labels = [tuple("01"[n % 2] for n in range(300)), tuple("01"[n % 100 > 36] for n in range(300))]
    old, new = (Sample(images[k], labels[k], confidence[k], right[k]) for k in range(2))
    return [(check.name, check.level) for check in drift_report(new, old, params.retrain.drift).checks]


def tell_outcome(params: Params, folder: Path) -> Any:
    """Return what a command is told of a job that kept the champion."""
    told = folder / "told.json"
    to_file = params.retrain.notify.model_copy(update={"command": ("tee", str(told))})
    retrain = params.retrain.model_copy(update={"notify": to_file})
    ended = Ended("kept", None, ("no better",))
    tell(retrain, Log(folder / "log"), ended, time.monotonic())
    return {key: value for key, value in json.loads(told.read_text()).items() if key != "time"}


def choose_challenger(params: Params, folder: Path) -> str:
    """Return who challenges where `other` is better than `v`."""
    for name, accuracy in (("v", 0.8), ("other", 0.9)):
        write_json(folder / name / f"seed-{params.seeds[0]}/result.json", {"validation_accuracy": accuracy})
    both = params.model_copy(update={"variants": {**params.variants, "other": Variant(recipe="plain")}})
    return choose(both, folder).variant


def take_in_images(params: Params, folder: Path) -> str:
    """Return the table of training images after new ones were taken in."""
    for name, images in (("incoming", 12), ("raw", 8)):
        shutil.rmtree(folder / name, ignore_errors=True)
        write_canonical(folder / name, images=images, classes=("0", "1"))
    incoming = params.retrain.incoming and str(folder / params.retrain.incoming)
    told = params.model_copy(
        update={
            "data": params.data.model_copy(update={"raw": str(folder / "raw")}),
            "retrain": params.retrain.model_copy(update={"incoming": incoming}),
        }
    )
    folders = (folder / name for name in ("data", *"bcdefg"))
    place = JobPaths(folder / "params.yaml", Results(*folders), folder / "retraining")
    registry, log = cast(Registry, None), Log(folder / "log")
    # Neither a champion to compare with nor a pipeline is needed.
    with patch.object(intake, "_look", return_value=Intake()), patch.object(intake, "_ingest"):
        intake.take_in(registry, log, told, place, folder)
    return (folder / "raw/Train/train.csv").read_text()


def refuse_uncommitted(params: Params, folder: Path) -> tuple[str, ...]:
    """Return what forbids a promotion where code was changed."""
    return refusals(folder, params, Provenance("c" * 40, "true", "", "l"))


def publish_results(params: Params, folder: Path, **publish: Any) -> Any:
    """Return the commands by which results are published."""
    settings = params.retrain.publish.model_copy(update=publish)
    git = patch.multiple(pipeline, ask_git=DEFAULT, current_branch=DEFAULT)
    with patch.object(pipeline, "_run", return_value=0) as run, git:
        done = pipeline.publish(folder, settings, "Retrained")
    return done, [call.args[1] for call in run.call_args_list]


def push_results(params: Params, folder: Path) -> Any:
    """Return the commands by which results are published where that is asked for."""
    return publish_results(params, folder, push=True)


def notify_people(params: Params, _: Path, **settings: Any) -> Any:
    """Return who is told, and for how long an answer is waited for."""
    with patch.object(notify, "post") as post, patch.object(notify, "feed") as feed:
        notify.notify(params.retrain.notify.model_copy(update=settings), RECORD, {})
    return post.call_args, feed.call_args


def notify_all(params: Params, folder: Path) -> Any:
    """Return how a webhook and a command are told."""
    return notify_people(params, folder, webhook="https://example.org", command=("cat",))
