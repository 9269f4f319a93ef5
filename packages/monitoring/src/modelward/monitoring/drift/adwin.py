"""ADWIN: a window that is cut where its two parts differ."""

from __future__ import annotations

import math

from modelward.monitoring.drift.streams import StreamMethod

ADWIN = StreamMethod(
    name="adwin",
    statistic="difference of the means of two parts of the window",
    range=(0.0, math.inf),
    unit="the stream's",
    p_value="a cut at confidence 0.002 (Hoeffding's bound, corrected for the cuts tried)",
    assumptions="independent values in [0, 1]; sees changes of the mean only",
    source="Bifet and Gavaldà (2007), Learning from time-changing data with adaptive windowing, SDM",
    make=lambda river, _seed: river.ADWIN(delta=0.002),
)
