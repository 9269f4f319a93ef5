"""A detector in an ONNX file, as a black box."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from modelward.adversarial.detectors.base import Detections, check_images
from modelward.adversarial.detectors.geometry import NATIVE, Geometry, Kind
from modelward.adversarial.detectors.yolo_head import detections
from modelward.core.errors import DataError
from modelward.core.optional import require

Layout = Literal["objectness", "plain"]
Parse = Callable[[list[np.ndarray]], tuple[Tensor, Tensor]]


class OnnxDetector:
    """A detector run by onnxruntime; it only predicts, and gives no gradients.

    The file takes one float batch `(N, 3, H, W)` in [0, 1]. Its first output is one row a place,
    `(N, A, 5 + C)`: centre x, y, width, height in the network's pixels, objectness and class
    probabilities (`layout="objectness"`, as YOLOv5 is exported), or `(N, 4 + C, A)` without the
    objectness (`"plain"`, as YOLOv8 is). For any other, `parse(outputs)` gives corners `(N, A, 4)` in the
    network's pixels and scores `(N, A, C)` in [0, 1]. `size` is by default that of the file.

    Raises `DataError` for a file that cannot be read or does not fit, and `MissingPackageError` without
    onnxruntime.
    """

    def __init__(
        self,
        *,
        path: str | Path,
        classes: Sequence[str],
        layout: Layout = "objectness",
        parse: Parse | None = None,
        size: int | tuple[int, int] | None = None,
        geometry: Kind = "letterbox",
        name: str = "",
        score_threshold: float = 0.001,
        nms_threshold: float = 0.6,
        limit: int = 300,
        threads: int = 1,
    ) -> None:
        runtime = require(
            "onnxruntime", feature="an ONNX detector", install="'./packages/adversarial[onnx]'"
        )
        self.path = Path(path)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        try:
            content = self.path.read_bytes()
            self.session = runtime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except FileNotFoundError as error:
            raise DataError(f"expected an ONNX file at {self.path}, got none") from error
        except Exception as error:  # onnxruntime raises its own kinds, which have no base but this
            raise DataError(
                f"expected an ONNX file in {self.path.name}, got: {str(error)[:200]}"
            ) from error
        self._sha256 = hashlib.sha256(content).hexdigest()
        inputs = self.session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[1] not in {3, "3"}:
            raise DataError(
                f"expected one input (N, 3, H, W) in {self.path.name}, "
                f"got {[(each.name, each.shape) for each in inputs]}"
            )
        self._input, shape = inputs[0].name, inputs[0].shape
        self._one = shape[0] == 1
        self._half = "float16" in inputs[0].type
        if size is None and all(isinstance(side, int) for side in shape[2:]):
            size = (shape[2], shape[3])
        side = (size, size) if isinstance(size, int) else size
        native = geometry == "native" or side is None
        self.geometry = NATIVE if native else Geometry(geometry, side)
        self.classes = tuple(classes)
        self.device = torch.device("cpu")
        self.name = name or self.path.stem
        self.score_threshold, self.nms_threshold, self.limit = score_threshold, nms_threshold, limit
        self.layout, self._parse = layout, parse

    def __repr__(self) -> str:
        return (
            f"OnnxDetector(name={self.name!r}, classes={len(self.classes)}, "
            f"geometry={self.geometry!r}, score_threshold={self.score_threshold}, "
            f"nms_threshold={self.nms_threshold}, limit={self.limit})"
        )

    def digest(self) -> str:
        """Give the SHA-256 of the file."""
        return self._sha256

    def predict(self, images: Tensor) -> list[Detections]:
        """Detect objects on images `(N, 3, H, W)` in [0, 1]: one `Detections` an image."""
        check_images(images)
        shown = self.geometry.to_network(images.detach().cpu().float(), stride=32).numpy()
        shown = shown.astype(np.float16 if self._half else np.float32)
        parts = np.split(shown, len(shown)) if self._one else [shown]
        answers = [self.session.run(None, {self._input: part}) for part in parts]
        outputs = [np.concatenate(each) for each in zip(*answers, strict=True)]
        corners, scores = self._parse(outputs) if self._parse else self._rows(outputs[0])
        if scores.shape != (len(images), corners.shape[1], len(self.classes)):
            raise DataError(
                f"expected scores of {len(self.classes)} classes from {self.path.name}, "
                f"got {tuple(scores.shape)}",
                hint="give the classes of the file, or its layout.",
            )
        size = (images.shape[-2], images.shape[-1])
        return detections(
            _Scored(scores.float()),
            self.geometry.to_image(corners.float(), size),
            size,
            score_threshold=self.score_threshold,
            nms_threshold=self.nms_threshold,
            limit=self.limit,
            multi_label=False,
        )

    def _rows(self, output: np.ndarray) -> tuple[Tensor, Tensor]:
        rows = torch.from_numpy(np.ascontiguousarray(output)).float()
        if rows.ndim != 3:
            raise DataError(
                f"expected an output (N, A, 5 + C) or (N, 4 + C, A), got {tuple(rows.shape)}",
                hint="give parse=, which says what the outputs are.",
            )
        if self.layout == "plain":
            rows = rows.transpose(1, 2)
            scores = rows[..., 4:]
        else:
            scores = rows[..., 4:5] * rows[..., 5:]
        half = rows[..., 2:4] / 2
        return torch.cat([rows[..., :2] - half, rows[..., :2] + half], dim=-1), scores


class _Scored:
    """Probabilities as the logits that thresholds and suppression expect."""

    def __init__(self, scores: Tensor) -> None:
        self.class_logits = torch.logit(scores.clamp(1e-7, 1 - 1e-7))
        self.objectness = torch.full(scores.shape[:2], torch.inf)

    def boxes(self) -> Any:
        """Nothing: the corners are handed on by themselves."""
        raise NotImplementedError
