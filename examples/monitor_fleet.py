# %% [markdown]
# # A fleet of 300 models
#
# Three hundred models are made from real tables (tumours, wines, digits, diabetes), each with its own
# columns and its own way of learning. For four days each gets requests. From the third day on, fifteen
# are truly broken: three see other inputs, three get bad data, two fall silent, two no longer know the
# truth because labels changed their meaning, and five read one column that broke upstream. All others
# are healthy, and noisy as ever.
#
# The fleet is judged as a whole: its alarms are compared with the truth, beside what plain thresholds
# would have said. The five with the shared column become *one* incident that names it.
#
# Kept under `modelward-runs/fleet/`: a page that tells the story (`index.html`), the evidence, the
# fleet's database and MLflow's, and Evidently's full report of the costliest model that drifted. With
# `--serve` the dashboard of the fleet is shown at the end. The last line printed is one JSON object with
# the headline figures.

# %%
from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

import modelward.monitoring as mon
from modelward.monitoring.performance import Tally

MODELS, DAYS, BROKEN_FROM = 300, 4, 2
FIRST_DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(
    days=DAYS
)
"""So that the last day ends today, and nobody is silent but those who are."""
REFERENCE_ROWS, WINDOW_ROWS = 1_000, 400
SHARED = "worst area"
"""The column that five models of the tumour clinic read, and that breaks upstream."""

# %% [markdown]
# ## The models
#
# Half of each table trains, the other half is the world: references and windows are drawn from it with
# replacement, so that without a fault nothing changes at all.


# %%
@dataclass
class Member:
    """One model, the part of the world it sees, and what is wrong with it (nothing, or a fault)."""

    name: str
    group: str
    task: str
    model: Any
    world: pd.DataFrame
    truth: np.ndarray
    fault: str = ""
    column: str = ""
    seed: int = 0

    def draw(self, rng: np.random.Generator, n: int, *, tilted: str = "") -> np.ndarray:
        """Choose rows; tilted towards large values of a column where one is named."""
        if not tilted:
            return rng.integers(0, len(self.world), n)
        values = self.world[tilted].to_numpy()
        weight = np.exp(1.5 * (values - values.mean()) / (values.std() + 1e-12))
        return rng.choice(len(self.world), n, p=weight / weight.sum())


def tables() -> dict[str, tuple[str, pd.DataFrame, np.ndarray]]:
    """Load the real tables: group -> (task, columns, truth)."""
    found = {}
    for group, load, task in (
        ("clinic", datasets.load_breast_cancer, "classification"),
        ("winery", datasets.load_wine, "classification"),
        ("post", datasets.load_digits, "classification"),
        ("practice", datasets.load_diabetes, "regression"),
    ):
        bunch = load(as_frame=True)
        frame = bunch.data.loc[:, bunch.data.nunique() > 8].astype("float64")
        found[group] = (task, frame, bunch.target.to_numpy())
    return found


def learner(task: str, rng: np.random.Generator) -> Any:
    """Choose one of several ways of learning."""
    seed = int(rng.integers(2**31))
    if task == "regression":
        forest = RandomForestRegressor(20, min_samples_leaf=5, random_state=seed)
        return [Ridge(), forest][rng.integers(2)]
    return [
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
        RandomForestClassifier(20, min_samples_leaf=5, random_state=seed),
        make_pipeline(StandardScaler(), GaussianNB()),
    ][rng.integers(3)]


def make(rng: np.random.Generator) -> list[Member]:
    """Make the fleet, healthy."""
    loaded = tables()
    groups = list(loaded)
    members = []
    for i in tqdm(range(MODELS), desc="training", disable=None):
        group = groups[i % len(groups)]
        task, frame, truth = loaded[group]
        free = [name for name in frame.columns if name != SHARED]
        picked = sorted(rng.choice(free, size=min(len(free), 8), replace=False))
        if group == "clinic" and i < 5 * len(groups):  # the first five read the shared column
            picked = [SHARED, *picked[1:]]
        order = rng.permutation(len(frame))
        half = len(frame) // 2
        model = learner(task, rng).fit(frame.loc[order[:half], picked], truth[order[:half]])
        rest = order[half:]
        world = frame.loc[rest, picked].reset_index(drop=True)
        members.append(Member(f"{group}/{i:03d}", group, task, model, world, truth[rest], seed=i))
    return members


