"""The command `modelward validation`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Find where a system fails with few runs, and what is proven of it.", no_args_is_help=True
)

Folder = Annotated[Path, typer.Option(help="Where the report and the record go.")]


@app.command()
def demo(
    folder: Folder = Path("modelward-runs/validation"),
    runs: Annotated[int, typer.Option(min=1, help="Runs of the four-branch system.")] = 50,
    audit: Annotated[int, typer.Option(min=0, help="Runs that then audit the answer.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the study.")] = 0,
) -> None:
    """Study the four-branch system, whose boundary is known, and write study, report and record."""
    from modelward.validation.problems import (
        FOUR_BRANCH_FEATURES,
        FOUR_BRANCH_OUTPUT,
        four_branch,
    )
    from modelward.validation.study import Study

    study = Study(FOUR_BRANCH_FEATURES, [FOUR_BRANCH_OUTPUT], name="four-branch", seed=seed)
    study.run(four_branch, budget=runs)
    if audit:
        study.certify(four_branch, n=audit)
    _write(study.save(folder / "study.json"), folder)


@app.command()
def report(
    study: Annotated[Path, typer.Argument(help="A saved study (JSON).")],
    folder: Folder = Path("modelward-runs/validation"),
) -> None:
    """Sum up a saved study, and write its report and record."""
    _write(study, folder)


@app.command()
def export(
    study: Annotated[Path, typer.Argument(help="A saved study (JSON).")],
    table: Annotated[Path, typer.Argument(help="The CSV file to write.")],
) -> None:
    """Write the runs of a saved study as a table."""
    from modelward.validation.study import Study

    frame = Study.load(study).to_frame()
    table.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(table)
    typer.echo(f"{len(frame)} runs {table}")


def _write(saved: Path, folder: Path) -> None:
    from modelward.core.evidence import Artifact
    from modelward.validation.study import Study

    result = Study.load(saved).result()
    page = result.to_page().save(folder / "validation.html")
    artifact = Artifact.of(page, root=folder, media_type="text/html", alt_text="The report.")
    record = result.to_evidence(artifacts=[artifact]).save(folder / "validation.evidence.json")
    typer.echo(str(result))
    typer.echo(f"report {page}\nrecord {record}\nstudy {saved}")
