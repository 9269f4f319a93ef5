"""Adversarial: how far an object detector can be fooled, in COCO mAP with intervals.

The path of the data: `data` and `detectors` give images and what is seen on them; `objectives` say
what an attack aims at; `attacks` move the pixels; `scoring` measures; `assess` runs it all on the
same images and gives one frozen `Assessment`; `report` draws it. `zoo` trains a small detector
where none is at hand.
"""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adversarial.assessment import assess
    from modelward.adversarial.attacks.apgd import APGD
    from modelward.adversarial.attacks.base import Attack
    from modelward.adversarial.attacks.bim import BIM
    from modelward.adversarial.attacks.boundary import Boundary
    from modelward.adversarial.attacks.corruption import Corruption
    from modelward.adversarial.attacks.dag import DAG
    from modelward.adversarial.attacks.di2_fgsm import DI2FGSM
    from modelward.adversarial.attacks.dpatch import DPatch
    from modelward.adversarial.attacks.ensemble import Ensemble
    from modelward.adversarial.attacks.fgsm import FGSM
    from modelward.adversarial.attacks.mi_fgsm import MIFGSM
    from modelward.adversarial.attacks.nes import NES
    from modelward.adversarial.attacks.ni_fgsm import NIFGSM
    from modelward.adversarial.attacks.noise import Noise
    from modelward.adversarial.attacks.patch import Patch, Placement
    from modelward.adversarial.attacks.pgd import PGD
    from modelward.adversarial.attacks.random_search import RandomSearch
    from modelward.adversarial.attacks.rays import RayS
    from modelward.adversarial.attacks.registry import ATTACKS, make_attack
    from modelward.adversarial.attacks.robust_dpatch import RobustDPatch
    from modelward.adversarial.attacks.si_fgsm import SIFGSM
    from modelward.adversarial.attacks.square import Square
    from modelward.adversarial.attacks.ti_fgsm import TIFGSM
    from modelward.adversarial.attacks.tog import TOG
    from modelward.adversarial.attacks.views import InputDiversity, Scales
    from modelward.adversarial.attacks.vmi_fgsm import VMIFGSM
    from modelward.adversarial.attacks.worst_case import WorstCase, WorstObjective
    from modelward.adversarial.configuration import AttackConfig, load_config
    from modelward.adversarial.corruptions.table import CORRUPTIONS, corrupted
    from modelward.adversarial.data.adversarial_set import AdversarialSet
    from modelward.adversarial.data.base import DetectionData, Sample, Target
    from modelward.adversarial.data.coco import coco_data, write_coco
    from modelward.adversarial.data.files import FileData
    from modelward.adversarial.data.folder import SeenByDetector, folder_data
    from modelward.adversarial.data.shapes import Shapes
    from modelward.adversarial.data.voc import voc_data
    from modelward.adversarial.data.yolo_txt import yolo_data
    from modelward.adversarial.defences.base import Defence
    from modelward.adversarial.defences.bit_depth import BitDepth
    from modelward.adversarial.defences.blur import Blur
    from modelward.adversarial.defences.custom import Custom
    from modelward.adversarial.defences.defended import Defended
    from modelward.adversarial.defences.jpeg import JPEG
    from modelward.adversarial.defences.random_resize import RandomResize
    from modelward.adversarial.defences.study import DefenceResult, assess_defence
    from modelward.adversarial.detectors.acceleration import accelerated
    from modelward.adversarial.detectors.base import Detections, Detector, Outputs
    from modelward.adversarial.detectors.counted import Counted
    from modelward.adversarial.detectors.frcnn import FasterRCNN
    from modelward.adversarial.detectors.geometry import Geometry
    from modelward.adversarial.detectors.http import HttpDetector
    from modelward.adversarial.detectors.listing import ListingDetector
    from modelward.adversarial.detectors.loading import load_detector
    from modelward.adversarial.detectors.module import ModuleDetector
    from modelward.adversarial.detectors.onnx import OnnxDetector
    from modelward.adversarial.detectors.precision import in_precision
    from modelward.adversarial.detectors.torchvision_dense import FCOS, SSD, RetinaNet
    from modelward.adversarial.detectors.wrapping import wrap
    from modelward.adversarial.detectors.yolo3 import Yolo3, Yolo3Network
    from modelward.adversarial.detectors.yolo5 import Yolo5
    from modelward.adversarial.detectors.yolo5_network import Yolo5Network
    from modelward.adversarial.halving import Halving, halving_eps
    from modelward.adversarial.objectives import (
        OBJECTIVES,
        AveragePrecision,
        Fabrication,
        LocalisationShift,
        Mislabelling,
        Objective,
        OfClasses,
        Untargeted,
        Vanishing,
        make_objective,
    )
    from modelward.adversarial.ranking import Pair, Ranking, rank
    from modelward.adversarial.results import Assessment, Cell, Example, Scores
    from modelward.adversarial.scoring.matching import match
    from modelward.adversarial.scoring.outcomes import Outcomes
    from modelward.adversarial.scoring.repair import lost_to
    from modelward.adversarial.scoring.similarity import ssim
    from modelward.adversarial.strength import Check, Strength, judge_share
    from modelward.adversarial.trust import check_detector
    from modelward.adversarial.zoo.small import small_detector

