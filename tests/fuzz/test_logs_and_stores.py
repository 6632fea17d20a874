"""Whatever stands in the files that a project keeps for itself: what was written, or one of our errors."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.decisions import HISTORY
from support.fuzzing import Tally, damaged, edited
from support.search_objectives import plan, search
from support.small_engine import small_engine, train_all, write_data
from support.small_study import small_params

from regbench.augmentation.reading import read_copies, read_whitening
from regbench.config.tuned import read_tuned, write_tuned
from regbench.config.variants import Variant
from regbench.data.dataset import SPLITS, load_shape, load_split
from regbench.data.earlier_ingest import EarlierIngest
from regbench.engine.results import adopt_results
from regbench.engine.store import Store
from regbench.engine.stored_training import read_history
from regbench.retraining.announced import logged_so_far
from regbench.retraining.decision_log import Log, champions, rolled_back
from regbench.retraining.decision_record import Record
from regbench.retraining.metrics_file import write_metrics
from regbench.retraining.page import write_page
from regbench.retraining.wording import markdown, numbers
from regbench.search.journal import Journal
from regbench.search.study_files import best_so_far, write_curves, write_timings, write_trials
from regbench.tracking.live_runs import read_training
from regbench.tracking.receipt import Receipt

WORDS = (
    *(
        "null",
        "true",
        "-1",
        "0",
        "1e400",
        "NaN",
        "1" * 400,
        "[]",
        "{}",
        '""',
        '"x"',
        "[" * 3_000,
        "{",
        "}",
        "\n",
        ",",
        ":",
    ),
    *('"kept"', '"promoted"', '"rolled back"', '"rejected"', '"\\u001b[2J"', '"<script>"', '"\\ud800"', "\x00", "é"),
    *('"outcome"', '"champion"', '"challenger"', '"scores"', '"reasons"', '"version"', '"time"', '"2026-13-01"'),
)
BYTES = st.binary(max_size=3)


def content_of(data: st.DataObject, whole: bytes, words: tuple[str, ...] = WORDS) -> bytes:
    """Draw a text file after edits of words, or of bytes."""
    texts = edited([whole.decode()], words).map(lambda text: text.encode("utf-8", "surrogatepass"))
    return data.draw(texts | damaged([whole]))


def use(log: Log, folder: Path) -> list[Record]:
    """Do all that the job does with a log; what is read must be what is written."""
    records = log.read()
    for record in records:
        assert Record.from_json(json.dumps(record.to_json()).encode()) == record
        assert markdown(record) and all(isinstance(value, float) for value in numbers(record).values())
    line = champions(records)
    rolled_back(records)
    write_page(folder / "page.html", records, "model")
    write_metrics(folder / "metrics.prom", "kept", 0.0, 1.0, records)
    log.recover(line[-1].version if line else None)
    assert "<script>" not in (folder / "page.html").read_text()
    return records


@given(data=st.data())
def test_decision_log(data: st.DataObject, tmp_path: Path, tally: Tally) -> None:
    log = Log(tmp_path)
    whole = b"".join(json.dumps(record.to_json(), sort_keys=True).encode() + b"\n" for record in HISTORY)
    log.path.write_bytes(content_of(data, whole))
    log.pending.unlink(missing_ok=True)
    if data.draw(st.booleans()):
        log.pending.write_bytes(content_of(data, json.dumps(HISTORY[2].to_json(), indent=2).encode()))
    before = tally.attempt(lambda: use(log, tmp_path))
    if before is not None:
        known = log.read()
        log.append(HISTORY[5])
        assert log.read() == (known if known and known[-1] == HISTORY[5] else [*known, HISTORY[5]])
        assert logged_so_far(tmp_path / "receipt.json", log.read()) == 0


def test_search_journal(tmp_path: Path, tally: Tally) -> None:
    path = tmp_path / "studies.journal"
    search(plan(trials=4), path)
    (*_, last) = Journal(path, plan(trials=4)).trials
    Journal(path, plan(trials=4)).store_scores("fresh", (0.5, 0.75))
    whole = path.read_bytes()

    def reopen() -> None:
        trials = search(plan(trials=4), path)
        best_so_far(plan(trials=4), trials)
        write_trials(tmp_path / "trials.csv", plan(trials=4), trials)
        write_curves(tmp_path / "curves.csv", trials)
        write_timings(tmp_path / "timings.csv", trials)
        journal = Journal(path, plan(trials=4))
        before = len(journal.trials)
        journal.scores("fresh")
        journal.append(last)
        assert len(Journal(path, plan(trials=4)).trials) == before + 1

    @given(data=st.data())
    def try_one(data: st.DataObject) -> None:
        path.write_bytes(content_of(data, whole))
        tally.attempt(reopen)

    try_one()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ingested images, augmentations and a trained run, in a store and as DVC keeps it."""
    folder = tmp_path_factory.mktemp("results")
    data, experiment = write_data(folder), small_params()
    engine = small_engine(folder / "store")
    kept = experiment.model_copy(
        update={"variants": {"zca": experiment.variants["zca"], "l2": Variant(recipe="affine")}}
    )
    train_all(engine, kept, data, seeds=(128,))
    write_tuned(folder / "tuned.json", Variant(recipe="plain", l2=1e-3, train={"epochs": 2}))
    return folder


