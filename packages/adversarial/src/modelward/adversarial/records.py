"""An assessment handed on: as evidence, to MLflow, and to a folder from which it is read again."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detections
from modelward.adversarial.report import assessment_page
from modelward.adversarial.results import Assessment, Cell, Example, Scores
from modelward.adversarial.strength import Check, Strength
from modelward.adversarial.tables import name
from modelward.core.errors import DataError
from modelward.core.evidence import Artifact, Environment, Evidence, Input, Metric, Subject
from modelward.core.files import write_whole
from modelward.core.metrics import Estimate

FILES = (
    "assessment.json",
    "assessment.html",
    "assessment.evidence.json",
    "assessment.pictures.npz",
)


def evidence(result: Assessment, *, artifacts: Sequence[Artifact] = ()) -> Evidence:
    """Give the sealed record of an assessment."""
    several = len(result.clean) > 1
    metrics = [m for t, s in result.clean.items() for m in _metrics(s, t if several else "")]
    for c in result.cells:
        metrics += _metrics(c.scores, name(result, c))
        metrics.append(Metric.of("ap_drop", c.drop, slice=name(result, c), higher_is_better=False))
        if c.left is not None:
            metrics.append(
                Metric.of(
                    "ap50_left", c.left, slice=name(result, c), unit="ratio", higher_is_better=True
                )
            )
        metrics += [
            Metric.of(rate, value, slice=name(result, c)) for rate, value in c.rates.items()
        ]
        metrics += [
            Metric.of("linf", c.linf, slice=name(result, c), unit="of the pixel range"),
            Metric.of("seconds", c.seconds, slice=name(result, c), unit="s"),
        ]
    findings = [
        f"{name(result, c)} leaves {_share(c, result):.0%} of the clean AP of {c.target} "
        f"({result.clean[c.target].ap.value:.3f} to {c.ap.value:.3f} on the same {result.n} images)"
        for c in result.cells
    ]
    notes = [*result.warnings, *result.related(), *(f"left out: {t}" for t in result.left_out)]
    sole = next(iter(result.clean)) if not several else None
    others = [(d, sha) for d, sha in result.detectors.items() if d != sole]
    return Evidence.create(
        kind="adversarial.assessment",
        subject=Subject(
            name=", ".join(result.clean), sha256=None if sole is None else result.detectors[sole]
        ),
        tool="modelward-adversarial",
        config=result.config,
        seed=result.seed,
        environment=Environment.current(device=next(iter(result.config["devices"].values()))),
        inputs=[
            Input(name=result.data, sha256=result.data_sha256, rows=result.n),
            *(Input(name=detector, sha256=sha) for detector, sha in others),
        ],
        metrics=metrics,
        findings=[*findings, *(str(s) for s in result.strength), *(f"warning: {t}" for t in notes)],
        artifacts=artifacts,
    )


def _metrics(scores: Scores, where: str) -> list[Metric]:
    def metric(figure: str, value: float | Estimate, part: str = "") -> Metric:
        slice_ = ", ".join(filter(None, (where, part))) or None
        return Metric.of(figure, value, slice=slice_, higher_is_better=True)

    found = [metric("ap", scores.ap), metric("ap50", scores.ap50)]
    found += [metric("ap75", scores.ap75)] if scores.ap75 is not None else []
    found += [metric("ap", v, f"{k} objects") for k, v in scores.by_size.items() if v is not None]
    found += [metric("ap", v, f"class {k}") for k, v in scores.per_class.items()]
    return found


def _share(cell: Cell, result: Assessment) -> float:
    clean = result.clean[cell.target].ap.value
    return cell.ap.value / clean if clean else 0.0


def log_to_mlflow(result: Assessment, run_id: str, *, tracking_uri: str | None = None) -> None:
    """Log the record with its figures, and the page, to a run of MLflow."""
    from modelward.core.optional import require

    require("mlflow", feature="logging to MLflow", install="'./packages/adversarial[mlflow]'")
    from mlflow.tracking import MlflowClient

    result.to_evidence().log_to_mlflow(run_id, tracking_uri=tracking_uri)
    client = MlflowClient(tracking_uri=tracking_uri)
    client.log_text(run_id, assessment_page(result).render(), "adversarial/assessment.html")
    client.log_text(run_id, result.to_json(), "adversarial/assessment.json")


def save(result: Assessment, folder: Path) -> Path:
    """Write figures, pictures, page and record; the record last, over the others."""
    write_whole(folder / FILES[0], result.to_json())
    page = assessment_page(result, beside=True).save(folder / FILES[1])
    _save_pictures(result, folder / FILES[3])
    artifacts = [
        Artifact.of(page, root=folder, media_type="text/html", alt_text="The report."),
        Artifact.of(folder / FILES[0], root=folder, media_type="application/json"),
    ]
    result.to_evidence(artifacts=artifacts).save(folder / FILES[2])
    return page


def _save_pictures(result: Assessment, path: Path) -> None:
    arrays: dict[str, Any] = {}
    for number, cell in enumerate(result.cells):
        for i, e in enumerate(cell.examples):
            key = f"{number}/{i}/"
            arrays |= {
                f"{key}image": e.image.numpy().astype(np.float16),
                f"{key}adversarial": e.adversarial.numpy().astype(np.float16),
                f"{key}target/boxes": e.target.boxes.numpy(),
                f"{key}target/labels": e.target.labels.numpy(),
            }
            for which, seen in (("seen", e.seen), ("seen_adversarial", e.seen_adversarial)):
                for part in ("boxes", "scores", "labels"):
                    arrays[f"{key}{which}/{part}"] = getattr(seen, part).numpy()
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
    partial.replace(path)


def load(folder: Path) -> Assessment:
    """Read what `save` wrote."""
    try:
        content = json.loads((folder / FILES[0]).read_text("utf-8"))
        pictures = _load_pictures(folder / FILES[3])
        return Assessment(
            clean={target: _scores(s) for target, s in content["clean"].items()},
            cells=tuple(
                _cell(c, pictures.get(number, ())) for number, c in enumerate(content["cells"])
            ),
            detectors=content["detectors"],
            n=int(content["n"]),
            data=content["data"],
            data_sha256=content["data_sha256"],
            strength=tuple(
                Strength(
                    s["detector"], s["attack"], s["n"], tuple(Check(**each) for each in s["checks"])
                )
                for s in content["strength"]
            ),
            warnings=tuple(content["warnings"]),
            left_out=tuple(content["left_out"]),
            config=content["config"],
            seed=int(content["seed"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise DataError(
            f"expected an assessment in {folder}, got: {error}",
            hint="give the folder that `modelward adversarial assess` or `Assessment.save` wrote.",
        ) from error


def _scores(content: Mapping[str, Any]) -> Scores:
    names = ("ap75", "small", "medium", "large", "per_class")
    return Scores(
        ap=Estimate(**content["ap"]),
        ap50=Estimate(**content["ap50"]),
        **{key: content[key] for key in names},
    )


def _cell(content: Mapping[str, Any], examples: tuple[Example, ...]) -> Cell:
    plain = ("source", "target", "attack", "name", "eps", "settings", "uses_gradient", "lost_to")
    figures = ("linf", "l2", "ssim", "queries", "seconds")
    return Cell(
        **{key: content[key] for key in (*plain, *figures)},
        scores=_scores(content),
        drop=Estimate(**content["drop"]),
        left=None if content["left"] is None else Estimate(**content["left"]),
        rates={rate: Estimate(**value) for rate, value in content["rates"].items()},
        examples=examples,
    )


def _load_pictures(path: Path) -> dict[int, tuple[Example, ...]]:
    found: dict[int, tuple[Example, ...]] = {}
    if not path.is_file():
        return found
    with np.load(path, allow_pickle=False) as archive:
        keys = {tuple(key.split("/")[:2]) for key in archive.files}
        for number, i in sorted(keys, key=lambda key: (int(key[0]), int(key[1]))):

            def part(what: str, at: str = f"{number}/{i}/") -> torch.Tensor:
                return torch.from_numpy(archive[at + what])

            def seen(which: str) -> Detections:
                return Detections(*(part(f"{which}/{k}") for k in ("boxes", "scores", "labels")))

            example = Example(
                part("image").float(),
                part("adversarial").float(),
                Target(part("target/boxes"), part("target/labels")),
                seen("seen"),
                seen("seen_adversarial"),
            )
            found[int(number)] = (*found.get(int(number), ()), example)
    return found
