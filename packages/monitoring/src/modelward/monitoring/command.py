"""`modelward monitoring`: compare tables from the shell."""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer(help="Watch data and models for drift.", no_args_is_help=True)


@app.command()
def methods() -> None:
    """List the drift methods."""
    from modelward.monitoring.drift.registry import METHODS

    for method in METHODS.values():
        typer.echo(f"{method.name:16} {method.unit:32} {method.assumptions}")


@app.command()
def compare(  # noqa: PLR0917 - the command's arguments and options
    reference: Path = typer.Argument(help="The reference, .csv or .parquet."),
    current: Path = typer.Argument(help="The window, .csv or .parquet."),
    q: float = typer.Option(0.05, help="Largest expected share of false alarms."),
    smallest_shift: float = typer.Option(0.05, help="Smallest change of a share that matters."),
    html: Path | None = typer.Option(None, help="Write a page here."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Compare a window with a reference.

    Exit code 0: no drift shown; 1: drift; 2: a file, or a feature of the reference, cannot be judged.
    """
    from modelward.monitoring.decisions.comparison import compare as decide
    from modelward.monitoring.sketch.table import Sketch
    from modelward.monitoring.sources.frames import read

    before = Sketch.fit_chunks(read(reference))
    after = before.empty()
    for chunk in read(current):
        after = after.add(chunk)
    result = decide(
        before, after, q=q, smallest_shift=smallest_shift, model=reference.stem, window=current.stem
    )
    typer.echo(result.to_json() if as_json else repr(result))
    if html is not None:
        result.to_page().save(html)
    if result.shifted:
        raise typer.Exit(1)
    if any(feature in before.columns for feature in result.cannot_say):
        raise typer.Exit(2)
