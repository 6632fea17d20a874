"""Converts records to MLflow's entities."""

from collections.abc import Iterator

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric

from regbench.tracking.metric_names import WALL, finite
from regbench.tracking.run_record import RunRecord


def metrics_of(record: RunRecord, start: int) -> Iterator[Metric]:
    """Yield all numbers with times that depend on nothing but the run: the same number twice is stored once.

    Curves have one step per epoch. Summary numbers are at step 0, which makes MLflow draw them as bars.
    """
    # The compared numbers come first: MLflow's page of runs side by side draws the first number of a run.
    for name, value in (record.summary | record.totals).items():
        for step, number in finite([value]):
            yield Metric(name, number, start, step)
    wall = record.seconds.get(WALL, [])
    for name, values in (record.curves | record.seconds).items():
        for epoch, value in finite(values):
            yield Metric(name, value, start + round(1000 * sum(wall[: epoch + 1])), epoch)


def dataset_of(record: RunRecord) -> DatasetInput:
    """Name the data by its hash, which MLflow limits to 36 characters."""
    raw, digest = record.params["data.raw"], record.tags["data_hash"][:32]
    dataset = Dataset(name=raw.rpartition("/")[2], digest=digest, source_type="local", source=raw)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])
