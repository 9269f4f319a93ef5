"""`modelward pipeline`: run a pipeline or its parts, look at it, steer it, check its ledger."""

from __future__ import annotations

import json as jsons
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.settings import PipelineConfig
    from modelward.adaptive_pipeline.store.store import Store

app = typer.Typer(
    help="Run an adaptive pipeline, look at it, steer it, and check its ledger.",
    no_args_is_help=True,
)
CONFIG = typer.Argument(help="The pipeline's YAML configuration.", show_default=False)
TARGET = typer.Argument(
    help="The pipeline: its YAML configuration, its SQLite file, or its database URL.",
    show_default=False,
)
JSON = typer.Option(False, "--json", help="As JSON.")


def _config(path: Path) -> PipelineConfig:
    from modelward.adaptive_pipeline.assembly import read

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    # Each of its attempts to reach a repository or registry that is away; we say so once.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    return read(path)


def _open(target: str) -> Store:
    """Open the store of a pipeline that is there; looking at one makes none."""
    from modelward.adaptive_pipeline import assembly
    from modelward.adaptive_pipeline.store.store import Store
    from modelward.core.errors import DataError

    if "://" in target:
        return Store(target, make=False)
    path = Path(target)
    if path.suffix in {".yaml", ".yml"}:
        return assembly.store(assembly.read(path), make=False)
    if not path.is_file():
        raise DataError(
            f"expected a pipeline's database or configuration, got no file at {path}",
            hint="give the .yaml the pipeline runs with, its .db file, or a database URL.",
        )
    return Store(f"sqlite:///{path}", make=False)


@app.command()
def run(config: Path = CONFIG) -> None:
    """Run the whole loop in this process: gateway, joiner and controller."""
    from modelward.adaptive_pipeline.pipeline import AdaptivePipeline

    AdaptivePipeline(_config(config), wait=None, begin=False).run()


@app.command()
def gateway(config: Path = CONFIG) -> None:
    """Run a gateway alone: answers requests, takes labels, follows the plan in the store."""
    from modelward.adaptive_pipeline.processes import run_gateway

    run_gateway(_config(config))


@app.command()
def joiner(config: Path = CONFIG) -> None:
    """Run the joiner alone: joins the labels that gateways keep."""
    from modelward.adaptive_pipeline.processes import run_joiner

    run_joiner(_config(config))


@app.command()
def controller(config: Path = CONFIG) -> None:
    """Run the controller alone: watches, retrains, compares, promotes."""
    from modelward.adaptive_pipeline.processes import run_controller

    run_controller(_config(config))


@app.command()
def status(
    target: str = TARGET,
    json: bool = JSON,
    watch: bool = typer.Option(False, help="Keep showing it, until interrupted."),
) -> None:
    """Say who serves, how labels stand, what is being tried, and what was promoted."""
    from modelward.adaptive_pipeline.live import show, view
    from modelward.adaptive_pipeline.result import summarise

    store = _open(target)
    if json:
        typer.echo(summarise(store).to_json())
    elif watch:
        show(store)
    else:
        view(store)


@app.command()
def page(target: str = TARGET, out: Path = typer.Argument(help="Where to write the HTML.")) -> None:
    """Write the page of the loop as one HTML file."""
    from modelward.adaptive_pipeline.result import summarise

    typer.echo(str(summarise(_open(target)).to_page().save(out)))


ledgers = typer.Typer(help="Show the ledger, or check that no row was edited.")
app.add_typer(ledgers, name="ledger")


@ledgers.command("show")
def ledger_show(target: str = TARGET, json: bool = JSON) -> None:
    """Show every decision, oldest first."""
    from modelward.adaptive_pipeline.ledger import Ledger
    from modelward.adaptive_pipeline.result import in_words

    for entry in Ledger(_open(target)).entries():
        if json:
            head = {"number": entry.number, "at": entry.at, "kind": entry.kind}
            typer.echo(jsons.dumps({**head, **entry.body}))
        else:
            typer.echo(
                f"{entry.number:4d} {_time(entry.at)} {entry.kind:10s} {in_words(entry.body)}"
            )


def _time(at: float) -> str:
    """Write Unix seconds as UTC; what is no such time (an entry may have been edited), as it is."""
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (TypeError, ValueError, OverflowError, OSError):
        return str(at)


