# %% [markdown]
# # A first walk through all five libraries
#
# A camera tells outdoor scenes apart: brick, sky, grass, a path. The pictures are real (UCI image
# segmentation, 2,310 regions of seven kinds, bundled with river). After 500 requests the camera is
# dimmed, as if dirt had settled on the lens, and nobody notices. What follows is done by the
# libraries:
#
# 1. `adaptive_pipeline` sees the error rise, retrains, proves the new model better, promotes it;
# 2. `monitoring` names the columns that changed, and no others;
# 3. `validation` finds where the new model fails under disturbances it has never met;
# 4. `adversarial` blinds a small object detector with changes the eye does not see;
# 5. `modelcards` writes down what is known, verifies each number, and catches one edited by hand.
#
# Everything is kept under `modelward-runs/lifecycle/`; start with `index.html` there. The last line
# printed is one JSON object with the headline figures.

# %%
from __future__ import annotations

import json
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("DO_NOT_TRACK", "1")  # no telemetry by what we build on
os.environ.setdefault("OMP_NUM_THREADS", "1")  # small nets are fastest on one thread

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from tqdm.auto import tqdm

import modelward.adversarial as adv
import modelward.modelcards as cards
import modelward.monitoring as mon
import modelward.validation as val
from modelward.adaptive_pipeline import AdaptivePipeline, Registry, Store
from modelward.core.evidence import Artifact, Evidence
from modelward.core.pages import Block, Figure, Links, Page, Section, Table, Tile, Tiles, svg

# What a dimmed camera changes: everything that counts light. Hue, saturation, edges and places stay.
COLOUR = [
    "intensity-mean",
    "rawred-mean",
    "rawblue-mean",
    "rawgreen-mean",
    "exred-mean",
    "exblue-mean",
    "exgreen-mean",
    "value-mean",
]
TRAIN, DIMMED_AT, GAIN = 800, 500, 0.4


def dim(scenes: pd.DataFrame, gain: float) -> pd.DataFrame:
    """Let the camera take in `gain` times the light."""
    return scenes.assign(**{column: scenes[column] * gain for column in COLOUR})


@dataclass(frozen=True)
class Scenes:
    """The data of the story: what the first model learns from, and the stream it then serves."""

    first: pd.DataFrame
    first_labels: pd.Series
    stream: pd.DataFrame
    labels: list[str]

    @classmethod
    def load(cls, seed: int) -> Scenes:
        """Shuffle the bundled rows, and dim the camera from row 500 of the stream on."""
        from river.datasets import ImageSegments

        rows = list(ImageSegments())
        order = np.random.default_rng(seed).permutation(len(rows))
        scenes = pd.DataFrame([rows[i][0] for i in order]).astype(float)
        labels = pd.Series([rows[i][1] for i in order])
        bright = scenes[TRAIN:].reset_index(drop=True)
        stream = pd.concat([bright[:DIMMED_AT], dim(bright[DIMMED_AT:], GAIN)])
        return cls(scenes[:TRAIN], labels[:TRAIN], stream, labels[TRAIN:].tolist())


def learn(scenes: pd.DataFrame, labels: pd.Series, seed: int) -> RandomForestClassifier:
    """Fit the model of the story."""
    return RandomForestClassifier(30, random_state=seed).fit(scenes, labels)


# %% [markdown]
# ## 1. The served model keeps its quality by itself
#
# Labels come 20 to 60 requests late. The pipeline joins them, compares the loss with what it was, by a
# bound that is valid however often one looks, retrains on what it has seen since the change, lets the
# new model answer in the shadow of the old one, and promotes it when the paired difference is proven.


# %%
def adapt(scenes: Scenes, folder: Path, seed: int) -> AdaptivePipeline:
    registry = Registry(
        name="scene-classifier",
        tracking_uri=f"sqlite:///{folder / 'mlflow.db'}",
        artifacts=folder / "mlartifacts",
    )
    model = learn(scenes.first, scenes.first_labels, seed)
    registry.register(model, alias="champion", columns=scenes.first.columns)

    def train(data: Any, context: Any) -> RandomForestClassifier:
        rows = pd.concat([scenes.first, data.X])
        return learn(rows, pd.concat([scenes.first_labels, data.y]), context.seed)

    store = Store(f"sqlite:///{folder / 'pipeline.db'}")
    pipeline = AdaptivePipeline(store=store, registry=registry, train=train, seed=seed)
    late = np.random.default_rng(seed).integers(20, 61, size=len(scenes.stream))
    due: dict[int, list[int]] = {}
    for row, features in enumerate(
        tqdm(scenes.stream.to_dict("records"), "serving", disable=None, leave=False)
    ):
        pipeline.predict(features, request_id=f"row-{row}")
        due.setdefault(row + int(late[row]), []).append(row)
        for known in due.pop(row, []):
            pipeline.label(f"row-{known}", scenes.labels[known])
    return pipeline


