"""KSWIN: the last values against some before, by Kolmogorov and Smirnov's test."""

from __future__ import annotations

from modelward.monitoring.drift.streams import StreamMethod

KSWIN = StreamMethod(
    name="kswin",
    statistic="Kolmogorov-Smirnov distance of the last 30 values to 30 of the 70 before",
    range=(0.0, 1.0),
    unit="share",
    p_value="Kolmogorov and Smirnov's, at 0.0001 for each value: not corrected for looking again",
    assumptions="independent values; sees any change that is quick; much slower than the others",
    source="Raab, Heusinger and Schleif (2020), Neurocomputing 416",
    make=lambda river, seed: river.KSWIN(alpha=1e-4, window_size=100, stat_size=30, seed=seed),
)