# %% [markdown]
# ## What breaks
#
# Fifteen models, five ways. The faults are put into the windows, never into the judge.


# %%
FAULTS = ("drift", "quality", "silent", "concept", "upstream")


def damage(members: list[Member], rng: np.random.Generator) -> None:
    """Choose who breaks, and how."""
    shared = [m for m in members if SHARED in m.world.columns]
    for member in shared:
        member.fault, member.column = "upstream", SHARED
    healthy = [m for m in members if not m.fault]
    classifiers = [m for m in healthy if m.task == "classification"]
    for fault, count, pool in (
        ("drift", 3, healthy),
        ("quality", 3, healthy),
        ("silent", 2, healthy),
        ("concept", 2, classifiers),
    ):
        free = [m for m in pool if not m.fault]
        for k, place in enumerate(rng.choice(len(free), count, replace=False)):
            member = free[int(place)]
            member.fault = fault
            member.column = str(rng.choice(member.world.columns)) if fault != "concept" else ""
            member.seed = 3 * member.seed + k  # which of the ways to break


def window(
    member: Member, day: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, np.ndarray] | None:
    """Give a day's requests of a model and their truth; None where it fell silent."""
    broken = member.fault if day >= BROKEN_FROM else ""
    if broken == "silent":
        return None
    rows = member.draw(rng, WINDOW_ROWS, tilted=member.column if broken == "drift" else "")
    frame, truth = member.world.iloc[rows].reset_index(drop=True), member.truth[rows].copy()
    if broken == "upstream":  # the sensor's export writes square millimetres as square centimetres
        frame[member.column] /= 100
    elif broken == "quality":
        way = member.seed % 3
        if way == 0:  # a join that fails for one row in seven
            frame.loc[rng.random(len(frame)) < 1 / 7, member.column] = np.nan
        elif way == 1:  # a default value that stands for 'not known'
            frame.loc[rng.random(len(frame)) < 1 / 7, member.column] = -999.0
        else:  # numbers that became text
            frame[member.column] = frame[member.column].astype(str)
    elif broken == "concept":  # the labels of some cases change their meaning
        some = rng.random(len(truth)) < 0.35
        classes = np.unique(member.truth)
        truth[some] = classes[(np.searchsorted(classes, truth[some]) + 1) % len(classes)]
    return frame, truth


# %% [markdown]
# ## The days
#
# Each model gets a reference sketch and expectations learned from it. Each day its window is checked,
# sketched and recorded, its performance measured where labels are there (they are, here, for half of the
# models; of the others it is estimated without labels).


# %%
@dataclass
class Watcher:
    """What is kept beside a model to judge its windows by."""

    member: Member
    expectations: mon.Expectations
    baseline: Any
    metric: str
    estimator: Any = None

    @property
    def labelled(self) -> bool:
        """Whether its labels come."""
        return self.member.seed % 2 == 0 or bool(self.member.fault)


def begin(fleet: mon.Fleet, members: list[Member], rng: np.random.Generator) -> list[Watcher]:
    """Put every model into the catalogue, with its reference."""
    watchers = []
    rows = []
    for member in tqdm(members, desc="references", disable=None):
        drawn = member.draw(rng, REFERENCE_ROWS)
        frame, truth = member.world.iloc[drawn], member.truth[drawn]
        metric = "accuracy" if member.task == "classification" else "mae"
        expectations = mon.Expectations.learn(frame).model_copy(update={"duplicates": None})
        baseline = Tally.of(metric, truth, member.model.predict(frame)).estimate()
        watcher = Watcher(member, expectations, baseline, metric)
        if not watcher.labelled and member.task == "classification":
            watcher.estimator = estimator_of(member, frame, truth)
        watchers.append(watcher)
        who = {"owner": f"{member.group} team", "group": member.group, "task": member.task}
        cost = {
            "traffic": float(rng.integers(200, 20_000)),
            "criticality": 1 if metric == "accuracy" else 0.02,
        }
        entry = mon.Model(member.name, metric=metric, silent_after=36.0, **who, **cost)
        rows.append((entry, mon.Sketch.fit(frame)))
    fleet.add_many(rows)
    return watchers


