"""The registered model: versions, the champion, and files that are checked before they are loaded.

A version points to the model that `tracking` logged for one run (`models:/m-...`), so that MLflow can serve it. Beside
MLflow's own format lie the network's two files, JSON and safetensors, and what else is worth keeping with a model.
Nothing here unpickles anything, and nothing is loaded by MLflow.

MLflow's aliases know no compare-and-set. So the one write that makes a champion, `promote`, checks under a file lock
beside the store that the champion is still the one that the decision was made against. Clones that share a server, and
not its machine, are checked too, but in the instant between check and write nothing keeps them apart.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

import mlflow
from filelock import FileLock, Timeout
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from regbench.errors import IntegrityError, TrackingError
from regbench.files import sha256
from regbench.tracking.client import open_client, write_shared
from regbench.tracking.model_version import KEY, NETWORK, SUM, Offer, Version, network_key
from regbench.tracking.store import Store, one_line

CHAMPION, CHALLENGER = "champion", "challenger"
PLACE = "regbench"
"""Folder of a version's files among the artifacts of its logged model."""
PATIENCE = 60
"""Seconds to wait for another process that changes the registry."""


class ChampionChangedError(TrackingError):
    """Somebody else made another champion since the decision: decide again."""


class Registry:
    """The registered model `name` in a tracking store."""

    def __init__(self, store: Store, name: str) -> None:
        """Open it; a store that cannot be reached is a TrackingError here, before anything was done.

        Call `regbench.tracking.store.configure_client` before importing this module.
        """
        self.store, self.name = store, name
        self.lock = store.lock.with_suffix(".registry.lock")
        self.lock.parent.mkdir(parents=True, exist_ok=True)
        # MLflow's SQL store asks the process's store, not the client's, for the model that a version points to.
        mlflow.set_tracking_uri(store.address)
        with self._explained(), FileLock(store.lock, timeout=PATIENCE):  # the first call makes a new database's schema
            self.client = open_client(store)
            self.client.search_registered_models(max_results=1)

    def champion(self) -> Version | None:
        """Return the version in use."""
        return self._alias(CHAMPION)

    def challenger(self) -> Version | None:
        """Return the version that was registered last; after it won, it is the champion too."""
        return self._alias(CHALLENGER)

    def version(self, number: str) -> Version:
        """Return a version; TrackingError if there is none."""
        with self._explained():
            return _version(self.client.get_model_version(self.name, number))

    def logged_model(self, run_id: str) -> str:
        """Return the id of the model that tracking logged for a run; TrackingError if it has none."""
        with self._explained():
            outputs = self.client.get_run(run_id).outputs
        if outputs is None or not outputs.model_outputs:
            raise TrackingError(f"{self.store.shown}: run {run_id} has no model: run `regbench sync`")
        return str(outputs.model_outputs[0].model_id)

    def register(self, offer: Offer) -> Version:
        """Make the challenger of a network; one that is registered already keeps its version.

        Raises:
            TrackingError: the store fails; the next attempt completes what this one began.
        """
        key = network_key(offer.sums)
        with self._locked():
            found = self._known(key)
            if not found:
                self._create(offer, key)
                # As with runs, a reply that gets lost makes MLflow's client ask again, which doubles versions.
                found = self._known(key)
            version, *doubles = found
            for double in doubles:
                self.client.delete_model_version(self.name, double.number)
            self._set_alias(CHALLENGER, version)
            return version

    def promote(self, version: Version, over: Version | None) -> None:
        """Make a version the champion in the place of `over`, the champion that it was judged against.

        Raises:
            ChampionChangedError: the champion is another one by now.
            TrackingError: the store fails; the champion is as before.
        """
        with self._locked():
            now = self._alias(CHAMPION)
            if now is None or now.number != version.number:
                if (now and now.number) != (over and over.number):
                    raise ChampionChangedError(f"{self.name}: the champion is now version {now and now.number}")
                self._set_alias(CHAMPION, version)

    def describe(self, number: str, description: str) -> None:
        """Replace a version's description (Markdown); one that somebody deleted is left alone."""
        with self._explained():
            try:
                self.client.update_model_version(self.name, number, description)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise

    def folder(self, version: Version, out: Path, key: str = "") -> Path:
        """Fetch a version's files into `out`, prove them, and return `out`, ready for `load_predictor`.

        `key` is the network's key as a record of our own holds it; empty if there is no such record.

        Raises:
            IntegrityError: a file is missing, or is not what the version's tags or the record say.
            TrackingError: the store fails.
        """
        place = f"{self.store.shown}: {self.name} version {version.number}"
        if not version.sums.keys() >= set(NETWORK):
            raise IntegrityError(f"{place}: has no SHA-256 of its network: register it by `regbench retrain`")
        if key not in ("", version.key) or version.key != network_key(version.sums):
            raise IntegrityError(
                f"{place}: its tags are not those of the network that was promoted: `regbench rollback`"
            )
        out.mkdir(parents=True, exist_ok=True)
        with self._explained():
            artifacts = self.client.get_logged_model(version.model_id).artifact_location
        for name, expected in version.sums.items():
            try:
                fetched = mlflow.artifacts.download_artifacts(f"{artifacts}/{PLACE}/{name}", dst_path=str(out))
                if Path(fetched) != out / name:
                    copyfile(fetched, out / name)
            except (MlflowException, SQLAlchemyError, OSError) as error:
                raise IntegrityError(
                    f"{place}: {name}: cannot be fetched: {one_line(error)}: restore MLflow's artifacts"
                ) from None
            if sha256(out / name) != expected:
                raise IntegrityError(f"{place}: {name}: its SHA-256 is not {expected[:12]}...: restore it")
        return out

    def _alias(self, alias: str) -> Version | None:
        with self._explained():
            try:
                number = self.client.get_registered_model(self.name).aliases.get(alias)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                return None
            return self.version(str(number)) if number else None

    def _set_alias(self, alias: str, version: Version) -> None:
        write_shared(lambda: self.client.set_registered_model_alias(self.name, alias, version.number))

    def _known(self, key: str) -> list[Version]:
        found = self.client.search_model_versions(f"name = '{self.name}' and tags.`{KEY}` = '{key}'")
        return sorted(map(_version, found), key=lambda version: int(version.number))

    def _create(self, offer: Offer, key: str) -> None:
        if not self.client.search_registered_models(f"name = '{self.name}'"):
            self._create_model()
        with TemporaryDirectory() as folder:
            for name, path in offer.files.items():
                copyfile(path, Path(folder) / name)
            self.client.log_model_artifacts(offer.model_id, folder, PLACE)
        sums = {f"{SUM}{name}": value for name, value in offer.sums.items()}
        # Not called from a fluent run: the source alone names the model, and through it the run.
        source = f"models:/{offer.model_id}"
        tags = {**offer.tags, **sums, KEY: key}
        self.client.create_model_version(
            self.name, source, tags=tags, description=offer.description, model_id=offer.model_id
        )

    def _create_model(self) -> None:
        try:
            self.client.create_registered_model(self.name, description="The alias `champion` names the model in use.")
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another machine was faster
                raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with FileLock(self.lock, timeout=PATIENCE), self._explained():
                yield
        except Timeout:
            raise TrackingError(f"{self.lock}: held by another process for {PATIENCE} s: try again later") from None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (MlflowException, SQLAlchemyError, OSError) as error:
            raise TrackingError(f"{self.store.shown}: {one_line(error)}") from error


def _version(found: ModelVersion) -> Version:
    model_id = found.model_id or str(found.source).removeprefix("models:/")
    return Version(str(found.version), model_id, dict(found.tags))
