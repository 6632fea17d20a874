"""The section `track`: where MLflow runs go."""

from regbench.config.section import Name, Section


class Track(Section):
    """Where MLflow runs go; the server itself is chosen by MLFLOW_TRACKING_URI."""

    experiment: Name = "regbench"
    """One run per variant; `-seeds` is appended for the runs of single seeds, `-search` for searches."""
    system_metrics: bool = False
    """Whether runs that are logged from now on have curves of processor and memory use, named as MLflow names them."""
