"""Asking MLflow: over HTTP within limits, and in a real store."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from modelward.core.errors import DataError, ServiceError
from modelward.modelcards import ModelCard, parse, read, validate, verify
from modelward.modelcards.tracking import runs as mlflow_runs
from modelward.modelcards.tracking.runs import read_model, read_run

RUN = "c7a582053362445caf9fbc7f9c57d93c"
CARD = f"""\
model_details:
  run: {{type: mflow, id: {RUN}}}
quantitative_analysis:
  performance_metrics:
  - {{type: rmse, value: "0.10"}}
"""


class Server(ThreadingHTTPServer):
    """Answers every path by `answer(handler)`, and keeps what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: Callable[[Handler], None] = lambda handler: handler.say({})
        self.asked: list[tuple[str, str | None]] = []

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        self.server.answer(self)

    def say(self, content: Any, code: int = 200, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def answer(shared: Path) -> dict[str, Any]:
    """What a server of MLflow 1.30 answered, as recorded."""
    text = (shared / "cards/modelcard-action/mlflow_run.json").read_text("utf-8")
    response: dict[str, Any] = json.loads(text)["response"]
    return response


def test_a_recorded_answer_of_a_server(server: Server, answer: dict[str, Any]) -> None:
    server.answer = lambda handler: handler.say(answer)
    result = verify(parse(CARD), tracking_uri=server.uri)
    (claim,) = result.claims
    assert (claim.status, claim.line) == ("mismatch", 5)
    assert claim.detail == "the card says 0.10, the evidence 0.792531"
    assert server.asked == [(f"/api/2.0/mlflow/runs/get?run_id={RUN}", None)]


def test_a_run_is_asked_for_once(server: Server, answer: dict[str, Any]) -> None:
    server.answer = lambda handler: handler.say(answer)
    text = CARD + "  - {type: mae, value: 0.618}\n  - {type: r2, value: 0.19}\n"
    assert verify(parse(text), tracking_uri=server.uri).count("verified") == 2
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("words", "fallen"),
    [
        ("", []),
        ("unit: MS, slice: night", []),
        ("unit: s", ["unit"]),
        ("slice: day", ["slice"]),
        ("slice: nigh, unit: percent", ["unit", "slice"]),
    ],
)
def test_a_run_backs_only_the_words_in_the_names_of_its_metrics(
    server: Server, words: str, fallen: list[str]
) -> None:
    data = {"metrics": [{"key": "latency_ms/night", "value": 4.2}]}
    server.answer = lambda handler: handler.say({"run": {"info": {}, "data": data}})
    metric = f"{{value: 4.2, source: {{run: {RUN}, metric: latency_ms/night}}, {words}}}"
    text = f"quantitative_analysis: {{performance_metrics: [{metric}]}}"
    result = verify(parse(text), tracking_uri=server.uri)
    assert result.claims[0].status == "verified"
    assert [f.place.rpartition(".")[2] for f in result.failures] == fallen
    assert {f.status for f in result.failures} <= {"unbacked"}


