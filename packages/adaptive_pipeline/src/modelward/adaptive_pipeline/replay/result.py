"""What a log came to under each of several policies."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

ACTUAL = "as it happened"


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """What one policy made of the log.

    `loss` is the mean over the requests that have a label under every policy. `regret` is the sum of
    loss beyond that of the policy that was best in each window; `extra` the sum beyond what
    happened, below 0 where this policy is better. `recoveries` are, for each change, the requests
    from there to the first promotion, or None. `regrets` are by window. `head` is that of its
    ledger, which tells every decision.
    """

    policy: str
    loss: float
    regret: float
    extra: float
    retrainings: int
    promotions: int
    rollbacks: int
    recoveries: tuple[int | None, ...]
    regrets: tuple[float, ...]
    head: str


@dataclass(frozen=True, slots=True, repr=False)
class ReplayResult:
    """A log under several policies; the first of them is what happened.

    `changes` are the first requests of the changes (counted from 1), `size` the requests in a window.
    """

    policies: tuple[PolicyResult, ...]
    requests: int
    labelled: int
    changes: tuple[int, ...]
    size: int

    def __getitem__(self, policy: str) -> PolicyResult:
        """Give what one policy, by its name, came to. Raises `KeyError` for one not tried."""
        return {result.policy: result for result in self.policies}[policy]

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values; a mean over nothing is null."""
        found = asdict(self)
        for each in found["policies"]:
            each["loss"] = each["loss"] if math.isfinite(each["loss"]) else None
        return found

    def to_json(self) -> str:
        """Write everything as indented JSON."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def to_frame(self) -> pd.DataFrame:
        """Give a table, a row for each policy; `recovery 1` and so on are for the changes."""
        import pandas as pd

        names = ("loss", "regret", "extra", "retrainings", "promotions", "rollbacks")
        rows = {
            each.policy: {name: getattr(each, name) for name in names}
            | {f"recovery {k}": requests for k, requests in enumerate(each.recoveries, 1)}
            for each in self.policies
        }
        frame = pd.DataFrame.from_dict(rows, orient="index")
        for name in frame.columns[len(names) :]:
            frame[name] = frame[name].astype("Int64")
        return frame.rename_axis("policy")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the regret of each policy as it adds up over the requests, with the changes dotted."""
        import numpy as np

        from modelward.core.pages import axes

        axis = axes(ax)
        for each in self.policies:
            ends = np.minimum(np.arange(1, len(each.regrets) + 1) * self.size, self.requests)
            axis.plot([0, *ends], [0.0, *np.cumsum(each.regrets)], label=each.policy)
        for change in self.changes:
            axis.axvline(change, color="#000000", linestyle=":", linewidth=1)
        axis.set_xlabel("requests")
        axis.set_ylabel("regret so far")
        axis.legend()
        return axis

    def __repr__(self) -> str:
        head = f"{self.requests} requests, {self.labelled} with a label under every policy"
        places = ", ".join(map(str, self.changes))
        return f"{head}; changes at {places or 'none'}\n{self.to_frame().to_string()}"

    def _repr_html_(self) -> str:
        from modelward.core.pages import Figure, Table, notebook, svg

        frame = self.to_frame().reset_index()
        rows = [
            tuple("-" if value != value or value is None else value for value in row)  # noqa: PLR0124
            for row in frame.astype(object).where(frame.notna(), None).itertuples(index=False)
        ]
        picture = Figure(svg(self.plot()), alt=repr(self), caption="Regret as it adds up")
        table = Table("What each policy came to", list(frame.columns), rows)
        return notebook(table, picture)