def scored(member: Member, frame: pd.DataFrame, truth: np.ndarray | None) -> pd.DataFrame:
    """Let a classifier answer: its probabilities, its prediction and, where known, the truth."""
    chances = member.model.predict_proba(frame)
    found = pd.DataFrame(chances, columns=[f"p{k}" for k in member.model.classes_])
    found["said"] = member.model.classes_[chances.argmax(axis=1)]
    return found if truth is None else found.assign(y=truth)


def estimator_of(member: Member, frame: pd.DataFrame, truth: np.ndarray) -> mon.CBPE:
    """Fit an estimator of accuracy that needs no labels later."""
    columns = {k: f"p{k}" for k in member.model.classes_}
    probability: Any = columns if len(columns) > 2 else columns[member.model.classes_[1]]
    return mon.CBPE(metric="accuracy", positive=member.model.classes_[1]).fit(
        scored(member, frame, truth), y_true="y", prediction="said", probability=probability
    )


def measure(watcher: Watcher, frame: pd.DataFrame, truth: np.ndarray) -> mon.Performance | None:
    """Measure a window's performance where labels come, else estimate it."""
    member = watcher.member
    usable = frame.apply(pd.to_numeric, errors="coerce").fillna(0.0)  # as the service fills them
    if watcher.estimator is not None:
        return watcher.estimator.estimate(scored(member, usable, None)).to_performance()
    if not watcher.labelled:
        return None
    return mon.Performance(
        watcher.metric,
        baseline=watcher.baseline,
        realised=Tally.of(watcher.metric, truth, member.model.predict(usable)).estimate(),
        higher_is_better=watcher.metric == "accuracy",
    )


def live(
    fleet: mon.Fleet, watchers: list[Watcher], day: int, rng: np.random.Generator
) -> dict[str, pd.DataFrame]:
    """Let a day pass; give what came, for the plain thresholds to be held beside."""
    today = mon.Window.of(FIRST_DAY + timedelta(days=day), hours=24)
    came: dict[str, pd.DataFrame] = {}
    recordings = []
    for watcher in tqdm(watchers, desc=f"day {day + 1}", disable=None):
        if (got := window(watcher.member, day, rng)) is None:
            continue
        frame, truth = got
        name = watcher.member.name
        came[name] = frame
        quality = watcher.expectations.check(frame, at=today.end)
        sketch = fleet.reference(name).empty().add(frame)
        recordings.append((name, today, sketch, measure(watcher, frame, truth), quality.failures))
    fleet.record_many(recordings)
    fleet.now = lambda: today.end  # the clock of the story
    fleet.assess(today)
    return came


# %% [markdown]
# ## What plain thresholds would have said
#
# The constants in wide use, feature by feature: a normed Wasserstein distance or a Jensen-Shannon
# distance of at least 0.1, a Kolmogorov-Smirnov p-value below 0.05. A model is alarmed when one of its
# features is.


# %%
RULES = {
    "wasserstein >= 0.1": ("wasserstein", lambda found: found.value >= 0.1),
    "jensen_shannon >= 0.1": ("jensen_shannon", lambda found: found.value >= 0.1),
    "ks p < 0.05": ("ks", lambda found: found.p_value < 0.05),
}


