"""Creating cards: what a tool can know is filled in, what a person knows is a TODO."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from typer.testing import CliRunner

from modelward.core.errors import DataError
from modelward.core.evidence import sha256_file
from modelward.modelcards import ModelCard, parse, read, validate
from modelward.modelcards.command import app
from modelward.modelcards.creation.data import fingerprint
from modelward.modelcards.creation.project import license_of
from modelward.modelcards.creation.templates import KINDS


def test_a_card_of_an_estimator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    frame = load_iris(as_frame=True)
    frame.data.to_csv("train.csv", index=False)
    model = make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=5, random_state=0))
    model.fit(frame.data, frame.target)
    card = ModelCard.from_sklearn(
        model, name="iris", data={"training": "train.csv", "testing": frame.data}
    )
    content = card.content()
    parameters = content["model_parameters"]
    assert content["model_details"]["name"] == "iris"
    assert parameters["model_architecture"] == "StandardScaler → RandomForestClassifier"
    assert parameters["task"] == "classification"
    assert parameters["parameters"]["randomforestclassifier__n_estimators"] == 5
    assert parameters["parameters"]["randomforestclassifier__max_depth"] == "None"
    assert [entry["key"] for entry in parameters["input_format_map"]] == list(frame.data.columns)
    assert parameters["output_format"] == "0, 1, 2"
    training, testing = parameters["data"]
    assert training["sha256"] == sha256_file("train.csv")
    assert training["path"] == "train.csv"
    assert (testing["rows"], testing["columns"]) == (150, list(frame.data.columns))
    assert testing["fingerprint"] == fingerprint(frame.data)
    assert content["environment"]["software"]["scikit-learn"]
    document = read(card.save("card.yaml"))
    todo = {f.place for f in validate(document) if f.rule == "todo"}
    assert "considerations.limitations[0].description" in todo
    assert not [f for f in validate(document) if f.severity == "error"]


def test_estimators_of_other_kinds() -> None:
    card = ModelCard.from_sklearn(Ridge(alpha=0.5).fit(np.eye(3), [1, 2, 3]))
    content = card.content()["model_parameters"]
    assert (content["task"], content["parameters"]["alpha"]) == ("regression", 0.5)
    assert content["input_format_map"] == [{"key": "features", "value": "3"}]
    with pytest.raises(DataError, match="expected a scikit-learn estimator, got int"):
        ModelCard.from_sklearn(3)
    with pytest.raises(DataError, match="expected a readable file of training data"):
        ModelCard.from_sklearn(Ridge(), data={"training": "absent.csv"})
    with pytest.raises(DataError, match="an array or a DataFrame as testing data, got list"):
        ModelCard.from_sklearn(Ridge(), data={"testing": [1]})


def test_a_card_of_a_module() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2, bias=False)
    )
    module[0].weight.requires_grad_(False)
    content = ModelCard.from_torch(module, name="net").content()["model_parameters"]
    assert content["model_architecture"] == "Sequential (3 layers)"
    assert (content["parameter_count"], content["trainable_parameter_count"]) == (21, 9)
    assert content["layers"][0].startswith("0: Linear(in_features=4, out_features=3")
    again = ModelCard.from_torch(module).content()["model_parameters"]["state_fingerprint"]
    assert again == content["state_fingerprint"]
    with torch.no_grad():
        module[2].weight[0, 0] += 1e-6
    changed = ModelCard.from_torch(module).content()["model_parameters"]["state_fingerprint"]
    assert changed != again
    with pytest.raises(DataError, match=r"expected a torch.nn.Module, got dict"):
        ModelCard.from_torch({})


def test_a_fingerprint_is_of_names_types_and_values() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    same = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    assert fingerprint(frame) == fingerprint(same)
    others = [
        frame.rename(columns={"a": "c"}),
        frame.astype({"a": "int32"}),
        frame.iloc[::-1],
        frame.assign(b=["x", "None"]),
    ]
    assert len({fingerprint(frame), *map(fingerprint, others)}) == 5
    assert fingerprint(np.zeros((2, 3))) != fingerprint(np.zeros((3, 2)))


@pytest.mark.parametrize("kind", KINDS)
def test_templates_ask_for_what_only_a_person_knows(kind: str) -> None:
    card = ModelCard.from_template(kind, name="m")
    document = parse(card.to_yaml())
    assert len([f for f in validate(document) if f.rule == "todo"]) >= 15
    assert not [f for f in validate(document) if f.severity == "error"]
    assert card.content()["model_parameters"]["task"] == kind


def test_a_template_that_is_none() -> None:
    with pytest.raises(DataError, match=r"expected a kind of classification, .*, got 'nope'"):
        ModelCard.from_template("nope")


def test_what_the_folder_says_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "LICENSE").write_text((root / "LICENSE").read_text("utf-8"))
    commands = [["init", "-q"], ["add", "."], ["commit", "-qm", "x"],
                ["remote", "add", "origin", "https://token@example.org/a.git"]]  # fmt: skip
    for command in commands:
        subprocess.run(
            ["git", "-c", "user.name=n", "-c", "user.email=e@x.org", *command], check=True
        )
    details = ModelCard.from_template("regression").content()["model_details"]
    assert details["licenses"] == [{"identifier": "MIT"}]
    assert details["code"]["repository"] == "https://example.org/a.git"
    assert len(details["code"]["commit"]) == 40
    (tmp_path / "pyproject.toml").write_text('[project]\nlicense = "BSD-3-Clause"\n')
    assert license_of(tmp_path) == "BSD-3-Clause"
    (tmp_path / "empty").mkdir()
    assert license_of(tmp_path / "empty") == ""


def test_init_asks_only_for_what_it_cannot_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "LICENSE").write_text(
        "MIT License\nPermission is hereby granted, free of charge, to any person obtaining a copy\n"
    )
    runner = CliRunner()
    asked = runner.invoke(
        app, ["init", "--kind", "detection"], input="finder\n\nFinds ships: big ones.\n"
    )
    assert asked.exit_code == 0, asked.output
    assert "licenses" not in asked.output
    assert "model_details.name - the model's name." in asked.output
    content = read(tmp_path / "modelcard.yaml").content
    assert content["model_details"]["name"] == "finder"
    assert content["model_details"]["description"] == "Finds ships: big ones."
    assert content["model_details"]["overview"].startswith("TODO")

    path = tmp_path / "modelcard.yaml"
    path.write_text(
        "# mine\n" + path.read_text("utf-8").replace("status: draft", "status:   draft # soon"),
        "utf-8",
    )
    again = runner.invoke(app, ["init"], input="A finder of ships.\n")
    assert again.exit_code == 0, again.output
    text = path.read_text("utf-8")
    assert text.startswith("# mine\n")
    assert "# soon" in text
    assert "overview: 'A finder of ships.'" in text
    assert "TODOs left" in again.output
    before = path.read_bytes()
    assert runner.invoke(app, ["init", "--yes"]).exit_code == 0
    assert path.read_bytes() == before


def test_init_keeps_the_line_ends_and_says_what_it_cannot_read(tmp_path: Path) -> None:
    card = tmp_path / "card.yaml"
    card.write_bytes(b"# c\r\nmodel_details:\r\n  name: scenes\r\n  overview: 'TODO: x'\r\n")
    CliRunner().invoke(app, ["init", "--out", str(card)], input="Ships.\n")
    assert card.read_bytes().count(b"\r\n") == card.read_bytes().count(b"\n") == 4
    card.write_bytes("overview: é".encode("latin-1"))
    unread = CliRunner().invoke(app, ["init", "--out", str(card)])
    assert isinstance(unread.exception, DataError)


def test_create_an_empty_card(tmp_path: Path) -> None:
    out = tmp_path / "c.yaml"
    made = CliRunner().invoke(app, ["create", "forecasting", "--out", str(out), "--name", "load"])
    assert made.exit_code == 0
    assert read(out).content["model_details"]["name"] == "load"
