"""`modelward evidence`: look at a record, check it against its files, print its schema."""

from __future__ import annotations

import json
from pathlib import Path

import typer

app = typer.Typer(help="Look at evidence records and check them.", no_args_is_help=True)


@app.command()
def show(path: Path = typer.Argument(help="An evidence record (JSON).")) -> None:
    """Show what a record says, on one screen."""
    from modelward.core.evidence.record import Evidence

    typer.echo(Evidence.load(path).summary())


@app.command()
def verify(paths: list[Path] = typer.Argument(help="Evidence records (JSON).")) -> None:
    """Check seals, and the files the records name. Exit code 1 when anything does not hold."""
    from modelward.core.evidence.record import Evidence

    failed = False
    for path in paths:
        result = Evidence.load(path).verify(path.parent)
        failed |= not result
        for check in result.checks:
            typer.echo(f"{path}: {check.item}: {check.status} {check.detail}".rstrip())
    if failed:
        raise typer.Exit(1)


@app.command()
def schema() -> None:
    """Print the JSON Schema of evidence records."""
    from modelward.core.evidence.record import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))
