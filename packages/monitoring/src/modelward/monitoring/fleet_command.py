"""The commands on a fleet: what is in the catalogue, what came, what is decided, who is told."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelward.core.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from modelward.monitoring.fleet.fleet import Fleet
    from modelward.monitoring.fleet.records import Window
    from modelward.monitoring.sketch.table import Sketch

app = typer.Typer()

Url = Annotated[
    str,
    typer.Option(
        "--fleet", envvar="MODELWARD_FLEET", help="The fleet's database, as a SQLAlchemy URL."
    ),
]
DEFAULT = "sqlite:///fleet.db"
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def add(  # noqa: PLR0917 - the command's arguments and options
    name: Annotated[str, typer.Argument(help="The model's name.")],
    reference: Annotated[
        Path, typer.Argument(help="Its reference, .csv, .parquet or .json (a sketch).")
    ],
    owner: Annotated[str, typer.Option(help="Whom to call.")] = "",
    group: Annotated[str, typer.Option(help="What it belongs to.")] = "",
    traffic: Annotated[float, typer.Option(help="Predictions a day.")] = 1.0,
    criticality: Annotated[float, typer.Option(help="Cost of one lost unit of performance.")] = 1.0,
    url: Url = DEFAULT,
) -> None:
    """Put a model into the catalogue, with its reference; again replaces what was known of it."""
    from modelward.monitoring.fleet.records import Model

    with _open(url, make=True) as fleet:
        model = Model(name, owner=owner, group=group, traffic=traffic, criticality=criticality)
        fleet.add(model, _sketch(reference))
    typer.echo(f"{name} is in the catalogue of {url}")


@app.command()
def record(  # noqa: PLR0917
    name: Annotated[str, typer.Argument(help="The model's name.")],
    data: Annotated[Path, typer.Argument(help="What came, .csv or .parquet.")],
    start: Annotated[str, typer.Option(help="When the window began, ISO 8601, UTC.")],
    hours: Annotated[float, typer.Option(help="How long it was.")] = 24.0,
    expectations: Annotated[
        Path | None, typer.Option(help="Expectations to check it against, YAML.")
    ] = None,
    url: Url = DEFAULT,
) -> None:
    """Record a window of a model: sketched, checked for quality, the rows themselves not kept."""
    from modelward.monitoring.fleet.records import Window
    from modelward.monitoring.quality.expectations import Expectations
    from modelward.monitoring.sources.frames import read

    window = Window.of(start, hours=hours)
    with _open(url) as fleet:
        sketch = fleet.reference(name).empty()
        for chunk in read(data):
            sketch = sketch.add(chunk)
        failures: tuple[str, ...] = ()
        if expectations is not None:
            result = Expectations.load(expectations).check(sketch, at=window.end)
            failures = result.failures
            typer.echo(repr(result))
        fleet.record(name, window, sketch, failures=failures)
    typer.echo(f"{sketch.rows} rows of {name} recorded for {window}")


@app.command()
def assess(  # noqa: PLR0917
    start: Annotated[
        str | None, typer.Option(help="Begin of the window (default: newest).")
    ] = None,
    hours: Annotated[float, typer.Option(help="How long it was.")] = 24.0,
    q: Annotated[float, typer.Option(help="Largest expected share of false alarms.")] = 0.05,
    smallest_shift: Annotated[float, typer.Option(help="Smallest change that matters.")] = 0.05,
    url: Url = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Judge the windows of all models together.

    Exit code 0: no alarm; 1: alarms; 2: it could not be done.
    """
    with _open(url) as fleet:
        result = fleet.assess(_window(start, hours), q=q, smallest_shift=smallest_shift)
        incidents = fleet.incidents()
        alarmed = fleet.summary().alarmed
    if as_json:
        shown = result.to_dict() | {"incidents": [i.title for i in incidents]}
        typer.echo(json.dumps(shown, allow_nan=False))
    else:
        typer.echo(repr(result))
        for incident in incidents:
            typer.echo(f"incident: {incident.title}")
    if alarmed:
        raise typer.Exit(1)


