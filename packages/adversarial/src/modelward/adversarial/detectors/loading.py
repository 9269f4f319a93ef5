"""Loading a detector by the name of its family, as a configuration file gives it."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from modelward.adversarial.detectors.base import Detector
from modelward.core.errors import ConfigError

FAMILIES = ("yolo3", "yolo5", "frcnn", "retinanet", "fcos", "ssd", "ssdlite", "onnx", "http")
"""The families of detectors; the last two only predict."""


def load_detector(
    family: str,
    conf: str | Path | None = None,
    weights: str | Path | None = None,
    *,
    classes: Sequence[str] | None = None,
    **settings: Any,
) -> Detector:
    """Load a detector by its family.

    `yolo3` takes Darknet's .cfg and .weights, `yolo5` a .pt checkpoint, `frcnn`, `retinanet`, `fcos`, `ssd`
    and `ssdlite` a state_dict or the name of weights torchvision publishes, `onnx` a file, and `http`
    an address. `classes` are by default those of the file, or COCO's; other settings are those of the
    family's own loader (`size`, `geometry`, `score_threshold`, `device`, `precision`, ...). No code in
    any file is run. `precision` gives the detector as it would be in `fp16`, `bf16` or `int8`.

    Raises `ConfigError` for an unknown family, naming the nearest, or a file that is lacking, and
    `DataError` for files that cannot be read.
    """
    if family not in FAMILIES:
        near = get_close_matches(family, FAMILIES, n=1)
        raise ConfigError(
            f"expected a detector of {', '.join(FAMILIES)}, got {family!r}",
            hint=f"did you mean {near[0]!r}?" if near else "",
        )
    if weights is None or (family == "yolo3" and conf is None):
        raise ConfigError(
            f"expected {'conf and ' if family == 'yolo3' else ''}weights for {family}, got none"
        )
    precision = settings.pop("precision", None)
    detector = _loaded(family, conf, weights, classes, settings)
    if precision is None:
        return detector
    from modelward.adversarial.detectors.precision import in_precision

    return in_precision(detector, precision)


def _loaded(
    family: str,
    conf: str | Path | None,
    weights: str | Path,
    classes: Sequence[str] | None,
    settings: dict[str, Any],
) -> Detector:
    if family == "yolo3" and conf is not None:
        from modelward.adversarial.detectors.yolo3 import Yolo3

        return Yolo3.from_darknet(conf, weights, classes=classes, **settings)
    if family == "yolo5":
        from modelward.adversarial.detectors.yolo5 import Yolo5

        return Yolo5.from_checkpoint(weights, classes=classes, **settings)
    from modelward.adversarial.detectors.coco_names import COCO

    # What only predicts is told apart by attacks that need a loss.
    if family == "onnx":
        from modelward.adversarial.detectors.onnx import OnnxDetector

        return cast("Detector", OnnxDetector(path=weights, classes=classes or COCO, **settings))
    if family == "http":
        from modelward.adversarial.detectors.http import HttpDetector

        return cast("Detector", HttpDetector(url=str(weights), classes=classes or COCO, **settings))
    return _torchvision(family, weights, classes, settings)


def _torchvision(
    family: str, weights: str | Path, classes: Sequence[str] | None, settings: dict[str, Any]
) -> Detector:
    from modelward.adversarial.detectors.coco_names import COCO, COCO_NUMBERS
    from modelward.adversarial.detectors.frcnn import FasterRCNN
    from modelward.adversarial.detectors.torchvision_dense import FCOS, SSD, RetinaNet
    from modelward.adversarial.detectors.torchvision_family import TorchvisionDetector

    kinds: dict[str, type[TorchvisionDetector]] = {
        "frcnn": FasterRCNN,
        "retinanet": RetinaNet,
        "fcos": FCOS,
        "ssd": SSD,
        "ssdlite": SSD,
    }
    if classes is None:
        settings = {"numbers": COCO_NUMBERS} | settings
    if family == "ssdlite":
        settings = {"kind": "ssdlite320_mobilenet_v3_large"} | settings
    return kinds[family].from_weights(weights, classes=classes or COCO, **settings)