def plain(fleet: mon.Fleet, came: dict[str, pd.DataFrame]) -> dict[str, set[str]]:
    """Give the models each constant threshold would alarm on."""
    alarmed: dict[str, set[str]] = {rule: set() for rule in RULES}
    for name, frame in tqdm(came.items(), desc="plain thresholds", disable=None):
        reference = fleet.reference(name)
        current = reference.empty().add(frame)
        for rule, (method, alarms) in RULES.items():
            measured = mon.drift_method(method)
            for feature, before in reference.columns.items():
                after = current.columns[feature]
                if after.n and alarms(measured(before, after)):
                    alarmed[rule].add(name)
    return alarmed


def against(truth: set[str], alarmed: set[str]) -> dict[str, float | int]:
    """Hold alarms beside the truth."""
    hit = len(truth & alarmed)
    return {
        "alarms": len(alarmed),
        "precision": round(hit / len(alarmed), 3) if alarmed else 1.0,
        "recall": round(hit / len(truth), 3),
    }


# %% [markdown]
# ## What is told to MLflow
#
# The models in trouble get a registered version with their reference; what is known of them becomes tags
# of the version. One run holds the assessment itself: its figures, its evidence and the page.


# %%
def tell_mlflow(folder: Path, fleet: mon.Fleet, names: set[str], figures: dict[str, Any]) -> str:
    """Log to an MLflow store in the folder; give the id of the run that holds the assessment."""
    from modelward.core.evidence import Evidence
    from modelward.monitoring.outputs.mlflow import asked

    uri = f"sqlite:///{folder.resolve() / 'mlflow.db'}"
    with asked(uri) as client:
        experiment = client.create_experiment("fleet", (folder.resolve() / "artifacts").as_uri())
        for name in tqdm(sorted(names), desc="telling MLflow", disable=None):
            run, registered = client.create_run(experiment).info.run_id, name.replace("/", "-")
            client.create_registered_model(registered)
            version = client.create_model_version(registered, f"runs:/{run}/model", run).version
            mon.log_reference(run, fleet.reference(name), tracking_uri=uri)
            known = fleet.model(name)
            fleet.add(replace(known, registered=registered, version=str(version), run_id=run))
        run = client.create_run(experiment, run_name="assessment").info.run_id
        for key, value in figures.items():
            client.log_metric(run, key, value)
        client.log_artifact(run, str(folder / "index.html"))
    Evidence.load(folder / "evidence.json").log_to_mlflow(run, tracking_uri=uri)
    fleet.tell_mlflow(tracking_uri=uri)
    return run


def full_report(folder: Path, fleet: mon.Fleet, members: list[Member]) -> mon.FullReport:
    """Make Evidently's report of the costliest model that drifted, from rows of its last day."""
    worst = next(s.model.name for s in fleet.statuses(limit=MODELS) if s.drifted)
    member = next(m for m in members if m.name == worst)
    rng = np.random.default_rng(member.seed)
    current, _ = window(member, DAYS - 1, rng) or (None, None)
    reference = member.world.iloc[member.draw(rng, REFERENCE_ROWS)]
    reports = mon.Reports(folder / "reports", fleet=fleet)
    return reports.report(worst, fleet.windows(worst)[-1], current=current, reference=reference)


# %% [markdown]
# ## The whole