@app.command()
def status(
    search: Annotated[str, typer.Argument(help="Words in names, owners and groups.")] = "",
    state: Annotated[str, typer.Option(help="alarmed, cannot say, silent, new or steady.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Rows shown.")] = 20,
    url: Url = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Show the fleet, the largest expected loss first, and its open incidents."""
    with _open(url) as fleet:
        summary, incidents = fleet.summary(), fleet.incidents()
        page = fleet.statuses(search=search, state=state, limit=limit)
    if as_json:
        rows = [_row(each) for each in page]
        typer.echo(json.dumps({"total": page.total, "models": rows}, allow_nan=False))
        return
    from rich.console import Console

    console = Console()
    if not console.is_terminal:  # a file or a pipe has no width of its own
        console.width = max(console.width, 120)
    console.print(
        f"{summary.models} models: {summary.alarmed} alarmed, {summary.cannot_say} cannot be judged, "
        f"{summary.silent} silent, {summary.new} new, {summary.steady} steady"
    )
    console.print(_table([_row(each) for each in page], f"{len(page)} of {page.total} models"))
    for incident in incidents:
        console.print(f"incident {incident.id}: {incident.title}", markup=False)
        if incident.suggestion:
            console.print(f"  {incident.suggestion}", markup=False)


@app.command()
def silence(
    incident: Annotated[str, typer.Argument(help="The incident's id, as `status` shows it.")],
    until: Annotated[
        str | None, typer.Option(help="Until when, ISO 8601 (without: no more).")
    ] = None,
    url: Url = DEFAULT,
) -> None:
    """Do not tell an incident until a moment."""
    with _open(url) as fleet:
        fleet.silence(incident, until)
    typer.echo("told again from now on" if until is None else f"silent until {until}")


@app.command("sync-mlflow")
def sync_mlflow(
    tracking_uri: Annotated[str, typer.Argument(help="MLflow's address or store.")],
    pattern: Annotated[str, typer.Option(help="Names LIKE this, e.g. 'fraud-%'.")] = "",
    runs: Annotated[bool, typer.Option(help="Take the runs over as workflows, too.")] = False,
    url: Url = DEFAULT,
) -> None:
    """Fill the catalogue from an MLflow model registry; a new version becomes a deployment event."""
    with _open(url, make=True) as fleet:
        typer.echo(repr(fleet.sync_mlflow(tracking_uri=tracking_uri, pattern=pattern)))
        if runs:
            from modelward.monitoring.infrastructure.sources import mlflow_runs

            count = 0
            for run in mlflow_runs(tracking_uri):
                fleet.workflow(run)
                count += 1
            typer.echo(f"{count} runs of workflows")


@app.command("sync-pipeline")
def sync_pipeline(
    pipeline: Annotated[str, typer.Argument(help="The pipeline's database, as a SQLAlchemy URL.")],
    model: Annotated[str, typer.Argument(help="The model of the catalogue it serves.")],
    url: Url = DEFAULT,
) -> None:
    """Take over an adaptive pipeline's retrainings as workflow runs, its promotions as events."""
    from modelward.monitoring.infrastructure.sources import pipeline_events, pipeline_runs

    with _open(url) as fleet:
        runs, events = list(pipeline_runs(pipeline)), list(pipeline_events(pipeline, model=model))
        for run in runs:
            fleet.workflow(run)
        for event in events:
            fleet.tell(event)
    typer.echo(f"{len(runs)} retrainings and {len(events)} events of {model}")


@app.command()
def watch(
    every: Annotated[float, typer.Option(min=1, help="Seconds between two looks.")] = 60.0,
    looks: Annotated[int, typer.Option(min=0, help="How many; 0: until it is stopped.")] = 0,
    url: Url = DEFAULT,
) -> None:
    """Record what this machine has and uses, again and again."""
    import threading

    from modelward.monitoring.infrastructure.resources import sample_resources

    stop = threading.Event()
    with _open(url, make=True) as fleet:
        done = 0
        try:
            while True:
                fleet.resource(sample_resources())
                done += 1
                if done == looks or stop.wait(every):
                    return
        except KeyboardInterrupt:
            typer.echo(f"stopped after {done} looks")


@app.command()
def serve(  # noqa: PLR0917
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on.")] = 8_400,
    key_file: Annotated[
        Path | None,
        typer.Option(help="File with the API key (or set MODELWARD_MONITORING_KEY)."),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(help="A further name this machine answers to, without a key."),
    ] = None,
    reports: Annotated[Path | None, typer.Option(help="Folder of kept Evidently reports.")] = None,
    mlflow: Annotated[str, typer.Option(help="Address of MLflow's pages, to link to.")] = "",
    rows: Annotated[int, typer.Option(min=1, max=500, help="Models on a page.")] = 50,
    url: Url = DEFAULT,
) -> None:
    """Show the fleet as pages, as JSON under /api, and its metrics at /metrics; until it is stopped."""
    from modelward.monitoring.outputs.dashboard import Settings
    from modelward.monitoring.outputs.dashboard import serve as run

    settings = Settings.of(
        fleet=url,
        host=host,
        port=port,
        key=_key(key_file),
        names=tuple(name or ()),
        reports=reports,
        mlflow=mlflow,
        rows=rows,
    )
    run(settings)


@app.command()
def report(  # noqa: PLR0917
    name: Annotated[str, typer.Argument(help="The model's name.")],
    reference: Annotated[Path, typer.Argument(help="Rows of the reference, .csv or .parquet.")],
    current: Annotated[Path, typer.Argument(help="Rows of the window, .csv or .parquet.")],
    start: Annotated[str, typer.Option(help="When the window began, ISO 8601, UTC.")],
    hours: Annotated[float, typer.Option(help="How long it was.")] = 24.0,
    target: Annotated[str | None, typer.Option(help="Column of the truth.")] = None,
    prediction: Annotated[str | None, typer.Option(help="Column of the prediction.")] = None,
    probability: Annotated[str | None, typer.Option(help="Column of the probability.")] = None,
    folder: Annotated[Path, typer.Option(help="Where reports are kept.")] = Path("reports"),
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow, to log it with the model's training run.")
    ] = None,
    url: Url = DEFAULT,
) -> None:
    """Make Evidently's full report of one model's window, for the dashboard to show."""
    import pandas as pd

    from modelward.monitoring.outputs.evidently import Reports
    from modelward.monitoring.sources.frames import read

    before, now = (pd.concat(list(read(path))) for path in (reference, current))
    with _open(url) as fleet:
        made = Reports(folder, fleet=fleet, tracking_uri=tracking_uri).report(
            name,
            _window(start, hours) or fleet.windows(name)[-1],
            current=now,
            reference=before,
            target=target,
            prediction=prediction,
            probability=probability,
        )
    typer.echo(str(made.html))