# %% [markdown]
# ## 2. What has changed in the data?
#
# The reference is a sketch: the raw rows are not needed again. One rule over all 18 columns keeps the
# share of false alarms below 5 %.


# %%
def watch(scenes: Scenes) -> tuple[mon.DriftResult, mon.DriftResult]:
    reference = mon.Sketch.fit(scenes.first)
    before = reference.empty().add(scenes.stream[:DIMMED_AT])
    after = reference.empty().add(scenes.stream[DIMMED_AT:])
    return (
        mon.compare(reference, before, model="scene-classifier", window="before the change"),
        mon.compare(reference, after, model="scene-classifier", window="since the change"),
    )


# %% [markdown]
# ## 3. Where does the model that now serves fail?
#
# The pictures are disturbed by three knobs: the light, the grain of the sensor, a colour cast. The
# study chooses where to look next, close to where right turns to wrong; points drawn blindly beside
# them carry the proof.


# %%
def probe(predict: Any, scenes: Scenes) -> val.StudyResult:
    bright = scenes.stream[:DIMMED_AT].reset_index(drop=True)
    rows = bright.sample(200, random_state=0)
    truth = np.array(scenes.labels)[rows.index]
    raw = ["rawred-mean", "rawblue-mean", "rawgreen-mean"]
    grain = np.random.default_rng(0).normal(size=(len(rows), len(raw)))  # the same in every run

    def accuracy(light: float, noise: float, cast: float) -> float:
        seen = dim(rows, light)
        seen[raw] += noise * grain
        seen["hue-mean"] += cast
        return float(np.mean(np.asarray(predict(seen)) == truth))

    study = val.Study(
        [
            val.FeatureContinuous("light", 0.2, 2.0),
            val.FeatureContinuous("noise", 0.0, 20.0),
            val.FeatureContinuous("cast", -0.5, 0.5),
        ],
        [val.Output("accuracy", threshold=0.85, orientation="upper")],
        name="scene-classifier",
    )
    study.run(accuracy, budget=80)
    study.certify(accuracy, n=60)
    return study.result(hold={"noise": 0.0})


# %% [markdown]
# ## 4. How little does it take to blind a detector?
#
# A compact detector, trained on drawn shapes the first time (about a minute, then cached), is attacked
# with changes of at most 8 of 255 grey levels. Random noise of the same size is the baseline.


# %%
def attack() -> adv.Assessment:
    attacks = [adv.Noise(eps=8 / 255), adv.FGSM(eps=8 / 255), adv.PGD(eps=8 / 255, steps=10)]
    return adv.assess(adv.small_detector(), attacks, adv.Shapes(n=48, seed=1))


# %% [markdown]
# ## 5. What is known of the model, and does each number still stand?


# %%
def page_of(name: str, folder: Path) -> tuple[Artifact, ...]:
    """Let a record vouch for the page that was drawn of it, too."""
    page = folder / f"{name}.html"
    return (Artifact.of(page, root=folder / "evidence", media_type="text/html"),)


