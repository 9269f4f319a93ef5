"""The competition: every model predicts a result before it is told, and is scored by it."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from modelward.core.errors import ConfigError
from modelward.validation.domain import Floats
from modelward.validation.models.base import Surrogate

_SURE = 1e-3
"""No forecast is taken for surer than this: a single wrong certainty must not decide for ever."""
_MEMORY, _MEMORY_SHARE = 60.0, 0.5
"""Forecasts (or share of all) after which an older one counts 1/e as much: models learn."""
_GROWTH, _GROWTH_BEHIND = 1.12, 1.4
"""Growth of the results after which a model is trained anew that has a say in verdicts; or none."""
_FOLDS, _RECHECK, _CHECKED = 4, 1.5, 600
"""Folds of a cross-validation, the growth after which it is made anew, the most results for it."""
_KEPT = ("name", "born", "n", "loss", "mass", "trained", "checked_on")
_SAY = 0.02
"""Weight below which a model has no say in verdicts."""
_TRUST = 3.0
"""Nats by which a model must be worse in all to lose to others that saw less than it: pass and fail."""
_MARK = 0.02
"""Nats by which a model must be better on average than one that it displaces."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a model stands: mean log loss (nats, lower is better) out of sample, over `n` forecasts.

    The mean forgets slowly, and counts a cross-validation, so that it speaks of the model as it is
    now. `weight` is its share in
    the verdicts, `born` the number of results when it joined.
    """

    name: str
    log_loss: float
    n: int
    weight: float = 0.0
    born: int = 0
    leader: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Give the fields; the loss is None before the first forecast."""
        return {**asdict(self), "log_loss": None if math.isnan(self.log_loss) else self.log_loss}


@dataclass(slots=True)
class Competitor:
    """A model in the competition, with its name, its birth and its losses."""

    name: str
    model: Surrogate
    born: int = 0
    n: int = 0
    checked: float = math.nan
    checked_on: int = 0
    loss: float = 0.0
    mass: float = 0.0
    trained: int = 0
    held: Any = field(default=None, repr=False)

    @property
    def mean(self) -> float:
        """The mean log loss: of the forecasts, discounted, and of the last cross-validation."""
        if not self.total:
            return math.nan
        checked = self.checked_on * self.checked if self.checked_on else 0.0
        return (self.loss + checked) / self.total

    @property
    def total(self) -> float:
        """The mass of all that the mean is taken of."""
        return self.mass + self.checked_on

    def score(self, p: float, *, failed: bool, weight: float) -> None:
        """Score a forecast P(fail) = p made before the result was known."""
        p = min(max(p, _SURE), 1.0 - _SURE)
        keep = math.exp(-weight / max(_MEMORY, _MEMORY_SHARE * self.n))
        self.loss = keep * self.loss - weight * math.log(p if failed else 1.0 - p)
        self.mass = keep * self.mass + weight
        self.n += 1


