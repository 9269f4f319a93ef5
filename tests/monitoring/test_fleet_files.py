"""Many Parquet files at once: in processes here, and on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from modelward.core.errors import DataError
from modelward.monitoring import Sketch
from modelward.monitoring.fleet import files as recording_files
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Model, Window

DAY = Window.of("2026-03-01", hours=24)
NAMES = [f"m{i}" for i in range(6)]


def rows(seed: int, n: int = 500, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"a": rng.normal(shift, 1, n), "b": rng.choice(list("xyz"), n)})


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with Fleet("sqlite://", now=lambda: DAY.end) as made:
        reference = Sketch.fit(rows(0, 2000))
        made.add_many((Model(name), reference) for name in NAMES)
        yield made


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for i, name in enumerate(NAMES):
        found[name] = tmp_path / f"{name}.parquet"
        rows(i + 1, shift=1.0 if i == 0 else 0.0).to_parquet(found[name])
    return found


def whole(fleet: Fleet, name: str, path: Path) -> str:
    return fleet.reference(name).empty().add(pd.read_parquet(path)).digest


def test_files_become_windows_whatever_the_chunks(
    fleet: Fleet, paths: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_files, "ROUND", 4)
    monkeypatch.setattr(recording_files, "ROWS", 150)
    found = fleet.record_files(paths, DAY, jobs=1)
    assert found.recorded == tuple(NAMES)
    for name, path in paths.items():
        assert fleet.sketch(name, DAY).rows == 500
        kept = fleet.sketch(name, DAY)
        assert kept.columns["a"].counts.tolist() == (  # type: ignore[union-attr]
            fleet.reference(name).empty().add(pd.read_parquet(path)).columns["a"].counts.tolist()  # type: ignore[union-attr]
        )
    assert fleet.assess(DAY).alarmed == ("m0",)
    again = fleet.record_files(paths, DAY, jobs=1)
    assert (again.recorded, again.known) == ((), tuple(NAMES))
    assert fleet.record_files(paths, DAY, jobs=1, again=True).recorded == tuple(NAMES)


def test_processes_give_the_same(fleet: Fleet, paths: dict[str, Path]) -> None:
    fleet.record_files(paths, DAY, jobs=2)
    for name, path in paths.items():
        assert fleet.sketch(name, DAY).digest == whole(fleet, name, path)


def test_a_file_that_cannot_be_read_is_an_alarm(
    fleet: Fleet, paths: dict[str, Path], tmp_path: Path
) -> None:
    paths["m1"].write_bytes(b"PAR1 broken")
    paths["m2"] = tmp_path / "none.parquet"
    rows(0).iloc[:0].to_parquet(paths["m3"])
    found = fleet.record_files(paths, DAY, jobs=1)
    assert set(found.problems) == {"m1", "m2"}
    result = fleet.assess(DAY)
    for name in ("m1", "m2"):
        assert fleet.status(name).state == "alarmed"
        assert "could not be used" in fleet.status(name).failures[0]
        assert result[name].features[0].verdict == "cannot say"
    assert fleet.status("m3").state == "cannot say", "no rows are no proof of anything"
    rows(7, 2000).to_parquet(paths["m1"])
    assert fleet.record_files(paths, DAY, jobs=1).recorded == ("m1",)
    fleet.assess(DAY)
    assert fleet.status("m1").failures == ()
    assert fleet.status("m1").state == "steady"


def test_a_model_nobody_knows_is_refused(fleet: Fleet, paths: dict[str, Path]) -> None:
    with pytest.raises(DataError, match="expected models of the fleet, got 'other'"):
        fleet.record_files({"other": paths["m0"]}, DAY)


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("without_ray")
def test_a_ray_cluster_gives_the_same(fleet: Fleet, paths: dict[str, Path]) -> None:
    ray = pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        register_ray()
        with joblib.parallel_config(backend="ray"):
            found = fleet.record_files(paths, DAY)
        assert found.recorded == tuple(NAMES)
        for name, path in paths.items():
            assert fleet.sketch(name, DAY).digest == whole(fleet, name, path)
    finally:
        ray.shutdown()