def write_card(
    model: Any, tracking_uri: str, records: dict[str, Evidence], folder: Path
) -> tuple[cards.CardVerification, cards.Claim]:
    """Write the card from the training run and the records; then edit one number of a copy."""
    card = cards.ModelCard.from_mlflow(model.run_id, tracking_uri=tracking_uri)
    details = card.model_details.model_copy(
        update={
            "name": "scene-classifier",
            "description": "Tells seven kinds of outdoor scene apart, from 18 measures of an image "
            "region. Retrained by itself after its camera was dimmed.",
            "owners": [{"name": "the example"}],
            "version": card.model_details.version.model_copy(update={"name": model.version}),
        }
    )
    card = card.model_copy(update={"model_details": details})
    for name, record in records.items():
        path = record.save(folder / "evidence" / f"{name}.json")
        card = card.attach(record, record=path.relative_to(folder).as_posix())
    path = card.save(folder / "modelcard.yaml")
    document = cards.read(path)
    errors = [f for f in cards.validate(document) if f.severity == "error"]
    assert not errors, errors
    verification = cards.verify(document, tracking_uri=tracking_uri)
    cards.card_page(document, verification).save(folder / "modelcard.html")

    text = path.read_text("utf-8")
    at = text.index("value: ", text.index("loss after")) + len("value: ")
    tampered = folder / "modelcard-edited.yaml"
    tampered.write_text(text[:at] + "0.001" + text[text.index("\n", at) :], "utf-8")
    edited = cards.read(tampered)
    (failure,) = cards.verify(edited, tracking_uri=tracking_uri).failures
    cards.card_page(edited, cards.verify(edited, tracking_uri=tracking_uri)).save(
        folder / "modelcard-edited.html"
    )
    return verification, failure


# %% [markdown]
# ## All of it, in order


# %%
def main(folder: Path = Path("modelward-runs/lifecycle"), seed: int = 0) -> dict[str, Any]:
    """Run the whole walk, write everything under `folder`, and give the headline figures."""
    started = time.perf_counter()

    def tell(text: str) -> None:
        print(f"[{time.perf_counter() - started:5.1f} s] {text}", flush=True)

    folder = folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    scenes = Scenes.load(seed)

    tell("1. adaptive_pipeline: serving 1,510 requests; the camera is dimmed at request 500")
    pipeline = adapt(scenes, folder, seed)
    served = pipeline.summary()
    story = served.adaptations[-1]
    loss = pipeline.monitor.loss
    errors = {
        "before": loss(story.old, last=DIMMED_AT).mean,
        "drifted": loss(story.old, first=DIMMED_AT + 1, last=story.promoted).mean,
        "promoted": loss(story.new, first=story.promoted + 1).mean,
    }
    served.to_page().save(folder / "pipeline.html")
    tell(f"   error before the drift    {errors['before']:6.1%}")
    tell(
        f"   error after the drift     {errors['drifted']:6.1%}   noticed at request {story.detected}"
    )
    tell(
        f"   error after the promotion {errors['promoted']:6.1%}   promoted at request {story.promoted}"
    )

    tell("2. monitoring: 18 columns before and after")
    before, after = watch(scenes)
    after.to_page().save(folder / "monitoring.html")
    missed, false = set(COLOUR) - set(after.shifted), set(after.shifted) - set(COLOUR)
    tell(f"   before the change: {len(before.shifted)} columns drifted")
    tell(
        f"   since the change:  {len(after.shifted)} drifted; {len(missed)} missed, {len(false)} false"
    )

    tell("3. validation: where does the promoted model fail?")
    champion = pipeline.registry.load(served.champion)
    found = probe(champion.predict, scenes)
    found.to_page().save(folder / "validation.html")
    rule = str(found.rules[0]) if found.rules else "no rule found"
    tell(f"   fails where {rule}")

    tell("4. adversarial: a small detector under attack (trained first, where not yet cached)")
    attacked = attack()
    attacked.to_page().save(folder / "adversarial.html")
    tell(f"   mAP clean {attacked.ap.value:.3f}, under noise {attacked['Noise'].ap.value:.3f}")
    tell(
        f"   mAP under FGSM {attacked['FGSM'].ap.value:.3f}, under PGD {attacked['PGD'].ap.value:.3f}"
    )

    tell("5. modelcards: the card, each number checked against its evidence")
    model = served.model
    assert model is not None
    records = {
        "pipeline": served.to_evidence(),
        "monitoring": after.to_evidence(
            version=served.champion, artifacts=page_of("monitoring", folder)
        ),
        "validation": found.to_evidence(artifacts=page_of("validation", folder)),
        "adversarial": attacked.to_evidence(artifacts=page_of("adversarial", folder)),
    }
    for record in records.values():
        record.log_to_mlflow(model.run_id, tracking_uri=pipeline.registry.tracking_uri)
    verification, edited = write_card(model, pipeline.registry.tracking_uri, records, folder)
    verdict = "verified" if verification else "not verified"
    tell(f"   {verdict}: {verification.count('verified')} of {len(verification.claims)} claims")
    tell(f"   one number edited by hand: {edited.status} at {Path(edited.file).name}:{edited.line}")
    tell(f"   ({edited.detail})")

    figures = {
        "error_before_drift": round(errors["before"], 4),
        "error_after_drift": round(errors["drifted"], 4),
        "error_after_promotion": round(errors["promoted"], 4),
        "drifted_columns": len(after.shifted),
        "drifted_columns_missed": len(missed),
        "drifted_columns_false": len(false),
        "fails_where": rule,
        "map_clean": round(attacked.ap.value, 4),
        "map_noise": round(attacked["Noise"].ap.value, 4),
        "map_fgsm": round(attacked["FGSM"].ap.value, 4),
        "map_pgd": round(attacked["PGD"].ap.value, 4),
        "card": verdict,
        "card_claims": len(verification.claims),
        "edited_card": edited.status,
        "seconds": round(time.perf_counter() - started, 1),
    }
    index(figures, served, after, folder)
    figures["ok"] = bool(
        errors["promoted"] < errors["drifted"] / 2
        and not missed
        and not false
        and attacked["PGD"].ap.value < attacked.ap.value / 2
        and verification
        and edited.status == "mismatch"
    )
    tell(
        f"Everything lies in {os.path.relpath(folder)}: open {os.path.relpath(folder / 'index.html')}"
    )
    print(json.dumps(figures))
    return figures


