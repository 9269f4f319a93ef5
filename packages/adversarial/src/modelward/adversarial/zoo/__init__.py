"""The zoo: small detectors trained on drawn images where they are needed, and cached."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adversarial.zoo.cache import cache_folder
    from modelward.adversarial.zoo.small import small_detector
    from modelward.adversarial.zoo.training import train_detector

__all__ = ["cache_folder", "small_detector", "train_detector"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {"cache_folder": "cache", "small_detector": "small", "train_detector": "training"},
)