class Competition:
    """Models of one output, scored on results that none of them had seen (prequentially).

    Each forecast P(fail) is made before its result is told and scored by the log loss, which is
    lowest on average for the model whose probabilities are right. Forecasts of points that a model
    had chosen near the boundary weigh less (`weight`), since the space is not like them. While
    results are few, a cross-validation adds a second score on as many points, which speaks of the
    models as they are now; it is made anew when results have grown by half. A model that learns from
    margins (`reads_margins`) has a start of three nats before those that learn from pass and fail,
    while the margins say more than that: with few failures the scores tell little. Verdicts
    are the models' probabilities weighted by exp(-loss): nearly those of the leader alone once it
    is clearly better, for an even mean loses to its best member.

    A model that after `patience` forecasts is the worst by a clear mark gives its place to a mutant
    of the leader or of another family. The leader is never replaced.

    Raises `ConfigError` when there is no model.

    Sources: Dawid, Present position and potential developments: the prequential approach, JRSS-A
    (1984); Vovk, Aggregating strategies (1990), for the weights.
    """

    def __init__(self, models: Sequence[Surrogate], *, patience: int = 50) -> None:
        if not models:
            raise ConfigError("expected at least one model, got none")
        self.patience = patience
        self.competitors: list[Competitor] = []
        self._count = 0
        self._last_replaced = 0
        self._graded = False
        for model in models:
            self._join(copy.deepcopy(model), born=0)

    @property
    def leader(self) -> Competitor:
        """The model with the lowest mean log loss; the first before anything is scored."""
        rated = [c for c in self.competitors if c.total and c.total >= self._needed()]
        return min(rated or self.competitors[:1], key=self._standing)

    @property
    def trained(self) -> list[Competitor]:
        """The models that have learnt."""
        return [c for c in self.competitors if c.trained]

    def fit(self, x: Floats, margin: Floats, *, seed: int) -> None:
        """Train models on points of shape (n, d) and margins (n,): the leader, and those due."""
        self._graded = len(np.unique(margin)) > 2
        n, leader, weights = len(x), self.leader, self.weights()
        for c in self.competitors:
            growth = _GROWTH if weights[c.name] > _SAY else _GROWTH_BEHIND
            if c is leader or not c.trained or n >= c.trained * growth or n < c.trained:
                c.model.fit(x, margin, seed=seed)
                c.trained = n
        if _FOLDS * 2 <= n <= _CHECKED and (margin < 0).any() and (margin >= 0).any():
            self._cross_validate(x, margin, seed=seed)

    def forecast(self, x: Floats) -> list[dict[str, float]]:
        """Give each trained model's probability of failure at each of the m points, by name."""
        columns = {c.name: c.model.predict(x).p_fail().tolist() for c in self.trained}
        return [{name: column[i] for name, column in columns.items()} for i in range(len(x))]

    def mixture(self, forecast: Mapping[str, float]) -> float:
        """Weigh the forecasts of one point: the competition's P(fail)."""
        weights = self.voting()
        shares = {name: weights[name] for name in forecast if name in weights}
        total = sum(shares.values())
        if not total:
            return 0.5
        return sum(share * forecast[name] for name, share in shares.items()) / total

    def p_fail(self, x: Floats) -> Floats:
        """Give the weighted probability of failure at points (m, d), shape (m,)."""
        weights = self.voting()
        parts = [(weights[c.name], c) for c in self.trained if c.name in weights]
        total = sum(weight for weight, _ in parts)
        mixed = sum(weight * c.model.predict(x).p_fail() for weight, c in parts)
        return np.asarray(mixed / total)

    def voting(self) -> dict[str, float]:
        """Give the weights of the models that have a say in verdicts: those above 2 %."""
        weights = self.weights()
        trained = {c.name for c in self.trained}
        return {n: w for n, w in weights.items() if w > _SAY and n in trained}

    def score(self, forecast: Mapping[str, float], *, failed: bool, weight: float = 1.0) -> None:
        """Score a forecast made before the result was known."""
        for c in self.competitors:
            if c.name in forecast:
                c.score(forecast[c.name], failed=failed, weight=weight)

    def weights(self) -> dict[str, float]:
        """Give the share of each model in the verdicts, by name; they sum to 1."""
        leader = self.leader
        if not leader.total:
            return {c.name: float(c is leader) for c in self.competitors}
        raw = {c.name: 0.0 for c in self.competitors}
        for c in self.competitors:
            if c.total >= self._needed() and c.total and c.trained:
                behind = self._standing(c) - self._standing(leader)
                raw[c.name] = math.exp(-min(c.total, leader.total) * behind)
        total = sum(raw.values()) or 1.0
        return {name: value / total for name, value in raw.items()}

    def evolve(self, n: int, rng: np.random.Generator) -> str | None:
        """Replace the worst model when its time has come; give its name, or None."""
        leader = self.leader
        if len(self.competitors) < 2 or n < self._last_replaced + self.patience:
            return None
        old = [c for c in self.competitors if c.n >= self.patience and c is not leader and c.total]
        if not old:
            return None
        worst = max(old, key=lambda c: c.mean)
        if worst.mean < leader.mean + _MARK:
            return None
        self.competitors.remove(worst)
        self._join(self._child(leader, rng), born=n)
        self._last_replaced = n
        return worst.name

    def standings(self) -> tuple[Standing, ...]:
        """Give all models, the best first. Without a forecast yet the loss is NaN."""
        weights, leader = self.weights(), self.leader
        rows = [
            Standing(c.name, c.mean, c.n, weights[c.name], c.born, c is leader)
            for c in self.competitors
        ]
        return tuple(sorted(rows, key=lambda s: (not s.leader, math.isnan(s.log_loss), s.log_loss)))

    def state(self) -> dict[str, Any]:
        """Give settings, scores and learnt parameters of every model, as JSON can hold them."""
        return {
            "count": self._count,
            "last_replaced": self._last_replaced,
            "competitors": [
                {
                    "name": c.name,
                    "kind": type(c.model).__name__,
                    "born": c.born,
                    "n": c.n,
                    "loss": c.loss,
                    "mass": c.mass,
                    "trained": c.trained,
                    "checked": c.checked if c.checked_on else None,
                    "checked_on": c.checked_on,
                    "model": c.model.state(),
                }
                for c in self.competitors
            ],
        }

    def restore(self, state: Mapping[str, Any], *, x: Floats, margin: Floats, seed: int) -> None:
        """Take back a state: each model is trained on as many results as it had been."""
        from modelward.validation.models.population import founders

        made: dict[str, Surrogate] = {type(m).__name__: m for m in (f() for f in founders())}
        made |= {type(c.model).__name__: c.model for c in self.competitors}
        self._count, self._last_replaced = int(state["count"]), int(state["last_replaced"])
        self.competitors = []
        for row in state["competitors"]:
            if row["kind"] not in made:
                raise ConfigError(
                    f"expected a model of {sorted(made)}, got {row['kind']!r}",
                    hint="give the study the models it was made with.",
                )
            model = copy.deepcopy(made[row["kind"]])
            fields = {k: row[k] for k in _KEPT}
            fields["checked"] = row["checked"] if row["checked_on"] else math.nan
            competitor = Competitor(model=model, **fields)
            n = min(competitor.trained, len(x))
            model.restore(row["model"])
            if n:
                model.fit(x[:n], margin[:n], seed=seed)
                self._graded = len(np.unique(margin)) > 2
            self.competitors.append(competitor)

    def _standing(self, c: Competitor) -> float:
        """Give the mean loss, less the start of those that learn from more."""
        start = _TRUST if self._graded and getattr(c.model, "reads_margins", False) else 0.0
        return c.mean - start / c.total if c.total else 0.0

    def _needed(self) -> float:
        """Give the mass of forecasts without which a model is not compared."""
        most = max((c.total for c in self.competitors), default=0.0)
        return min(0.4 * most, 10.0)

    def _cross_validate(self, x: Floats, margin: Floats, *, seed: int) -> None:
        """Score every model whose last cross-validation is old, by folds drawn from the seed."""
        due = [c for c in self.competitors if len(x) >= c.checked_on * _RECHECK]
        if not due:
            return
        fold = np.random.default_rng([seed, len(x)]).permutation(len(x)) % _FOLDS
        failed = margin < 0
        for c in due:
            loss = 0.0
            for k in range(_FOLDS):
                out = fold == k
                model = copy.deepcopy(c.model)
                model.fit(x[~out], margin[~out], seed=seed)
                p = np.clip(model.predict(x[out]).p_fail(), _SURE, 1.0 - _SURE)
                loss -= float(np.log(np.where(failed[out], p, 1.0 - p)).sum())
            c.checked, c.checked_on = loss / len(x), len(x)

    def _join(self, model: Surrogate, *, born: int) -> None:
        self._count += 1
        names = {c.name for c in self.competitors}
        name = model.name if model.name not in names and not born else f"{model.name} {self._count}"
        self.competitors.append(Competitor(name, model, born=born))

    def _child(self, leader: Competitor, rng: np.random.Generator) -> Surrogate:
        from modelward.validation.models.population import founders

        if rng.random() < 0.5:
            return leader.model.mutate(rng)
        makers = founders()
        return makers[int(rng.integers(len(makers)))]().mutate(rng)
