"""The registry on a real MLflow database."""

from __future__ import annotations

import contextlib
import gc
import http.server
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from modelward.adaptive_pipeline import Registry
from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold
from modelward.core.errors import ConfigError, DataError, ServiceError, StateError

rng = np.random.default_rng(0)
X = pd.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"])
y = np.where(X["a"] > 0, "up", "down")


def test_a_model_comes_back_as_it_went_in(registry: Registry) -> None:
    model = RandomForestClassifier(5, random_state=0).fit(X, y)
    made = registry.register(
        model, alias="champion", columns=X.columns, params={"rows": 60}, metrics={"loss": 0.25}
    )
    assert registry.find("champion") == made
    assert registry.find("challenger") is None
    scorer = registry.load(made.version)
    assert scorer.columns == ("a", "b")
    assert list(scorer.predict(X)) == list(model.predict(X))
    run = registry._client.get_run(made.run_id)
    assert run.data.params["rows"] == "60"
    assert run.data.metrics["loss"] == 0.25


def test_promotion_moves_the_alias_and_may_be_repeated(registry: Registry) -> None:
    model = LogisticRegression().fit(X, y)
    registry.register(model, alias="champion", columns=X.columns)
    second = registry.register(
        model, alias="challenger", columns=X.columns, tags={"modelward.order": "o1"}
    )
    assert registry.tag(second.version, "modelward.order") == "o1"
    assert registry.tag(second.version, "other") is None
    for _ in range(2):
        registry.promote(second.version)
        assert registry.find("champion") == second
        assert registry.find("challenger") is None


def test_files_changed_after_registration_are_not_loaded(registry: Registry) -> None:
    made = registry.register(LogisticRegression().fit(X, y), alias="champion", columns=X.columns)
    place = Path(str(registry.artifacts)).rglob("model.skops")
    path = next(place)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(StateError, match="they were changed after they were registered"):
        registry.load(made.version)


def test_nothing_global_of_mlflow_is_touched(registry: Registry) -> None:
    import mlflow

    before = mlflow.get_tracking_uri()
    registry.register(LogisticRegression().fit(X, y), alias="champion", columns=X.columns)
    assert mlflow.get_tracking_uri() == before
    assert mlflow.active_run() is None


def test_what_cannot_be_kept_safely_is_refused(registry: Registry) -> None:
    class Odd(BaseEstimator):
        def fit(self, X: Any, y: Any) -> Odd:
            self.inner_ = Threshold(0.0)
            return self

    with pytest.raises(DataError, match="expected a scikit-learn estimator, got Threshold"):
        registry.register(Threshold(0.5), alias="champion", columns=["x"])
    with pytest.raises(DataError, match="expected a model of scikit-learn's own types"):
        registry.register(Odd().fit(X, y), alias="champion", columns=["x"])
    assert registry.find("champion") is None


def test_an_unknown_version_is_named(registry: Registry) -> None:
    with pytest.raises(StateError, match="expected version 99 of the registered model"):
        registry.load("99")
    for name in ("", " ", "a/b", "a:b", "it's"):
        with pytest.raises(ConfigError, match="expected a name"):
            Registry(name=name, tracking_uri="sqlite://")


