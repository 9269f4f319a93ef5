"""What a simulation came to."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from modelward.adaptive_pipeline.joiner import JoinCounts

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class Stretch:
    """Mean losses over the `n` answered requests among the requests `first` to `last`.

    Of what was `served`, of the `best` model there is, and of the first champion (`never` adapted).
    """

    first: int
    last: int
    n: int
    served: float
    best: float
    never: float


@dataclass(frozen=True, slots=True)
class Promotion:
    """A version that took over after so many requests were `served`.

    `gain` is by how much the mean loss truly fell, measured on 2,000 fresh requests. It is `false`
    when nothing had changed since the promotion before, or the start.
    """

    served: int
    old: str
    new: str
    gain: float
    false: bool


@dataclass(frozen=True, slots=True)
class Recovery:
    """A change, by its first request, and the `requests` from there to the first promotion.

    None where nothing was promoted before the next change.
    """

    change: int
    requests: int | None


@dataclass(frozen=True, slots=True, repr=False)
class SimulationResult:
    """What was sent, what the pipeline did, and what it cost.

    `requests` were sent (`failed` of them got no answer; `unsent` were lost on the way), `labels` of
    so many requests, `duplicates` and `revisions` beside them, and `lost` were those of others.
    `counts` is what the pipeline's joiner made of it.
    """

    seed: int
    requests: int
    failed: int
    unsent: int
    labels: int
    lost: int
    duplicates: int
    revisions: int
    counts: JoinCounts
    retrainings: int
    rollbacks: int
    promotions: tuple[Promotion, ...]
    recoveries: tuple[Recovery, ...]
    stretches: tuple[Stretch, ...]

    @property
    def false_promotions(self) -> int:
        """How many promotions there were while nothing had changed."""
        return sum(promotion.false for promotion in self.promotions)

    @property
    def loss(self) -> float:
        """The mean loss of what was served; NaN when nothing was."""
        return self._mean("served")

    @property
    def best_loss(self) -> float:
        """The mean loss of a model that always knows the world."""
        return self._mean("best")

    @property
    def never_loss(self) -> float:
        """The mean loss of the first champion, had it served all along."""
        return self._mean("never")

    @property
    def regret(self) -> float:
        """The loss beyond that of a model that always knows the world, summed over all requests."""
        return sum(s.n * (s.served - s.best) for s in self.stretches)

    @property
    def never_regret(self) -> float:
        """The same for the first champion, had it served all along."""
        return sum(s.n * (s.never - s.best) for s in self.stretches)

    def _mean(self, what: str) -> float:
        n = sum(s.n for s in self.stretches)
        return sum(s.n * getattr(s, what) for s in self.stretches) / n if n else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values; the mean losses of no request are null."""
        names = ("false_promotions", "loss", "best_loss", "never_loss", "regret", "never_regret")
        found = {name: getattr(self, name) for name in names}
        return asdict(self) | {
            name: value if math.isfinite(value) else None for name, value in found.items()
        }

    def to_json(self) -> str:
        """Write everything as indented JSON."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def to_frame(self) -> pd.DataFrame:
        """Give the losses as a table: first, last, n, served, best, never."""
        import pandas as pd

        return pd.DataFrame([asdict(stretch) for stretch in self.stretches])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the three losses over the requests, with changes (dotted) and promotions."""
        from modelward.core.pages import axes

        axis = axes(ax)
        middle = [(s.first + s.last) / 2 for s in self.stretches]
        for name, text in (
            ("never", "never adapted"),
            ("best", "best possible"),
            ("served", "served"),
        ):
            axis.plot(middle, [getattr(s, name) for s in self.stretches], label=text)
        for recovery in self.recoveries:
            axis.axvline(recovery.change, color="#000000", linestyle=":", linewidth=1)
        for promotion in self.promotions:
            style = "--" if promotion.false else "-"
            axis.axvline(promotion.served, color="#000000", linestyle=style, linewidth=1, alpha=0.6)
        axis.set_xlabel("requests")
        axis.set_ylabel("mean loss")
        axis.set_ylim(bottom=0)
        if self.stretches:
            axis.legend()
        return axis

    def __repr__(self) -> str:
        counts, promotions = self.counts, len(self.promotions)
        back = ", ".join(str(r.requests or "none") for r in self.recoveries) or "-"
        sent = f"{self.failed} failed, {self.unsent} never sent"
        labels = f"{self.labels} sent, {self.duplicates} twice, {self.revisions} revised"
        joined = f"joined {counts.joined} in time and {counts.late} late"
        loss = f"best possible {self.best_loss:.4g}, never adapted {self.never_loss:.4g}"
        undone = f"{self.rollbacks} rollbacks"
        false = f"{self.false_promotions} while nothing had changed"
        lines = [
            f"{self.requests} requests ({sent}), seed {self.seed}",
            f"  labels: {labels}, {self.lost} lost; {joined}",
            f"  loss {self.loss:.4g} ({loss})",
            f"  regret {self.regret:.4g} (never adapted {self.never_regret:.4g})",
            f"  {self.retrainings} retrainings, {promotions} promotions ({false}), {undone}",
            f"  {len(self.recoveries)} changes; requests until a promotion: {back}",
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from modelward.core.pages import Figure, Tile, Tiles, notebook, svg

        back = [str(r.requests or "none") for r in self.recoveries]
        false = self.false_promotions
        return notebook(
            Tiles(
                [
                    Tile("Requests", f"{self.requests:,}", f"{self.labels:,} with a label"),
                    Tile(
                        "Loss",
                        f"{self.loss:.3g}",
                        f"best {self.best_loss:.3g}, never adapted {self.never_loss:.3g}",
                    ),
                    Tile(
                        "Promotions",
                        str(len(self.promotions)),
                        f"{false} while nothing had changed",
                        "bad" if false else "good",
                    ),
                    Tile("Requests until a promotion", ", ".join(back) or "-", "for each change"),
                ]
            ),
            Figure(
                svg(self.plot()),
                alt=repr(self),
                caption="Mean loss over the requests; dotted: changes, lines: promotions",
            ),
        )
