import copy
import json

import pytest

from modelward.core.errors import DataError
from modelward.validation import FeatureContinuous, FeatureInteger, Output, Study

FEATURES = [FeatureContinuous("x", 0.1, 10, scale="log"), FeatureInteger("k", 0, 4)]


def system(x, k):
    if x > 9.5:
        raise OSError("gone")
    return x * (k + 1)


@pytest.fixture(scope="module")
def learnt():
    s = Study(FEATURES, [Output("y", threshold=12.0)], name="saved", seed=3, audit=0.2, level=0.9)
    s.run(system, budget=30, batch=2, stop_early=False)
    return s


@pytest.fixture
def study(learnt):
    return copy.deepcopy(learnt)


def finish(study):
    study.run(system, budget=10, batch=2, stop_early=False)
    return study


def test_a_loaded_study_goes_on_as_if_it_had_never_stopped(study, tmp_path):
    loaded = Study.load(study.save(tmp_path / "deep" / "study.json"))
    assert loaded.runs == study.runs
    one, other = finish(study), finish(loaded)
    assert one.runs == other.runs
    assert one.result().to_dict() == other.result().to_dict()
    assert one.save(tmp_path / "a").read_text() == other.save(tmp_path / "b").read_text()


def test_pending_and_frozen_are_kept(study, tmp_path):
    study.freeze()
    asked = study.ask(2)
    loaded = Study.load(study.save(tmp_path / "study.json"))
    assert loaded.frozen
    assert loaded.pending == asked
    loaded.tell(asked, [1.0, 2.0])
    study.tell(asked, [1.0, 2.0])
    assert loaded.certificate() == study.certificate()


def test_nothing_partial_is_left_beside_a_saved_study(study, tmp_path):
    study.save(tmp_path / "study.json")
    study.save(tmp_path / "study.json")
    assert [path.name for path in tmp_path.iterdir()] == ["study.json"]


def change(content, **changes):
    return json.dumps({**content, **changes})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda c: "{", "expected a saved study"),
        (lambda c: "[]", "got something else"),
        (lambda c: "[" * 100_000, "expected a saved study"),
        (lambda c: change(c, format="modelward.validation.study/9"), "got something else"),
        (lambda c: change(c, runs=c["runs"][1:]), "damaged"),
        (lambda c: change(c, domain={**c["domain"], "features": []}), "damaged"),
        (lambda c: change(c, domain={"features": [{"kind": "os.system"}]}), "damaged"),
        (lambda c: change(c, settings={"seed": "x"}), "damaged"),
        (lambda c: change(c, runs=[{**c["runs"][0], "values": {"x": 99, "k": 1}}]), "damaged"),
        (lambda c: change(c, runs=[{"id": 0}]), "damaged"),
        (lambda c: json.dumps({k: v for k, v in c.items() if k != "state"}), "damaged"),
    ],
)
def test_damaged_files_are_refused(study, tmp_path, damage, message):
    path = study.save(tmp_path / "study.json")
    path.write_text(damage(json.loads(path.read_text())))
    with pytest.raises(DataError, match=message):
        Study.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"expected a saved study in .*nothing\.json"):
        Study.load(tmp_path / "nothing.json")
