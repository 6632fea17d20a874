"""Decides about one challenger: registers it, scores both models, and moves the alias if the challenger is better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from regbench.config.params import Params
from regbench.data.dataset import Split, SplitName, load_shape, load_split, read_index
from regbench.files import read_json, write_csv
from regbench.retraining.challenger import Challenger
from regbench.retraining.decision import decide, summary
from regbench.retraining.decision_log import Log, champions, rolled_back
from regbench.retraining.decision_record import Party, Record, decision_key
from regbench.retraining.paths import JobPaths
from regbench.runtime.redaction import shown_path
from regbench.statistics.intervals import Difference
from regbench.tracking.model_version import NETWORK, Offer, Version
from regbench.tracking.provenance import Provenance
from regbench.tracking.registry import ChampionChangedError, Registry

IMAGES, REPORT = "images.csv", "data-report.json"
"""Files of a version beside its network: hash, split and label of each image at that time, and the data report."""
LEARNT: tuple[SplitName, ...] = ("train", "validation")
"""Splits that a network was trained and chosen on."""


@dataclass(frozen=True)
class Intake:
    """Facts about the present data that the decision records."""

    warnings: tuple[str, ...] = ()
    """Drift that is no reason to stop, one line each."""
    drift: Mapping[str, Any] = field(default_factory=dict)
    """The drift report as JSON; empty where there was nothing to compare."""


@dataclass(frozen=True)
class GateInputs:
    """The data and settings of the evaluation of both models."""

    params: Params
    place: JobPaths
    provenance: Provenance
    intake: Intake
    extra: str = ""
    """Part of the decision's key: makes a new decision possible although nothing is new."""

    @property
    def report(self) -> dict[str, Any]:
        """The data report."""
        found: dict[str, Any] = read_json(self.place.results.data / "report" / "report.json")
        return found

    def images(self) -> pd.DataFrame:
        """Return hash, split and label of all labelled images."""
        tables = [read_index(self.place.results.data, name) for name in (*LEARNT, "test")]
        return pd.concat(tables)[["hash", "split", "label"]]


def register(registry: Registry, inputs: GateInputs, chosen: Challenger, run_id: str) -> Version:
    """Register a trained network as a version, once, and make it the challenger."""
    report, tested = inputs.report, inputs.params.retrain.model
    with TemporaryDirectory() as folder:
        write_csv(Path(folder) / IMAGES, inputs.images())
        files = {name: chosen.folder / name for name in NETWORK}
        files |= {IMAGES: Path(folder) / IMAGES, REPORT: inputs.place.results.data / "report" / "report.json"}
        tags = {
            "variant": chosen.variant,
            "seed": str(chosen.seed),
            "data_hash": str(report["data_hash"]),
            "git_commit": inputs.provenance.commit,
            "git_dirty": inputs.provenance.dirty,
        }
        description = (
            f"**{chosen.variant}**, seed {chosen.seed}: {100 * chosen.validation_accuracy:.2f} % of the validation "
            f"images right.\n\nTrained for the model `{tested}` on data `{tags['data_hash'][:12]}` by commit "
            f"`{tags['git_commit'][:12]}`."
        )
        return registry.register(Offer(files, registry.logged_model(run_id), tags, description))


def judge(registry: Registry, log: Log, inputs: GateInputs, version: Version) -> Record | None:
    """Score a challenger and the champion, decide, move the alias if the challenger won, and log the decision.

    Returns None where nothing is new: the challenger is the champion, or was evaluated under the same conditions.
    """
    while True:
        champion = registry.champion()
        record = _compare(registry, log, inputs, version, champion)
        if record is None:
            return None
        if record.outcome == "kept":
            log.append(record)
            return record
        log.begin(record)
        try:
            registry.promote(version, over=champion)
        except ChampionChangedError:  # by another project that shares the registry
            log.forget()
            continue
        log.finish()
        return record


