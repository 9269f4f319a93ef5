"""The live view of a pipeline in a terminal: state, loss, evidence, labels, the last decisions."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from modelward.adaptive_pipeline.result import PipelineResult, summarise

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.store.store import Store

_BARS = "▁▂▃▄▅▆▇█"


def view(store: Store, *, console: Console | None = None) -> None:
    """Print the state of a pipeline once."""
    (console or Console()).print(draw(summarise(store)))


def show(store: Store, *, console: Console | None = None, every: float = 1.0) -> None:
    """Keep showing the state of a pipeline, until interrupted."""
    never = threading.Event()
    with Live(draw(summarise(store)), console=console, screen=False, auto_refresh=False) as live:
        try:
            while not never.wait(every):
                live.update(draw(summarise(store)), refresh=True)
        except KeyboardInterrupt:
            return


def draw(result: PipelineResult) -> Group:
    """Lay a summary out for a terminal."""
    return Group(
        Columns([_serving(result), _labels(result), _trial(result)], equal=False, expand=False),
        _loss(result),
        _decisions(result),
    )


def _serving(result: PipelineResult) -> Panel:
    ledger = f"{result.ledger.entries} entries" if result.ledger else "BROKEN"
    text = (
        f"version [bold]{escape(result.champion)}[/] serves\n{result.phase}\n"
        f"{result.served:,} requests\nledger: {ledger}"
    )
    return Panel(text, title="champion")


def _labels(result: PipelineResult) -> Panel:
    counts = result.counts
    text = (
        f"{counts.joined:,} joined\n{counts.waiting:,} awaited, {counts.missing:,} missing\n"
        f"{counts.late:,} late, {counts.orphan:,} orphans\n{counts.conflict:,} in conflict"
    )
    return Panel(text, title="labels")


def _trial(result: PipelineResult) -> Panel:
    trial = result.trial
    if trial is None:
        return Panel("no trial under way\n\n\n", title="experiment")
    verdict, gain = trial.verdict, trial.verdict.gain
    shown = "no gain is known yet"
    if gain.n:
        low, high = (
            sign if bound is None or math.isinf(bound) else f"{bound:.4g}"
            for sign, bound in (("-∞", gain.low), ("∞", gain.high))
        )
        shown = f"gain {gain.value:.4g} [{low}, {high}]"
    text = (
        f"version {trial.challenger} beside {trial.champion}\n{trial.design}, {gain.n:,} labels\n"
        f"{shown}\n{verdict.reason}"
    )
    return Panel(Text(text), title="watch" if trial.watch else "experiment")


def _loss(result: PipelineResult) -> Panel:
    table = Table.grid(padding=(0, 2))
    top = max((w.loss.mean for w in result.windows), default=0.0) or 1.0
    for version in dict.fromkeys(w.version for w in result.windows):
        losses = [w.loss.mean for w in result.windows if w.version == version][-60:]
        bars = "".join(_BARS[min(7, int(8 * loss / top))] for loss in losses)
        table.add_row(escape(f"version {version}"), bars, f"{losses[-1]:.4g}")
    return Panel(table, title="loss over the requests")


def _decisions(result: PipelineResult) -> Panel:
    table = Table.grid(padding=(0, 2))
    for served, kind, what in result.decisions[-8:]:
        table.add_row(f"{served:,}", escape(kind), escape(what))
    return Panel(table, title="last decisions")