__all__ = [
    "APGD",
    "ATTACKS",
    "BIM",
    "CORRUPTIONS",
    "DAG",
    "DI2FGSM",
    "FCOS",
    "FGSM",
    "JPEG",
    "MIFGSM",
    "NES",
    "NIFGSM",
    "OBJECTIVES",
    "PGD",
    "SIFGSM",
    "SSD",
    "TIFGSM",
    "TOG",
    "VMIFGSM",
    "AdversarialSet",
    "Assessment",
    "Attack",
    "AttackConfig",
    "AveragePrecision",
    "BitDepth",
    "Blur",
    "Boundary",
    "Cell",
    "Check",
    "Corruption",
    "Counted",
    "Custom",
    "DPatch",
    "Defence",
    "DefenceResult",
    "Defended",
    "DetectionData",
    "Detections",
    "Detector",
    "Ensemble",
    "Example",
    "Fabrication",
    "FasterRCNN",
    "FileData",
    "Geometry",
    "Halving",
    "HttpDetector",
    "InputDiversity",
    "ListingDetector",
    "LocalisationShift",
    "Mislabelling",
    "ModuleDetector",
    "Noise",
    "Objective",
    "OfClasses",
    "OnnxDetector",
    "Outcomes",
    "Outputs",
    "Pair",
    "Patch",
    "Placement",
    "RandomResize",
    "RandomSearch",
    "Ranking",
    "RayS",
    "RetinaNet",
    "RobustDPatch",
    "Sample",
    "Scales",
    "Scores",
    "SeenByDetector",
    "Shapes",
    "Square",
    "Strength",
    "Target",
    "Untargeted",
    "Vanishing",
    "WorstCase",
    "WorstObjective",
    "Yolo3",
    "Yolo3Network",
    "Yolo5",
    "Yolo5Network",
    "accelerated",
    "assess",
    "assess_defence",
    "check_detector",
    "coco_data",
    "corrupted",
    "folder_data",
    "halving_eps",
    "in_precision",
    "judge_share",
    "load_config",
    "load_detector",
    "lost_to",
    "make_attack",
    "make_objective",
    "match",
    "rank",
    "small_detector",
    "ssim",
    "voc_data",
    "wrap",
    "write_coco",
    "yolo_data",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "APGD": "attacks.apgd",
        "ATTACKS": "attacks.registry",
        "AdversarialSet": "data.adversarial_set",
        "Assessment": "results",
        "Attack": "attacks.base",
        "AttackConfig": "configuration",
        "AveragePrecision": "objectives",
        "BIM": "attacks.bim",
        "BitDepth": "defences.bit_depth",
        "Blur": "defences.blur",
        "Boundary": "attacks.boundary",
        "CORRUPTIONS": "corruptions.table",
        "Cell": "results",
        "Check": "strength",
        "Halving": "halving",
        "Pair": "ranking",
        "Ranking": "ranking",
        "halving_eps": "halving",
        "rank": "ranking",
        "Corruption": "attacks.corruption",
        "Counted": "detectors.counted",
        "Custom": "defences.custom",
        "DAG": "attacks.dag",
        "DI2FGSM": "attacks.di2_fgsm",
        "DPatch": "attacks.dpatch",
        "Defence": "defences.base",
        "DefenceResult": "defences.study",
        "Defended": "defences.defended",
        "DetectionData": "data.base",
        "Detections": "detectors.base",
        "Detector": "detectors.base",
        "Ensemble": "attacks.ensemble",
        "Example": "results",
        "FCOS": "detectors.torchvision_dense",
        "FGSM": "attacks.fgsm",
        "Fabrication": "objectives",
        "FasterRCNN": "detectors.frcnn",
        "FileData": "data.files",
        "Geometry": "detectors.geometry",
        "HttpDetector": "detectors.http",
        "InputDiversity": "attacks.views",
        "JPEG": "defences.jpeg",
        "ListingDetector": "detectors.listing",
        "LocalisationShift": "objectives",
        "MIFGSM": "attacks.mi_fgsm",
        "Mislabelling": "objectives",
        "ModuleDetector": "detectors.module",
        "NES": "attacks.nes",
        "NIFGSM": "attacks.ni_fgsm",
        "Noise": "attacks.noise",
        "OBJECTIVES": "objectives",
        "Objective": "objectives",
        "OfClasses": "objectives",
        "OnnxDetector": "detectors.onnx",
        "Outcomes": "scoring.outcomes",
        "Outputs": "detectors.base",
        "PGD": "attacks.pgd",
        "Patch": "attacks.patch",
        "Placement": "attacks.patch",
        "RandomResize": "defences.random_resize",
        "RandomSearch": "attacks.random_search",
        "RayS": "attacks.rays",
        "RetinaNet": "detectors.torchvision_dense",
        "RobustDPatch": "attacks.robust_dpatch",
        "SIFGSM": "attacks.si_fgsm",
        "SSD": "detectors.torchvision_dense",
        "Sample": "data.base",
        "Scales": "attacks.views",
        "Scores": "results",
        "SeenByDetector": "data.folder",
        "Shapes": "data.shapes",
        "Square": "attacks.square",
        "Strength": "strength",
        "TIFGSM": "attacks.ti_fgsm",
        "TOG": "attacks.tog",
        "Target": "data.base",
        "Untargeted": "objectives",
        "VMIFGSM": "attacks.vmi_fgsm",
        "Vanishing": "objectives",
        "WorstCase": "attacks.worst_case",
        "WorstObjective": "attacks.worst_case",
        "Yolo3": "detectors.yolo3",
        "Yolo3Network": "detectors.yolo3",
        "Yolo5": "detectors.yolo5",
        "Yolo5Network": "detectors.yolo5_network",
        "accelerated": "detectors.acceleration",
        "assess": "assessment",
        "assess_defence": "defences.study",
        "check_detector": "trust",
        "coco_data": "data.coco",
        "corrupted": "corruptions.table",
        "folder_data": "data.folder",
        "in_precision": "detectors.precision",
        "judge_share": "strength",
        "load_config": "configuration",
        "load_detector": "detectors.loading",
        "lost_to": "scoring.repair",
        "make_attack": "attacks.registry",
        "make_objective": "objectives",
        "match": "scoring.matching",
        "small_detector": "zoo.small",
        "ssim": "scoring.similarity",
        "voc_data": "data.voc",
        "wrap": "detectors.wrapping",
        "write_coco": "data.coco",
        "yolo_data": "data.yolo_txt",
    },
)
