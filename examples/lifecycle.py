# %% [markdown]
# # The life of two models
#
# **Chapter one.** A camera tells outdoor scenes apart: brick, sky, grass, a path. The pictures are real
# (2,310 regions of the UCI image segmentation set, bundled with river). The model is trained, probed,
# put to work, and on the second day somebody puts a grey filter on the camera.
#
# 1. MLflow keeps the model and its run;
# 2. `validation` finds where it would fail, in words, before anybody uses it;
# 3. `adaptive_pipeline` serves it;
# 4. the filter comes, and `monitoring` ranks this model first among fifty, with the cause;
# 5. the pipeline retrains, proves the new model better, promotes it, and writes down why;
# 6. `modelcards` writes what is known, verifies each number, catches one edited by hand, and draws the
#    card for three kinds of readers.
#
# **Chapter two.** A small object detector is blinded by changes no eye can see (`adversarial`), trained
# against them, attacked again, and gets its card too.
#
# Everything is kept under `modelward-runs/lifecycle/`; start with `index.html` there. It takes a few
# minutes, and longer the first time, for training the detector. The last line printed is one JSON object
# with the headline figures.

# %%
from __future__ import annotations

import json
import os
import shutil
import sys
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("DO_NOT_TRACK", "1")  # no telemetry by what we build on
os.environ.setdefault("OMP_NUM_THREADS", "1")  # small nets are fastest on one thread
sys.path.insert(0, str(Path(__file__).parent))  # what lies beside this file

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

import modelward.adversarial as adv
import modelward.modelcards as cards
import modelward.monitoring as mon
import modelward.validation as val
from lifecycle_parts.house import House, workshop
from lifecycle_parts.index import fleet_page, write_index
from lifecycle_parts.said import CLASSIFIER, DETECTOR
from lifecycle_parts.telling import Teller, in_words, left, page_of, standing
from lifecycle_parts.world import A_DAY, COLOUR, DIMMED_AT, NAME, Camera, Scenes, dim
from modelward.adaptive_pipeline import AdaptivePipeline, Inline, PipelineResult, Registry, Store
from modelward.adaptive_pipeline.registry import Version
from modelward.adversarial.zoo import train_detector
from modelward.core.evidence import Evidence
from modelward.core.metrics import Estimate, metric
from modelward.modelcards.catalogue.site import catalogue

NOTICED_AT = DIMMED_AT + 125
"""When the fleet is looked at: a quarter of a day after the filter was put on."""


@dataclass(frozen=True)
class Size:
    """How much is done: the whole, or the short form that the tests run."""

    requests: int = 1_510
    budget: int = 60
    audit: int = 60
    hardening: int = 200
    images: int = 32
    controls: int = 8
    resamples: int = 200


WHOLE = Size()
SHORT = Size(1_150, 25, 25, 100, 16, 0, 100)


# %% [markdown]
# # Chapter one: a classifier
#
# ## 1. Train it, and keep it
#
# MLflow gets the model, its run, and a sketch of the rows it learned from: the raw rows are not needed
# again to say what has changed since.


# %%
def learn(scenes: pd.DataFrame, labels: pd.Series, seed: int) -> RandomForestClassifier:
    """Fit the model of the story."""
    return RandomForestClassifier(30, oob_score=True, random_state=seed).fit(scenes, labels)


def train(scenes: Scenes, folder: Path, seed: int) -> tuple[Registry, Version, Estimate]:
    """Train and register the first model; its accuracy is that of trees on rows they never saw."""
    model = learn(scenes.first, scenes.first_labels, seed)
    unseen = model.classes_[model.oob_decision_function_.argmax(axis=1)]
    accuracy = metric("accuracy").estimate(scenes.first_labels.to_numpy(), unseen)
    registry = Registry(
        name=NAME,
        tracking_uri=f"sqlite:///{folder / 'mlflow.db'}",
        artifacts=folder / "mlartifacts",
    )
    measured = {"accuracy": accuracy.value, "rows": float(len(scenes.first))}
    version = registry.register(model, alias="champion", columns=scenes.first, metrics=measured)
    reference = mon.Sketch.fit(scenes.first)
    mon.log_reference(version.run_id, reference, tracking_uri=registry.tracking_uri)
    return registry, version, accuracy


