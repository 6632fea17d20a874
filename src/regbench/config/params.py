"""The whole of `params.yaml`, typed and frozen. Each section has a module that explains it."""

from regbench.config.data import Data
from regbench.config.experiment import EvaluatedExperiment, SearchedExperiment
from regbench.config.retraining import Retrain
from regbench.config.tracking import Track


class Params(SearchedExperiment, EvaluatedExperiment):
    """The whole of `params.yaml`."""

    data: Data
    track: Track
    retrain: Retrain = Retrain()
