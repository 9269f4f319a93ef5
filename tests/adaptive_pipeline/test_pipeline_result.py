"""The summary, its picture and page, the command, and what importing costs."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from modelward.adaptive_pipeline import (
    AdaptivePipeline,
    Comparison,
    Inline,
    Performance,
    SinceDrift,
    Store,
    summarise,
)
from modelward.adaptive_pipeline import losses as named
from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold, World, learn
from modelward.core.errors import ConfigError, ServiceError, StateError


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> AdaptivePipeline:
    memory = MemoryRegistry()
    memory.register(Threshold(0.5), alias="champion", columns=["x"])
    path = tmp_path_factory.mktemp("loop") / "pipeline.db"
    made = AdaptivePipeline(
        store=Store(f"sqlite:///{path}"),
        registry=memory,
        train=learn,
        triggers=[Performance(reference=150)],
        executor=Inline(),
        watch=0,
        window=SinceDrift(minimum=100),
        comparison=Comparison(minimum=60),
    )
    return World(shift=300, n=700).run(made)


def test_the_windows_hold_every_loss_once(loop: AdaptivePipeline) -> None:
    result = loop.summary()
    for version in ("1", "2"):
        series = loop.monitor.series(version)
        windows = [w for w in result.windows if w.version == version]
        assert sum(w.loss.n for w in windows) == len(series)
        total = sum(w.loss.n * w.loss.mean for w in windows)
        assert total == pytest.approx(sum(loss for _, loss in series))
    frame = result.to_frame()
    assert list(frame.columns) == ["version", "first", "last", "n", "mean", "std"]
    assert len(frame) == len(result.windows)
    with pytest.raises(ConfigError, match="expected windows of at least 2"):
        loop.monitor.by_count("1", size=1)


def test_it_prints_and_writes_what_happened(loop: AdaptivePipeline) -> None:
    result = loop.summary()
    assert "version 2 serves (serving), 700 requests so far" in repr(result)
    assert "1 -> 2: change since request" in repr(result)
    content = json.loads(result.to_json())
    assert content["adaptations"][0]["new"] == "2"
    assert content["counts"]["waiting"] == 25
    assert content["config"]["loss"] == "zero_one"


def test_the_picture_marks_change_retraining_and_promotion(loop: AdaptivePipeline) -> None:
    axis = loop.summary().plot()
    (adaptation,) = loop.summary().adaptations
    marks = {round(line.get_xdata()[0]) for line in axis.lines if len(line.get_xdata()) == 2}
    assert {adaptation.since, adaptation.retrained, adaptation.promoted} <= marks
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["version 1", "version 2"]


def test_the_page_holds_the_story(loop: AdaptivePipeline) -> None:
    html = loop.summary().to_page().render()
    assert "Adaptive pipeline" in html
    assert "version 2 takes over from 1" in html
    assert "<svg" in loop.summary()._repr_html_()


def test_evidence_tells_the_promotion_and_is_sealed(loop: AdaptivePipeline) -> None:
    record = loop.summary().to_evidence()
    assert record.sealed
    assert record.subject.version == "2"
    assert record.metric("gain").low > 0
    assert record.config["ledger_head"] == loop.ledger.verify().head
    assert record.inputs[0].rows == loop.summary().adaptations[0].rows
    from_store = summarise(loop.store)
    assert from_store.adaptations == loop.summary().adaptations
    with pytest.raises(StateError, match="got a summary of the store alone"):
        from_store.to_evidence()


def test_a_promotion_by_hand_tells_what_was_measured_and_no_more(
    store: Store, memory: MemoryRegistry
) -> None:
    memory.register(Threshold(0.5), alias="champion", columns=["x"])
    by_hand = AdaptivePipeline(
        store=store,
        registry=memory,
        train=learn,
        triggers=[],
        executor=Inline(),
        window=SinceDrift(minimum=20),
    )
    World(shift=None, n=60).run(by_hand)
    by_hand.retrain("a new sensor")
    by_hand.promote("agreed on Tuesday")
    record = by_hand.summary().to_evidence()
    assert record.sealed
    names = {metric.name for metric in record.metrics}
    assert "promoted_at" in names
    assert "gain" not in names
    assert "it was promoted without a comparison" in record.findings


def test_before_anything_happened_there_is_nothing_to_tell(
    store: Store, memory: MemoryRegistry
) -> None:
    fresh = AdaptivePipeline(store=store, registry=memory, train=learn)
    with pytest.raises(StateError, match="got no promotion"):
        fresh.summary().to_evidence()
    assert "Nothing was promoted" in fresh.summary().to_page().render()
    with pytest.raises(StateError, match="expected a store in which a pipeline has worked"):
        summarise(store)


def test_losses_are_found_by_name() -> None:
    assert named.find(math.dist) is math.dist
    with pytest.raises(ConfigError, match="expected a loss of zero_one, squared, absolute"):
        named.find("log")


def test_importing_loads_nothing_heavy() -> None:
    code = (
        "import sys, modelward.adaptive_pipeline as m, modelward.adaptive_pipeline.command\n"
        "m.AdaptivePipeline, m.Registry, m.Comparison\n"
        "heavy = {'torch', 'mlflow', 'sklearn', 'pandas', 'matplotlib', 'fastapi', 'scipy'}\n"
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0


def test_every_public_name_is_there() -> None:
    import modelward.adaptive_pipeline as package

    assert all(getattr(package, name) is not None for name in package.__all__)
    assert sorted(package.__all__) == package.__all__


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, and long enough to be read as one " * 20)
    with pytest.raises(ServiceError, match="file is not a database"):
        Store(f"sqlite:///{path}")
