# %% [markdown]
# # A model card that continuous integration can trust
#
# A classifier tells benign from malignant tumours by 30 measures of cell nuclei (the Wisconsin data that
# scikit-learn ships). The card is written by tools where tools know, by a person where only a person
# does, and each number names its witness:
#
# 1. train, log to MLflow, make the card from the run;
# 2. attach the evidence of two other libraries: where the model fails under noise (`validation`), and
#    whether the last patients look like the first (`monitoring`);
# 3. run the GitHub Action on it, by the very step of `packages/modelcards/action/action.yml`: green;
# 4. change the model, as happens, and run it again: red, with the file and line of what is stale;
# 5. write the card anew, show what has changed, and draw it for three audiences by the commands.
#
# Kept under `modelward-runs/model_card/`; start with
# `engineer.html`. The last line printed is one JSON object with the headline figures.

# %%
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import mlflow
import numpy as np
import yaml
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, recall_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from typer.testing import CliRunner

import modelward.modelcards as cards
import modelward.monitoring as mon
import modelward.validation as val
from modelward.core.command import app
from modelward.core.evidence import sha256_file

RULES = Path(__file__).resolve().parent / "model_card" / "rules.yaml"
ACTION = Path(__file__).resolve().parents[1] / "packages" / "modelcards" / "action"


# %% [markdown]
# ## 1. Train, and log what was measured
#
# The weights are kept as JSON: a file whose digest the card names, and that can be read without running
# anybody's code.


# %%
class Tumours:
    """The data, a model for them, and the MLflow run that holds what was measured."""

    def __init__(self, uri: str) -> None:
        x, y = load_breast_cancer(return_X_y=True, as_frame=True)
        self.train, self.test, self.y_train, self.y_test = train_test_split(
            x, y, test_size=0.4, random_state=0, stratify=y
        )
        self.uri = uri

    def fit(self, c: float, folder: Path) -> tuple[Any, str]:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=1000))
        model.fit(self.train, self.y_train)
        coefficients = model[-1].coef_[0]
        weights = dict(zip(self.train.columns, coefficients.round(6).tolist(), strict=True))
        (folder / "model.json").write_text(json.dumps(weights, indent=1), "utf-8")
        predicted = model.predict(self.test)
        client = mlflow.MlflowClient(tracking_uri=self.uri)
        found = client.get_experiment_by_name("tumours")
        experiment = found.experiment_id if found else client.create_experiment("tumours")
        run = client.create_run(experiment, run_name=f"logistic-c{c:g}").info.run_id
        client.log_param(run, "C", c)
        client.log_metric(run, "accuracy", float(accuracy_score(self.y_test, predicted)))
        missed = 1 - recall_score(self.y_test, predicted, pos_label=0)
        client.log_metric(run, "missed_malignant", float(missed))
        client.set_terminated(run)
        return model, run


# %% [markdown]
# ## 2. What two other libraries have to say
#
# Both hand out sealed evidence records. The card takes their numbers with the seal.


# %%
def evidence(model: Any, data: Tumours, folder: Path) -> dict[str, Any]:
    scale = data.train.std().to_numpy()
    rows, truth = data.test.iloc[:150].to_numpy(), data.y_test.iloc[:150].to_numpy()
    grain = np.random.default_rng(0).standard_normal(rows.shape)

    def accuracy(noise: float, blur: float) -> float:
        seen = rows * (1 - blur) + rows.mean(axis=0) * blur + noise * scale * grain
        frame = data.test.iloc[:150].copy()
        frame.loc[:, :] = seen
        return float(np.mean(model.predict(frame) == truth))

    study = val.Study(
        [val.FeatureContinuous("noise", 0.0, 3.0), val.FeatureContinuous("blur", 0.0, 0.9)],
        [val.Output("accuracy", threshold=0.85, orientation="upper")],
        name="tumours",
        seed=1,
    )
    study.run(accuracy, budget=24)
    study.certify(accuracy, n=60)
    drift = mon.compare(data.train, data.test)
    records = {"validation": study.result().to_evidence(), "drift": drift.to_evidence()}
    for name, record in records.items():
        record.save(folder / "evidence" / f"{name}.json")
    return records


def write_card(run: str, data: Tumours, records: dict[str, Any], folder: Path) -> Path:
    """Put together what tools know and what the team has to say."""
    card = cards.ModelCard.from_mlflow(run, tracking_uri=data.uri)
    content = card.content()
    content["model_details"] |= {
        "name": "tumours",
        "description": "Tells benign from malignant tumours by 30 measures of cell nuclei.",
        "documentation": "## What it does\n\nA second opinion on samples a pathologist has seen.\n\n"
        "## How it was made\n\nLogistic regression on standardised measures.\n",
        "owners": [{"name": "Tumour team", "contact": "tumours@example.org"}],
        "licenses": [{"identifier": "MIT"}],
        "files": [{"path": "model.json", "sha256": sha256_file(folder / "model.json")}],
    }
    content["considerations"] = {
        "use_cases": [{"description": "A second opinion for pathologists."}],
        "prohibited_uses": [{"description": "A diagnosis without a pathologist."}],
        "limitations": [{"description": "Samples from one hospital, of the years 1989 to 1991."}],
    }
    directions = {"accuracy": True, "missed_malignant": False}
    for metric in content["quantitative_analysis"]["performance_metrics"]:
        metric["higher_is_better"] = directions[metric["type"]]
    card = cards.ModelCard.model_validate(content)
    for name, record in records.items():
        card = card.attach(record, record=f"evidence/{name}.json")
    return card.save(folder / "modelcard.yaml")


