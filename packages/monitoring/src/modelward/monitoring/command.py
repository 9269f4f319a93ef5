"""`modelward monitoring`: compare tables, learn and check expectations, and watch a fleet."""

from __future__ import annotations

from pathlib import Path

import typer

from modelward.monitoring.fleet_command import app as fleet_app

app = typer.Typer(help="Watch data and models for drift.", no_args_is_help=True)
app.add_typer(fleet_app)


@app.command()
def methods() -> None:
    """List the drift methods."""
    from modelward.monitoring.drift.registry import METHODS

    for method in METHODS.values():
        typer.echo(f"{method.name} (on {method.on})")
        typer.echo(f"    measures: {method.statistic}{f', in {method.unit}' * bool(method.unit)}")
        typer.echo(f"    p-value:  {method.p_value or 'none'}")
        typer.echo(f"    assumes:  {method.assumptions}")
        typer.echo(f"    source:   {method.source}")


@app.command()
def compare(  # noqa: PLR0917 - the command's arguments and options
    reference: Path = typer.Argument(help="The reference, CSV, Parquet or Feather."),
    current: Path = typer.Argument(help="The window, CSV, Parquet or Feather."),
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

    before = Sketch.fit_chunks(reference)
    after = before.empty().add_chunks(current)
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


@app.command()
def expect(
    reference: Path = typer.Argument(help="The reference, CSV, Parquet or Feather."),
    out: Path = typer.Option(Path("expectations.yaml"), help="Where the YAML goes."),
    risk: float = typer.Option(1e-4, help="Risk that a share of a healthy column fails."),
) -> None:
    """Learn what data must be like from a reference, as YAML to be edited."""
    from modelward.monitoring.quality.expectations import Expectations
    from modelward.monitoring.sketch.table import Sketch

    learned = Expectations.learn(Sketch.fit_chunks(reference), risk=risk)
    typer.echo(f"{len(learned.columns)} columns in {learned.save(out)}")


@app.command()
def check(
    expectations: Path = typer.Argument(help="The expectations, YAML."),
    window: Path = typer.Argument(help="What came, CSV, Parquet or Feather."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Check a table against expectations. Exit code 0: every one met; 1: some failed; 2: unusable."""
    from modelward.monitoring.quality.expectations import Expectations

    expected = Expectations.load(expectations)
    result = expected.check(expected.cells().add_chunks(window))
    typer.echo(result.to_json() if as_json else repr(result))
    if result.failures:
        raise typer.Exit(1)


@app.command()
def study(
    folder: Path = typer.Argument(help="Where trials, guide, pictures and numbers go."),
    short: bool = typer.Option(False, help="Only show that it runs: some seconds."),
    repeats: int = typer.Option(12, min=1, help="Seeds of each scenario and stream."),
    seed: int = typer.Option(0, help="The first seed."),
    jobs: int = typer.Option(2, min=1, help="Trials side by side."),
) -> None:
    """Measure the drift methods on changes of known truth, and write which to use when.

    A run that was cut off goes on where it was. The whole takes about ten minutes on two cores.
    """
    from modelward.monitoring.study.run import Study

    chosen = (
        Study.short(seed=seed)
        if short
        else Study(repeats=repeats, stream_repeats=repeats, seed=seed)
    )
    result = chosen.run(folder, jobs=jobs)
    typer.echo(f"{result!r}\n{result.save(folder)}")
