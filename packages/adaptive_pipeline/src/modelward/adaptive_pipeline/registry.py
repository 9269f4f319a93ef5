"""The registry: champion and challenger, as versions with an alias in the MLflow model registry."""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelward.adaptive_pipeline.kinds import Kind, described
from modelward.adaptive_pipeline.model_files import column, digest, save_sklearn
from modelward.adaptive_pipeline.scorer import Scorer
from modelward.adaptive_pipeline.tracking import (
    asked,
    default_artifacts,
    is_missing,
    is_shared,
    local_path,
    quiet,
)
from modelward.core.errors import ConfigError, DataError, StateError

if TYPE_CHECKING:
    import pandas as pd

    Columns = pd.DataFrame | Mapping[str, Kind | None] | Sequence[str]

CHAMPION, CHALLENGER = "champion", "challenger"


@dataclass(frozen=True, slots=True)
class Version:
    """A registered model version: where it is, which run made it, and the digest of its files."""

    name: str
    version: str
    run_id: str
    uri: str
    sha256: str


class Registry:
    """Keeps the versions of the model `name` in MLflow: runs, files, aliases.

    `tracking_uri` is MLflow's store, for example `sqlite:///mlflow.db` (the file store is
    deprecated) or `http://...` of a tracking server, `artifacts` the folder for the files of a new
    experiment (default: `mlartifacts` beside a SQLite file; a server has its own). scikit-learn
    models are kept in the skops format, which holds no code that runs on loading; for other kinds
    give `save(model, folder)`, which writes an MLflow model, for example with
    `mlflow.pytorch.save_model`. The files are digested when they are registered, and a version whose
    files have changed since is not loaded. Nothing of MLflow's global state (active run, tracking
    URI) is touched.

    `timeout` (seconds) is how long a server or database may take to answer at all; each method
    raises `ServiceError` when it does not. A registry can be pickled; the copy opens its own
    connection.

    Raises `ConfigError` for a name that is empty, or that MLflow does not take.
    """

    def __init__(
        self,
        *,
        name: str,
        tracking_uri: str,
        artifacts: str | Path | None = None,
        save: Callable[[Any, Path], None] | None = None,
        requirements: Sequence[str] = ("scikit-learn", "skops", "pandas"),
        timeout: float = 5.0,
    ) -> None:
        if not name.strip() or set(name) & set("/:'`"):
            raise ConfigError(
                f"expected a name for the registered model without / : ' or `, got {name!r}"
            )
        self.name = name
        self.tracking_uri = tracking_uri
        self.artifacts = artifacts
        self.requirements = tuple(requirements)
        self.timeout = timeout
        self.save = save

    @property
    def portable(self) -> bool:
        """Whether another process of this machine can load from it."""
        return is_shared(self.tracking_uri)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what belongs to this process: connections."""
        return {k: v for k, v in vars(self).items() if k not in {"_client", "_experiment"}}

    def reading(self) -> Registry:
        """Give a copy that loads, for a process that has no need of the function `save`."""
        other = copy.copy(self)
        other.save = None
        return other

    @cached_property
    def _client(self) -> Any:
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        client = MlflowClient(tracking_uri=self.tracking_uri, registry_uri=self.tracking_uri)
        try:
            client.get_registered_model(self.name)
        except MlflowException as error:
            if not is_missing(error):
                raise
            try:
                client.create_registered_model(self.name)
            except MlflowException:  # another process was first, or this raises
                client.get_registered_model(self.name)
        return client

    @cached_property
    def _experiment(self) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(self.name)
        if found is None:
            place = default_artifacts(self.tracking_uri, self.artifacts)
            try:
                return str(self._client.create_experiment(self.name, artifact_location=place))
            except MlflowException:  # another process was first, or there is still none
                found = self._client.get_experiment_by_name(self.name)
                if found is None:
                    raise
        return str(found.experiment_id)

    def register(
        self,
        model: Any,
        *,
        alias: str,
        columns: Columns,
        params: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Version:
        """Log a fitted model with its run, register it as a new version and give it the alias.

        `columns` is the frame it was trained on, whose names and kinds (number, text, boolean) are
        kept, so that a row of another kind is refused; or a mapping from name to kind; or the names
        alone.

        Raises `DataError` when the model cannot be kept safely (see the class), and what `save`
        raises.
        """
        names, kinds = described(columns)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            with quiet():
                self._write(model, path)
            if not (path / "MLmodel").is_file():
                raise DataError(
                    "expected save(model, folder) to write an MLflow model, got a folder without "
                    "the file MLmodel",
                    hint="for example mlflow.pyfunc.save_model(str(folder), python_model=...).",
                )
            sha256 = digest(path)
            with self._service() as client:
                run = client.create_run(self._experiment, run_name=alias)
                run_id = run.info.run_id
                for key, value in (params or {}).items():
                    client.log_param(run_id, key, str(value)[:6000])
                for key, number in (metrics or {}).items():
                    client.log_metric(run_id, key, number)
                client.log_artifacts(run_id, str(path), "model")
                client.set_terminated(run_id)
                made = client.create_model_version(
                    self.name,
                    source=f"{run.info.artifact_uri}/model",
                    run_id=run_id,
                    tags={
                        "modelward.sha256": sha256,
                        "modelward.columns": json.dumps(names),
                        **({"modelward.kinds": json.dumps(kinds)} if any(kinds) else {}),
                        **(tags or {}),
                    },
                )
                version = str(made.version)
                client.set_registered_model_alias(self.name, alias, version)
        return Version(self.name, version, run_id, f"models:/{self.name}/{version}", sha256)

    def _write(self, model: Any, path: Path) -> None:
        if self.save is not None:
            self.save(model, path)
        else:
            save_sklearn(model, path, self.requirements)

    def find(self, alias: str) -> Version | None:
        """Give the version that has an alias, or None."""
        with self._service() as client:
            aliases = client.get_registered_model(self.name).aliases
        return self.version(str(aliases[alias])) if alias in aliases else None

    def tagged(self, key: str, value: str) -> Version | None:
        """Give the newest version with a tag of this value, whatever its alias, or None.

        Raises `DataError` for a value with a quotation mark.
        """
        if "'" in value or "`" in key:
            raise DataError(f"expected a tag without quotation marks, got {key}={value}")
        with self._service() as client:
            found = client.search_model_versions(
                f"name = '{self.name}' and tags.`{key}` = '{value}'"
            )
        if not found:
            return None
        return self.version(str(max(int(entry.version) for entry in found)))

    def version(self, number: str) -> Version:
        """Describe a version by its number. Raises `StateError` when there is none."""
        entry = self._entry(number)
        uri = f"models:/{self.name}/{number}"
        return Version(self.name, number, entry.run_id, uri, entry.tags["modelward.sha256"])

    def tag(self, number: str, key: str) -> str | None:
        """Give a tag of a version, or None."""
        value = self._entry(number).tags.get(key)
        return None if value is None else str(value)

    def note(
        self,
        number: str,
        *,
        metrics: Mapping[str, float] | None = None,
        files: Mapping[str, str] | None = None,
    ) -> None:
        """Add metrics and text files to the run that made a version."""
        run_id = self._entry(number).run_id
        with self._service() as client:
            for key, number_ in (metrics or {}).items():
                client.log_metric(run_id, key, number_)
            for file, text in (files or {}).items():
                client.log_text(run_id, text, file)

    def load(self, number: str) -> Scorer:
        """Load a version for scoring.

        Raises `StateError` when there is no such version, or its files are not those registered.
        """
        entry = self._entry(number)
        columns = tuple(json.loads(entry.tags["modelward.columns"]))
        kinds = entry.tags.get("modelward.kinds")  # versions of before have none
        place = local_path(entry.source)
        if place is not None:
            model = self._open(number, entry, place)
        else:
            folder = tempfile.mkdtemp(prefix="modelward-")
            try:
                model = self._open(number, entry, self._fetch(entry, folder))
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            # A model may read its files whenever it likes.
            weakref.finalize(model, shutil.rmtree, folder, ignore_errors=True)
        return Scorer(
            str(number),
            lambda frame: column(model.predict(frame)),
            columns,
            None if kinds is None else tuple(json.loads(kinds)),
        )

    def _fetch(self, entry: Any, folder: str) -> Path:
        with self._service():
            import mlflow

            path = mlflow.artifacts.download_artifacts(
                artifact_uri=entry.source, tracking_uri=self.tracking_uri, dst_path=folder
            )
        return Path(path)

    def _open(self, number: str, entry: Any, path: Path) -> Any:
        found, expected = digest(path), entry.tags.get("modelward.sha256")
        if found != expected:
            raise StateError(
                f"expected files with sha256 {expected} for version {number} of {self.name}, "
                f"got {found}: they were changed after they were registered",
                hint="train and register the model anew; do not load these files.",
            )
        with quiet():
            import mlflow.pyfunc

            return mlflow.pyfunc.load_model(str(path))

    def challenge(self, number: str) -> None:
        """Make a version the challenger; the same again changes nothing."""
        with self._service() as client:
            client.set_registered_model_alias(self.name, CHALLENGER, number)

    def promote(self, number: str) -> None:
        """Make a version the champion and retire the challenger; the same again changes nothing."""
        with self._service() as client:
            client.set_registered_model_alias(self.name, CHAMPION, number)
            client.delete_registered_model_alias(self.name, CHALLENGER)

    def retire(self) -> None:
        """Take the alias from the challenger; the version itself stays for the record."""
        with self._service() as client:
            client.delete_registered_model_alias(self.name, CHALLENGER)

    def _entry(self, number: str) -> Any:
        with self._service() as client:
            from mlflow.exceptions import MlflowException

            try:
                return client.get_model_version(self.name, number)
            except MlflowException as error:
                if not is_missing(error):
                    raise
                raise StateError(
                    f"expected version {number} of the registered model {self.name!r}, got none",
                    hint="register a first model with alias 'champion'.",
                ) from error

    @contextmanager
    def _service(self) -> Iterator[Any]:
        """Give MLflow's client; `ServiceError` where what is behind it does not answer."""
        with asked(self.tracking_uri, timeout=self.timeout):
            yield self._client
