"""`render`, `diff`, `convert`, `coverage`, `schema`: showing what is in cards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import typer

from modelward.modelcards.commands.checking import FAILED, OK, never_over


def diff(
    before: Path = typer.Argument(help="A card."),
    after: Path = typer.Argument(help="Another, or a later one."),
    form: str = typer.Option("human", "--format", help="human, markdown or json."),
    exit_code: bool = typer.Option(
        False, "--exit-code", help="Exit with 1 when something alarming has changed."
    ),
) -> None:
    """Compare two cards by what they mean: numbers by their direction, what is gone first."""
    from modelward.modelcards.codecs.reading import read_any
    from modelward.modelcards.comparison.diff import diff as compare

    found = compare(read_any(before), read_any(after))
    forms = {
        "human": lambda: "\n".join([found.verdict, *(str(change) for change in found.changes)]),
        "markdown": found.to_markdown,
        "json": found.to_json,
    }
    if form not in forms:
        raise typer.BadParameter(f"expected one of {', '.join(forms)}, got {form!r}")
    typer.echo(forms[form]())
    raise typer.Exit(FAILED if exit_code and found.alarming else OK)


def convert(  # noqa: PLR0917 - options of a command
    card: Path = typer.Argument(help="A card of any format."),
    to: str = typer.Option(help="yaml, mct, verifyml, huggingface, cyclonedx or sagemaker."),
    from_: str | None = typer.Option(
        None, "--from", help="Its format (default: told by the file)."
    ),
    out: Path | None = typer.Option(None, help="Where to write it (default: standard output)."),
    carry: bool = typer.Option(True, help="Carry what the target has no field for, where it can."),
    cyclonedx: str | None = typer.Option(None, help="Version of CycloneDX: 1.5, 1.6 or 1.7."),
    strict: bool = typer.Option(False, help="Exit with 1 when a field was dropped."),
) -> None:
    """Write a card in another format; each field that is dropped is named on standard error."""
    from modelward.core.files import write_whole
    from modelward.modelcards.codecs.reading import read_any
    from modelward.modelcards.conversion.convert import convert as rewrite

    found = rewrite(read_any(card, from_), to, carry=carry, version=cyclonedx)
    for loss in found.losses:
        if loss.fate != "carried":
            typer.echo(str(loss), err=True)
    if out is None:
        typer.echo(found.content, nl=False)
    elif isinstance(found.content, bytes):
        out.write_bytes(found.content)
    else:
        write_whole(out, found.content)
    raise typer.Exit(FAILED if strict and found.dropped else OK)


def coverage(
    card: Path = typer.Argument(help="A card."),
    form: str = typer.Option("human", "--format", help="human, markdown, json or html."),
    out: Path | None = typer.Option(None, help="Where to write it (default: standard output)."),
) -> None:
    """Show which points of Annex IV of Regulation (EU) 2024/1689 a card covers: an aid, not legal advice."""
    from modelward.core.files import write_whole
    from modelward.modelcards.codecs.reading import read_any
    from modelward.modelcards.comparison.coverage import coverage as cover
    from modelward.modelcards.render.coverage import coverage_page

    found = cover(read_any(card))
    forms: dict[str, Callable[[], str]] = {
        "human": lambda: repr(found),
        "markdown": found.to_markdown,
        "json": found.to_json,
        "html": lambda: coverage_page(found).render(),
    }
    if form not in forms:
        raise typer.BadParameter(f"expected one of {', '.join(forms)}, got {form!r}")
    text = forms[form]()
    if out is None:
        typer.echo(text)
    else:
        never_over(out, [card])
        typer.echo(str(write_whole(out, text)))


def catalogue(
    folder: Path = typer.Argument(
        help="A folder: YAML files in it called modelcard, or ending so."
    ),
    out: Path = typer.Option(Path("model-cards"), help="Where to write the site."),
    rules: list[str] = typer.Option(["default"], help="Rulesets."),
    mlflow: str | None = typer.Option(None, help="MLflow's tracking URI."),
    refresh: bool = typer.Option(False, help="Make every page anew."),
) -> None:
    """Make a static site of many cards: search, filters, two side by side. Makes only what changed."""
    from modelward.modelcards.catalogue.site import catalogue as make

    made = make(folder, out, rulesets=tuple(rules), tracking_uri=mlflow, refresh=refresh)
    typer.echo(repr(made))


def schema() -> None:
    """Print the JSON Schema of cards."""
    from importlib.resources import files

    typer.echo(
        (files("modelward.modelcards.schema") / "modelcard.schema.json").read_text("utf-8"),
        nl=False,
    )


def render(  # noqa: PLR0917 - options of a command
    card: Path = typer.Argument(help="A card."),
    out: Path | None = typer.Option(
        None, help="Where to write the page (default: by the card's name)."
    ),
    audience: str = typer.Option("engineer", help="engineer, risk or public."),
    form: str = typer.Option("html", "--format", help="html, markdown or pdf."),
    template: Path | None = typer.Option(None, help="A Jinja2 template of your own."),
    mlflow: str | None = typer.Option(None, help="MLflow's tracking URI."),
) -> None:
    """Write a card as a page for an audience, verified on the way."""
    from modelward.modelcards.codecs.reading import read_any
    from modelward.modelcards.render.rendering import FORMS, write_page
    from modelward.modelcards.verification.checking import verify as check

    if form not in FORMS:
        raise typer.BadParameter(f"expected one of {', '.join(FORMS)}, got {form!r}")
    document = read_any(card)
    target = out or Path(card.stem + FORMS[form])
    never_over(target, [card])
    result = check(document, tracking_uri=mlflow)
    typer.echo(
        str(write_page(document, result, target, form=form, audience=audience, template=template))
    )
