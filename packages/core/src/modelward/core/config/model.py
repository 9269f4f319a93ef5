"""The base of every configuration model, and the path that is relative to its file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo


class Config(BaseModel):
    """A frozen model that forbids unknown keys: the base of all settings read from a file.

    Infinity and NaN are refused unless a field allows them (`Field(allow_inf_nan=True)`); defaults
    are checked like given values; a failed check does not repeat what was given, so that a secret
    stays one. Secrets are `pydantic.SecretStr`. Tell the members of a union of models apart by a
    `Literal` field (`Field(discriminator="kind")`): the messages are then about the one meant.

    >>> class Detector(Config):
    ...     algorithm: str
    ...     threshold: float = 0.5
    >>> Detector(algorithm="psi")
    Detector(algorithm='psi', threshold=0.5)
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        validate_default=True,
    )


def _against_file(path: Path, info: ValidationInfo) -> Path:
    base = (info.context or {}).get("base")
    try:
        path = path.expanduser()
    except RuntimeError as error:
        raise ValueError("the home folder that ~ stands for is not known") from error
    return path if base is None else base / path


RelativePath = Annotated[Path, AfterValidator(_against_file)]
"""A path that `load` resolves against the folder of the configuration file, defaults included.

An absolute path stays as it is and `~` is the home folder. In a model made without a file the path
stays relative to the working folder.
"""
