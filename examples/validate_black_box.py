# %% [markdown]
# # Find where a black box fails
#
# The system is the five-feature model of the public interface example of the tool VALICY: it turns a
# running value through five angles, with a little noise, and is correct while its output stays below
# 0.4. We know nothing of it but that it can be run. A study asks for inputs, learns from what comes back,
# and says in words where the system fails, what of it is proven, and what is not known.

# %%
from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

import modelward.validation as val
from modelward.core.pages import svg
from modelward.validation.problems import five_features, five_features_noisy

FEATURES = [
    val.FeatureContinuous(f"feature_{i}", 0, upper)
    for i, upper in enumerate((180, 180, 90, 90, 180))
]
OUTPUT = val.Output("output_0", threshold=0.4, orientation="lower", certainty_target=0.8)


# %% [markdown]
# ## Run it
# `run` asks for points one batch after another. It stops when the audit proves the certainty target, or
# when the budget is spent. After that `certify` freezes what was learnt and tests it with points that no
# model chose.


# %%
def study(budget: int, audit: int, seed: int) -> tuple[val.Study, val.StudyResult]:
    system = five_features_noisy(np.random.default_rng(seed))
    found = val.Study(FEATURES, [OUTPUT], name="five-feature model", seed=seed)
    found.run(system, budget=budget, batch=5, stop_early=False)
    return found, found.certify(system, n=audit)


# %% [markdown]
# ## How good is the answer?
# Here, and only here, the truth is known: 20,000 points of the noise-free model.


# %%
def against_truth(found: val.Study) -> dict[str, float]:
    points = found.domain.points(found.domain.draw(20_000, np.random.default_rng(7)))
    truth = OUTPUT.fails(np.array([five_features(**point) for point in points]))
    verdict = found.predict(points)["fails"].to_numpy()
    both = int((truth & verdict).sum())
    return {
        "f1": 2 * both / max(1, int(truth.sum() + verdict.sum())),
        "wrong": float((truth != verdict).mean()),
        "failing_share": float(truth.mean()),
    }


# %%
def main(budget: int = 150, audit: int = 60, seed: int = 0, folder: Path | None = None) -> None:
    folder = folder or Path("modelward-runs/validate-black-box")
    found, result = study(budget, audit, seed)
    print(result)
    explained = found.explain()
    print("\nWhat matters (total Sobol index of P(fail)):")
    for row in explained["sensitivity"]["output_0"]:
        print(f"  {row['feature']}: {row['total']:.2f}")
    for case in explained["nearest_passing"][:2]:
        changes = ", ".join(f"{k} {a:.3g} -> {b:.3g}" for k, (a, b) in case["changes"].items())
        print(f"Run {case['run']} failed; it would pass with {changes}")
    truth = against_truth(found)
    print(f"\nAgainst the truth: F1 {truth['f1']:.3f}, wrong on {truth['wrong']:.2%} of the space")
    page = found.to_page().save(folder / "validation.html")
    record = result.to_evidence().save(folder / "validation.evidence.json")
    found.save(folder / "study.json")
    (folder / "boundary.svg").write_text(str(svg(result.plot())))
    print(f"report {page}\nrecord {record}")
    held = truth["wrong"] <= (result.certificate.error.high or 0)
    print(
        json.dumps(
            {
                "ok": bool(held),
                "runs": result.n,
                "f1": round(truth["f1"], 4),
                "proven_certainty": round(result.certificate.certainty, 4),
                "failing_share": round(result.failure_share.value, 4),
            }
        )
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Find where the five-feature model fails.")
    parser.add_argument("--budget", type=int, default=150)
    parser.add_argument("--audit", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=None)
    main(**vars(parser.parse_args()))
