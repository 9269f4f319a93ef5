"""A pipeline from one YAML file: its parts, and what is said about a file that cannot be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.adaptive_pipeline.loops import pipeline

from modelward.adaptive_pipeline import AdaptivePipeline, PipelineConfig, Registry, Store, assembly
from modelward.adaptive_pipeline.retrainer.executors import Inline, LocalProcess, Ray
from modelward.adaptive_pipeline.testing import learn
from modelward.adaptive_pipeline.triggers import Performance, Repository, Schedule
from modelward.core.config import InvalidConfigError, loads
from modelward.core.errors import ConfigError

TRAINING = """
from modelward.adaptive_pipeline.testing import learn as train
"""
WHOLE = """
store: sqlite:///here.db
registry: {name: cut, artifacts: models}
train: a_training_module:train
loss: zero_one
horizon: 3600
seed: 7
window: {kind: last_n, n: 300, minimum: 100}
triggers:
  - {kind: performance, tolerance: 0.1, reference: 150}
  - {kind: schedule, cron: "0 3 * * 1"}
  - {kind: repository, url: "https://git.example.org/x.git"}
arbiter: {cooldown: 50, debounce: 5, budget: 3}
training: {executor: inline, attempts: 1}
comparison: {minimum: 60, maximum: 400, watch: 100}
monitor: {window: 60, segments: [x]}
"""


def write(folder: Path, text: str) -> Path:
    (folder / "a_training_module.py").write_text(TRAINING, "utf-8")
    path = folder / "pipeline.yaml"
    path.write_text(text, "utf-8")
    return path


def test_all_parts_come_from_the_file(tmp_path: Path) -> None:
    parts = assembly.build(assembly.read(write(tmp_path, WHOLE)))
    assert [type(each) for each in parts["triggers"]] == [Performance, Schedule, Repository]
    assert repr(parts["arbiter"]) == (
        "Arbiter(cooldown=50, cooldown_seconds=0, debounce=5, budget=3)"
    )
    assert isinstance(parts["executor"], Inline)
    assert parts["store"].url == f"sqlite:///{tmp_path / 'here.db'}"
    assert parts["registry"].tracking_uri == f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert parts["comparison"].settings["minimum"] == 60
    assert parts["watch"] == 100
    assert parts["segments"] == ("x",)
    assert callable(parts["train"])


def test_a_cluster_is_asked_for_what_the_file_says() -> None:
    text = "{store: 'sqlite://', registry: {name: x}, train: 'json:loads', training: %s}"
    there = "{executor: ray, address: auto, cpus: 4, gpus: 0.5, memory: 1000, timeout: 9}"
    assert assembly.executor(loads(text % there, PipelineConfig)) == Ray(
        address="auto", cpus=4, gpus=0.5, memory=1000, timeout=9
    )
    assert assembly.executor(loads(text % "{executor: ray}", PipelineConfig)) == Ray()


def test_a_pipeline_from_a_file_serves(tmp_path: Path, memory: Registry) -> None:
    loop = AdaptivePipeline(write(tmp_path, WHOLE), registry=memory)
    answer = loop.predict({"x": 0.7})
    loop.label(answer.request_id, 1)
    assert loop.monitor.loss("1").n == 1
    assert (tmp_path / "here.db").exists()
    loop.close()


def test_a_training_that_was_cut_off_does_not_hold_up_the_requests(
    store: Store, memory: Registry
) -> None:
    def killed(data: Any, context: Any) -> Any:
        raise KeyboardInterrupt

    first = pipeline(store, memory, killed)
    for number in range(120):
        first.predict({"x": number / 120}, f"r{number}")
        first.label(f"r{number}", int(number > 60))
    with pytest.raises(KeyboardInterrupt):
        first.retrain("by hand")
    first.close()
    trained: list[int] = []

    def train(data: Any, context: Any) -> Any:
        trained.append(len(data.seq))
        return learn(data, context)

    again = pipeline(store, memory, train, begin=False)
    assert again.predict({"x": 0.7}, "answered").version == "1"
    assert not trained
    again.step()
    assert len(trained) == 1
    again.close()


def test_segments_that_would_guard_nothing_are_refused(tmp_path: Path, memory: Registry) -> None:
    strange = write(tmp_path, WHOLE.replace("segments: [x]", "segments: [x, vessel]"))
    with pytest.raises(ConfigError, match=r"columns of version 1, \['x'\], got \['vessel'\]"):
        AdaptivePipeline(strange, registry=memory)
    none = WHOLE.replace(", segments: [x]", "").replace(
        "watch: 100", "watch: 100, guardrails: {segments: 0.2}"
    )
    with pytest.raises(ConfigError, match=r"guardrails.segments and no monitor.segments"):
        assembly.comparison(assembly.read(write(tmp_path, none)))


def test_defaults_are_a_process_of_its_own_and_paired_shadow() -> None:
    text = "{store: 'sqlite://', registry: {name: x}, train: 'json:loads'}"
    config = loads(text, PipelineConfig)
    parts = assembly.build(config, without=["registry"])
    assert isinstance(parts["executor"], LocalProcess)
    assert parts["comparison"].design == "paired"
    depends = config.model_copy(update={"label_depends_on_prediction": True})
    assert assembly.comparison(depends).design == "ab"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"horizon: 3600": "horizon: soon"}, "horizon"),
        ({"kind: schedule": "kind: calendar"}, "triggers"),
        ({"cooldown: 50": "cooldwn: 50"}, "did you mean 'cooldown'"),
        ({"a_training_module:train": "no colon"}, "train"),
    ],
)
def test_a_file_that_cannot_be_right_is_told_with_its_place(
    tmp_path: Path, change: dict[str, str], message: str
) -> None:
    text = WHOLE
    for old, new in change.items():
        text = text.replace(old, new)
    with pytest.raises(InvalidConfigError, match=message) as caught:
        assembly.read(write(tmp_path, text))
    assert "pipeline.yaml:" in str(caught.value)


@pytest.mark.parametrize("name", ["no_such_module:train", "json:no_such_function", "json:__doc__"])
def test_a_training_function_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"expected a function"):
        assembly.function(name, tmp_path)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ConfigError, match="no store, no registry, no train"):
        AdaptivePipeline()


def test_a_schedule_that_is_none_is_refused(tmp_path: Path) -> None:
    config = assembly.read(write(tmp_path, WHOLE.replace("0 3 * * 1", "every monday")))
    with pytest.raises(ConfigError, match="cron"):
        assembly.build(config)


def test_public_settings_have_a_schema() -> None:
    from modelward.core.config import schema

    made: dict[str, Any] = schema(PipelineConfig)
    assert {"registry", "train", "triggers", "comparison"} <= set(made["properties"])
