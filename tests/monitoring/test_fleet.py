"""Many models: one list of alarms, ranked, and what Prometheus is told of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelward.core.errors import DataError
from modelward.core.metrics import Exposition
from modelward.core.testing import check_result
from modelward.monitoring import DriftExporter, DriftResult, FleetResult, assess, compare

HOSTILE = 'a "quoted"\n<b>name</b>\\'


def table(rng: np.random.Generator, rows: int, **shifts: float) -> pd.DataFrame:
    return pd.DataFrame({c: rng.normal(shifts.get(c, 0.0), 1, rows) for c in ("a", "b", "c")})


@pytest.fixture
def fleet() -> FleetResult:
    rng = np.random.default_rng(0)
    windows = {"steady": {}, HOSTILE: {"b": 1.0}, "worst": {"a": 0.8, "c": 0.8}, "few": {}}
    return assess(
        {
            name: (table(rng, 1000), table(rng, 5 if name == "few" else 400, **shifts))
            for name, shifts in windows.items()
        }
    )


def test_ranking(fleet: FleetResult) -> None:
    assert fleet.alarmed == ("worst", HOSTILE)
    assert fleet.cannot_say == ("few",)
    assert set(fleet["worst"].shifted) == {"a", "c"}
    frame = fleet.to_frame()
    assert list(frame.index[:2]) == ["worst", HOSTILE]
    assert frame.loc["few", "unjudged"] == 3
    assert frame.loc[HOSTILE, "worst"] == "b"
    with pytest.raises(DataError, match="fleet of 4"):
        fleet["absent"]
    with pytest.raises(DataError, match="empty fleet"):
        assess({})


def test_contract(fleet: FleetResult) -> None:
    check_result(fleet)
    assert "<b>name</b>" not in fleet._repr_html_()
    record = fleet.to_evidence()
    assert record.kind == "monitoring.fleet"
    assert record.metric("models_drifted").value == 2
    assert len(fleet) == len(list(fleet)) == 4


def test_all_models_are_judged_together(fleet: FleetResult) -> None:
    # Nine features were tested ('few' has none): the rule and the q-values are over all of them.
    result = fleet["worst"]
    assert "over 9 features" in result[result.shifted[0]].rule
    p_values = sorted(f.test.p_value for r in fleet for f in r.features if f.q_value is not None)
    q_values = sorted(f.q_value for r in fleet for f in r.features if f.q_value is not None)
    assert q_values[0] == pytest.approx(min(9 * p / (i + 1) for i, p in enumerate(p_values)))


def read(exporter: DriftExporter) -> dict[tuple[str, ...], float]:
    """What Prometheus's own parser reads, by name and label values."""
    found = {}
    for family in text_string_to_metric_families(exporter.render().decode()):
        for sample in family.samples:
            name = sample.name.removeprefix("modelward_monitoring_")
            found[name, *sample.labels.values()] = sample.value
    return found


def test_prometheus_reads_it_back(fleet: FleetResult) -> None:
    exporter = DriftExporter(top=2)
    exporter.set(fleet)
    found = read(exporter)
    assert found["features_drifted", HOSTILE] == 1
    assert found["features_drifted", "steady"] == 0
    assert found["features_unjudged", "few"] == 3
    assert found["features_tested", "few"] == 0
    assert found["window_rows", "worst"] == 400
    change = fleet["worst"]["a"].test.effect
    assert change is not None
    assert found["feature_change_ratio", "worst", "a"] == change.value
    assert found["feature_q_value", "worst", "a"] == fleet["worst"]["a"].q_value
    assert [found["feature_drifted", "worst", c] for c in ("a", "c")] == [1, 1]
    assert sum(name == "feature_q_value" for name, *_ in found) == 3 * 2, "only the top two"


def test_new_results_replace_the_old(fleet: FleetResult) -> None:
    exporter = DriftExporter(exposition=Exposition())
    exporter.set(fleet)
    exporter.set(fleet)
    assert {labels[0] for _, *labels in read(exporter)} == {r.model for r in fleet}
    exporter.set([fleet["steady"]])
    assert {labels[0] for _, *labels in read(exporter)} == {"steady"}
    exporter.set([])
    assert read(exporter) == {}
    with pytest.raises(DataError, match="several of"):
        exporter.set([fleet["steady"]] * 2)


def test_a_model_and_a_fleet_of_one_agree() -> None:
    rng = np.random.default_rng(5)
    reference, window = table(rng, 800), table(rng, 300, a=0.6)
    alone: DriftResult = compare(reference, window, model="m")
    assert assess({"m": (reference, window)})["m"].to_dict() == alone.to_dict()