def save_threshold(model: Any, folder: Path) -> None:
    """Write a `Threshold` as an MLflow model of a kind of its own."""
    from mlflow import pyfunc

    class Model(pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
            return pd.DataFrame({"answer": (model_input["x"] > cut).astype(int)})

    cut = model.cut
    pyfunc.save_model(str(folder), python_model=Model(), pip_requirements=["pandas"])


def save_torch(model: Any, folder: Path) -> None:
    import mlflow.pytorch

    mlflow.pytorch.save_model(
        model,
        str(folder),
        serialization_format="pickle",
        pip_requirements=["torch"],
    )


def other(registry: Registry, save: Any) -> Registry:
    return Registry(
        name=registry.name,
        tracking_uri=registry.tracking_uri,
        artifacts=registry.artifacts,
        save=save,
    )


def test_other_kinds_of_models_are_kept_by_a_function_of_the_user(registry: Registry) -> None:
    mine = other(registry, save_threshold)
    made = mine.register(Threshold(0.5), alias="champion", columns=["x"])
    scorer = mine.load(made.version)
    assert [scorer.score({"x": x}) for x in (0.2, 0.7)] == [0, 1]

    def nothing(model: Any, folder: Path) -> None:
        folder.mkdir()

    with pytest.raises(DataError, match="without the file MLmodel"):
        other(registry, nothing).register(Threshold(0.5), alias="champion", columns=["x"])


def test_a_torch_model_goes_through(registry: Registry) -> None:
    import torch

    net = torch.nn.Linear(2, 1)
    mine = other(registry, save_torch)
    scorer = mine.load(mine.register(net, alias="champion", columns=["a", "b"]).version)
    row = {"a": 0.25, "b": -1.0}
    expected = net(torch.tensor([[0.25, -1.0]])).item()
    assert scorer.score(row) == pytest.approx(expected, rel=1e-6)
    assert len(list(scorer.predict(X[:3].astype("float32")))) == 3


def test_a_version_is_found_by_its_tag_whatever_its_alias(registry: Registry) -> None:
    model = LogisticRegression().fit(X, y)
    order = {"modelward.order": "sha256:0a"}
    assert registry.tagged("modelward.order", "sha256:0a") is None
    made = registry.register(model, alias="challenger", columns=X.columns, tags=order)
    registry.register(model, alias="challenger", columns=X.columns, tags={"modelward.order": "b"})
    registry.retire()
    assert registry.tagged("modelward.order", "sha256:0a") == made
    assert registry.find("challenger") is None
    for _ in range(2):
        registry.challenge(made.version)
        assert registry.find("challenger") == made
    for _ in range(2):
        registry.retire()
        assert registry.find("challenger") is None
    with pytest.raises(DataError, match="expected a tag without quotation marks"):
        registry.tagged("modelward.order", "' or name like '%")


def test_notes_go_to_the_run_that_made_a_version(registry: Registry) -> None:
    made = registry.register(LogisticRegression().fit(X, y), alias="champion", columns=X.columns)
    registry.note(made.version, metrics={"holdout_loss": 0.5}, files={"training.log": "epoch 1"})
    run = registry._client.get_run(made.run_id)
    assert run.data.metrics == {"holdout_loss": 0.5}
    files = registry._client.list_artifacts(made.run_id)
    assert [file.path for file in files] == ["model", "training.log"]


def test_a_copy_in_another_process_sees_the_same(registry: Registry) -> None:
    made = registry.register(LogisticRegression().fit(X, y), alias="champion", columns=X.columns)
    copied = pickle.loads(pickle.dumps(registry))
    assert copied.find("champion") == made
    assert registry.portable
    assert not Registry(name="n", tracking_uri="sqlite://").portable
    assert not MemoryRegistry().portable


def test_files_lie_beside_the_database_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    registry = Registry(name="m", tracking_uri=f"sqlite:///{tmp_path / 'there' / 'mlflow.db'}")
    registry.register(LogisticRegression().fit(X, y), alias="champion", columns=X.columns)
    assert list((tmp_path / "here").iterdir()) == []
    assert sorted(p.name for p in (tmp_path / "there").iterdir()) == ["mlartifacts", "mlflow.db"]


def test_a_model_at_hand_is_not_copied(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = registry.register(LogisticRegression().fit(X, y), alias="champion", columns=X.columns)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    scorer = registry.load(made.version)
    assert len(list(scorer.predict(X))) == len(X)
    assert list(tmp_path.iterdir()) == []


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Silent(http.server.BaseHTTPRequestHandler):
    status = 503

    def do_GET(self) -> None:
        self.send_error(self.status)

    do_POST = do_PATCH = do_DELETE = do_GET

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def overloaded() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_registry_that_is_away_is_told_at_once(overloaded: str) -> None:
    before = dict(os.environ)
    port = closed_port()
    with socket.socket() as mute:  # takes connections and says nothing
        mute.bind(("127.0.0.1", 0))
        mute.listen(64)
        for uri, fact in (
            (f"http://127.0.0.1:{port}", "Connection refused"),
            (f"http://127.0.0.1:{mute.getsockname()[1]}", "timed out"),
            (overloaded, "status 503"),
            (f"postgresql+psycopg://me:secret@127.0.0.1:{port}/db", "Connection refused"),
        ):
            registry = Registry(name="m", tracking_uri=uri, timeout=0.2)
            for ask in (lambda r: r.find("champion"), lambda r: r.load("1"), lambda r: r.retire()):
                with pytest.raises(ServiceError, match=fact) as error:
                    ask(registry)
                assert "secret" not in str(error.value)
    assert dict(os.environ) == before


def test_a_database_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"this is no database, whatever its name says " * 100)
    registry = Registry(name="m", tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    with pytest.raises(ServiceError, match="expected an answer of MLflow at sqlite:"):
        registry.find("champion")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A real tracking server, with its files behind it."""
    port = closed_port()
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
                *("--host", "127.0.0.1", "--port", str(port)),
                *("--backend-store-uri", f"sqlite:///{tmp_path / 'server.db'}"),
                *("--artifacts-destination", str(tmp_path / "files")),
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=tmp_path,
        )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 90
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=2):
            break
        assert process.poll() is None, (tmp_path / "server.log").read_text()
        assert time.monotonic() < deadline
        threading.Event().wait(0.1)
    yield url
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.slow
def test_a_tracking_server_serves_as_well_and_leaves_no_copies(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    registry = Registry(name="served", tracking_uri=server)
    model = LogisticRegression().fit(X, y)
    tags = {"modelward.order": "o1"}
    registry.register(model, alias="champion", columns=X.columns)
    made = registry.register(model, alias="challenger", columns=X.columns, tags=tags)
    registry.note(made.version, metrics={"loss": 0.5}, files={"training.log": "epoch 1"})
    assert registry.tagged("modelward.order", "o1") == made
    with monkeypatch.context() as here:
        here.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
        scorer = registry.load(made.version)
        assert list(scorer.predict(X)) == list(model.predict(X))
        assert len(list((tmp_path / "temporary").iterdir())) == 1
        del scorer
        gc.collect()
        assert list((tmp_path / "temporary").iterdir()) == []
    registry.promote(made.version)
    assert registry.find("champion") == made
    assert registry.find("challenger") is None
    with pytest.raises(StateError, match="expected version 9"):
        registry.version("9")
