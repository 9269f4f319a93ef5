"""What a model's trouble costs: performance lost, times predictions, times what each one costs."""

from __future__ import annotations

from modelward.monitoring.fleet.records import Model, Performance


def expected_loss(model: Model, performance: Performance | None) -> float | None:
    """Give performance lost x traffic x criticality, a day; None where the loss is not known.

    By it models are ranked, then by alarms; drift is the explanation, not the rank.

    >>> from modelward.core.metrics import Estimate
    >>> fell = Performance("accuracy", baseline=Estimate(0.9), realised=Estimate(0.8))
    >>> round(expected_loss(Model("fraud", traffic=5_000, criticality=2.0), fell), 6)
    1000.0
    """
    if performance is None or performance.lost is None:
        return None
    return performance.lost * model.traffic * model.criticality
