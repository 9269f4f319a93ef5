"""`init` and `create`: making cards."""

from __future__ import annotations

from pathlib import Path

import typer

from modelward.core.errors import StateError


def create(
    source: str = typer.Argument(
        help="An MLflow run's id, models:/name@alias or models:/name/version, or a kind of model "
        "(classification, regression, detection, generation, forecasting) for an empty card."
    ),
    out: Path = typer.Option(Path("modelcard.yaml"), help="Where to write the card."),
    name: str = typer.Option("", help="The model's name, for an empty card."),
    mlflow: str | None = typer.Option(None, help="MLflow's tracking URI."),
    force: bool = typer.Option(False, help="Write over a card that is there."),
) -> None:
    """Make a card of an MLflow run, a registered model, or a template."""
    from modelward.modelcards.card import ModelCard
    from modelward.modelcards.creation.templates import KINDS

    _free(out, force=force)
    if source in KINDS:
        card = ModelCard.from_template(source, name=name)
    else:
        card = ModelCard.from_mlflow(source, tracking_uri=mlflow)
    typer.echo(str(card.save(out)))


def init(
    out: Path = typer.Option(
        Path("modelcard.yaml"), help="The card; one that is there is gone through."
    ),
    kind: str | None = typer.Option(None, help="Kind of model, for a new card."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Ask nothing: leave every TODO."),
) -> None:
    """Write a new card, or fill in one that is there: asks for each TODO, Enter leaves it.

    What the folder says (licence, repository, commit) is found and not asked for.
    """
    from modelward.modelcards.card import ModelCard
    from modelward.modelcards.codecs.yaml import parse, read
    from modelward.modelcards.conversion.pointers import put
    from modelward.modelcards.creation.templates import KINDS, content_of_template

    new = not out.exists()
    if new:
        if kind is None:
            kind = (
                KINDS[0] if yes else typer.prompt(f"Kind of model ({', '.join(KINDS)})", KINDS[0])
            )
        document = parse(ModelCard.model_validate(content_of_template(kind)).to_yaml(), out)
    else:
        document = read(out)
    answers = {} if yes else _ask(document.texts)
    content = ModelCard.from_document(document)
    if answers or new:
        filled = content.content() if new else document.content
        for place, answer in answers.items():
            put(filled, place, answer)
        if new:
            ModelCard.model_validate(filled).save(out)
        else:
            from modelward.core.files import write_whole
            from modelward.modelcards.codecs.editing import edit

            write_whole(out, edit(document.written, read(out).content, filled))
    left = len(_todos(read(out).texts))
    typer.echo(f"{out}: {left} TODOs left" if left else f"{out}: filled in")


def _ask(texts: object) -> dict[tuple[str | int, ...], str]:
    from modelward.modelcards.codecs.document import dotted, one_line

    answers = {}
    for place, text in _todos(texts).items():
        question = text.partition("TODO")[2].lstrip(": ") or "?"
        try:
            answer = typer.prompt(one_line(f"{dotted(place)} - {question}"), "", show_default=False)
        except typer.Abort:  # no more answers: those given are kept
            typer.echo()
            break
        if str(answer).strip():
            answers[place] = str(answer).strip()
    return answers


def _todos(texts: object) -> dict[tuple[str | int, ...], str]:
    from modelward.modelcards.rules.functions.cards import TODO

    return {place: text for place, text in dict(texts).items() if TODO.search(text)}  # type: ignore[call-overload]


def _free(out: Path, *, force: bool) -> None:
    if out.exists() and not force:
        raise StateError(
            f"expected no file at {out}, got one", hint="add --force to write over it."
        )
