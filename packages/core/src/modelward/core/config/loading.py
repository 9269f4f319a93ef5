"""Reading a configuration file into a model, and writing a model out."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, PydanticUserError, ValidationError

from modelward.core.config.explanation import explain
from modelward.core.config.nodes import compose
from modelward.core.config.problems import Report
from modelward.core.config.reading import decode, read
from modelward.core.config.shapes import check_closed

M = TypeVar("M", bound=BaseModel)


def load(
    path: str | os.PathLike[str], model: type[M], *, environ: Mapping[str, str] | None = None
) -> M:
    """Read a YAML file into a model (a class derived from `Config`).

    Strings may hold `${NAME}` and `${NAME:-default}`, filled in from `environ` (by default the
    process's own); the result stays a string, which the field's type then converts. Paths declared
    as `RelativePath` are resolved against the file's folder. YAML is read by its 1.2 core schema,
    one document, without tags and merge keys; aliases are allowed. An empty file is an empty mapping.
    At most 1 MiB, 64 levels and 20,000 values, aliases and variables filled in.

    Raises `InvalidConfigError` (a `ConfigError`), which lists every mistake with line and column, and
    `TypeError` for a model that is not frozen or would let unknown keys pass. Secrets
    (`pydantic.SecretStr`) are never repeated in it.

    >>> from modelward.core.config import Config
    >>> class Job(Config):
    ...     steps: int
    >>> load("no-such-file.yaml", Job)
    Traceback (most recent call last):
    ...
    modelward.core.config.problems.InvalidConfigError: no-such-file.yaml:1:1: cannot be read: ...
    """
    file = Path(path)
    report = Report(os.fspath(file))
    data = read(file, report)
    return _build(data, model, report, base=file.absolute().parent, environ=environ)


def loads(
    text: str | bytes,
    model: type[M],
    *,
    source: str = "<text>",
    base: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> M:
    """Read YAML text into a model, as `load` does.

    `source` is what messages call the text; `base` the folder that relative paths are resolved
    against (None leaves them relative).

    >>> from modelward.core.config import Config
    >>> class Job(Config):
    ...     steps: int
    ...     rate: float = 0.1
    >>> loads("steps: ${STEPS:-100}", Job)
    Job(steps=100, rate=0.1)
    >>> loads("step: 100", Job, source="job.yaml")
    Traceback (most recent call last):
    ...
    modelward.core.config.problems.InvalidConfigError: job.yaml:1:1: steps: a required key is missing; allowed: int
    job.yaml:1:1: step: unknown key; did you mean 'steps'? allowed: steps, rate
    """
    folder = None if base is None else Path(base).absolute()
    return _build(text, model, Report(source), base=folder, environ=environ)


def _build(
    data: str | bytes,
    model: type[M],
    report: Report,
    *,
    base: Path | None,
    environ: Mapping[str, str] | None,
) -> M:
    check_closed(model)
    root = compose(decode(data, report), report, os.environ if environ is None else environ)
    try:
        result = model.model_validate(root.plain(), context={"base": base})
    except ValidationError as error:
        problems = explain(error, model, root, report)
    except PydanticUserError:
        raise  # a mistake in the model, not in the file
    except Exception as error:  # a validator that did not expect this input
        problems = report.fatal(f"the model's own check broke with {_origin(error)}")
    else:
        if not report:
            return result
        problems = report.error()
    # Raised out here, the error carries no context: pydantic's own would show secrets to a logger.
    raise problems


def _origin(error: Exception) -> str:
    # The message is left out: it may repeat a secret.
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"