def damage(path: Path, reader: Callable[[], object], tally: Tally) -> None:
    """Let a reader meet a file after edits, again and again; the file is whole again afterwards."""
    whole = path.read_bytes()
    text = path.suffix in (".csv", ".json", ".jsonl")

    @given(data=st.data())
    def try_one(data: st.DataObject) -> None:
        content = content_of(data, whole) if text else data.draw(damaged([whole]))
        path.unlink(missing_ok=True)  # It may share its bytes with others.
        path.write_bytes(content)
        tally.attempt(reader)

    try:
        try_one()
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("name", ["train/images.npy", "train/index.csv", "dataset.json"])
def test_ingested_split(name: str, results: Path, tally: Tally) -> None:
    def read() -> None:
        split, shape = load_split(results / "data", "train"), load_shape(results / "data/dataset.json")
        assert split.images.shape == (len(split), *shape.image) and set(split.labels) <= set(range(len(shape.classes)))

    damage(results / "data" / name, read, tally)


@pytest.mark.parametrize("name", ["decoded.npz", "train/index.csv", "train/images.npy"])
def test_earlier_ingest(name: str, results: Path, tally: Tally) -> None:
    """Whatever it holds, no image has other pixels than its record says."""
    known = {split: load_split(results / "data", split).images.reshape(-1, 64) for split in SPLITS[:3]}
    pixels = {image.tobytes() for images in known.values() for image in images}
    with np.load(results / "data/decoded.npz") as table:
        keys = [bytes(key) for key in table["key"][:20]]

    def read() -> None:
        for found in EarlierIngest.load(results / "data").find([*keys, b"", b"0123456789abcdef"]):
            assert found is None or found[0] in pixels or len(found[0]) == 64

    damage(results / "data" / name, read, tally)


@pytest.mark.parametrize("name", ["copies.npy", "whitening.safetensors", "sums.json"])
def test_augmentation(name: str, results: Path, tally: Tally) -> None:
    (path,) = [path for path in (results / "store/augmentations").rglob(name) if name != "sums.json" or _whitened(path)]
    damage(path, lambda: (read_copies(path.parent), read_whitening(path.parent)), tally)


def _whitened(path: Path) -> bool:
    return (path.parent / "whitening.safetensors").exists()


@pytest.mark.parametrize("name", ["history.csv", "spec.json", "timings.csv"])
def test_stored_training(name: str, results: Path, tmp_path: Path, tally: Tally) -> None:
    entry = next((results / "store/runs").glob("*/*"))
    runs, timings = tmp_path / "runs", tmp_path / "timings"
    shutil.copytree(entry, runs / "l2" / entry.name)
    timings.mkdir()
    lines = (entry / "timings.csv").read_text().splitlines()
    table = timings / "l2.csv"
    table.write_text("\n".join([f"seed,{lines[0]}", *(f"128,{line}" for line in lines[1:])]) + "\n")

    def read() -> None:
        shutil.rmtree(tmp_path / "store", ignore_errors=True)
        read_history(runs / "l2" / entry.name)
        adopt_results(Store(tmp_path / "store"), runs, timings)

    damage(table if name == "timings.csv" else runs / "l2" / entry.name / name, read, tally)


def test_tuned_variant(results: Path, tally: Tally) -> None:
    damage(results / "tuned.json", lambda: read_tuned(results / "tuned.json"), tally)


def test_live_file(results: Path, tally: Tally) -> None:
    path = next((results / "live").glob("*.jsonl"))

    def read() -> None:
        training = read_training(path)
        assert training is None or (training.key and training.status)

    damage(path, read, tally)


def test_receipt(tmp_path: Path, tally: Tally) -> None:
    store = SimpleNamespace(database=None, receipt=tmp_path / "receipt.json")
    Receipt("f", "c", "k", "1", {"a": "b"}, {"l2": "r"}).write(store)  # type: ignore[arg-type]

    def read() -> None:
        found = Receipt.read(store)  # type: ignore[arg-type]
        assert isinstance(found.runs, dict) and isinstance(found.variants, dict) and isinstance(found.content, str)

    damage(store.receipt, read, tally)
