"""F1 of the failing class after so many runs: the competition beside what one would do without it.

Truth is known on 20,000 uniform points. Peers: Sobol points with a random forest or a Gaussian
process, one Gaussian process with straddle, gradient boosting with uncertainty sampling, and query by
committee (the even mean of four families), all from the same Sobol start. No audit point is drawn, for
the peers draw none. Medians over the seeds.

`MODELWARD_BENCH_SEEDS`, `MODELWARD_BENCH_PROBLEMS` (names, by comma) and `MODELWARD_BENCH_METHODS` narrow
it down. A study takes minutes: what was measured is kept line by line in the file that
`MODELWARD_BENCH_ROWS` names, and is not measured again; `MODELWARD_BENCH_MINUTES` ends the measuring
after so many, and medians are of what was measured by then. `docs/benchmarks/validation_boundary.svg`
shows the curves.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
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
KEPT = os.environ.get("MODELWARD_BENCH_ROWS", "")
UNTIL = time.time() + 60 * float(os.environ.get("MODELWARD_BENCH_MINUTES", "inf"))
CURVES = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "validation_boundary.svg"
Floats = np.ndarray[Any, np.dtype[np.float64]]
Row = tuple[str, str, int, list[float]]


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


def one(name: str, method: str, seed: int) -> Row | None:
    if time.time() > UNTIL:
        return None
    problem = PROBLEMS[name]
    domain = problem.domain
    test = domain.snap(np.random.default_rng(7).random((20_000, len(domain))))
    truth = problem.fails(domain.points(test))
    measure = ours if method == OURS else peer
    extra = () if method == OURS else (method,)
    scores = measure(problem, test, truth, seed, *extra)  # type: ignore[operator]
    row = name, method, seed, [round(score, 4) for score in scores]
    print(*row, file=sys.stderr, flush=True)
    if KEPT:
        with Path(KEPT).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    return row


def figures(rows: list[Row]) -> dict[str, float]:
    """Give the seeds, and the median score, of each problem, method and budget."""
    found: dict[str, float] = {}
    for name in NAMES:
        for method in CHOSEN:
            scores = np.array([row[3] for row in rows if row[:2] == (name, method)])
            if not len(scores):
                continue
            found[f"{name}, {method}, seeds"] = len(scores)
            for budget, score in zip(BUDGETS, np.median(scores, axis=0), strict=True):
                found[f"{name}, {method}, F1 at {budget}"] = round(float(score), 4)
    return found


def draw(found: dict[str, float], path: Path) -> None:
    """Draw F1 over the number of runs, a panel for each problem."""
    import matplotlib.pyplot as plt

    plt.rcParams["svg.hashsalt"] = "modelward"
    shown = [name for name in NAMES if any(key.startswith(f"{name}, ") for key in found)]
    figure, panels = plt.subplots(2, -(-len(shown) // 2), figsize=(13, 6.4), layout="constrained")
    for panel, name in zip(panels.flat, shown, strict=False):
        for method in CHOSEN:
            curve = [found.get(f"{name}, {method}, F1 at {budget}") for budget in BUDGETS]
            if curve[0] is not None:
                own = method == OURS
                panel.plot(
                    BUDGETS, curve, "o-" if own else ".--", lw=2.4 if own else 1.1, label=method
                )
        panel.set(title=name, xlabel="runs", xscale="log")
        panel.set_xticks(BUDGETS, labels=[str(budget) for budget in BUDGETS])
        panel.minorticks_off()
    for panel in list(panels.flat)[len(shown) :]:
        panel.set_visible(False)
    panels.flat[0].set_ylabel("F1 of the failing class, median")
    figure.legend(*panels.flat[0].get_legend_handles_labels(), loc="outside lower center", ncol=6)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    kept: list[Row] = []
    if KEPT and Path(KEPT).is_file():
        lines = Path(KEPT).read_text("utf-8").splitlines()
        kept = [(row[0], row[1], row[2], row[3]) for row in map(json.loads, lines)]
    done = {row[:3] for row in kept}
    jobs = [(n, m, s) for s in range(SEEDS) for n in NAMES for m in CHOSEN]
    jobs = [job for job in jobs if job not in done]
    rows = Parallel(n_jobs=WORKERS)(delayed(one)(*job) for job in jobs)
    found = figures(kept + [row for row in rows if row is not None])
    if not SHORT:
        draw(found, CURVES)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
