"""Finds or creates MLflow's experiments, and describes them."""

from collections.abc import Mapping

from mlflow import MlflowClient
from mlflow.entities import Experiment, LifecycleStage
from mlflow.exceptions import MlflowException

from regbench.errors import TrackingError
from regbench.tracking.client import write_shared
from regbench.tracking.pages import charts_page, runs_page, shared_view, table_page
from regbench.tracking.store import Store

NOTE = "mlflow.note.content"
TITLE = "**Which regularizer generalizes best?**"
"""Start of our descriptions; a description with another start was written by a user and is kept."""
OTHERS = {
    "-seeds": f"{TITLE} One run per variant and seed; the means over the seeds, which people compare, are in ",
    "-search": f"{TITLE} The searches: a run per study, and nested in it a run per trial. What their winners came to: ",
}
"""End of an experiment's name -> its description, before the link to the comparison."""


class Experiments:
    """The experiments of one store."""

    def __init__(self, client: MlflowClient, store: Store) -> None:
        self.client, self.store = client, store

    def find(self, name: str) -> Experiment:
        """Find or create an experiment; artifacts of a store without a server go to an absolute path."""
        found = self.client.get_experiment_by_name(name)
        if found is None:
            try:
                self.client.create_experiment(name, None if self.store.served else self.store.artifacts.as_uri())
            except MlflowException:
                # Its reply may have been lost after the server did the work; or another machine was faster.
                if self.client.get_experiment_by_name(name) is None:
                    raise
            found = self.client.get_experiment_by_name(name)
        assert found is not None
        if found.lifecycle_stage != LifecycleStage.ACTIVE:
            raise TrackingError(
                f"experiment {name!r} was deleted in MLflow: restore it there, or choose another track.experiment"
            )
        return found

    def present(self, name: str, comparison: str, variants: Mapping[str, str], table: str) -> None:
        """Describe the experiments of a comparison, and store the view that its pages open with.

        `variants` gives MLflow's run ids, `table` is the comparison in Markdown.
        """
        main = self.find(name)
        # Without a server before the `#`, the browser stays with the server that it is on.
        links = [
            f"[charts]({charts_page('', main.experiment_id, comparison).removeprefix('/')})",
            f"[table of the runs]({runs_page('', main.experiment_id, comparison).removeprefix('/')})",
            f"[side by side]({table_page('', main.experiment_id, variants).removeprefix('/')})",
        ]
        self._describe(main, f"{TITLE} {', '.join(links)}\n\n{table}")
        self._set(main, f"mlflow.sharedViewState.{comparison}", shared_view(comparison))
        for ending, text in OTHERS.items():
            other = self.client.get_experiment_by_name(f"{name}{ending}")
            if other is not None:
                self._describe(other, f"{text}{links[0].replace('charts', name, 1)}.")

    def _describe(self, experiment: Experiment, text: str) -> None:
        if experiment.tags.get(NOTE, TITLE).startswith(TITLE):
            self._set(experiment, NOTE, text)

    def _set(self, experiment: Experiment, tag: str, value: str) -> None:
        if experiment.tags.get(tag) != value:
            write_shared(lambda: self.client.set_experiment_tag(experiment.experiment_id, tag, value))