def index(figures: dict[str, Any], served: Any, drift: mon.DriftResult, folder: Path) -> None:
    """Write the page that links all the others."""
    blocks: list[Block] = [
        Tiles(
            [
                Tile("Error before the drift", f"{figures['error_before_drift']:.1%}"),
                Tile("Error after the drift", f"{figures['error_after_drift']:.1%}", status="bad"),
                Tile(
                    "Error after promotion",
                    f"{figures['error_after_promotion']:.1%}",
                    status="good",
                ),
                Tile("Columns that drifted", str(figures["drifted_columns"]), "of 18, as was made"),
                Tile("Detector, clean", f"{figures['map_clean']:.2f}", "COCO mAP"),
                Tile("Detector, attacked", f"{figures['map_pgd']:.2f}", "mAP under PGD", "bad"),
                Tile("Model card", figures["card"], f"{figures['card_claims']} claims", "good"),
                Tile("Edited card", figures["edited_card"], "one number, by hand", "bad"),
            ]
        ),
        Figure(
            svg(served.plot()),
            alt="Loss of the served model over the requests: it rises when the camera is dimmed and "
            "falls when the retrained model takes over.",
            caption="The served model through its life. The camera was dimmed at request 500.",
        ),
        Links(
            [
                ("The pipeline", "pipeline.html", "what it noticed, decided and promoted"),
                ("The drift", "monitoring.html", "which columns changed, and by how much"),
                ("Where it fails", "validation.html", "the boundary, the rules, what is proven"),
                ("The attack", "adversarial.html", "clean, attacked, and the difference"),
                ("The model card", "modelcard.html", "every number with its standing"),
                ("The edited card", "modelcard-edited.html", "what one edited number looks like"),
            ]
        ),
        Figure(
            svg(drift.plot()),
            alt=f"How far each column moved; drifted: {', '.join(drift.shifted)}.",
            caption="What changed in the data: the eight columns that count light, and no other.",
        ),
        Section(
            "Kept beside this page",
            [
                Table(
                    "Files",
                    ["file", "what it is"],
                    [
                        ["modelcard.yaml", "the card itself"],
                        ["evidence/*.json", "the four sealed records (modelward evidence verify)"],
                        ["pipeline.db", "requests, labels, decisions (modelward pipeline status)"],
                        [
                            "mlflow.db",
                            "runs and models (mlflow ui --backend-store-uri sqlite:///…)",
                        ],
                    ],
                )
            ],
        ),
    ]
    Page(
        title="One model, five guards",
        lead="An outdoor-scene classifier whose camera was dimmed: kept adapted, watched, probed, and "
        "written down; and a small detector, attacked.",
        blocks=blocks,
        footer="Made by examples/lifecycle.py.",
    ).save(folder / "index.html")


# %%
if __name__ == "__main__":
    sys.exit(0 if main()["ok"] else 1)
