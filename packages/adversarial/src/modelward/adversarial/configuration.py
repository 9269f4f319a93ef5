"""The configuration file: what is attacked, how, and with which images."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from modelward.adversarial.attacks.base import Attack
from modelward.adversarial.attacks.registry import make_attack
from modelward.adversarial.data.adversarial_set import Stored
from modelward.adversarial.data.coco import coco_data
from modelward.adversarial.data.files import FileData
from modelward.adversarial.data.folder import folder_data
from modelward.adversarial.data.voc import voc_data
from modelward.adversarial.data.yolo_txt import yolo_data
from modelward.adversarial.detectors.base import Detector
from modelward.adversarial.detectors.loading import load_detector
from modelward.core.config import Config, RelativePath
from modelward.core.errors import ConfigError

Family = Literal["yolo3", "yolo5", "frcnn", "retinanet", "fcos", "ssd", "ssdlite", "onnx", "http"]
Kind = Literal["letterbox", "stretch", "native"]
ZOO = "zoo"
"""In place of weights: the small detector of that family, trained on drawn shapes where it is used."""

_FRACTION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)\s*")


def number(value: Any) -> Any:
    """Read a number that may be written as a fraction; everything else is left as it is.

    >>> number("8/255") == 8 / 255, number(3), number("linf")
    (True, 3, 'linf')
    """
    found = _FRACTION.fullmatch(value) if isinstance(value, str) else None
    if found is None or float(found[2]) == 0:
        return value
    return float(found[1]) / float(found[2])


Number = Annotated[float, BeforeValidator(number)]


class Task(Config):
    """What is to be done."""

    type: Literal["create", "transfer", "assess"]


class Model(Config):
    """A detector: its files, and the geometry it is used with (default: the family's own)."""

    model_conf: RelativePath | None = None
    saved_model: RelativePath | Literal["zoo"]
    size: int | None = Field(None, ge=32, le=4096)
    geometry: Kind | None = None
    precision: Literal["fp16", "bf16", "int8"] | None = None
    classes: tuple[str, ...] | None = None
    device: str = "cpu"

    def load(self, family: str) -> Detector:
        """Load it."""
        if str(self.saved_model) == ZOO:
            from modelward.adversarial.zoo.small import small_detector

            found: Detector = small_detector(family)
            return found
        given = {
            "size": self.size,
            "geometry": self.geometry,
            "precision": self.precision,
            "device": self.device,
        }
        settings = {key: value for key, value in given.items() if value is not None}
        if family in {"onnx", "http"}:
            settings.pop("device", None)
        try:
            return load_detector(
                family, self.model_conf, self.saved_model, classes=self.classes, **settings
            )
        except TypeError as error:  # a setting the family's own loader does not know
            raise ConfigError(f"expected settings of {family}, got {settings}") from error


class Named(Model):
    """A detector with its family."""

    base_model: Family = Field(alias="base-model")


class Create(Model):
    """How adversarial images are made: on which detector, by which attack.

    `together_with` are further detectors of the same classes: all are attacked as one ensemble.
    """

    base_model: Family = Field(alias="base-model")
    together_with: tuple[Named, ...] = Field((), alias="together-with")
    algorithm: str = "pgd"
    settings: dict[str, Any] = Field(default_factory=dict)
    sample_size: int = Field(200, alias="sample-size", ge=1)
    out: RelativePath = Path("logs/images.npz")
    stored: Stored = "float16"
    seed: int = Field(0, ge=0)
    batch: int = Field(8, ge=1)


class Transfer(Model):
    """Which detector is shown which adversarial images."""

    source_images: RelativePath
    target_model: Family = Field(alias="target-model")
    out: RelativePath = Path("logs/result.json")


class Chosen(Config):
    """An attack of an assessment."""

    algorithm: str
    settings: dict[str, Any] = Field(default_factory=dict)


class Assess(Config):
    """A matrix of sources, targets, attacks and sizes; sources and targets are by default all models.

    `ensembles` are names for two models or more that are attacked as one; they are sources as well.
    """

    models: dict[str, Named] = Field(min_length=1)
    ensembles: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    attacks: tuple[Chosen, ...] = Field(min_length=1)
    eps: tuple[Number, ...] = ()
    sample_size: int = Field(200, alias="sample-size", ge=1)
    out: RelativePath = Path("logs/assessment")
    seed: int = Field(0, ge=0)
    batch: int = Field(8, ge=1)
    jobs: int = Field(1, ge=-1)
    resamples: int = Field(400, ge=100)
    level: float = Field(0.95, gt=0, lt=1)
    control_images: int = Field(8, alias="control-images", ge=0)

    @model_validator(mode="after")
    def _known(self) -> Self:
        grouped = [name for names in self.ensembles.values() for name in names]
        for name in (*grouped, *self.targets):
            if name not in self.models:
                raise ValueError(f"{name!r} is none of models: {', '.join(self.models)}")
        able = {**self.models, **self.ensembles}
        for name in self.sources:
            if name not in able:
                raise ValueError(f"{name!r} is none of models and ensembles: {', '.join(able)}")
        for name, names in self.ensembles.items():
            if name in self.models or len(set(names)) < 2:
                raise ValueError(
                    f"the ensemble {name!r} needs a name of its own and two models or more"
                )
        return self


class Dataset(Config):
    """A folder of images and their labels: COCO's json, YOLO's text files, VOC's XML files, or none.

    Without labels, scores are of agreement with what the (first) target sees on the clean images.
    """

    images: RelativePath
    labels_json: RelativePath | None = None
    format: Literal["coco", "yolo", "voc", "folder"] = "coco"
    labels: RelativePath | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.format == "coco" and self.labels_json is None:
            raise ValueError("labels_json is needed (or another format: yolo, voc, folder)")
        if self.format == "voc" and self.labels is None:
            raise ValueError("format is voc: labels, the folder of XML files, is needed")
        return self

    def read(self, classes: tuple[str, ...]) -> FileData:
        """Read the data set, with the class names of a detector."""
        if self.format == "yolo":
            return yolo_data(self.images, self.labels, classes=classes)
        if self.format == "voc" and self.labels is not None:
            return voc_data(self.images, self.labels, classes=classes)
        if self.labels_json is not None and self.format == "coco":
            return coco_data(self.images, self.labels_json, classes=classes)
        return folder_data(self.images, classes=classes)


class AttackConfig(Config):
    """The configuration file: `task.type` says which of the sections is read."""

    task: Task
    create: Create | None = Field(None, alias="create-attack")
    transfer: Transfer | None = None
    assess: Assess | None = None
    dataset: Dataset

    @model_validator(mode="after")
    def _whole(self) -> Self:
        sections = {"create": self.create, "transfer": self.transfer, "assess": self.assess}
        if sections[self.task.type] is None:
            name = "create-attack" if self.task.type == "create" else self.task.type
            raise ValueError(f"task.type is {self.task.type}: {name} is needed")
        return self


def load_config(path: str | Path) -> AttackConfig:
    """Read a configuration file. Raises `InvalidConfigError`, which lists every mistake."""
    from modelward.core.config import load

    return load(path, AttackConfig)


def attack_of(algorithm: str, settings: dict[str, Any]) -> Attack:
    """Make an attack from its name and settings, in which numbers may be fractions."""
    return make_attack(algorithm, **{key: number(value) for key, value in settings.items()})
