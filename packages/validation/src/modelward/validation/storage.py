"""A study as a JSON file, from which it goes on as if it had never stopped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from modelward.core.errors import DataError
from modelward.core.files import write_whole
from modelward.validation.domain import Domain, Output
from modelward.validation.models.base import Surrogate
from modelward.validation.runs import Run
from modelward.validation.settings import StudySettings

if TYPE_CHECKING:
    from modelward.validation.study import Study

S = TypeVar("S", bound="Study")
FORMAT = "modelward.validation.study/2"


def save(study: Study, path: str | Path) -> Path:
    """Write a study to a file, whole or not at all, and give its path."""
    content = {
        "format": FORMAT,
        "name": study.name,
        "domain": study.domain.to_dict(),
        "outputs": [output.to_dict() for output in study.outputs],
        "settings": study.settings.to_dict(),
        "stopped": study.stopped,
        "frozen": study._frozen,
        "state": study.state(),
        "runs": [run.to_dict() for run in study.runs],
    }
    return write_whole(path, json.dumps(content, allow_nan=False) + "\n")


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
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"expected a whole study in {path}, got a damaged one: {error!r}"
        ) from error


def _read(cls: type[S], content: dict[str, Any], models: Sequence[Surrogate] | None) -> S:
    study = cls.of(
        Domain.from_dict(content["domain"]),
        [Output.from_dict(output) for output in content["outputs"]],
        StudySettings.from_dict(content["settings"]),
        name=content["name"],
        models=models,
    )
    study.stopped = content["stopped"]
    study._frozen = None if content["frozen"] is None else tuple(content["frozen"])
    study.restore([Run.from_dict(run) for run in content["runs"]], content["state"])
    return study
