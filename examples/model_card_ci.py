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
# 3. hold the card against rules, verify it: green;
# 4. change the model, as happens, and verify again: red, with the file and line of what is stale;
# 5. write the card anew, show what has changed, and draw it for three audiences.
#
# Steps 3 to 5 are the commands a workflow runs. Kept under `modelward-runs/model_card/`; start with
# `engineer.html`. The last line printed is one JSON object with the headline figures.

# %%
from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import mlflow
import numpy as np
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

RULES = Path(__file__).parent / "model_card" / "rules.yaml"


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
    study.run(accuracy, budget=40)
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
# ## 3 to 5. What a workflow runs


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

    valid, _ = command("validate", path, "--rules", RULES)
    green, told = command("verify", path, "--mlflow", uri)
    assert (valid, green) == (0, 0), told

    before = path.with_name("modelcard-before.yaml")
    shutil.copy(path, before)
    model, run = data.fit(0.01, folder)  # somebody trains it anew, and forgets the card
    red, told = command("verify", path, "--mlflow", uri, "--format", "github")
    assert red == 1, told
    assert "claim-stale" in told

    write_card(run, data, evidence(model, data, folder), folder)
    again, told = command("verify", path, "--mlflow", uri)
    assert again == 0, told
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
            "validate": valid,
            "verify": green,
            "verify_changed": red,
            "verify_again": again,
        },
        "changes": len(cards.diff(cards.read(before), cards.read(path)).changes),
        "annex_iv_points_covered": sum(p.standing == "covered" for p in annex.points),
    }


if __name__ == "__main__":
    print(json.dumps(main(*map(Path, sys.argv[1:]))))