# %% [markdown]
# ## 2. Where would it fail?
#
# Three knobs disturb the pictures: the light, the grain of the sensor, a colour cast. The study chooses
# where to look next, close to where right turns to wrong; points drawn blindly beside them carry the
# proof.


# %%
def probe(registry: Registry, version: str, scenes: Scenes, size: Size) -> val.StudyResult:
    """Find where a version's accuracy falls below 85 % on bright scenes it has never seen."""
    predict = registry.load(version).predict
    rows = scenes.stream[:DIMMED_AT].reset_index(drop=True).sample(200, random_state=0)
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
        name=f"{NAME} version {version}",
    )
    study.run(accuracy, budget=size.budget, batch=5)
    study.certify(accuracy, n=size.audit)
    return study.result(hold={"noise": 0.0})


# %% [markdown]
# ## 3. Put it to work
#
# The pipeline answers the camera. Truths come one to three hours late; the pipeline joins them to its
# answers and compares the loss with what it was, by a bound that is valid however often one looks.


# %%
def serve(registry: Registry, scenes: Scenes, camera: Camera, folder: Path) -> AdaptivePipeline:
    """Make the pipeline that keeps the model adapted; it retrains on what it has seen since a change."""

    def train_again(data: Any, context: Any) -> RandomForestClassifier:
        rows = pd.concat([scenes.first, data.X])
        return learn(rows, pd.concat([scenes.first_labels, data.y]), context.seed)

    return AdaptivePipeline(
        store=Store(f"sqlite:///{folder / 'pipeline.db'}"),
        registry=registry,
        train=train_again,
        executor=Inline(),  # fitting takes a tenth of a second, a process of its own would take seconds
        clock=camera.clock,
        seed=camera.seed,
    )


# %% [markdown]
# ## 4. The world shifts
#
# Fifty models are watched. Their data and their performance are judged together, so that the share of
# false alarms holds for the whole list; what is wrong becomes an incident, with what happened shortly
# before, and the models are ranked by what their loss of performance costs.
#
# `House` (beside this file) puts ours into one catalogue with 49 others, on four real tables, two of
# which have troubles of their own that day.


# %%
def notice(
    house: House, pipeline: AdaptivePipeline, folder: Path, tell: Teller
) -> tuple[dict[str, Any], mon.DriftResult]:
    """Look at the fleet after day one, and again when the filter has been there for some hours."""
    fleet, camera = house.fleet, house.camera
    quiet = house.look(range(DIMMED_AT))
    tell(f"   day one: {len(quiet.alarmed)} of {len(quiet)} models drifted")
    workshop(fleet, camera.when(DIMMED_AT))
    camera.work(pipeline, until=NOTICED_AT)
    house.look(range(DIMMED_AT, NOTICED_AT))
    ranked = [status.model.name for status in fleet.statuses().rows]
    rank, incidents, drift = ranked.index(NAME) + 1, fleet.incidents(), fleet.drift(NAME)
    fleet_page(fleet).save(folder / "fleet.html")
    drift.to_page().save(folder / "drift.html")
    cause = next((event.text for event in incidents[0].before if event.model == NAME), "not known")
    missed, false = set(COLOUR) - set(drift.shifted), set(drift.shifted) - set(COLOUR)
    tell(f"   day two: {len(incidents)} incidents; ours is ranked {rank} of {len(ranked)}")
    tell(f"   {incidents[0].title}; before it: {cause}")
    tell(f"   {len(drift.shifted)} columns drifted; {len(missed)} missed, {len(false)} false")
    figures = {
        "false_alarms_on_day_one": len(quiet.alarmed),
        "fleet_rank": rank,
        "cause": cause,
        "drifted_columns": len(drift.shifted),
        "drifted_columns_missed": len(missed),
        "drifted_columns_false": len(false),
    }
    return figures, drift


# %% [markdown]
# ## 5. Adapt
#
# Nothing is to be done: while the camera goes on asking, the pipeline sees that the loss is shown to be
# worse, waits for enough rows of the new world, retrains on them, lets the new model answer in the shadow
# of the old one, and promotes it when the paired difference is proven. Each decision is a row in a
# hash-chained ledger. What is left: the fleet is told, and gets the reference of the new model.


