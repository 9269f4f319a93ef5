"""Sketches and decisions as bytes, small enough to be kept by the million."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from modelward.core.errors import DataError
from modelward.core.metrics import Estimate
from modelward.monitoring.decisions.measurement import FeatureTest
from modelward.monitoring.decisions.result import FeatureDrift
from modelward.monitoring.fleet.store.binary import Reader, to_bytes
from modelward.monitoring.sketch.table import Sketch

_FAST = 1
_TEST = tuple(field.name for field in fields(FeatureTest))
_DRIFT = tuple(field.name for field in fields(FeatureDrift) if field.name != "test")
_ESTIMATE = tuple(field.name for field in fields(Estimate))
_ESTIMATES = frozenset({"effect", "shift"})


def pack_sketch(sketch: Sketch) -> bytes:
    """Give the bytes of a sketch."""
    return to_bytes(sketch)


def unpack_sketch(content: bytes) -> Sketch:
    """Give the sketch of bytes. Raises `DataError` where they are not one."""
    return Reader().read(content)


def pack_features(features: Sequence[FeatureDrift]) -> bytes:
    """Give the bytes of the decisions on the features of one window, a list for each field."""
    tests = [feature.test for feature in features]
    content = {name: [_plain(getattr(test, name)) for test in tests] for name in _TEST}
    more = {name: [_plain(getattr(feature, name)) for feature in features] for name in _DRIFT}
    return _squeeze(content | more)


def unpack_features(content: bytes) -> tuple[FeatureDrift, ...]:
    """Give the decisions back. Raises `DataError` where the bytes are not such."""
    kept = _unsqueeze(content)
    try:
        # What a later version may have added is passed over; what an earlier lacked has a default.
        tests = {name: kept[name] for name in _TEST if name in kept}
        for name in _ESTIMATES & tests.keys():
            tests[name] = [_estimate(value) for value in tests[name]]
        drifts = {name: kept[name] for name in _DRIFT if name in kept}
        return tuple(
            FeatureDrift(
                test=FeatureTest(**{name: values[i] for name, values in tests.items()}),
                **{name: values[i] for name, values in drifts.items()},
            )
            for i in range(len(kept["feature"]))
        )
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise DataError(f"expected kept decisions, got some without {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Estimate):
        return [_plain(getattr(value, name)) for name in _ESTIMATE]
    return value.item() if hasattr(value, "item") else value


def _estimate(value: Sequence[Any] | None) -> Estimate | None:
    return None if value is None else Estimate(**dict(zip(_ESTIMATE, value, strict=True)))


def _squeeze(content: Any) -> bytes:
    return zlib.compress(json.dumps(content, separators=(",", ":")).encode(), _FAST)


def _unsqueeze(content: bytes) -> Any:
    try:
        return json.loads(zlib.decompress(content))
    except (zlib.error, ValueError) as error:
        raise DataError(
            f"expected what the fleet has kept, got bytes that are broken: {error}"
        ) from error
