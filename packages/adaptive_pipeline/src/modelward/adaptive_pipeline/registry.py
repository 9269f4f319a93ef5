"""The registry: champion and challenger, as versions with an alias in the MLflow model registry."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from modelward.adaptive_pipeline.scorer import Scorer
from modelward.core.errors import ConfigError, DataError, StateError
from modelward.core.evidence import sha256_file

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
    deprecated), `artifacts` the folder for the files of a new experiment. scikit-learn models are
    kept in the skops format, which holds no code that runs on loading; for other kinds give
    `save(model, folder)`, which writes an MLflow model, for example with `mlflow.pytorch.save_model`.
    The files are digested when they are registered, and a version whose files have changed since is
    not loaded. Nothing of MLflow's global state (active run, tracking URI) is touched.

    Raises `ConfigError` for an empty name.
    """

    def __init__(
        self,
        *,
        name: str,
        tracking_uri: str,
        artifacts: str | Path | None = None,
        save: Callable[[Any, Path], None] | None = None,
        requirements: Sequence[str] = ("scikit-learn", "skops", "pandas"),
    ) -> None:
        if not name:
            raise ConfigError("expected a name for the registered model, got an empty one")
        self.name = name
        self.tracking_uri = tracking_uri
        self.artifacts = artifacts
        self.requirements = tuple(requirements)
        self._save = save or self._save_sklearn

    @cached_property
    def _client(self) -> Any:
        with _quiet():
            from mlflow.exceptions import MlflowException
            from mlflow.tracking import MlflowClient

            client = MlflowClient(tracking_uri=self.tracking_uri, registry_uri=self.tracking_uri)
            try:
                client.get_registered_model(self.name)
            except MlflowException:
                client.create_registered_model(self.name)
            return client

    @cached_property
    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(self.name)
        if found is not None:
            return str(found.experiment_id)
        place = Path(self.artifacts).resolve().as_uri() if self.artifacts else None
        return str(self._client.create_experiment(self.name, artifact_location=place))

    def register(
        self,
        model: Any,
        *,
        alias: str,
        columns: Sequence[str],
        params: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Version:
        """Log a fitted model with its run, register it as a new version and give it the alias.

        Raises `DataError` when the model cannot be kept safely (see the class).
        """
        with _quiet(), tempfile.TemporaryDirectory() as folder:
            client, path = self._client, Path(folder) / "model"
            self._save(model, path)
            sha256 = _digest(path)
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
                    "modelward.columns": json.dumps(list(columns)),
                    **(tags or {}),
                },
            )
            version = str(made.version)
            client.set_registered_model_alias(self.name, alias, version)
        return Version(self.name, version, run_id, f"models:/{self.name}/{version}", sha256)

    def find(self, alias: str) -> Version | None:
        """Give the version that has an alias, or None."""
        with _quiet():
            aliases = self._client.get_registered_model(self.name).aliases
        return self.version(str(aliases[alias])) if alias in aliases else None

    def version(self, number: str) -> Version:
        """Describe a version by its number. Raises `StateError` when there is none."""
        entry = self._entry(number)
        uri = f"models:/{self.name}/{number}"
        return Version(self.name, number, entry.run_id, uri, entry.tags["modelward.sha256"])

    def tag(self, number: str, key: str) -> str | None:
        """Give a tag of a version, or None."""
        value = self._entry(number).tags.get(key)
        return None if value is None else str(value)

    def load(self, number: str) -> Scorer:
        """Load a version for scoring.

        Raises `StateError` when there is no such version, or its files are not those registered.
        """
        entry = self._entry(number)
        with _quiet():
            import mlflow

            path = mlflow.artifacts.download_artifacts(
                artifact_uri=entry.source, tracking_uri=self.tracking_uri
            )
            found, expected = _digest(Path(path)), entry.tags.get("modelward.sha256")
            if found != expected:
                raise StateError(
                    f"expected files with sha256 {expected} for version {number} of {self.name}, "
                    f"got {found}: they were changed after they were registered",
                    hint="train and register the model anew; do not load these files.",
                )
            model = mlflow.pyfunc.load_model(path)
        columns = tuple(json.loads(entry.tags["modelward.columns"]))
        return Scorer(str(number), model.predict, columns)

    def promote(self, number: str) -> None:
        """Make a version the champion and retire the challenger; the same again changes nothing."""
        with _quiet():
            self._client.set_registered_model_alias(self.name, CHAMPION, number)
            self._client.delete_registered_model_alias(self.name, CHALLENGER)

    def retire(self) -> None:
        """Take the alias from the challenger; the version itself stays for the record."""
        with _quiet():
            self._client.delete_registered_model_alias(self.name, CHALLENGER)

    def _entry(self, number: str) -> Any:
        with _quiet():
            from mlflow.exceptions import MlflowException

            try:
                return self._client.get_model_version(self.name, number)
            except MlflowException as error:
                raise StateError(
                    f"expected version {number} of the registered model {self.name!r}, got none",
                    hint="register a first model with alias 'champion'.",
                ) from error

    def _save_sklearn(self, model: Any, path: Path) -> None:
        import mlflow.sklearn
        import skops.io  # type: ignore[import-untyped]
        from sklearn.base import BaseEstimator

        if not isinstance(model, BaseEstimator):
            raise DataError(
                f"expected a scikit-learn estimator, got {type(model).__name__}",
                hint="pass Registry(save=...) with a function that writes an MLflow model.",
            )
        # skops lists the types it does not know to be safe. Those of scikit-learn itself come from
        # the live object at hand, and the digest vouches for the file from here on.
        unknown = skops.io.get_untrusted_types(data=skops.io.dumps(model))
        strange = [name for name in unknown if not name.startswith("sklearn.")]
        if strange:
            raise DataError(
                f"expected a model of scikit-learn's own types, got one that holds {strange}",
                hint="pass Registry(save=...) if you trust them.",
            )
        mlflow.sklearn.save_model(
            model,
            str(path),
            serialization_format="skops",
            skops_trusted_types=unknown,
            pip_requirements=list(self.requirements),
        )


def _digest(folder: Path) -> str:
    """Digest the names and bytes of all files below a folder."""
    whole = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        whole.update(f"{path.relative_to(folder).as_posix()}\0{sha256_file(path)}\n".encode())
    return whole.hexdigest()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow's own notices and deprecation warnings from the user; errors come through."""
    names = ("mlflow", "alembic", "mlflow.store.db.utils")
    before = {name: logging.getLogger(name).level for name in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            for name, level in before.items():
                logging.getLogger(name).setLevel(level)