# %%
def tell_fleet(
    fleet: mon.Fleet, registry: Registry, told: PipelineResult, camera: Camera, folder: Path
) -> None:
    """Tell the fleet of the retraining and the promotion, and what the new model is used to."""
    ledger = f"sqlite:///{folder / 'pipeline.db'}"
    for event in mon.pipeline_events(ledger, model=NAME):
        fleet.tell(event)
    for run in mon.pipeline_runs(ledger):
        fleet.workflow(run)
    fleet.resource(mon.sample_resources())
    story = told.adaptations[-1]
    seen = camera.scenes.stream.iloc[DIMMED_AT : story.promoted]
    run = registry.version(told.champion).run_id
    mon.log_reference(run, mon.Sketch.fit(seen), tracking_uri=registry.tracking_uri)
    fleet.sync_mlflow(tracking_uri=registry.tracking_uri)


def mend(
    house: House, pipeline: AdaptivePipeline, requests: int, folder: Path, tell: Teller
) -> tuple[dict[str, Any], PipelineResult, mon.DriftResult]:
    """Let the camera go on into day three, and see what the pipeline made of it."""
    camera = house.camera
    camera.work(pipeline, until=requests)
    told = pipeline.summary()
    told.to_page().save(folder / "pipeline.html")
    tell_fleet(house.fleet, pipeline.registry, told, camera, folder)
    house.look(range(2 * A_DAY, requests))
    state, calm = house.fleet.status(NAME).state, house.fleet.drift(NAME)
    calm.to_page().save(folder / "drift-after.html")
    story, loss = told.adaptations[-1], pipeline.monitor.loss
    before = loss(story.old, last=DIMMED_AT).mean
    during = loss(story.old, first=DIMMED_AT + 1, last=story.promoted).mean
    since = loss(story.new, first=story.promoted + 1).mean
    tell(f"   error before the filter   {before:6.1%}")
    tell(f"   error after the filter    {during:6.1%}   shown at request {story.detected}")
    tell(f"   error after the promotion {since:6.1%}   promoted at request {story.promoted}")
    tell(f"   ledger of {told.ledger.entries} entries {'holds' if told.ledger else 'is broken'}")
    tell(f"   the fleet now calls it {state}")
    figures = {
        "error_before_drift": round(before, 4),
        "error_after_drift": round(during, 4),
        "error_after_promotion": round(since, 4),
        "ledger_holds": bool(told.ledger),
        "state_after_promotion": state,
    }
    return figures, told, calm


# %% [markdown]
# ## 6. Write down what is known
#
# The card is made of the training run in MLflow and the sealed records of the other libraries. Each
# number names its source; verifying recomputes every seal and compares every number to the digits
# printed.


# %%
READERS = ("engineer", "risk", "public")


def write_card(
    card: cards.ModelCard,
    said: dict[str, dict[str, Any]],
    records: dict[str, Evidence],
    path: Path,
) -> Path:
    """Put together what tools know, what people say and what the records show."""
    content = card.content()
    for section, words in said.items():
        content[section] = content.get(section, {}) | words
    content["considerations"] = said["considerations"]
    card = cards.ModelCard.model_validate(content)
    for name, record in records.items():
        kept = record.save(path.parent / "evidence" / f"{name}.json")
        card = card.attach(record, record=kept.relative_to(path.parent).as_posix())
    return card.save(path)


def publish(path: Path, uri: str | None = None) -> cards.CardVerification:
    """Verify a card and draw it for each kind of readers."""
    document = cards.read(path)
    verification = cards.verify(document, tracking_uri=uri)
    for reader in READERS:
        page = cards.card_page(document, verification, audience=reader)
        page.save(path.with_name(f"{path.stem}-{reader}.html"))
    return verification


