"""`modelward card`: validate, verify and render model cards."""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer(help="Create, validate, verify and render model cards.", no_args_is_help=True)


@app.command()
def create(
    run: str = typer.Argument(
        help="An MLflow run's id, models:/name@alias or models:/name/version."
    ),
    out: Path = typer.Option(Path("modelcard.yaml"), help="Where to write the card."),
    mlflow: str | None = typer.Option(None, help="MLflow's tracking URI."),
    force: bool = typer.Option(False, help="Write over a card that is there."),
) -> None:
    """Make a card of an MLflow run."""
    from modelward.core.errors import StateError
    from modelward.modelcards.card import ModelCard

    if out.exists() and not force:
        raise StateError(
            f"expected no file at {out}, got one", hint="add --force to write over it."
        )
    typer.echo(str(ModelCard.from_mlflow(run, tracking_uri=mlflow).save(out)))


@app.command()
def validate(
    cards: list[Path] = typer.Argument(help="Cards (YAML)."),
    fail_on: str = typer.Option("error", help="error, warning or hint."),
) -> None:
    """Hold cards against the rules. Exit code 1 for findings at or above --fail-on, 2 unreadable."""
    from modelward.modelcards.codecs import yaml
    from modelward.modelcards.rules.finding import SEVERITIES
    from modelward.modelcards.rules.validation import validate as run_rules

    if fail_on not in SEVERITIES:
        raise typer.BadParameter(f"expected one of {', '.join(SEVERITIES)}, got {fail_on!r}")
    counted = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    failed = False
    for path in cards:
        findings = run_rules(yaml.read(path))
        failed |= any(f.severity in counted for f in findings)
        for finding in findings:
            typer.echo(str(finding))
        if not findings:
            typer.echo(f"{path}: ok")
    if failed:
        raise typer.Exit(1)


@app.command()
def verify(
    cards: list[Path] = typer.Argument(help="Cards (YAML)."),
    mlflow: str | None = typer.Option(None, help="MLflow's tracking URI."),
) -> None:
    """Check each number against its evidence.

    Exit code 0: all verified; 1: a claim does not stand, or there is none; 2: unreadable; 3: evidence unreachable.
    """
    from modelward.modelcards.codecs import yaml
    from modelward.modelcards.verification import verify as check

    code = 0
    for path in cards:
        result = check(yaml.read(path), tracking_uri=mlflow)
        for claim in result.failures:
            typer.echo(str(claim))
        typer.echo(f"{path}: {result.count('verified')} of {len(result.claims)} claims verified")
        if any(c.status != "unreachable" for c in result.failures):
            code = 1
        elif result.failures:
            code = code or 3
        elif not result.claims:  # nothing was checked, so nothing was verified
            code = code or 1
    raise typer.Exit(code)


@app.command()
def render(
    card: Path = typer.Argument(help="A card (YAML)."),
    out: Path = typer.Option(Path("modelcard.html"), help="Where to write the page."),
    mlflow: str | None = typer.Option(None, help="MLflow's tracking URI."),
) -> None:
    """Write a card as a page, verified on the way."""
    from modelward.modelcards.codecs import yaml
    from modelward.modelcards.render.html import card_page
    from modelward.modelcards.verification import verify as check

    document = yaml.read(card)
    typer.echo(str(card_page(document, check(document, tracking_uri=mlflow)).save(out)))


@app.command()
def schema() -> None:
    """Print the JSON Schema of cards."""
    import json

    from modelward.modelcards.card import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))
