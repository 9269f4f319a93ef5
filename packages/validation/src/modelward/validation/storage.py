"""A study as a JSON file, from which it goes on as if it had never stopped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from modelward.core.errors import ConfigError, DataError
from modelward.core.files import write_whole
from modelward.validation.domain import Output, feature_from_dict
from modelward.validation.models.base import Surrogate
from modelward.validation.runs import Run

if TYPE_CHECKING:
    from modelward.validation.study import Study

S = TypeVar("S", bound="Study")
FORMAT = "modelward.validation.study/1"


def save(study: Study, path: str | Path) -> Path:
    """Write a study to a file, whole or not at all, and give its path."""
    content = {
        "format": FORMAT,
        "name": study.name,
        "seed": study.seed,
        "level": study.level,
        "initial": study.proposer.initial,
        "explore": study.proposer.explore,
        "audit": study.proposer.audit,
        "features": study.domain.to_dict(),
        "outputs": [asdict(output) for output in study.outputs],
        "stopped": study.stopped,
        "frozen": study._frozen,
        "models": study.panel.state(),
        "runs": [asdict(run) for run in study.runs],
    }
    return write_whole(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def load(cls: type[S], path: str | Path, *, models: Sequence[Surrogate] | None) -> S:
    """Read a study from a file. Raises `DataError` for a file that is not a saved study."""
    try:
        content = json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"expected a saved study in {path}, got: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError(f"expected a saved study (format {FORMAT}) in {path}, got something else")
    try:
        return _read(cls, content, models)
    except (AttributeError, ConfigError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"expected a whole study in {path}, got a damaged one: {error!r}"
        ) from error


def _read(cls: type[S], content: dict[str, Any], models: Sequence[Surrogate] | None) -> S:
    study = cls(
        [feature_from_dict(feature) for feature in content["features"]],
        [Output(**output) for output in content["outputs"]],
        name=content["name"],
        models=models,
        seed=content["seed"],
        initial=content["initial"],
        explore=content["explore"],
        audit=content["audit"],
        level=content["level"],
    )
    study.stopped = content["stopped"]
    study.panel.restore(content["models"])
    study._book.runs = [Run(**run) for run in content["runs"]]
    study._frozen = None if content["frozen"] is None else tuple(content["frozen"])
    study.domain.to_unit([run.values for run in study.runs])  # checks them
    if [run.id for run in study.runs] != list(range(len(study.runs))):
        raise DataError("runs are not numbered in order")
    for run in study.told:
        study.panel.score(run)
    return study
