"""`validate` and `verify`: many cards, one report, one exit code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from modelward.core.errors import ModelwardError, StateError
from modelward.modelcards.outputs.report import FORMS, Checked, Report, write_report
from modelward.modelcards.rules.finding import SEVERITIES, Finding, Severity

if TYPE_CHECKING:
    from modelward.modelcards.codecs.document import Document

OK, FAILED, UNREADABLE, UNREACHABLE = 0, 1, 2, 3
"""Exit codes: nothing fails; a finding does; a card or ruleset cannot be read; evidence cannot be had."""

CARDS = typer.Argument(help="Cards: files, folders, or patterns as 'models/**/*.yaml'.")
FORM = typer.Option("human", "--format", help=f"{', '.join(FORMS)}.")
OUTPUT = typer.Option(None, "--out", "--output", help="Write the report to this file instead.")
FAIL_ON = typer.Option(
    None,
    help=f"Lowest severity that fails: {', '.join(SEVERITIES)} (default: as the rulesets say).",
)


def validate(  # noqa: PLR0917 - options of a command
    cards: list[str] = CARDS,
    rules: list[str] = typer.Option(
        [],
        help="Rulesets, besides default: default, seed-compatible, eu-ai-act-annex-iv, huggingface, "
        "complete, a file, or a folder with a rules.yaml.",
    ),
    no_default: bool = typer.Option(False, "--no-default", help="Leave the default ruleset out."),
    allow_function: list[str] = typer.Option(
        [], help="A function of an installed package that rules may use."
    ),
    fail_on: str | None = FAIL_ON,
    form: str = FORM,
    output: Path | None = OUTPUT,
) -> None:
    """Hold cards against rules.

    Exit code 0: nothing fails; 1: findings at or above --fail-on; 2: a card or ruleset is unreadable.
    """
    from modelward.modelcards.rules.ruleset import load_ruleset
    from modelward.modelcards.rules.validation import CardValidation
    from modelward.modelcards.rules.validation import validate as run_rules

    names = [*([] if no_default else ["default"]), *rules]
    loaded = [load_ruleset(name, allow_functions=allow_function) for name in names]
    lowest = severity_of(fail_on)
    results: list[CardValidation] = []

    def check(document: Document) -> Checked:
        results.append(run_rules(document, loaded, fail_on=lowest))
        return Checked(str(document.source), results[-1].findings)

    checked, broken = each_card(cards, check)
    asked: list[Severity] = [ruleset.fail_on for ruleset in loaded] or ["error"]
    fails = max(asked, key=SEVERITIES.index) if lowest is None else lowest
    report = Report(tuple(checked), fails)
    say(report, form, output)
    raise typer.Exit(UNREADABLE if broken else FAILED if report.failures else OK)


def verify(
    cards: list[str] = CARDS,
    mlflow: str | None = typer.Option(None, help="MLflow's tracking URI."),
    root: Path | None = typer.Option(None, help="Where evidence lies (default: beside each card)."),
    form: str = FORM,
    output: Path | None = OUTPUT,
) -> None:
    """Check each number against its evidence.

    Exit code 0: all verified; 1: a claim does not stand, or there is none; 2: unreadable; 3: evidence
    unreachable.
    """
    from modelward.modelcards.outputs.standing import findings_of
    from modelward.modelcards.verification.checking import verify as check_claims

    codes = {OK}

    def check(document: Document) -> Checked:
        result = check_claims(document, tracking_uri=mlflow, root=root)
        if any(claim.status != "unreachable" for claim in result.failures) or not result.claims:
            codes.add(FAILED)  # where nothing was checked, nothing was verified
        elif result.failures:
            codes.add(UNREACHABLE)
        note = f"{result.count('verified')} of {len(result.claims)} claims verified"
        return Checked(str(document.source), findings_of(result), note)

    checked, broken = each_card(cards, check)
    say(Report(tuple(checked), "warning"), form, output)
    raise typer.Exit(UNREADABLE if broken else FAILED if FAILED in codes else max(codes))


def each_card(
    patterns: Sequence[str], check: Callable[[Document], Checked]
) -> tuple[list[Checked], bool]:
    """Check each card; one that cannot be read is told, and keeps none of the others from it."""
    from modelward.modelcards.codecs.paths import card_files
    from modelward.modelcards.codecs.reading import read_any

    checked, broken = [], False
    for path in card_files(patterns):
        try:
            checked.append(check(read_any(path)))
        except ModelwardError as error:
            broken = True
            checked.append(
                Checked(str(path), (_unreadable(path, error),), error.hint or "unreadable")
            )
    return checked, broken


def _unreadable(path: Path, error: ModelwardError) -> Finding:
    """Make a finding of a card that cannot be read, at the line the error names."""
    found = re.match(r":(\d+):(\d+): (.*)", error.fact.removeprefix(str(path)), re.DOTALL)
    line, column, fact = (int(found[1]), int(found[2]), found[3]) if found else (1, 1, error.fact)
    return Finding("readable", "error", "", fact, str(path), line, column)


def severity_of(name: str | None) -> Severity | None:
    """Read a severity given on the command line."""
    if name is not None and name not in SEVERITIES:
        raise typer.BadParameter(f"expected one of {', '.join(SEVERITIES)}, got {name!r}")
    return next((severity for severity in SEVERITIES if severity == name), None)


def never_over(out: Path, cards: Iterable[Path]) -> None:
    """Raise `StateError` where a page or report would be written over the card it is about."""
    if out.exists() and any(card.exists() and card.samefile(out) for card in cards):
        raise StateError(
            f"expected to write beside the card, got the card itself: {out}",
            hint="name another file with --out.",
        )


def say(report: Report, form: str, output: Path | None) -> None:
    """Print a report, or write it to a file."""
    if form not in FORMS:
        raise typer.BadParameter(f"expected one of {', '.join(FORMS)}, got {form!r}")
    text = write_report(report, form)
    if output is None:
        typer.echo(text)
        return
    from modelward.core.files import write_whole

    never_over(output, (Path(checked.file) for checked in report.cards))
    write_whole(output, text + "\n")
