"""Adversarial: how far an object detector can be fooled, in COCO mAP with intervals.

The path of the data: `data` and `detectors` give images and what is seen on them; `objectives` say
what an attack aims at; `attacks` move the pixels; `scoring` measures; `assess` runs it all on the
same images and gives one frozen `Assessment`; `report` draws it. `zoo` trains a small detector
where none is at hand.
"""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adversarial.assessment import Assessment, Attacked, assess
    from modelward.adversarial.attacks.base import Attack
    from modelward.adversarial.attacks.fgsm import FGSM
    from modelward.adversarial.attacks.noise import Noise
    from modelward.adversarial.attacks.pgd import PGD
    from modelward.adversarial.attacks.registry import ATTACKS, make_attack
    from modelward.adversarial.data.base import DetectionData, Sample, Target
    from modelward.adversarial.data.shapes import Shapes
    from modelward.adversarial.detectors.base import Detections, Detector, Outputs
    from modelward.adversarial.detectors.yolo3 import Yolo3, Yolo3Network
    from modelward.adversarial.objectives import Objective, Untargeted, Vanishing
    from modelward.adversarial.scoring import match
    from modelward.adversarial.zoo.small import small_detector

__all__ = [
    "ATTACKS",
    "FGSM",
    "PGD",
    "Assessment",
    "Attack",
    "Attacked",
    "DetectionData",
    "Detections",
    "Detector",
    "Noise",
    "Objective",
    "Outputs",
    "Sample",
    "Shapes",
    "Target",
    "Untargeted",
    "Vanishing",
    "Yolo3",
    "Yolo3Network",
    "assess",
    "make_attack",
    "match",
    "small_detector",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "ATTACKS": "attacks.registry",
        "Assessment": "assessment",
        "Attack": "attacks.base",
        "Attacked": "assessment",
        "DetectionData": "data.base",
        "Detections": "detectors.base",
        "Detector": "detectors.base",
        "FGSM": "attacks.fgsm",
        "Noise": "attacks.noise",
        "Objective": "objectives",
        "Outputs": "detectors.base",
        "PGD": "attacks.pgd",
        "Sample": "data.base",
        "Shapes": "data.shapes",
        "Target": "data.base",
        "Untargeted": "objectives",
        "Vanishing": "objectives",
        "Yolo3": "detectors.yolo3",
        "Yolo3Network": "detectors.yolo3",
        "assess": "assessment",
        "make_attack": "attacks.registry",
        "match": "scoring",
        "small_detector": "zoo.small",
    },
)
