"""Evaluate one trained network in a worker."""

from regbench.engine.store import Store
from regbench.evaluation.predicted_split import predict_split
from regbench.evaluation.tasks import EVALUATIONS, PROBABILITIES, ROBUSTNESS, EvaluationTask
from regbench.files import write_array, write_csv


def evaluate_into_store(task: EvaluationTask) -> None:
    """Predict the images of a split, and some of them under corruptions; add both to the store."""
    probabilities, robustness = predict_split(task.run, task.data, task.split, task.robustness_images, task.hardware)
    with Store(task.store).write(EVALUATIONS, task.name) as folder:
        write_array(folder / PROBABILITIES, probabilities)
        write_csv(folder / ROBUSTNESS, robustness)