def edit(path: Path, uri: str) -> cards.Claim:
    """Let somebody make one number of a copy look better, and give what verifying says of it."""
    text = path.read_text("utf-8")
    at = text.index("value: ", text.index("loss after")) + len("value: ")
    tampered = path.with_name(f"{path.stem}-edited.yaml")
    tampered.write_text(text[:at] + "0.001" + text[text.index("\n", at) :], "utf-8")
    document = cards.read(tampered)
    verification = cards.verify(document, tracking_uri=uri)
    cards.card_page(document, verification).save(tampered.with_suffix(".html"))
    (failure,) = verification.failures
    return failure


def certify(
    registry: Registry, champion: str, records: dict[str, Evidence], folder: Path, tell: Teller
) -> dict[str, Any]:
    """Write the classifier's card, verify it, and see whether an edited number is caught."""
    uri = registry.tracking_uri
    run = registry.version(champion).run_id
    for record in records.values():
        record.log_to_mlflow(run, tracking_uri=uri)
    card = cards.ModelCard.from_mlflow(f"models:/{NAME}@champion", tracking_uri=uri)
    path = write_card(card, CLASSIFIER, records, folder / "modelcard.yaml")
    verification, edited = publish(path, uri), edit(path, uri)
    place = f"{Path(edited.file).name}:{edited.line}"
    tell(f"   {standing(verification)}")
    tell(f"   one number edited by hand: {edited.status} at {place} ({edited.detail})")
    return {
        "card": "verified" if verification else "not verified",
        "card_claims": len(verification.claims),
        "edited_card": edited.status,
        "edited_at": place,
    }


# %% [markdown]
# # Chapter two: a detector
#
# A compact YOLOv3 is trained on drawn circles, squares and triangles (the first time; it is kept), and
# attacked with changes of at most 8 of 255 grey levels. Random noise of the same size is the baseline:
# what the attacks do beyond it is not for want of a clear picture.


# %%
def attacked(detector: Any, size: Size) -> adv.Assessment:
    """Attack a detector in three ways, all on the same fresh images."""
    attacks = [adv.Noise(eps=8 / 255), adv.FGSM(eps=8 / 255), adv.PGD(eps=8 / 255, steps=10)]
    data = adv.Shapes(n=size.images, seed=1)
    return adv.assess(
        detector, attacks, data, control_images=size.controls, resamples=size.resamples
    )


# %% [markdown]
# Hardening is more training, in which half of the images are attacked as the detector then stands
# (adversarial training, Madry et al., arXiv 1706.06083). It costs some precision on clean images; what it
# gains has to show under an attack that is stronger than the one it was trained with.


# %%
def harden(detector: Any, size: Size, seed: int) -> Any:
    """Train a copy of a detector on against an attack."""
    hardened = deepcopy(detector)
    hardened.name += "-hardened"
    data = adv.Shapes(n=600, seed=1_000_000 + seed)  # no test set has a seed like it
    adversary = adv.FGSM(eps=8 / 255)
    train_detector(hardened, data, steps=size.hardening, rate=2e-3, seed=seed, adversary=adversary)
    return hardened


def detector_card(hardened: Any, after: adv.Assessment, folder: Path) -> Path:
    """Write the card of the hardened detector."""
    card = cards.ModelCard.from_torch(hardened.network, name=hardened.name)
    record = after.to_evidence(artifacts=page_of("detector-hardened", folder))
    return write_card(card, DETECTOR, {"adversarial": record}, folder / "detector-modelcard.yaml")


# %% [markdown]
# # The story, told in order


