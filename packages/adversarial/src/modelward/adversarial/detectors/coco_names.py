"""The 80 classes of COCO, in the order of detectors trained on it."""

from __future__ import annotations

from collections.abc import Sequence

from modelward.core.errors import DataError

COCO = tuple(
    """person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light,
    fire hydrant, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear,
    zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee, skis, snowboard, sports ball,
    kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle, wine glass, cup,
    fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut,
    cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop, mouse, remote, keyboard,
    cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors, teddy bear,
    hair drier, toothbrush""".replace("\n   ", "").split(", ")
)
"""Names of COCO's classes, as in its annotation files."""


def class_names(number: int, given: Sequence[str] | None = None) -> tuple[str, ...]:
    """Give the names of so many classes: those given, COCO's for 80, else `class 0` and so on.

    Raises `DataError` when another number of names is given.

    >>> len(class_names(80)), class_names(2)
    (80, ('class 0', 'class 1'))
    """
    if given is None:
        return COCO if number == len(COCO) else tuple(f"class {i}" for i in range(number))
    if len(given) != number:
        raise DataError(f"expected {number} class names for this network, got {len(given)}")
    return tuple(given)


_UNUSED = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
COCO_NUMBERS = tuple(number for number in range(1, 91) if number not in _UNUSED)
"""The category id of each class in COCO's annotation files, which torchvision's networks use."""