def test_a_card_of_a_recorded_run(
    server: Server, answer: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answer["run"]["data"]["tags"] = [
        tag for tag in answer["run"]["data"]["tags"] if not tag["key"].endswith("history")
    ]
    server.answer = lambda handler: handler.say(answer)
    with caplog.at_level(logging.WARNING):
        card = ModelCard.from_mlflow(RUN, tracking_uri=server.uri)
    assert caplog.text == ""
    document = read(card.save(tmp_path / "card.yaml"))
    assert card.model_details.name == "luxuriant-snail-406"
    assert document.content["model_details"]["version"] == {"date": "2022-11-02"}
    assert document.content["model_details"]["code"] == {
        "repository": "https://github.com/CompliancePal/mlflow-example.git",
        "commit": "4c35731ff8a2c744d790b97965748a07167d8da6",
    }
    assert {f.rule for f in validate(document)} == {"todo"}
    assert verify(document, tracking_uri=server.uri).count("verified") == 5


HOSTILE: dict[str, tuple[Callable[[Handler], None], str]] = {
    "missing": (lambda h: h.say({"error_code": "RESOURCE_DOES_NOT_EXIST"}, 404), "404"),
    "failing": (lambda h: h.say(b"", 500), "500"),
    "redirect": (lambda h: h.say(b"", 302, Location="http://127.0.0.1:9/stolen"), "302"),
    "page": (lambda h: h.say(b"<html>log in</html>"), "no JSON: b'<html>log in"),
    "empty": (lambda h: h.say(b""), "no JSON"),
    "nested": (lambda h: h.say(b"[" * 60_000), "no JSON"),
    "list": (lambda h: h.say([1, 2]), r"\[1, 2\]"),
    "shape": (lambda h: h.say({"run": {"info": 3}}), "'info': 3"),
    "text for a number": (
        lambda h: h.say({"run": {"info": {}, "data": {"metrics": [{"key": "a", "value": "x"}]}}}),
        "expected the MLflow run",
    ),
    "large": (lambda h: h.say(b" " * 70_000), "more than 65536 bytes"),
    "cut off": (lambda h: h.wfile.write(b"HTTP/1.0 200\r\nContent-Length: 9\r\n\r\n{"), "no JSON"),
    "gibberish": (lambda h: h.wfile.write(b"\x00\x01\r\n"), "expected the MLflow run"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_answers_that_are_no_run(
    server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_runs, "MAX_BYTES", 1 << 16)
    server.answer, message = HOSTILE[name]
    with pytest.raises(ServiceError, match=message) as caught:
        read_run(RUN, server.uri)
    assert "MLFLOW_TRACKING_URI" in caught.value.hint
    assert len(str(caught.value)) < 400
    (claim,) = verify(parse(CARD), tracking_uri=server.uri).claims
    assert claim.status == "unreachable"


def test_a_server_that_dribbles_is_left(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_runs, "TIMEOUT_S", 0.2)
    gone = threading.Event()

    def dribble(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.0 200\r\n\r\n")
        while not gone.wait(0.02):
            try:
                handler.wfile.write(b" ")
            except OSError:
                gone.set()

    server.answer = dribble
    with pytest.raises(ServiceError, match=r"longer than 0\.2 s"):
        read_run(RUN, server.uri)
    assert gone.wait(10)


def test_nobody_answers() -> None:
    with pytest.raises(ServiceError, match="refused"):
        read_run(RUN, "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("variables", "user", "header"),
    [
        ({"MLFLOW_TRACKING_TOKEN": "secret"}, "", "Bearer secret"),
        (
            {"MLFLOW_TRACKING_USERNAME": "u", "MLFLOW_TRACKING_PASSWORD": "secret"},
            "",
            "Basic dTpzZWNyZXQ=",
        ),
        ({}, "u:s%65cret@", "Basic dTpzZWNyZXQ="),
        ({}, "", None),
    ],
)
def test_credentials_are_sent_and_never_shown(
    server: Server,
    variables: dict[str, str],
    user: str,
    header: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TOKEN", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri.replace("//", f"//{user}"))
    server.answer = lambda handler: handler.say(b"", 403)
    with pytest.raises(ServiceError, match="403") as caught:
        read_run(RUN)
    assert "cret" not in str(caught.value)
    assert [sent for _, sent in server.asked] == [header]


def test_a_model_is_found_by_alias_over_http(server: Server, answer: dict[str, Any]) -> None:
    version = {"version": "3", "run_id": RUN, "source": "s3://x"}
    server.answer = lambda handler: handler.say({"model_version": version})
    assert read_model("models:/my model@champion", server.uri).version == "3"
    assert read_model("models:/my model/3", server.uri).run_id == RUN
    assert [path for path, _ in server.asked] == [
        "/api/2.0/mlflow/registered-models/alias?name=my+model&alias=champion",
        "/api/2.0/mlflow/model-versions/get?name=my+model&version=3",
    ]


def test_stores_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_text("no database " * 400)
    for uri in (f"sqlite:///{tmp_path}/bad.db", "ftp://example.org", str(tmp_path / "mlruns")):
        with pytest.raises(ServiceError, match="expected the MLflow run"):
            read_run(RUN, uri)
        (claim,) = verify(parse(CARD), tracking_uri=uri).claims
        assert claim.status == "unreachable"


@pytest.mark.parametrize("uri", ["models:/m", "models:/m/latest", "models:/m@", "models:/a/b@c"])
def test_other_model_uris_are_refused(uri: str) -> None:
    with pytest.raises(DataError, match="expected a model as models:/name@alias"):
        ModelCard.from_mlflow(uri, tracking_uri="http://127.0.0.1:9")


SIGNATURE = {
    "inputs": json.dumps(
        [
            {"type": "double", "name": "hue", "required": True},
            {"type": "long", "name": "row", "required": False},
        ]
    ),
    "outputs": json.dumps(
        [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 7]}}]
    ),
}


@pytest.fixture
def store(tmp_path: Path) -> tuple[Any, str, str]:
    """A real store with a finished run: client, uri, run."""
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.create_experiment("e", artifact_location=(tmp_path / "a").as_uri())
    run = client.create_run(experiment, run_name="first")
    client.log_metric(run.info.run_id, "error", 0.0693)
    client.log_metric(run.info.run_id, "none", float("nan"))
    client.log_metric(run.info.run_id, "spread", float("inf"))
    client.log_dict(run.info.run_id, {"signature": SIGNATURE}, "model/MLmodel")
    client.set_terminated(run.info.run_id)
    return client, uri, run.info.run_id


def test_a_card_of_a_registered_model(
    store: tuple[Any, str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    client, uri, run = store
    client.create_registered_model("scenes")
    source = f"{client.get_run(run).info.artifact_uri}/model"
    client.create_model_version("scenes", source=source, run_id=run)
    client.set_registered_model_alias("scenes", "champion", "1")
    capfd.readouterr()
    card = ModelCard.from_mlflow("models:/scenes@champion", tracking_uri=uri)
    assert "Downloading" not in capfd.readouterr().err
    assert card.content() == ModelCard.from_mlflow("models:/scenes/1", tracking_uri=uri).content()
    document = read(card.save(tmp_path / "card.yaml"))
    assert document.content["model_details"]["name"] == "scenes"
    assert document.content["model_details"]["version"]["name"] == "1"
    assert document.content["model_parameters"] == {
        "input_format_map": [
            {"key": "hue", "value": "double"},
            {"key": "row", "value": "long, may be absent"},
        ],
        "output_format_map": [{"key": "#0", "value": "float32 (any, 7)"}],
    }
    result = verify(document, tracking_uri=uri)
    assert result, result
    assert [claim.text for claim in result.claims[1:]] == [
        "0.0693",
        "nan",
        "1.7976931348623157e+308",
    ]
    result.to_json()  # JSON has no such number: it is left out
    with pytest.raises(ServiceError, match="models:/scenes@nobody"):
        ModelCard.from_mlflow("models:/scenes@nobody", tracking_uri=uri)


def test_a_model_that_a_run_has_logged(store: tuple[Any, str, str]) -> None:
    client, uri, run = store
    history = json.dumps([{"artifact_path": "model"}])
    client.set_tag(run, "mlflow.log-model.history", history)
    card = ModelCard.from_mlflow(run, tracking_uri=uri)
    assert len(card.model_parameters.input_format_map) == 2


def test_a_signature_that_cannot_be_had_is_left_out(
    store: tuple[Any, str, str], caplog: pytest.LogCaptureFixture
) -> None:
    client, uri, run = store
    client.set_tag(run, "mlflow.log-model.history", json.dumps([{"artifact_path": "gone"}]))
    with caplog.at_level(logging.WARNING):
        card = ModelCard.from_mlflow(run, tracking_uri=uri)
    assert card.model_parameters.input_format_map == []
    assert f"no signature for run {run}" in caplog.text


def test_a_logged_model_of_this_mlflow(tmp_path: Path) -> None:
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.tracking import MlflowClient
    from mlflow.types import ColSpec, Schema

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = MlflowClient(tracking_uri=uri)
    experiment = client.create_experiment("e", artifact_location=(tmp_path / "a").as_uri())
    run = client.create_run(experiment).info.run_id
    model = client.create_logged_model(experiment, name="scenes", source_run_id=run)
    folder = tmp_path / "files"
    folder.mkdir()
    described = mlflow.models.Model(
        signature=ModelSignature(inputs=Schema([ColSpec("double", "hue")]))
    )
    described.save(folder / "MLmodel")
    client.log_model_artifacts(model.model_id, str(folder))
    client.log_outputs(run, [mlflow.entities.LoggedModelOutput(model.model_id, 0)])
    card = ModelCard.from_mlflow(run, tracking_uri=uri)
    assert card.model_parameters.input_format_map == [{"key": "hue", "value": "double"}]


def test_files_on_another_host_are_not_asked_for(
    server: Server, answer: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A hostile registry says that the model lies elsewhere: nobody is asked there."""
    with Server() as elsewhere:
        thread = threading.Thread(target=elsewhere.serve_forever)
        thread.start()
        elsewhere.answer = lambda handler: handler.say({})
        version = {
            "model_version": {
                "name": "m",
                "version": "1",
                "run_id": RUN,
                "source": elsewhere.uri.replace("127.0.0.1", "localhost"),
            }
        }
        server.answer = lambda h: h.say(version if "model-versions" in h.path else answer)
        with caplog.at_level(logging.WARNING):
            ModelCard.from_mlflow("models:/m/1", tracking_uri=server.uri)
        elsewhere.shutdown()
        thread.join()
    assert elsewhere.asked == []
    assert "expected files on MLflow's own host, got http://localhost" in caplog.text
