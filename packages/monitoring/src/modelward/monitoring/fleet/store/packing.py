"""Sketches and decisions as bytes, small enough to be kept by the million."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from modelward.core.errors import DataError
from modelward.core.metrics import Estimate
from modelward.monitoring.decisions.measured import Judged
from modelward.monitoring.decisions.measurement import FeatureTest
from modelward.monitoring.decisions.result import FeatureDrift
from modelward.monitoring.decisions.scoring import MISSING
from modelward.monitoring.decisions.sources import Outline, Source
from modelward.monitoring.fleet.store.binary import Reader, to_bytes
from modelward.monitoring.sketch.table import Sketch

_FAST = 1
_ARRAYS = b"mwd1"
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


def pack_judged(judged: Judged, at: int, of: Source) -> bytes:
    """Give the bytes of the same, as it lies in the arrays: for fleets, no object is made of it."""
    place = judged.place(at)
    names = list(of.kinds)
    drifted = np.flatnonzero(judged.drifted[place]).tolist()
    unjudged = np.flatnonzero(judged.scores.unjudged[place]).tolist()
    words = {}
    for i in drifted:
        shift = judged.scores.shift_at(place.start + i, judged.level)
        missing = bool(judged.scores.method[place.start + i] == MISSING)
        words[names[i]] = of.words(names[i], missing=missing, shift=shift)
    head = {
        "kinds": dict(of.kinds),
        "rows": of.rows,
        "q": judged.q,
        "smallest": judged.smallest_shift,
        "level": judged.level,
        "words": words,
        "reasons": {names[i]: of.reason(names[i]) for i in unjudged},
        "rules": {names[i]: judged.rule(names[i]) for i in drifted},
        "new": [[test.feature, test.kind, test.cannot_say] for test in of.new],
    }
    text = json.dumps(head, separators=(",", ":")).encode()
    body = len(text).to_bytes(4, "little") + text + judged.table[place].tobytes()
    return _ARRAYS + zlib.crc32(body).to_bytes(4, "little") + body


def unpack_features(content: bytes) -> tuple[FeatureDrift, ...]:
    """Give the decisions back. Raises `DataError` where the bytes are not such."""
    content = bytes(content)
    if content[: len(_ARRAYS)] == _ARRAYS:
        return _unpack_judged(content)
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


def _unpack_judged(content: bytes) -> tuple[FeatureDrift, ...]:
    start = len(_ARRAYS) + 4
    if zlib.crc32(memoryview(content)[start:]) != int.from_bytes(
        content[start - 4 : start], "little"
    ):
        raise DataError("expected what the fleet has kept, got bytes that are broken")
    size = int.from_bytes(content[start : start + 4], "little")
    head = json.loads(content[start + 4 : start + 4 + size])
    table = np.frombuffer(content, np.dtype("<f8"), -1, start + 4 + size)
    kinds, rules = head["kinds"], head["rules"]
    outline = Outline(
        kinds=kinds,
        rows=tuple(head["rows"]),
        new=tuple(FeatureTest(name, kind, cannot_say=why) for name, kind, why in head["new"]),
        noted=head["words"],
        reasons=head["reasons"],
    )
    judged = Judged.of_table(
        table.reshape(len(kinds), -1),
        rule=lambda name: str(rules.get(name, "")),
        q=head["q"],
        smallest_shift=head["smallest"],
        level=head["level"],
    )
    return tuple(judged.features(0, outline))


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
