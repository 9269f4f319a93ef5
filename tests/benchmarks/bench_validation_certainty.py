"""Does certainty mean something: whole studies that stop at a target, and failure probability.

Studies of several systems stop when a certainty of .9 is proven; the true share of right verdicts is
then measured on 4,000 points. Bounds are looked at after every run, against the error of the
surrogates in force. The naive rule stops when the surrogates' own certainty reaches the target.

`MODELWARD_BENCH_SEEDS` says how many studies, `MODELWARD_BENCH_MINUTES` after how many minutes no more
are begun, `MODELWARD_BENCH_WORKERS` on how many processes; studies are kept line by line in the file that
`MODELWARD_BENCH_ROWS` names, and are not made again.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from modelward.validation import (
    PROBLEMS,
    FeatureContinuous,
    GaussianProcess,
    Laws,
    Logistic,
    Neighbours,
    Normal,
    Output,
    Study,
)
from modelward.validation.problems import four_branch

SHORT = os.environ.get("MODELWARD_BENCH") == "short"
STUDIES = int(os.environ.get("MODELWARD_BENCH_SEEDS", "2" if SHORT else "100"))
SEEDS = 1 if SHORT else 5
BUDGET, BATCH, TARGET = (60 if SHORT else 400), 5, 0.9
WORKERS = int(os.environ.get("MODELWARD_BENCH_WORKERS", "2"))
KEPT = os.environ.get("MODELWARD_BENCH_ROWS", "")
UNTIL = time.time() + 60 * float(os.environ.get("MODELWARD_BENCH_MINUTES", "inf"))
NAMES = ("four-branch", "Hartmann-6", "mixed rules", "five features")


def calibrated(seed: int) -> dict[str, Any] | None:
    """One study: was it right when it stopped, and did its bounds hold after every run."""
    if time.time() > UNTIL:
        return None
    problem = PROBLEMS[NAMES[seed % len(NAMES)]]
    system, domain = problem.system(seed=seed), problem.domain
    models = [GaussianProcess(), Logistic(), Neighbours()]
    study = Study(problem.features, [problem.output], models=models, seed=seed, audit=0.25)
    test = domain.snap(np.random.default_rng(7).random((4_000, len(domain))))
    truth = problem.fails(domain.points(test))
    errors: list[float] = []
    misses: list[float] = []
    broken, naive = {"error": False, "missed": False}, None
    while study.n_told < BUDGET:
        runs = study.ask(BATCH)
        audits = sum(run.kind == "audit" and bool(run.verdicts) for run in runs)
        if audits or naive is None:
            found = study.panel.fails(test) if study.n_told else np.zeros(len(test), bool)
            errors += [float((found != truth).mean())] * audits
            misses += [float((truth & ~found).mean())] * audits
        for run in runs:
            study.tell(run, system(**run.values))
            c = study.certificate()
            if c.n:
                # Half a percent is the error of the points that stand for the truth.
                broken["error"] |= (c.error.high or 0) < np.mean(errors[: c.n]) - 0.005
                broken["missed"] |= (c.missed.high or 0) < np.mean(misses[: c.n]) - 0.005
        if naive is None:
            p = next(iter(study.p_volume().values())) if study._trained else np.array([0.5])
            if np.maximum(p, 1 - p).mean() >= TARGET:
                naive = float((found == truth).mean()), float((truth & ~found).sum() / truth.sum())
        if study.proven():
            break
    right = float((study.surrogates().fails(test) == truth).mean())
    stopped = study.proven()
    kept = {k: bool(v) for k, v in broken.items()}
    row = {"right": right, "stopped": stopped, "runs": study.n_told, "naive": naive, **kept}
    if KEPT:
        with Path(KEPT).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"seed": seed, **row}) + "\n")
    return row


def probability(seed: int) -> tuple[float, int]:
    """Give the relative error after 100 runs, and the runs from which it stays within 5 %."""
    features = [FeatureContinuous("x1", -6, 6), FeatureContinuous("x2", -6, 6)]
    laws = Laws({"x1": Normal(0, 1), "x2": Normal(0, 1)})
    study = Study(
        features,
        [Output("y", threshold=0.0, orientation="upper")],
        distribution=laws,
        models=[GaussianProcess()],
        seed=seed,
        audit=0.0,
    )
    normal = np.random.default_rng(0).standard_normal((400_000 if SHORT else 4_000_000, 2))
    x1, x2 = normal.T
    bowl, root = 3 + 0.1 * (x1 - x2) ** 2, np.sqrt(2)
    branches = (
        bowl - (x1 + x2) / root,
        bowl + (x1 + x2) / root,
        x1 - x2 + 6 / root,
        x2 - x1 + 6 / root,
    )
    truth = float((np.min(branches, axis=0) < 0).mean())
    last = 0
    error = 1.0
    while study.n_told < (40 if SHORT else 100):
        runs = study.ask(5)
        study.tell(runs, [four_branch(**run.values) for run in runs])
        error = abs(study.failure_probability(n=2**16) / truth - 1)
        last = study.n_told if error > 0.05 else last
    return error, last + 5


def main() -> None:
    kept = []
    if KEPT and Path(KEPT).is_file():
        kept = [json.loads(line) for line in Path(KEPT).read_text("utf-8").splitlines()]
    left = sorted(set(range(STUDIES)) - {s["seed"] for s in kept})
    made = Parallel(n_jobs=WORKERS)(delayed(calibrated)(seed) for seed in left)
    studies = kept + [s for s in made if s is not None]
    stopped = [s for s in studies if s["stopped"]]
    naive = [s["naive"] for s in studies if s["naive"] is not None]
    found = Parallel(n_jobs=WORKERS)(delayed(probability)(seed) for seed in range(SEEDS))
    print(
        json.dumps(
            {
                "studies": len(studies),
                "stopped at the target .9 within the budget": len(stopped),
                "of them truly right on 90 %": sum(s["right"] >= TARGET for s in stopped),
                "median runs until proven": float(np.median([s["runs"] for s in stopped] or [0])),
                "bound on errors broken at any look, %": 100
                * float(np.mean([s["error"] for s in studies])),
                "bound on missed failures broken at any look, %": 100
                * float(np.mean([s["missed"] for s in studies])),
                "self-assessed .9, median share of failures missed": float(
                    np.median([missed for _, missed in naive] or [0])
                ),
                "four-branch failure probability, error after 100 runs, %, median": 100
                * float(np.median([error for error, _ in found])),
                "four-branch failure probability, runs until within 5 %, median": float(
                    np.median([runs for _, runs in found])
                ),
            }
        )
    )


if __name__ == "__main__":
    main()