@ledgers.command("verify")
def ledger_verify(
    target: str = TARGET,
    head: str | None = typer.Option(None, help="A digest the chain must contain."),
) -> None:
    """Check the chain. Exit code 1 when a row was edited, removed or put in."""
    from modelward.adaptive_pipeline.ledger import Ledger

    check = Ledger(_open(target)).verify(head)
    if not check:
        typer.echo(f"broken at entry {check.broken}: {check.detail}", err=True)
        raise typer.Exit(1)
    typer.echo(f"the chain of {check.entries} entries holds, head {check.head}")


@app.command()
def replay(target: str = TARGET, json: bool = JSON) -> None:
    """Work every verdict out again from the log. Exit code 1 when one comes out otherwise."""
    from modelward.adaptive_pipeline.replay.verdicts import replay_verdicts

    found = replay_verdicts(_open(target))
    for each in found:
        if json:
            typer.echo(jsons.dumps(each.to_dict()))
        else:
            word = "same" if each.same else f"NOT THE SAME: {each.detail}"
            typer.echo(f"{each.number:4d} {each.trial} {each.verdict}: {word}")
    wrong = sum(not each.same for each in found)
    typer.echo(f"{len(found)} verdicts, {wrong} come out otherwise", err=True)
    if wrong:
        raise typer.Exit(1)


@app.command("export-config")
def export_config_command(  # noqa: PLR0917 - the options of a command
    folder: Path = typer.Argument(help="Where to write the files."),
    name: str = typer.Option("modelward", help="The model, as its series are labelled."),
    gateway: str = typer.Option("127.0.0.1:8000", help="Where Prometheus finds the gateway."),
    alertmanager: str = typer.Option("127.0.0.1:9093", help="Where Prometheus finds it."),
    interval: str = typer.Option("15s", help="How often Prometheus collects."),
    tolerance: float = typer.Option(0.05, help="How far the loss may lie above its reference."),
    labels: int = typer.Option(30, help="On how many labels that has to be seen."),
    key_file: str | None = typer.Option(None, help="File with the gateway's API key."),
    force: bool = typer.Option(False, help="Overwrite files that were not written by this."),
) -> None:
    """Write the configuration of Prometheus, Alertmanager and Grafana for this loop."""
    from modelward.adaptive_pipeline.export.configuration import export_config
    from modelward.adaptive_pipeline.export.rules import Limits

    written = export_config(
        folder,
        name=name,
        gateway=gateway,
        alertmanager=alertmanager,
        interval=interval,
        limits=Limits(tolerance=tolerance, labels=labels),
        key_file=key_file,
        force=force,
    )
    for path in written:
        typer.echo(str(path))


@app.command()
def simulate(  # noqa: PLR0917 - the options of a command
    config: Path | None = typer.Argument(
        None, help="Whose triggers, arbiter, window and comparison to try; the defaults without."
    ),
    requests: int = typer.Option(3_000, min=100, help="How many, one a second."),
    changes: int = typer.Option(2, min=0, help="How often the world changes."),
    noise: float = typer.Option(0.1, min=0.0, help="Standard deviation of the labels' noise."),
    delay: float = typer.Option(30.0, min=0.001, help="Seconds a label takes on average."),
    duplicates: float = typer.Option(0.0, min=0.0, max=1.0, help="Share of labels sent twice."),
    lost: float = typer.Option(0.0, min=0.0, max=1.0, help="Share of labels that never come."),
    seed: int = typer.Option(0, help="The same seed gives the same result."),
    json: bool = JSON,
) -> None:
    """Try a policy on a sine whose phase jumps, on a virtual clock, with labels that come late."""
    from modelward.adaptive_pipeline.assembly import read
    from modelward.adaptive_pipeline.simulator.rehearsal import rehearse

    result = rehearse(
        None if config is None else read(config),
        n=requests,
        changes=changes,
        noise=noise,
        delay=delay,
        duplicates=duplicates,
        lost=lost,
        seed=seed,
    )
    typer.echo(result.to_json() if json else repr(result))


def _steer(config: Path, what: str, reason: str) -> None:
    """Do it here where no controller runs; else leave the wish to it and wait for the answer."""
    from modelward.adaptive_pipeline.processes import steer

    typer.echo(steer(_config(config), what, reason))


REASON = typer.Option("asked by hand", help="Kept in the ledger.")


@app.command()
def retrain(config: Path = CONFIG, reason: str = REASON) -> None:
    """Ask for a retraining; the arbiter decides when."""
    _steer(config, "retrain", reason)


@app.command()
def promote(config: Path = CONFIG, reason: str = REASON) -> None:
    """Promote the challenger under trial now."""
    _steer(config, "promote", reason)


@app.command()
def rollback(config: Path = CONFIG, reason: str = REASON) -> None:
    """Bring back the champion before this one."""
    _steer(config, "rollback", reason)
