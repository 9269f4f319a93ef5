"""The command `modelward validation`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modelward.validation.command_run import run
from modelward.validation.server import command as server

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
    write(study.save(folder / "study.json"), folder)


@app.command()
def report(
    study: Annotated[Path, typer.Argument(help="A saved study (JSON).")],
    folder: Folder = Path("modelward-runs/validation"),
) -> None:
    """Sum up a saved study, and write its report and record."""
    write(study, folder)


@app.command()
def export(
    source: Annotated[str, typer.Argument(help="A saved study (JSON), or the number of a job.")],
    table: Annotated[Path, typer.Argument(help="The CSV file to write.")],
    database: server.Url = None,
) -> None:
    """Write the told runs of a saved study, or of a job of a store, as a table."""
    if source.isdecimal() and not Path(source).exists():
        count = server.export_job(int(source), table, database)
    else:
        from modelward.validation.study import Study

        frame = Study.load(source).to_frame()
        table.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(table)
        count = len(frame)
    typer.echo(f"{count} runs {table}")


app.command()(run)
app.command()(server.serve)
app.command()(server.worker)
app.command()(server.create_key)
app.command()(server.revoke_key)
app.command()(server.list_keys)


def write(saved: Path, folder: Path) -> None:
    """Write the report and the record of a saved study, and sum it up."""
    from modelward.core.evidence import Artifact
    from modelward.validation.study import Study

    study = Study.load(saved)
    result = study.result()
    page = study.to_page().save(folder / "validation.html")
    artifact = Artifact.of(page, root=folder, media_type="text/html", alt_text="The report.")
    record = result.to_evidence(artifacts=[artifact]).save(folder / "validation.evidence.json")
    typer.echo(str(result))
    typer.echo(f"report {page}\nrecord {record}\nstudy {saved}")
