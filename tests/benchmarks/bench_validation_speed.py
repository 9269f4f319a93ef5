"""How long it takes to ask for ten points, and to learn, with many runs told.

Five features, the default population. Times are of the processor: seconds. The floor is one sklearn
random forest on the same results; the naive way is one search of all the process's lengths.
"""

from __future__ import annotations

import json
import os
import time

import numpy as np

from modelward.validation import PROBLEMS, GaussianProcess, Study
from modelward.validation.runs import margins

SHORT = os.environ.get("MODELWARD_BENCH") == "short"
SIZES = (300,) if SHORT else (500, 2_000, 20_000)
NAIVE = 200 if SHORT else 500


def clock(job: object) -> float:
    start = time.process_time()
    job()  # type: ignore[operator]
    return time.process_time() - start


def main() -> None:
    from sklearn.ensemble import RandomForestClassifier

    problem = PROBLEMS["five features"]
    system, domain, rng = problem.system(seed=0), problem.domain, np.random.default_rng(0)
    found: dict[str, float] = {}
    for n in SIZES:
        study = Study(problem.features, [problem.output], seed=0)
        points = domain.points(domain.draw(n, rng))
        study.tell(points, [system(**p) for p in points])
        found[f"{n} runs: first training of all, s"] = clock(study.learn)
        found[f"{n} runs: ten points, s"] = clock(lambda s=study: s.ask(10))
        more = domain.points(domain.draw(10, rng))
        study.tell(more, [system(**p) for p in more])
        found[f"{n} runs: update with ten results, s"] = clock(study.learn)
        grown = domain.points(domain.draw(n // 2, rng))
        study.tell(grown, [system(**p) for p in grown])
        found[f"{n} runs: update after growth by half (all retrained), s"] = clock(study.learn)
        x = domain.encode(domain.to_unit(points))
        failed = margins(study.told[:n], problem.output) < 0
        floor = clock(lambda x=x, y=failed: RandomForestClassifier(100).fit(x, y))
        found[f"{n} runs: one random forest, s"] = floor
    x = domain.draw(NAIVE, rng)
    y = np.array([system(**p) for p in domain.points(x)])
    naive = GaussianProcess(most=NAIVE, active=max(NAIVE, 1_500))
    found[f"naive search of lengths on {NAIVE} runs, s"] = clock(lambda: naive.fit(x, y, seed=0))
    print(json.dumps({k: round(v, 3) for k, v in found.items()}))


if __name__ == "__main__":
    main()
