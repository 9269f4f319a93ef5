"""A card of a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelward.core.errors import DataError
from modelward.modelcards.creation.data import describe_data
from modelward.modelcards.creation.project import environment_of
from modelward.modelcards.creation.templates import content_of_template, merged

_MOST_CLASSES = 50


def content_of_estimator(estimator: Any, *, name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Write what an estimator says of itself as a card's content.

    Raises `DataError` for what is no estimator.
    """
    if not hasattr(estimator, "get_params"):
        raise DataError(f"expected a scikit-learn estimator, got {type(estimator).__name__}")
    task = _task(estimator)
    kind = task if task in {"classification", "regression"} else "classification"
    parameters: dict[str, Any] = {"model_architecture": _architecture(estimator), "task": task}
    parameters["parameters"] = {key: _plain(value) for key, value in _settings(estimator).items()}
    if names := _inputs(estimator):
        parameters["input_format_map"] = names
    if (classes := getattr(estimator, "classes_", None)) is not None:
        shown = [str(value) for value in list(classes)[:_MOST_CLASSES]]
        more = len(classes) - len(shown)
        parameters["output_format"] = ", ".join(shown) + (f" and {more} more" if more > 0 else "")
    if data:
        parameters["data"] = describe_data(data)
    known = {
        "model_parameters": parameters,
        "environment": environment_of("scikit-learn", "numpy", "scipy", "pandas"),
    }
    return merged(content_of_template(kind, name=name or type(estimator).__name__), known)


def _task(estimator: Any) -> str:
    from sklearn.base import is_classifier, is_regressor

    if is_classifier(estimator):
        return "classification"
    if is_regressor(estimator):
        return "regression"
    return str(getattr(estimator, "_estimator_type", None) or "TODO: what it is for.")


def _architecture(estimator: Any) -> str:
    steps = getattr(estimator, "steps", None)
    if steps:
        return " → ".join(_architecture(step) for _, step in steps)
    inner = getattr(estimator, "estimator", None)
    if hasattr(inner, "get_params") and "estimator" in estimator.get_params(deep=False):
        return f"{type(estimator).__name__} of {_architecture(inner)}"
    return type(estimator).__name__


def _settings(estimator: Any) -> dict[str, Any]:
    return {
        key: value
        for key, value in sorted(estimator.get_params(deep=True).items())
        if not hasattr(value, "get_params") and key not in {"steps", "transformers"}
    }


def _inputs(estimator: Any) -> list[dict[str, str]]:
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        return [{"key": str(name), "value": "column"} for name in names]
    count = getattr(estimator, "n_features_in_", None)
    return [] if count is None else [{"key": "features", "value": str(count)}]


def _plain(value: Any) -> Any:
    """Write a setting as YAML can: numbers and text as they are, anything else by its repr."""
    if value is None:
        return "None"
    if isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return value.item()
    return repr(value)[:200]
