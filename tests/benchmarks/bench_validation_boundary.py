"""F1 of the failing class after so many runs: the competition beside what one would do without it.

Truth is known on 20,000 uniform points. Peers: Sobol points with a random forest or a Gaussian
process, one Gaussian process with straddle, gradient boosting with uncertainty sampling, and query by
committee (the even mean of four families), all from the same Sobol start. No audit point is drawn, for
the peers draw none. Medians over the seeds.

`MODELWARD_BENCH_SEEDS`, `MODELWARD_BENCH_PROBLEMS` (names, by comma) and `MODELWARD_BENCH_METHODS` narrow
it down.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from modelward.validation import PROBLEMS, GaussianProcess, Straddle, Study
from modelward.validation.candidates import fresh, sobol
from modelward.validation.problems import Problem
from modelward.validation.runs import Run, margins

SHORT = os.environ.get("MODELWARD_BENCH") == "short"
SEEDS = int(os.environ.get("MODELWARD_BENCH_SEEDS", "1" if SHORT else "5"))
BUDGETS = (20, 40) if SHORT else (50, 100, 200, 400)
BATCH = 5
DEFAULT = "four-branch" if SHORT else ",".join(PROBLEMS)
NAMES = os.environ.get("MODELWARD_BENCH_PROBLEMS", DEFAULT).split(",")
WORKERS = int(os.environ.get("MODELWARD_BENCH_WORKERS", "2"))
Floats = np.ndarray[Any, np.dtype[np.float64]]


def forest(seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(100, random_state=seed)


def boosting(seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(random_state=seed)


def network(seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier((32, 32), alpha=1e-2, solver="lbfgs", max_iter=200, random_state=seed)


class Classifiers:
    """The even mean of classifiers of pass and fail, and of a Gaussian process if one is asked for."""

    def __init__(self, makers: tuple[Callable[[int], Any], ...], *, process: bool = False) -> None:
        self.makers, self.process = makers, GaussianProcess() if process else None

    def fit(self, x: Floats, margin: Floats, seed: int) -> None:
        import warnings

        failed = margin < 0
        self.share = float(failed.mean())
        self.models = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if 0 < self.share < 1:
                self.models = [make(seed).fit(x, failed) for make in self.makers]
        if self.process is not None:
            self.process.fit(x, margin, seed=seed)

    def p_fail(self, x: Floats) -> Floats:
        parts = [m.predict_proba(x)[:, 1] for m in self.models]
        if self.process is not None:
            parts.append(self.process.predict(x).p_fail())
        return np.mean(parts, axis=0) if parts else np.full(len(x), self.share)


METHODS: dict[str, tuple[Callable[[], Classifiers], str]] = {
    "Sobol + forest": (lambda: Classifiers((forest,)), "none"),
    "Sobol + GP": (lambda: Classifiers((), process=True), "none"),
    "GP straddle": (lambda: Classifiers((), process=True), "straddle"),
    "GBT uncertainty": (lambda: Classifiers((boosting,)), "uncertainty"),
    "committee": (
        lambda: Classifiers((forest, boosting, network), process=True),
        "uncertainty",
    ),
}
OURS = "modelward"
CHOSEN = os.environ.get("MODELWARD_BENCH_METHODS", ",".join([OURS, *METHODS])).split(",")


def f1(found: Any, truth: Any) -> float:
    return float(2 * (found & truth).sum() / max(1, found.sum() + truth.sum()))


def ours(problem: Problem, test: Floats, truth: Any, seed: int) -> list[float]:
    system = problem.system(seed=seed)
    study = Study(problem.features, [problem.output], seed=seed, audit=0.0)
    scores = []
    for budget in BUDGETS:
        while study.n_told < budget:
            runs = study.ask(min(BATCH, budget - study.n_told))
            study.tell(runs, [system(**run.values) for run in runs])
        scores.append(f1(study.surrogates().fails(test), truth))
    return scores


def peer(problem: Problem, test: Floats, truth: Any, seed: int, method: str) -> list[float]:
    """Run a peer; where it samples adaptively, in the same batches, the best of 2,000 candidates."""
    make, how = METHODS[method]
    system, domain = problem.system(seed=seed), problem.domain
    model, straddle = make(), Straddle()
    plan = domain.snap(sobol(BUDGETS[-1], len(domain), seed=seed))
    start = min(64, max(10, 3 * domain.encoded)) if how != "none" else BUDGETS[0]
    x = np.empty((0, len(domain)))
    runs: list[Run] = []
    scores = []

    def tell(points: Floats) -> None:
        nonlocal x
        x = np.vstack([x, points])
        for values in domain.points(points):
            result = {problem.output.name: float(system(**values))}
            runs.append(Run(len(runs), "field", values, results=result))

    tell(plan[:start])
    for budget in BUDGETS:
        while len(x) < budget:
            n = min(BATCH, budget - len(x))
            if how == "none":
                tell(plan[len(x) : budget])
                continue
            model.fit(domain.encode(x), margins(runs, problem.output), seed)
            points = fresh(domain, x, 2_000, seed=seed + len(x))
            encoded = domain.encode(points)
            if how == "straddle":
                assert model.process is not None
                belief, chosen = model.process.believe(encoded), []
                for _ in range(n):
                    best = int(np.argmax(straddle.score(belief.prediction)))
                    chosen.append(best)
                    belief.observe(encoded[best])
            else:
                doubt = -np.abs(model.p_fail(encoded) - 0.5)
                chosen = np.argsort(-doubt, kind="stable")[:n].tolist()
            tell(points[chosen])
        model.fit(domain.encode(x), margins(runs, problem.output), seed)
        scores.append(f1(model.p_fail(domain.encode(test)) > 0.5, truth))
    return scores


def one(name: str, method: str, seed: int) -> tuple[str, str, int, list[float]]:
    problem = PROBLEMS[name]
    domain = problem.domain
    test = domain.snap(np.random.default_rng(7).random((20_000, len(domain))))
    truth = problem.fails(domain.points(test))
    measure = ours if method == OURS else peer
    extra = () if method == OURS else (method,)
    scores = measure(problem, test, truth, seed, *extra)  # type: ignore[operator]
    print(name, method, seed, [round(s, 4) for s in scores], file=sys.stderr, flush=True)
    return name, method, seed, scores


def figures(rows: list[tuple[str, str, int, list[float]]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in NAMES:
        for method in CHOSEN:
            scores = np.array([row[3] for row in rows if row[:2] == (name, method)])
            for budget, score in zip(BUDGETS, np.median(scores, axis=0), strict=True):
                found[f"{name}, {method}, F1 at {budget}"] = round(float(score), 4)
    return found


def main() -> None:
    jobs = [(n, m, s) for n in NAMES for m in CHOSEN for s in range(SEEDS)]
    rows = Parallel(n_jobs=WORKERS)(delayed(one)(*job) for job in jobs)
    print(json.dumps({"seeds": SEEDS, **figures(rows)}))


if __name__ == "__main__":
    main()
