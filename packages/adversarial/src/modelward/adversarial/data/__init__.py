"""Data: images with true boxes, drawn or read from files; unreadable ones are named and left out."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adversarial.data.adversarial_set import AdversarialSet
    from modelward.adversarial.data.base import DetectionData, Sample, Target, batches, readable
    from modelward.adversarial.data.coco import coco_data, write_coco
    from modelward.adversarial.data.files import Entry, FileData
    from modelward.adversarial.data.folder import SeenByDetector, folder_data
    from modelward.adversarial.data.images import UnreadableImageError, read_image
    from modelward.adversarial.data.shapes import Shapes
    from modelward.adversarial.data.voc import voc_data
    from modelward.adversarial.data.yolo_txt import yolo_data

__all__ = [
    "AdversarialSet",
    "DetectionData",
    "Entry",
    "FileData",
    "Sample",
    "SeenByDetector",
    "Shapes",
    "Target",
    "UnreadableImageError",
    "batches",
    "coco_data",
    "folder_data",
    "read_image",
    "readable",
    "voc_data",
    "write_coco",
    "yolo_data",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "AdversarialSet": "adversarial_set",
        "DetectionData": "base",
        "Entry": "files",
        "FileData": "files",
        "Sample": "base",
        "SeenByDetector": "folder",
        "Shapes": "shapes",
        "Target": "base",
        "UnreadableImageError": "images",
        "batches": "base",
        "coco_data": "coco",
        "folder_data": "folder",
        "read_image": "images",
        "readable": "base",
        "voc_data": "voc",
        "write_coco": "coco",
        "yolo_data": "yolo_txt",
    },
)
