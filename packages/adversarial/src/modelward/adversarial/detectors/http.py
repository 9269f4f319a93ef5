"""A detector behind an address, as a black box."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from modelward.adversarial.detectors.base import Detections, check_images
from modelward.core.errors import ConfigError, DataError, ServiceError
from modelward.core.optional import require

Parse = Callable[[Any], Mapping[str, Any]]
_LARGEST = 16 * 2**20
"""Bytes of an answer above which it is not read."""


class HttpDetector:
    """A detector that answers over HTTP; it only predicts, and gives no gradients.

    Each image is posted as a PNG of whole grey levels (`Content-Type: image/png`), which is how services
    take images: a perturbation is rounded on the way. The answer is JSON with `boxes` (`x1, y1, x2, y2`
    in pixels of the image), `scores` in [0, 1] and `labels`, class names or indices; `parse(answer)` brings
    any other into that form. `headers` may hold a key. An answer may take `timeout` seconds; one that
    fails to come, or says that the server is busy (429, 502, 503, 504), is asked for `attempts` times.
    Redirects are not followed, and at most 16 MiB read.

    Raises `ConfigError` for another kind of address, `ServiceError` when no answer comes, and
    `DataError` for one that is not of that form. What stands behind may change unseen: the digest is
    of the address alone.

    >>> HttpDetector(url="http://127.0.0.1:8000/detect", classes=("cat",))
    HttpDetector(url='http://127.0.0.1:8000/detect', classes=1)
    """

    def __init__(
        self,
        *,
        url: str,
        classes: Sequence[str],
        parse: Parse | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
        attempts: int = 3,
        name: str = "",
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigError(f"expected an address of http or https, got {url!r}")
        if timeout <= 0 or attempts < 1:
            raise ConfigError(
                f"expected timeout > 0 and attempts >= 1, got {timeout} and {attempts}"
            )
        self.url = url
        self.classes = tuple(classes)
        self.device = torch.device("cpu")
        self.name = name or parts.hostname
        self.timeout, self.attempts = timeout, attempts
        self._headers = dict(headers or {})
        self._parse = parse
        requests = require(
            "requests", feature="an HTTP detector", install="'./packages/adversarial[http]'"
        )
        self._requests: Any = requests
        self._session: Any = requests.Session()

    def __repr__(self) -> str:
        return f"HttpDetector(url={self.url!r}, classes={len(self.classes)})"

    def digest(self) -> str:
        """Give the SHA-256 of the address."""
        return hashlib.sha256(self.url.encode()).hexdigest()

    def predict(self, images: Tensor) -> list[Detections]:
        """Detect objects on images `(N, 3, H, W)` in [0, 1]: one request an image."""
        check_images(images)
        return [self._one(image) for image in images.detach().cpu()]

    def _one(self, image: Tensor) -> Detections:
        pixels = (image.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
        stream = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "png")
        answer = self._asked(stream.getvalue())
        if self._parse is not None:
            answer = self._parse(answer)
        try:
            boxes = torch.tensor(answer["boxes"], dtype=torch.float32).reshape(-1, 4)
            scores = torch.tensor(answer["scores"], dtype=torch.float32)
            labels = torch.tensor([self._label(each) for each in answer["labels"]])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DataError(
                f"expected boxes, scores and labels from {self.url}, got {str(answer)[:200]}",
                hint="give parse=, which brings an answer into that form.",
            ) from error
        labels = labels.to(torch.int64)
        right = bool(((scores >= 0) & (scores <= 1)).all()) and bool(boxes.isfinite().all())
        if not (len(boxes) == len(scores) == len(labels) and right):
            raise DataError(
                f"expected as many boxes as scores in [0, 1] and labels from {self.url}, "
                f"got {len(boxes)}, {len(scores)} and {len(labels)}"
            )
        order = scores.argsort(descending=True, stable=True)
        return Detections(boxes[order], scores[order], labels[order])

    def _label(self, given: Any) -> int:
        if isinstance(given, str) and given in self.classes:
            return self.classes.index(given)
        if isinstance(given, int) and 0 <= given < len(self.classes):
            return given
        raise ValueError(f"unknown label {given!r}")

    def _asked(self, body: bytes) -> Any:
        failed = ""
        for _ in range(self.attempts):
            try:
                with self._session.post(
                    self.url,
                    data=body,
                    headers={"Content-Type": "image/png"} | self._headers,
                    timeout=self.timeout,
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    if response.status_code in {429, 502, 503, 504}:
                        failed = f"status {response.status_code}"
                        continue
                    if response.status_code != 200:
                        raise ServiceError(
                            f"expected an answer from {self.url}, got status {response.status_code}"
                        )
                    return _json(self.url, response)
            except self._requests.RequestException as error:
                failed = type(error).__name__
        raise ServiceError(
            f"expected an answer from {self.url} in {self.attempts} attempts, got {failed}",
            hint="is it running, and is the address right?",
        )


def _json(url: str, response: Any) -> Any:
    import json

    content = bytearray()
    for part in response.iter_content(2**16):
        content += part
        if len(content) > _LARGEST:
            raise DataError(f"expected an answer of at most 16 MiB from {url}, got more")
    try:
        return json.loads(content)
    except ValueError as error:
        raise DataError(f"expected JSON from {url}, got {bytes(content[:80])!r}") from error
