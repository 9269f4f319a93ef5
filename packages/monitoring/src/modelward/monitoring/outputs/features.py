"""The features that changed most, of each model: read again only where something was decided anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from modelward.monitoring.decisions.result import STATUS, FeatureDrift
from modelward.monitoring.fleet.store.database import BATCH
from modelward.monitoring.fleet.store.packing import unpack_features
from modelward.monitoring.fleet.store.schema import models, results, statuses
from modelward.monitoring.outputs.families import label

if TYPE_CHECKING:
    from modelward.monitoring.fleet.fleet import Fleet
    from modelward.monitoring.outputs.readings import Series, Subject


class TopFeatures:
    """The `top` features of each model: drifted first, then those nothing can be said of."""

    def __init__(self, *, top: int) -> None:
        self.top = top
        self._known: dict[str, tuple[int, int]] = {}
        self._subjects: dict[str, Subject] = {}

    def read(self, fleet: Fleet, names: Sequence[str]) -> list[Subject]:
        """Give the series of the features of models, in the order of their names."""
        if self.top == 0:
            return []
        with fleet.database.reading() as tx:
            newest = {row.name: (row.assessment_id, row.id) for row in tx.execute(_newest())}
            stale = [name for name, found in newest.items() if self._known.get(name) != found]
            for start in range(0, len(stale), BATCH):
                self._look(tx, {newest[name][1]: name for name in stale[start : start + BATCH]})
        for name in self._known.keys() - newest.keys():
            del self._subjects[name]
        self._known = newest
        return [self._subjects[name] for name in names if name in self._subjects]

    def _look(self, tx: Connection, names: dict[int, str]) -> None:
        query = select(results.c.id, results.c.detail, results.c.summary)
        for row in tx.execute(query.where(results.c.id.in_(names))):
            failed = row.summary.get("failures", ())
            name = names[row.id]
            self._subjects[name] = list(
                _series(name, unpack_features(row.detail), failed, self.top)
            )


def _newest() -> Any:
    """Ask for the decision on the newest assessed window of each model."""
    same = (
        (results.c.model_id == statuses.c.model_id)
        & (results.c.began == statuses.c.began)
        & (results.c.ended == statuses.c.ended)
    )
    return (
        select(models.c.name, results.c.id, results.c.assessment_id)
        .join(statuses, statuses.c.model_id == models.c.id)
        .join(results, same)
    )


def _series(
    model: str, features: Sequence[FeatureDrift], failures: Sequence[str], top: int
) -> Iterator[Series]:
    heads = (failure.partition(": ") for failure in failures)
    failed = Counter(head if words else "" for head, _, words in heads)  # "": the whole table
    known = {feature.feature: feature for feature in features}
    ranked = sorted(features, key=lambda f: _rank(f, failed))
    # A column that is no feature (a new one, say) can fail an expectation, too.
    others = [name for name in failed if name not in known]
    for feature in ranked[:top]:
        labels = (label(model), label(feature.feature))
        for family, value in _values(feature).items():
            if value is not None:
                yield family, labels, float(value)
    shown = [f.feature for f in ranked[:top] if failed[f.feature]] + others
    for name in shown[:top]:
        yield "feature_failures", (label(model), label(name)), float(failed[name])


def _rank(feature: FeatureDrift, failed: Counter[str]) -> tuple[bool, int, float]:
    change = feature.test.effect.value if feature.test.effect else 0.0
    return not failed[feature.feature], list(STATUS).index(feature.verdict), -change


def _values(feature: FeatureDrift) -> dict[str, float | None]:
    effect, shift = feature.test.effect, feature.test.shift
    unjudged = feature.verdict == "cannot say"
    return {
        "feature_change_ratio": None if effect is None else effect.value,
        "feature_change_low_ratio": None if effect is None else effect.low,
        "feature_change_high_ratio": None if effect is None else effect.high,
        "feature_mean_shift": None if shift is None else shift.value,
        "feature_q_value": feature.q_value,
        # Never a wrong 'no drift': what could not be judged is not 0, it is not there.
        "feature_drifted": None if unjudged else feature.drifted,
        "feature_unjudged": 1.0 if unjudged else None,
    }
