"""Page-Hinkley: a cumulative sum that is reset by its own extremes."""

from __future__ import annotations

import math

from modelward.monitoring.drift.streams import StreamMethod

PAGE_HINKLEY = StreamMethod(
    name="page_hinkley",
    statistic="distance of the cumulative sum of deviations from its extreme",
    range=(0.0, math.inf),
    unit="the stream's",
    p_value="",
    # On the scale of the warm-up one standard deviation is 1/8: delta is a twentieth of one, and
    # the threshold fifty of them.
    assumptions="values on the scale of a warm-up; sees changes of the mean only",
    source="Page (1954), Biometrika 41; Hinkley (1971), Biometrika 58",
    make=lambda river, _seed: river.PageHinkley(delta=0.05 / 8, threshold=50 / 8),
)
