"""Two hundred seeded faults are found, and two hundred untouched cards are not blamed."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelward.core.evidence import Artifact, Evidence, Metric, Subject, sha256_file
from modelward.core.metrics import Estimate
from modelward.modelcards import ModelCard, read, verify

N = 200
KINDS = ("adversarial.assessment", "validation.job", "monitoring.window", "pipeline.promotion")
UNITS = ("ms", "share", "K")


class World:
    """Runs in a real MLflow store, and a folder of cards with their evidence."""

    def __init__(self, folder: Path) -> None:
        from mlflow.tracking import MlflowClient

        self.folder = folder
        self.uri = f"sqlite:///{folder}/mlflow.db"
        client = MlflowClient(tracking_uri=self.uri)
        experiment = client.create_experiment("e", artifact_location=folder.as_uri())
        self.runs = []
        for number in range(8):
            run = client.create_run(experiment).info.run_id
            for k in range(3):
                client.log_metric(run, f"m{k}", 0.1 + 0.07 * number + 0.2 * k)
            client.set_tag(run, "mlflow.source.git.commit", f"{number:x}" * 40)
            client.set_terminated(run)
            self.runs.append(run)

    def card(self, number: int) -> Path:
        """Make a card with a run, one or two records, a model file, and numbers of a JSON file."""
        rng = random.Random(number)
        folder = self.folder / f"card{number}"
        folder.mkdir()
        made = ModelCard.from_mlflow(rng.choice(self.runs), tracking_uri=self.uri)
        (folder / "model.bin").write_bytes(rng.randbytes(64))
        details = made.content()["model_details"]
        details["files"] = [{"path": "model.bin", "sha256": sha256_file(folder / "model.bin")}]
        made = ModelCard.model_validate(made.content() | {"model_details": details})
        for k, kind in enumerate(rng.sample(KINDS, rng.randint(1, 2))):
            made = made.attach(self.record(folder, kind, k, rng), record=f"e{k}.json")
        results = {"deep": [{"f1": round(rng.uniform(0.1, 0.9), 6)}]}
        (folder / "r.json").write_text(json.dumps(results))
        content = made.content()
        source = {
            "file": "r.json",
            "sha256": sha256_file(folder / "r.json"),
            "pointer": "/deep/0/f1",
        }
        content["quantitative_analysis"]["performance_metrics"].append(
            {"type": "f1", "value": results["deep"][0]["f1"], "source": source}
        )
        return ModelCard.model_validate(content).save(folder / "modelcard.yaml")

    def record(self, folder: Path, kind: str, k: int, rng: random.Random) -> Evidence:
        plot = folder / f"plot{k}.png"
        plot.write_bytes(rng.randbytes(32))
        metrics = []
        for j in range(rng.randint(2, 4)):
            value = rng.uniform(0.1, 0.9)
            estimate = Estimate(value, value - 0.05, value + 0.05, 0.95, 60)
            part = rng.choice((None, "night", "0.50"))
            metrics.append(Metric.of(f"q{j}", estimate, unit=rng.choice(UNITS), slice=part))
        record = Evidence.create(
            kind=kind,
            subject=Subject(name="m"),
            tool="modelward-modelcards",
            metrics=metrics,
            findings=[f"finding {rng.random()}"],
            artifacts=[Artifact.of(plot, root=folder)],
        )
        record.save(folder / f"e{k}.json")
        return record


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


def altered_number(path: Path, rng: random.Random, _: World) -> str:
    lines = path.read_text("utf-8").split("\n")
    number = re.compile(r"(\s+(?:- )?(?:value|lower_bound|upper_bound|level): )([-\d.e]+)")
    found = {i: m for i, line in enumerate(lines) if (m := number.fullmatch(line))}
    chosen = rng.choice(list(found))
    old = float(found[chosen][2])
    lines[chosen] = found[chosen][1] + repr(round(old * rng.choice((0.8, 1.1, 1.5)), 6))
    path.write_text("\n".join(lines), "utf-8")
    return "mismatch"


def other_run(path: Path, rng: random.Random, world: World) -> str:
    text = path.read_text("utf-8")
    run = next(run for run in world.runs if run in text)
    other = rng.choice([r for r in world.runs if r != run])
    where = rng.choice(("all", "one source"))
    path.write_text(
        text.replace(run, other) if where == "all" else _last(text, f"run: {run}", f"run: {other}"),
        "utf-8",
    )
    return "mismatch"


def changed_file(path: Path, rng: random.Random, _: World) -> str:
    name = rng.choice(("model.bin", "r.json", "plot0.png"))
    target = path.parent / name
    target.write_bytes(target.read_bytes() + b" ")
    return "stale"


def swapped_unit(path: Path, rng: random.Random, _: World) -> str:
    text = path.read_text("utf-8")
    unit = rng.choice([u for u in UNITS if f"unit: {u}\n" in text])
    new = rng.choice([u for u in UNITS if u != unit])
    path.write_text(text.replace(f"unit: {unit}\n", f"unit: {new}\n", 1), "utf-8")
    return "mismatch"


def removed_claim(path: Path, rng: random.Random, _: World) -> str:
    content = read(path).content
    lists = [content["quantitative_analysis"]["performance_metrics"]]
    lists += [
        content[s]["metrics"]
        for s in ("robustness", "validation", "drift", "lifecycle")
        if s in content
    ]
    chosen = rng.choice(lists)
    at = rng.randrange(
        len(chosen) - (chosen is lists[0])
    )  # the number of the JSON file is listed nowhere
    del chosen[at]
    ModelCard.model_validate(content).save(path)
    return "mismatch"


def edited_evidence(path: Path, rng: random.Random, _: World) -> str:
    target = path.parent / "e0.json"
    content = json.loads(target.read_text("utf-8"))
    if rng.random() < 0.5:
        content["metrics"][0]["value"] += 0.1
    else:
        content["findings"] = []
    target.write_text(json.dumps(content))
    return "mismatch"


def _last(text: str, old: str, new: str) -> str:
    head, _, tail = text.rpartition(old)
    return head + new + tail


FAULTS: dict[str, Callable[[Path, random.Random, World], Any]] = {
    "altered number": altered_number,
    "other run": other_run,
    "changed file": changed_file,
    "swapped unit": swapped_unit,
    "removed claim": removed_claim,
    "edited evidence": edited_evidence,
}


@pytest.mark.slow
def test_every_seeded_fault_is_found_and_no_untouched_card_is_blamed(world: World) -> None:
    blamed, missed, seeded = [], [], dict.fromkeys(FAULTS, 0)
    for number in range(N):
        path = world.card(number)
        untouched = verify(read(path), tracking_uri=world.uri)
        if not untouched or len(untouched.claims) < 10:
            blamed.append((number, repr(untouched)))
        name = list(FAULTS)[number % len(FAULTS)]
        seeded[name] += 1
        status = FAULTS[name](path, random.Random(number + N), world)
        found = verify(read(path), tracking_uri=world.uri)
        if status not in {f.status for f in found.failures}:
            missed.append((number, name, repr(found)))
        assert all(f.line >= 1 and f.file == str(path) for f in found.failures)
    assert blamed == []
    assert missed == []
    assert sum(seeded.values()) == N
    assert min(seeded.values()) >= 33
