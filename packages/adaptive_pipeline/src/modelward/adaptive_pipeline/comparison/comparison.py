"""The comparison: is the challenger better, told at every look and with an error that is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, Self

from modelward.adaptive_pipeline.comparison.gains import Gains, Independent, Paired
from modelward.adaptive_pipeline.comparison.guardrails import (
    ErrorRate,
    Guardrail,
    from_settings,
    to_settings,
)
from modelward.adaptive_pipeline.comparison.guards import Guards, GuardState
from modelward.adaptive_pipeline.comparison.observation import Observation
from modelward.adaptive_pipeline.comparison.units import Units
from modelward.adaptive_pipeline.comparison.verdict import Verdict, Word
from modelward.adaptive_pipeline.sequences.betting import RunningBetting
from modelward.adaptive_pipeline.sequences.proportion import mismatch
from modelward.adaptive_pipeline.sequences.running import RunningAsymptotic, Variety
from modelward.core.errors import ConfigError, DataError
from modelward.core.metrics import Estimate

Statistic = Literal["auto", "asymptotic", "betting"]
_MISMATCH = 1_000.0  # e-value at level 0.001
_FEWEST_UNITS = 30  # in each arm: the variance between fewer is not known well enough


class Comparison:
    """A running comparison of a challenger with the champion that may be looked at after each label.

    `design="paired"` is for labels that do not depend on the prediction that was served: both models
    answer each request, and the gain is the champion's loss minus the challenger's. `design="ab"` is
    for labels that do: each request is served by one of them, chosen with a known probability, and
    the gain is the difference of the two mean losses. `promote` when the gain's lower bound is above
    `margin`, `reject` when its upper bound is below it, `inconclusive` after `maximum` labels. A
    challenger no better than `margin` is promoted with probability `alpha` / 2 at most, at whichever
    look, and a better one rejected likewise.

    `statistic` is what the bounds are made of: `betting` for losses between 0 and 1, valid at any
    number of labels; `asymptotic` for any loss with a variance, valid in the limit, which therefore
    waits until `differing` gains (in an A/B test: losses of each arm) differ from the most common
    one; `auto` bets while all losses are 0 or 1 (wrong or right), and is asymptotic otherwise.

    Each guardrail must be shown to be kept before a promotion, and rejects when it is shown to be
    broken (see `Guards`). In a paired comparison without an `ErrorRate`, more than `max_failures`
    requests the challenger failed to answer reject it: they have no gain, and leaving many out would
    flatter it. In an A/B test the shares of the
    arms, among the requests (`exposures`) and among the labels, are tested at level 0.001 at every
    look: where they are not what was drawn, the verdict is not `valid`. Where units come back, the
    bounds widen by how far the sums of units vary (see `Units`) and wait for enough units; `auto`
    does not bet then, and bets, guardrails and shares go by the first label of each unit.

    Raises `ConfigError` for settings out of range.

    >>> comparison = Comparison(minimum=100)
    >>> seen = [Observation(champion=float(i % 3 == 0), challenger=float(i % 20 == 0))
    ...         for i in range(120)]
    >>> verdicts = [comparison.update(each) for each in seen]
    >>> verdicts[98].word, verdicts[99].word
    ('continue', 'promote')
    >>> verdicts[99].gain.low > 0
    True

    Source: arXiv 2103.06476, Theorem 2.2 and section 3; arXiv 2010.09686; arXiv 2011.03567.
    """

    def __init__(
        self,
        *,
        design: Literal["paired", "ab"] = "paired",
        statistic: Statistic = "auto",
        alpha: float = 0.05,
        margin: float = 0.0,
        minimum: int = 100,
        maximum: int = 5_000,
        max_failures: int = 5,
        differing: int = 20,
        n_best: int = 500,
        guardrails: Sequence[Guardrail] = (),
    ) -> None:
        if not 20 <= minimum <= maximum or min(max_failures, differing) < 0:
            raise ConfigError(
                "expected 20 <= minimum <= maximum, max_failures >= 0 and differing >= 0, got "
                f"minimum={minimum}, maximum={maximum}, max_failures={max_failures}, "
                f"differing={differing}",
                hint="the sequence holds in the limit: below a few dozen pairs it promises nothing.",
            )
        if not math.isfinite(margin) or (statistic != "asymptotic" and not -1 < margin < 1):
            raise ConfigError(
                f"expected a margin between -1 and 1, or a finite one with statistic='asymptotic', "
                f"got {margin}"
            )
        if design not in {"paired", "ab"} or statistic not in {"auto", "asymptotic", "betting"}:
            raise ConfigError(
                "expected the design 'paired' or 'ab' and the statistic 'auto', 'asymptotic' or "
                f"'betting', got {design!r} and {statistic!r}"
            )
        if len({rail.name for rail in guardrails}) < len(guardrails):
            raise ConfigError(
                f"expected one guardrail of a kind, got {[rail.name for rail in guardrails]}"
            )
        self.design = design
        self.statistic = statistic
        self.alpha = alpha
        self.margin = margin
        self.minimum = minimum
        self.maximum = maximum
        self.max_failures = max_failures
        self.differing = differing
        self.n_best = n_best
        self.guardrails = tuple(guardrails)
        self._asymptotic = RunningAsymptotic(alpha=alpha, n_best=n_best)
        self._varieties = [Variety(enough=differing) for _ in range(1 if design == "paired" else 2)]
        self._gains: Gains = self._new_gains()
        self._guards = Guards(self.guardrails, alpha=alpha, gains=self._new_gains)
        self._share: float | None = None
        self._units = Units(share=0.5)
        self._betting: RunningBetting | None = None
        self._binary = True
        # Where failures have a guardrail, that decides on them.
        guarded = any(isinstance(rail, ErrorRate) for rail in guardrails)
        self._unanswered = design == "paired" and not guarded
        self._seen = self._failures = 0
        self._labelled = {"champion": 0, "challenger": 0}
        self._exposed = {"champion": 0, "challenger": 0}
        self._skews = {"requests": 0.0, "labels": 0.0}
        if design == "paired":
            self._bet()

    def _new_gains(self) -> Gains:
        if self.design == "paired":
            return Paired()
        return Independent(getattr(self, "_share", None) or 0.5)

    def _bet(self) -> None:
        if self.statistic != "asymptotic":
            bound = self._gains.bound
            self._betting = RunningBetting(
                alpha=self.alpha, low=-bound, high=bound, pivot=self.margin
            )

    def update(self, observation: Observation) -> Verdict:
        """Take what one request says, and give the verdict.

        Raises `DataError` when a loss is NaN or infinite, one outside [0, 1] with
        `statistic="betting"`, or an A/B observation does not say which arm, by which probability.
        """
        self._check(observation)
        self._seen += 1
        first = self.design == "paired" or self._assign(observation)
        gain = self._gains.of(observation.champion, observation.challenger, self._share)
        if gain is None:
            self._failures += observation.challenger_failed
        else:
            self._asymptotic.update(gain)
            self._vary(observation, gain)
            if self._betting is not None and first:
                self._betting.update(gain)
        if first:
            self._guards.update(observation, self._share, binary=self._binary)
        verdict = self.verdict
        if verdict.final and self._betting is not None:
            self._betting.settle()  # what ends a comparison tells all that is known by then
            verdict = self.verdict
        return verdict

    def _vary(self, observation: Observation, gain: float) -> None:
        """Count what differs: the gains, or in an A/B test the losses of each arm."""
        if self.design == "paired":
            self._varieties[0].add(gain)
        elif observation.champion is not None:
            self._varieties[0].add(observation.champion)
        elif observation.challenger is not None:
            self._varieties[1].add(observation.challenger)

    def _check(self, observation: Observation) -> None:
        for loss in (observation.champion, observation.challenger):
            if loss is None:
                continue
            if not math.isfinite(loss):
                raise DataError(
                    f"expected finite losses, got champion {observation.champion} and challenger "
                    f"{observation.challenger}",
                    hint="a challenger without a usable answer is passed as None.",
                )
            if self.statistic == "betting" and not 0 <= loss <= 1:
                raise DataError(
                    f"expected losses between 0 and 1 with statistic='betting', got {loss}",
                    hint="use statistic='asymptotic' for losses without a known range.",
                )
            if loss not in {0.0, 1.0}:
                self._binary = False
                if self.statistic == "auto":
                    self._betting = None

    def _assign(self, observation: Observation) -> bool:
        """Take note of the arm; say whether it is the first label of its unit."""
        arm, probability = observation.arm, observation.probability
        if arm not in self._labelled or probability is None or not 0 < probability < 1:
            raise DataError(
                "expected an arm, 'champion' or 'challenger', and its probability between 0 and 1, "
                f"got {arm!r} and {probability}",
                hint="an A/B comparison needs both with every request.",
            )
        share = probability if arm == "challenger" else 1.0 - probability
        if self._share is None:
            self._share = share
            self._units = Units(share=share)
            self._gains = self._new_gains()
            self._guards = Guards(self.guardrails, alpha=self.alpha, gains=self._new_gains)
            self._skews["requests"] = self._skew(self._exposed)
            if self._binary or self.statistic == "betting":
                self._bet()
        if abs(share - self._share) > 1e-9:
            raise DataError(
                f"expected the challenger's share to stay {self._share:g}, got {share:g}",
                hint="begin a new comparison for another share.",
            )
        loss = observation.champion if arm == "champion" else observation.challenger
        unit = observation.unit
        first = loss is None or unit is None or self._units.add(arm, unit, loss)
        if first:
            self._labelled[arm] += 1
            self._skews["labels"] = self._skew(self._labelled)
        else:
            self._asymptotic.inflation = self._units.inflation
            if self.statistic == "auto":
                self._betting = None
        return first

    def exposures(self, *, champion: int, challenger: int) -> None:
        """Say how many requests each arm was assigned so far, for the check of their shares."""
        self._exposed = {"champion": champion, "challenger": challenger}
        self._skews["requests"] = self._skew(self._exposed)

    def _skew(self, counts: dict[str, int]) -> float:
        """Give the evidence that the arms have not the shares that were drawn."""
        if self.design == "paired" or self._share is None:
            return 0.0
        return mismatch(counts["champion"], counts["challenger"], share=self._share)

    @property
    def verdict(self) -> Verdict:
        """The verdict as things stand."""
        gain, guards = self.gain, self._guards.states
        wrong = self._mismatch()
        if wrong:
            return Verdict("inconclusive", gain, wrong, valid=False, guards=guards)
        word, because = self._failed(guards) or self._decide(gain, guards)
        return Verdict(word, gain, because, guards=guards)

    def _failed(self, guards: Sequence[GuardState]) -> tuple[Word, str] | None:
        """Say what alone rejects the challenger, if anything does."""
        if self._unanswered and self._failures > self.max_failures:
            return "reject", f"the challenger failed on {self._failures} requests"
        harmful = next((guard for guard in guards if guard.harmful), None)
        if harmful is None or self._seen < self.minimum:
            return None
        more = f"by more than {harmful.tolerance:g} after {harmful.n} labels"
        return "reject", f"{harmful.name} is worse {more}"

    def _decide(self, gain: Estimate, guards: Sequence[GuardState]) -> tuple[Word, str]:
        n, margin = self._asymptotic.n, self.margin
        low = -math.inf if gain.low is None else gain.low
        high = math.inf if gain.high is None else gain.high
        because = self._too_early()
        # A betting bound that stands at the margin has shown it; an asymptotic one must be beyond it.
        at = self._betting is not None
        if not because:
            not_kept = next((guard.name for guard in guards if not guard.passed), None)
            if low > margin or (at and low == margin):
                if not_kept is None:
                    return "promote", f"gain at least {low:.3g} after {n} labels"
                because = f"a gain is shown, but {not_kept} is not yet shown to be kept"
            elif high < margin or (at and high == margin):
                return "reject", f"gain at most {high:.3g} after {n} labels"
            elif self._seen >= self.maximum:
                because = f"no difference shown in {n} labels"
            else:
                because = f"gain between {low:.3g} and {high:.3g} after {n} labels"
        return ("inconclusive" if self._seen >= self.maximum else "continue"), because

    def _mismatch(self) -> str:
        """Say that the arms have not the shares they should have; nothing where they have."""
        for what, counts in (("requests", self._exposed), ("labels", self._labelled)):
            if self._skews[what] >= _MISMATCH:
                a, b = counts["champion"], counts["challenger"]
                return (
                    f"sample ratio mismatch: {b} of {a + b} {what} are the challenger's, where a "
                    f"share of {self._share:g} was drawn"
                )
        return ""

    def _too_early(self) -> str:
        """Say why the bounds are not to be believed yet; nothing when they are."""
        n = self._asymptotic.n
        if n < self.minimum:
            return f"{n} of at least {self.minimum} labels"
        if self._units.returning and (few := self._few_units()):
            return few
        if self._betting is not None:
            return ""
        differing = min([variety.differing for variety in self._varieties])
        if differing < self.differing:
            what = "gains" if self.design == "paired" else "losses of an arm"
            few = f"only {differing} of {n} {what} differ from the most common one"
            return f"{few}, {self.differing} are needed"
        return ""

    def _few_units(self) -> str:
        """Say that too few units are behind the labels; nothing when there are enough."""
        units = self._units.fewest
        if units >= _FEWEST_UNITS:
            return ""
        least = f"an arm comes to {units:.0f} of equal size, {_FEWEST_UNITS} are needed"
        return f"{self._asymptotic.n} labels of too few units: {least}"

    @property
    def gain(self) -> Estimate:
        """The mean gain with its confidence sequence."""
        if self._betting is not None and self._betting.n:
            return self._betting.estimate()
        return self._asymptotic.estimate()

    @property
    def settings(self) -> dict[str, Any]:
        """What it was made with, as plain values for `comparison_from`."""
        names = ["design", "statistic", "alpha", "margin", "minimum", "maximum"]
        names += ["max_failures", "differing", "n_best"]
        rails = [to_settings(rail) for rail in self.guardrails]
        return {name: getattr(self, name) for name in names} | {"guardrails": rails}

    def fresh(self) -> Comparison:
        """Give a new comparison with the same settings and nothing seen."""
        return comparison_from(self.settings)

    @property
    def state(self) -> dict[str, Any]:
        """What has been seen, as plain values for `restore`."""
        return {
            "share": self._share,
            "binary": self._binary,
            "seen": self._seen,
            "failures": self._failures,
            "labelled": dict(self._labelled),
            "exposed": dict(self._exposed),
            "gains": self._gains.state,
            "units": self._units.state if self.design == "ab" else None,
            "asymptotic": self._asymptotic.state,
            "varieties": [variety.state for variety in self._varieties],
            "betting": self._betting.state if self._betting else None,
            "guards": self._guards.state,
        }

    def restore(self, state: dict[str, Any]) -> Self:
        """Go on from a `state` taken before."""
        self._share = state["share"]
        self._binary = bool(state["binary"])
        self._seen, self._failures = int(state["seen"]), int(state["failures"])
        self._labelled = {arm: int(n) for arm, n in state["labelled"].items()}
        self._exposed = {arm: int(n) for arm, n in state["exposed"].items()}
        self._skews = {
            "requests": self._skew(self._exposed),
            "labels": self._skew(self._labelled),
        }
        self._gains = self._new_gains()
        self._gains.restore(state["gains"])
        self._asymptotic = RunningAsymptotic(alpha=self.alpha, n_best=self.n_best)
        self._asymptotic.restore(state["asymptotic"])
        self._units = Units(share=self._share or 0.5)
        if state["units"] is not None:
            self._units.restore(state["units"])
            self._asymptotic.inflation = self._units.inflation
        for variety, kept in zip(self._varieties, state["varieties"], strict=True):
            variety.restore(kept)
        self._betting = None
        if state["betting"] is not None:
            self._bet()
            if self._betting is not None:
                self._betting.restore(state["betting"])
        self._guards = Guards(self.guardrails, alpha=self.alpha, gains=self._new_gains)
        self._guards.restore(state["guards"])
        return self

    def __repr__(self) -> str:
        return (
            f"Comparison(design={self.design!r}, statistic={self.statistic!r}, "
            f"alpha={self.alpha:g}, margin={self.margin:g}, minimum={self.minimum}, "
            f"maximum={self.maximum})"
        )


def comparison_from(settings: dict[str, Any]) -> Comparison:
    """Make a comparison from the `settings` of another.

    >>> comparison_from(Comparison(alpha=0.1).settings).alpha
    0.1
    """
    rails = [
        rail if isinstance(rail, Guardrail) else from_settings(rail)
        for rail in settings.get("guardrails", ())
    ]
    return Comparison(**{**settings, "guardrails": rails})
