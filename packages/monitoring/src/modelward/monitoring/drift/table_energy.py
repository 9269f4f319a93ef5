"""Energy distance of two tables: how much further rows lie from the other table's than from their own."""

from __future__ import annotations

import math

import numpy as np

from modelward.monitoring.drift.base import Statistic
from modelward.monitoring.drift.mmd import REPEATS, squared_distances
from modelward.monitoring.drift.tables import Floats, Rng, TableMethod, permuted


def table_energy_statistic(reference: Floats, current: Floats, rng: Rng) -> Statistic:
    """Measure with Euclidean distances: the root of 2 E|X - Y| - E|X - X'| - E|Y - Y'|."""
    distance = np.sqrt(squared_distances(np.concatenate([reference, current])))
    np.fill_diagonal(distance, 0.0)

    def statistic(sides: Floats) -> Floats:
        n = sides.sum(axis=0)
        m = len(sides) - n
        toward = distance @ sides
        ours = (sides * toward).sum(axis=0)
        between = toward.sum(axis=0) - ours
        theirs = distance.sum() - ours - 2 * between
        found = 2 * between / (n * m) - ours / n**2 - theirs / m**2
        return np.asarray(np.sqrt(np.maximum(found, 0.0)))

    return permuted(statistic, len(reference), len(current), rng, repeats=REPEATS)


TABLE_ENERGY = TableMethod(
    name="table_energy",
    statistic="root of the excess of the distances between over those within",
    measure=table_energy_statistic,
    range=(0.0, math.inf),
    unit="root of standard deviations",
    p_value="199 permutations",
    assumptions="independent rows; 1,000 a side are used; weak where few of many columns change",
    source="Székely and Rizzo (2004), InterStat; Baringhaus and Franz (2004)",
    most=1_000,
)