# %% [markdown]
# ## 3 and 4. The action
#
# On GitHub a runner fills in the inputs, sets up the environment and runs the steps of `action.yml` in
# bash. Here we are the runner. The first step, which installs the packages, is left out: where it would
# have put a Python of its own stands the one that runs this.


# %%
def action(folder: Path, **given: str) -> tuple[int, dict[str, str]]:
    """Run the action's step in `folder`, print what it says, and give exit code and outputs."""
    described = yaml.safe_load((ACTION / "action.yml").read_text("utf-8"))
    step = next(step for step in described["runs"]["steps"] if step.get("id") == "cards")
    inputs = {
        name: given.get(name, entry["default"]) for name, entry in described["inputs"].items()
    }
    handed = {
        name: inputs[re.fullmatch(r"\$\{\{ inputs\.(.+) \}\}", value)[1]]
        for name, value in step["env"].items()
    }
    runner = folder / "runner"
    python = runner / "modelward" / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', "utf-8")
    python.chmod(0o755)
    told, page = runner / "output", runner / "summary.md"
    told.unlink(missing_ok=True)
    around = {"RUNNER_TEMP": runner, "GITHUB_OUTPUT": told, "GITHUB_STEP_SUMMARY": page,
              "GITHUB_EVENT_NAME": "push", "GITHUB_ACTION_PATH": ACTION}  # fmt: skip
    answer = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env=os.environ
        | handed
        | {"INPUT_GITHUB_TOKEN": ""}
        | {k: str(v) for k, v in around.items()},
        capture_output=True,
        text=True,
        check=False,
    )
    print(f"uses: {ACTION.name}  (exit {answer.returncode})")
    for line in answer.stdout.splitlines()[:4]:
        print(f"    {line[:150]}")
    lines = told.read_text("utf-8").splitlines() if told.exists() else [answer.stderr]
    outputs = {
        n.partition("<<")[0]: value for n, value in zip(lines[::3], lines[1::3], strict=False)
    }
    return answer.returncode, outputs | {"log": answer.stdout}


# %% [markdown]
# ## 5. The commands


# %%
def command(*arguments: object) -> tuple[int, str]:
    """Run `modelward card …` as a workflow would, and give its exit code and what it printed."""
    result = CliRunner().invoke(app, ["card", *map(str, arguments)])
    print(
        f"$ modelward card {' '.join(Path(str(a)).name for a in arguments)}  (exit {result.exit_code})"
    )
    for line in result.output.splitlines()[:4]:
        print(f"    {line[-150:]}")
    return result.exit_code, result.output


def main(folder: Path = Path("modelward-runs/model_card")) -> dict[str, Any]:
    """Run it all under `folder`, and give the headline figures."""
    folder = folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "evidence").mkdir(parents=True)
    uri = f"sqlite:///{folder}/mlflow.db"
    data = Tumours(uri)
    model, run = data.fit(1.0, folder)
    path = write_card(run, data, evidence(model, data, folder), folder)

    asked = {"rules": str(RULES), "render": "public", "mlflow-tracking-uri": uri}
    green, said = action(folder, **asked)
    assert (green, said["valid"]) == (0, "true"), said

    before = path.with_name("modelcard-before.yaml")
    shutil.copy(path, before)
    model, run = data.fit(0.01, folder)  # somebody trains it anew, and forgets the card
    red, said = action(folder, **asked)
    assert (red, said["valid"]) == (1, "false"), said
    assert "::error file=modelcard.yaml" in said["log"], said

    write_card(run, data, evidence(model, data, folder), folder)
    valid, told = command("validate", path, "--rules", RULES)
    again, checked = command("verify", path, "--mlflow", uri)
    assert (valid, again) == (0, 0), told + checked
    _, changes = command("diff", before, path, "--format", "markdown")
    (folder / "diff.md").write_text(changes, "utf-8")
    for audience in ("engineer", "risk", "public"):
        page = folder / f"{audience}.html"
        assert (
            command("render", path, "--out", page, "--audience", audience, "--mlflow", uri)[0] == 0
        )
    annex = cards.coverage(cards.read(path))
    return {
        "ok": True,
        "claims": len(cards.verify(cards.read(path), tracking_uri=uri).claims),
        "exit_codes": {
            "action": green,
            "action_changed": red,
            "validate": valid,
            "verify_again": again,
        },
        "changes": len(cards.diff(cards.read(before), cards.read(path)).changes),
        "annex_iv_points_covered": sum(p.standing == "covered" for p in annex.points),
    }


if __name__ == "__main__":
    print(json.dumps(main(*map(Path, sys.argv[1:]))))