@app.command("export-grafana")
def export_grafana(
    folder: Annotated[Path, typer.Argument(help="Where the files go.")],
    exporter: Annotated[str, typer.Option(help="Where the exporter answers.")] = "127.0.0.1:8400",
    force: Annotated[bool, typer.Option(help="Replace files that were changed since.")] = False,
    url: Url = DEFAULT,
) -> None:
    """Write dashboards, rules with their tests, and all that Prometheus and Grafana need to run them."""
    from modelward.monitoring.outputs.grafana.export import export_grafana as export

    with _open(url) as fleet:
        for path in export(folder, fleet, exporter=exporter, force=force):
            typer.echo(str(path))


@app.command()
def metrics(url: Url = DEFAULT) -> None:
    """Print the fleet as Prometheus text, once."""
    from modelward.monitoring.outputs.exporter import FleetExporter

    with _open(url) as fleet:
        typer.echo(FleetExporter(fleet, every=None).render().decode(), nl=False)


@app.command()
def notify(
    webhook: Annotated[str, typer.Argument(help="The address that is told of incidents.")] = "",
    url_env: Annotated[
        str | None, typer.Option(help="Environment variable that holds it, where it is a secret.")
    ] = None,
    kind: Annotated[str, typer.Option(help="generic, slack or retrain.")] = "generic",
    state: Annotated[Path, typer.Option(help="What was told is kept here.")] = Path("told.json"),
    url: Url = DEFAULT,
) -> None:
    """Tell a webhook of incidents, each once when it opens, grows and ends."""
    from typing import cast

    from modelward.monitoring.outputs.alerts.notifier import Notifier
    from modelward.monitoring.outputs.alerts.webhook import Kind, Webhook

    hook = Webhook(url=webhook, url_env=url_env, kind=cast("Kind", kind))
    with _open(url) as fleet:
        told = Notifier(webhooks=[hook], state=state).tell(fleet)
    typer.echo(f"{len(told.sent)} told, {len(told.failed)} failed")
    if told.failed:
        raise typer.Exit(1)


def _open(url: str, *, make: bool = False) -> Fleet:
    from modelward.monitoring.fleet.fleet import Fleet

    return Fleet(url, make=make)


def _key(path: Path | None) -> str | None:
    """Give the API key from a file, or from the environment; from nowhere else."""
    if path is None:
        return os.environ.get("MODELWARD_MONITORING_KEY")
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected a file with the API key, got {path}: {error}") from error


def _window(start: str | None, hours: float) -> Window | None:
    from modelward.monitoring.fleet.records import Window

    return None if start is None else Window.of(start, hours=hours)


def _sketch(path: Path) -> Sketch:
    from modelward.monitoring.sketch.table import Sketch
    from modelward.monitoring.sources.frames import read

    return Sketch.load(path) if path.suffix == ".json" else Sketch.fit_chunks(read(path))


def _row(status: Any) -> dict[str, Any]:
    value = None if status.performance is None else status.performance.value
    return {
        "model": status.model.name,
        "state": status.state,
        "expected_loss": status.expected_loss,
        "performance": None if value is None else value.value,
        "drifted": len(status.drifted),
        "worst": status.worst,
        "failures": len(status.failures),
        "window": _when(status.window.end if status.window else None),
    }


def _when(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat(timespec="minutes")


def _table(rows: list[dict[str, Any]], title: str) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, box=box.SIMPLE, padding=(0, 1, 0, 0))
    names = [
        "model",
        "state",
        "expected_loss",
        "performance",
        "drifted",
        "worst",
        "failures",
        "window",
    ]
    for name in names:
        table.add_column(name.replace("_", " "), no_wrap=name == "model")
    for row in rows:
        cells = [*(row[name] for name in names[:-1]), row["window"].removesuffix("+00:00")]
        # As text: a name may hold what the terminal would take for markup.
        table.add_row(
            *(
                Text("" if c is None else f"{c:.4g}" if isinstance(c, float) else str(c))
                for c in cells
            )
        )
    return table
