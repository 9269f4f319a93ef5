"""Errors say what to do; imports stay light until something heavy is used."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from modelward.core import errors
from modelward.core.optional import lazy_exports, require

HEAVY = {"torch", "torchvision", "mlflow", "sklearn", "evidently", "pandas", "scipy", "matplotlib"}
LIBRARIES = ["adaptive_pipeline", "adversarial", "modelcards", "monitoring", "validation"]


def modules_after(statement: str) -> set[str]:
    answer = subprocess.run(
        [sys.executable, "-c", f"{statement}; import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.split(".")[0] for name in answer.stdout.split()}


@pytest.mark.parametrize(
    "statement",
    [
        "import modelward.core",
        "import modelward.core.command",
        "from modelward.core import config, errors, evidence, metrics, pages",
        "from modelward.core.evidence import Evidence",
        "from modelward.core.metrics import Estimate, Moments, bootstrap",
        *(f"import modelward.{name}" for name in LIBRARIES),
        *(f"import modelward.{name}.command" for name in LIBRARIES),
    ],
)
def test_nothing_heavy_is_imported(statement: str) -> None:
    assert modules_after(statement) & HEAVY == set()


@pytest.mark.parametrize("name", LIBRARIES)
def test_public_names_exist_and_are_listed(name: str) -> None:
    import importlib

    library = importlib.import_module(f"modelward.{name}")
    assert set(library.__all__) <= set(dir(library))
    for public in library.__all__:
        assert getattr(library, public) is not None


def test_each_error_is_ours_and_the_builtin() -> None:
    for name, builtin in {
        "ConfigError": ValueError,
        "DataError": ValueError,
        "EvidenceError": ValueError,
        "StateError": RuntimeError,
        "ServiceError": ConnectionError,
        "MissingPackageError": ImportError,
    }.items():
        error = getattr(errors, name)("expected a, got b", hint="do c.")
        assert isinstance(error, builtin)
        assert isinstance(error, errors.ModelwardError)
        assert str(error) == "expected a, got b\n\nHint: do c."
    assert str(errors.DataError("only a fact")) == "only a fact"


def test_errors_survive_the_way_between_processes() -> None:
    error = errors.DataError("expected a, got b", hint="do c.")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is errors.DataError
    assert (copy.fact, copy.hint, str(copy)) == (error.fact, error.hint, str(error))


def test_missing_package_gives_the_pip_line() -> None:
    with pytest.raises(errors.MissingPackageError) as caught:
        require("surely_absent.inner", feature="flying", install="'./packages/core[wings]'")
    assert "flying needs the package 'surely_absent'" in str(caught.value)
    assert "pip install './packages/core[wings]'" in str(caught.value)


def test_an_error_inside_an_installed_package_is_not_hidden(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    (folder / "installed_but_broken.py").write_text("import also_surely_absent\n")
    monkeypatch.syspath_prepend(str(folder))
    with pytest.raises(ModuleNotFoundError) as caught:
        require("installed_but_broken", feature="x", install="y")
    assert not isinstance(caught.value, errors.MissingPackageError)


def test_lazy_exports_load_once() -> None:
    import modelward.core.evidence as package

    getattr_, dir_ = lazy_exports("modelward.core.evidence", {"Evidence": "record"})
    assert getattr_("Evidence") is package.Evidence
    assert "Evidence" in dir_()
    with pytest.raises(AttributeError, match="has no attribute 'Evidenz'"):
        getattr_("Evidenz")