# %%
def main(folder: Path = Path("modelward-runs/fleet"), *, seed: int = 0) -> dict[str, Any]:
    """Run the example and give its headline figures."""
    start = time.perf_counter()

    def tell(text: str) -> None:
        print(f"[{time.perf_counter() - start:5.1f} s] {text}", flush=True)

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    tell(f"training {MODELS} models on four real tables")
    members = make(rng)
    damage(members, rng)
    truth = {m.name for m in members if m.fault}
    with mon.Fleet(url(folder)) as fleet:
        watchers = begin(fleet, members, rng)
        text = f"new release of the clinic's export, which writes '{SHARED}'"
        broke = FIRST_DAY + timedelta(days=BROKEN_FROM)
        fleet.tell(mon.Event("data", broke, text, columns=(SHARED,), source="clinic export"))
        alarms: list[int] = []
        for day in range(DAYS):
            with mon.track_workflow(fleet, "nightly assessment", source="example"):
                came = live(fleet, watchers, day, rng)
            alarms.append((summary := fleet.summary()).alarmed)
            tell(f"day {day + 1}: {summary.alarmed} models alarmed, {summary.silent} silent")
        fleet.resource(mon.sample_resources())

        troubled = {
            s.model.name
            for state in ("alarmed", "silent", "cannot say")
            for s in fleet.statuses(state=state, limit=MODELS)
        }
        ours = against(truth, troubled)
        others = {rule: against(truth, alarmed) for rule, alarmed in plain(fleet, came).items()}
        tell(f"15 of {MODELS} models are truly broken")
        for rule, found in {"modelward": ours, **others}.items():
            tell(f"   {rule:<22} {found}")
        incidents = fleet.incidents()
        shared = [i for i in incidents if SHARED in i.columns and len(i.members) > 1]
        for incident in incidents[:8]:
            tell(f"   incident: {incident.title}")
        missed = {m.fault for m in members if m.fault and m.name not in troubled}
        fleet.assess().to_evidence(name="three hundred models").save(folder / "evidence.json")
        write_page(folder, fleet, {"modelward": ours, **others})
        tell(f"   MLflow's run with the evidence: {tell_mlflow(folder, fleet, troubled, ours)}")
        tell(f"   Evidently's full report: {full_report(folder, fleet, members).html}")
        ok = ours["recall"] >= 0.9 and ours["precision"] >= 0.8 and len(shared) == 1
    tell(f"Everything lies in {folder}: open index.html, or see the fleet itself by")
    tell(f"   modelward monitoring serve --fleet {url(folder)} --reports {folder / 'reports'}")
    return {
        "models": MODELS,
        "broken": len(truth),
        "alarmed_on_healthy_days": alarms[:BROKEN_FROM],
        **ours,
        "plain_thresholds": others,
        "incidents": len(incidents),
        "models_in_the_shared_incident": len(shared[0].members) if shared else 0,
        "faults_missed": sorted(missed),
        "seconds": round(time.perf_counter() - start, 1),
        "ok": bool(ok),
    }


def url(folder: Path) -> str:
    """Give the address of the fleet's database."""
    return f"sqlite:///{folder / 'fleet.db'}"


def write_page(folder: Path, fleet: mon.Fleet, found: dict[str, dict[str, float | int]]) -> Path:
    """Write the page that tells the story: alarms against the truth, and the incidents."""
    from modelward.core.pages import Figure, Page, Section, Table, axes, svg

    ax = axes(figsize=(7.2, 3.0))
    at = np.arange(len(found))
    for offset, what in ((-0.2, "precision"), (0.2, "recall")):
        ax.bar(at + offset, [row[what] for row in found.values()], width=0.4, label=what)
    ax.set_xticks(at, list(found))
    ax.set_ylim(0, 1.05)
    ax.legend()
    said = [(rule, *row.values()) for rule, row in found.items()]
    incidents = [
        (i.title, len(i.members), ", ".join(e.text for e in i.before[:1]), i.suggestion)
        for i in fleet.incidents()
    ]
    return Page(
        title=f"A fleet of {MODELS} models",
        lead="Fifteen are truly broken. What the fleet says, beside constant thresholds.",
        blocks=[
            Figure(svg(ax), f"Precision and recall of each rule: {said}.", "Alarms and the truth."),
            Table("Alarms against the truth", ("rule", "alarms", "precision", "recall"), said),
            Section(
                "Incidents",
                [
                    Table(
                        "Costliest first", ("what", "models", "before it", "what to do"), incidents
                    )
                ],
            ),
        ],
        footer="Made by examples/monitor_fleet.py.",
    ).save(folder / "index.html")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("modelward-runs/fleet"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--serve", action="store_true", help="show the dashboard at the end")
    chosen = parser.parse_args()
    print(json.dumps(main(chosen.folder, seed=chosen.seed)))
    if chosen.serve:
        from modelward.monitoring.outputs.dashboard import serve

        serve(mon.Settings(fleet=url(chosen.folder), reports=chosen.folder / "reports"))