# %%
def chapter_one(folder: Path, seed: int, size: Size, tell: Teller) -> dict[str, Any]:
    """Live through three days with the classifier; give the figures and what the index shows."""
    scenes = Scenes.load(seed)
    camera = Camera(scenes, seed)

    tell("1. train a classifier of outdoor scenes, and keep it in MLflow")
    registry, first, accuracy = train(scenes, folder, seed)
    tell(f"   version {first.version}, accuracy {accuracy.value:.1%}")

    tell("2. validation: where would it fail?")
    weak = probe(registry, first.version, scenes, size)
    weak.to_page().save(folder / "validation-first.html")
    tell(f"   {in_words(weak)}")

    tell(f"3. adaptive_pipeline: day one, {DIMMED_AT} requests")
    pipeline = serve(registry, scenes, camera, folder)
    camera.work(pipeline, until=DIMMED_AT)

    tell("4. monitoring: fifty models; on day two a grey filter is put on our camera")
    house = House.open(registry, camera, accuracy, folder)
    noticed, drift = notice(house, pipeline, folder, tell)
    tell("5. adaptive_pipeline: goes on, and mends itself")
    mended, told, calm = mend(house, pipeline, size.requests, folder, tell)
    house.fleet.close()
    found = probe(registry, told.champion, scenes, size)
    found.to_page().save(folder / "validation.html")
    pipeline.close()
    tell(f"   the new model: {in_words(found)}")

    record = drift.to_evidence(version=first.version, artifacts=page_of("drift", folder))
    record.save(folder / "evidence" / "drift-first.json")
    record.log_to_mlflow(first.run_id, tracking_uri=registry.tracking_uri)

    tell("6. modelcards: the card, each number checked against its evidence")
    records = {
        "pipeline": told.to_evidence(),
        "drift": calm.to_evidence(version=told.champion, artifacts=page_of("drift-after", folder)),
        "validation": found.to_evidence(artifacts=page_of("validation", folder)),
    }
    carded = certify(registry, told.champion, records, folder, tell)
    rules = {"fails_where": in_words(weak), "fails_where_promoted": in_words(found)}
    return {"figures": rules | noticed | mended | carded, "served": told, "drift": drift}


def chapter_two(folder: Path, seed: int, size: Size, tell: Teller) -> dict[str, Any]:
    """Attack, harden and attack again; give the figures and what the index shows."""
    tell("7. adversarial: a small detector under attack (trained first, where not yet kept)")
    detector = adv.small_detector(seed=seed)
    before = attacked(detector, size)
    before.to_page().save(folder / "detector.html")
    tell(f"   mAP {left(before)}")

    tell("8. adversarial: the same detector, hardened")
    hardened = harden(detector, size, seed)
    after = attacked(hardened, size)
    after.to_page().save(folder / "detector-hardened.html")
    tell(f"   mAP {left(after)}")

    tell("9. modelcards: the detector's card")
    verification = publish(detector_card(hardened, after, folder))
    tell(f"   {standing(verification)}")
    figures = {
        "map_clean": round(before.ap.value, 4),
        **{f"map_{cell.name.lower()}": round(cell.ap.value, 4) for cell in before.cells},
        "map_clean_hardened": round(after.ap.value, 4),
        **{f"map_{cell.name.lower()}_hardened": round(cell.ap.value, 4) for cell in after.cells},
        "detector_card": "verified" if verification else "not verified",
    }
    return {"figures": figures, "before": before, "after": after}


def main(
    folder: Path = Path("modelward-runs/lifecycle"), seed: int = 0, *, size: Size = WHOLE
) -> dict[str, Any]:
    """Tell both chapters, write everything under `folder`, and give the headline figures."""
    tell = Teller()
    folder = folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    one = chapter_one(folder, seed, size, tell)
    two = chapter_two(folder, seed, size, tell)
    catalogue(folder, folder / "catalogue", tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    figures = {**one.pop("figures"), **two.pop("figures"), "seconds": round(tell.seconds, 1)}
    page = write_index(folder, figures, **one, **two)
    figures["ok"] = bool(
        figures["error_after_promotion"] < figures["error_after_drift"] / 2
        and figures["fleet_rank"] == 1
        and figures["drifted_columns_missed"] == figures["drifted_columns_false"] == 0
        and figures["map_pgd"] < figures["map_clean"] / 2
        and figures["map_pgd_hardened"] > figures["map_pgd"] + 0.1
        and figures["card"] == figures["detector_card"] == "verified"
        and figures["edited_card"] == "mismatch"
    )
    tell(
        f"Everything lies in {os.path.relpath(folder)}: open {os.path.relpath(page)}, or look further by"
    )
    tell(f"   mlflow ui --backend-store-uri sqlite:///{os.path.relpath(folder / 'mlflow.db')}")
    print(json.dumps(figures))
    return figures


# %%
if __name__ == "__main__":
    sys.exit(0 if main()["ok"] else 1)