def known_key(records: Sequence[Record], version: Version) -> str:
    """Return the key of a champion in this project's log; empty if another project made it."""
    return next((party.key for party in reversed(champions(list(records))) if party.version == version.number), "")


def _compare(
    registry: Registry, log: Log, inputs: GateInputs, version: Version, champion: Version | None
) -> Record | None:
    """Return the decision between two versions without carrying it out; None where there is nothing new to decide."""
    params, records = inputs.params, log.read()
    if champion is not None and champion.key == version.key:
        return None
    data = inputs.place.results.data
    shape, test = load_shape(data / "dataset.json"), load_split(data, "test")
    policy, bins = params.retrain.gate, params.evaluate.calibration_bins
    with TemporaryDirectory() as folder:
        theirs, ours = Path(folder) / "champion", Path(folder) / "challenger"
        if champion is not None:
            registry.folder(champion, theirs, known_key(records, champion))
        registry.folder(version, ours, version.key)
        refusals = refusals_of(inputs, test, theirs / IMAGES, records, version)
        circumstances = [policy.model_dump(), bins, shape.classes, refusals, inputs.report["data_hash"], inputs.extra]
        key = decision_key(version.key, champion and champion.key, *circumstances)
        if any(record.key == key for record in records):
            return None
        from regbench.retraining.predictions import ask  # lazy import: runs without new data do not need torch

        challenger = ask(ours, test, shape, params.compute)
        defender = ask(theirs, test, shape, params.compute) if champion is not None else None
    decision = decide(defender, challenger, test.labels, shape.classes, policy, bins, refusals, test.groups)
    scored = partial(summary, labels=test.labels, confidence=policy.confidence, bins=bins)
    return Record(
        outcome="promoted" if decision.promote else "kept",
        reasons=decision.reasons,
        raw=shown_path(params.data.raw),
        data_hash=str(inputs.report["data_hash"]),
        images=dict(inputs.report["images"]),
        champion=replace(party(champion), scores=scored(defender)) if champion and defender else None,
        challenger=replace(party(version), scores=scored(challenger)),
        difference=_points(decision.difference),
        lost_classes=decision.lost_classes,
        gate=policy.model_dump(),
        warnings=inputs.intake.warnings,
        drift=inputs.intake.drift,
        commit=inputs.provenance.commit,
        dirty=inputs.provenance.dirty,
        key=key,
    ).dated()


def _points(difference: Difference | None) -> dict[str, float]:
    if difference is None:
        return {}
    points = {name: 100 * getattr(difference, name) for name in ("mean", "low", "high")}
    return {**points, "p_value": difference.p_value, "discordant": difference.discordant}


def party(version: Version) -> Party:
    """Return a version as a party of a record."""
    return Party(version.number, version.key, version.tags.get("variant", ""), version.tags.get("seed", ""))


def refusals_of(
    inputs: GateInputs, test: Split, theirs: Path, records: list[Record], version: Version
) -> tuple[str, ...]:
    """Return the reasons that forbid a promotion, independent of the scores."""
    found = []
    if inputs.params.retrain.gate.require_commit and (doubt := inputs.provenance.doubt):
        found.append(f"Code or parameters {doubt}: commit them, so that the model can be made again.")
    tested = set(test.hashes)
    if leaked := len(tested & learnt(inputs.images())):
        found.append(f"{leaked:,} test images are among the challenger's training images: set data.split back.")
    if theirs.exists() and (leaked := len(tested & learnt(pd.read_csv(theirs, dtype=str, keep_default_na=False)))):
        found.append(
            f"The champion was trained on {leaked:,} of today's test images, so that its score says nothing: set "
            "data.split back, or start again with another retrain.model."
        )
    if when := rolled_back(records).get(version.key):
        found.append(f"This very network was taken back by `regbench rollback` ({when}).")
    return tuple(found)


def learnt(images: pd.DataFrame) -> set[str]:
    """Return the hashes of the images that a network was trained or chosen on."""
    return set(images["hash"][images["split"].isin(LEARNT)])
