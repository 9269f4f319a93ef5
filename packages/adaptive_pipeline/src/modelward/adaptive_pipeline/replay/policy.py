"""A policy: when to retrain, on what, and how a challenger is tried."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelward.adaptive_pipeline.arbiter import Arbiter
from modelward.adaptive_pipeline.comparison import Comparison
from modelward.adaptive_pipeline.retrainer.windows import WindowPolicy
from modelward.adaptive_pipeline.triggers.trigger import Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The settings of a pipeline that decide what it does; what is None is the pipeline's default.

    They are those of `AdaptivePipeline`. Parts with a memory are copied before they are used, so
    that one policy can be tried any number of times.

    >>> Policy.never().settings()
    {'triggers': [Trigger()]}
    """

    triggers: Sequence[Trigger] | None = None
    window: WindowPolicy | None = None
    comparison: Comparison | None = None
    arbiter: Arbiter | None = None
    share: float | None = None
    watch: int | None = None

    @classmethod
    def never(cls) -> Policy:
        """Never retrain."""
        return cls(triggers=[Trigger()])

    def settings(self) -> dict[str, Any]:
        """Give what is set, for `AdaptivePipeline`."""
        given = {name: getattr(self, name) for name in self.__slots__}
        return {name: copy.deepcopy(part) for name, part in given.items() if part is not None}
