"""Checks data, augmentations, weights, reports and the registry against their hashes."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from regbench.config.loading import load_sections
from regbench.config.retraining import RetrainSection
from regbench.data.dataset import SPLITS, load_split
from regbench.errors import IntegrityError
from regbench.health.finding import Finding
from regbench.retraining.decision_log import Log, champions
from regbench.retraining.paths import JobPaths
from regbench.tracking.dvc_lock import LOCK, outputs, read_stages
from regbench.tracking.dvc_outputs import compare
from regbench.tracking.store import configure_client, find_store


def verify(place: JobPaths) -> Iterator[Finding]:
    """Yield a line for each output, split and version that was compared with its hash; a problem is a line per file.

    Nothing is changed or restored.

    Raises:
        TrackingError: MLflow does not answer.
        InputError: the section `retrain` is wrong.
    """
    yield from _outputs(Path.cwd())
    yield from _splits(place.results.data)
    yield from _versions(place)


def _outputs(project: Path) -> Iterator[Finding]:
    recorded = outputs(read_stages(project))
    if not recorded:
        yield Finding(f"{LOCK}: missing or unreadable", "run `dvc repro`, or restore it from git")
    for name in recorded:
        problems = compare(project, name, recorded)
        yield from map(_problem, problems)
        if not problems:
            yield Finding(f"{name}: as {LOCK} records ({recorded[name].get('nfiles', 1)} files)")


def _splits(data: Path) -> Iterator[Finding]:
    """Compare each image with the SHA-256 in the index, which also detects changes that keep the MD5."""
    for name in SPLITS if data.exists() else ():
        try:
            yield Finding(f"{data / name}: {len(load_split(data, name)):,} images as its index records")
        except IntegrityError as error:
            yield _problem(str(error))


def _versions(place: JobPaths) -> Iterator[Finding]:
    """Compare the files of the champion, and of the champions before it, with the registry and the decision log."""
    store, log = find_store(Path.cwd()), Log(place.decisions)
    try:
        line = champions(log.read())
    except IntegrityError as error:
        yield _problem(str(error))
        return
    if not line and store.database is not None and not store.database.exists():
        yield Finding(f"{store.shown}: no champion yet")
        return
    configure_client()
    from regbench.tracking.registry import Registry  # imports mlflow

    registry = Registry(store, load_sections(place.params, RetrainSection).retrain.model)
    champion = registry.champion()
    known = {party.version: party.key for party in line} | ({champion.number: ""} if champion and not line else {})
    if line and (champion is None or champion.number != line[-1].version):
        now = f"version {champion.number}" if champion else "none"
        yield Finding(
            f"{store.shown}: the champion is {now}, and by {log.path} version {line[-1].version}",
            "set the alias `champion` back in MLflow, or run `regbench rollback`",
        )
    if not known:
        yield Finding(f"{store.shown}: no champion yet")
    for number, key in known.items():
        with TemporaryDirectory() as folder:
            try:
                registry.folder(registry.version(number), Path(folder), key)
                yield Finding(f"{store.shown}: {registry.name} version {number}: its files have their SHA-256")
            except IntegrityError as error:
                yield _problem(str(error))


def _problem(message: str) -> Finding:
    """Return what an error says as a finding: its last part is the cure."""
    what, _, cure = message.rpartition(": ")
    return Finding(what, cure)
