"""`modelward pipeline`: look at a pipeline's store from outside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.store import Store

app = typer.Typer(help="Look at an adaptive pipeline.", no_args_is_help=True)
_STORE = typer.Argument(help="The pipeline's database (a SQLite file).")


def _open(path: Path) -> Store:
    from modelward.adaptive_pipeline.store import Store
    from modelward.core.errors import DataError

    if not path.is_file():  # opening would make an empty one
        raise DataError(f"expected a pipeline's database, got no file at {path}")
    return Store(f"sqlite:///{path}")


@app.command()
def status(store: Path = _STORE, json: bool = typer.Option(False, help="As JSON.")) -> None:
    """Say who serves, how labels stand, and what was promoted."""
    from modelward.adaptive_pipeline.result import summarise

    result = summarise(_open(store))
    typer.echo(result.to_json() if json else repr(result))


@app.command()
def page(store: Path = _STORE, out: Path = typer.Argument(help="Where to write the HTML.")) -> None:
    """Write the report as one HTML file."""
    from modelward.adaptive_pipeline.result import summarise

    typer.echo(str(summarise(_open(store)).to_page().save(out)))


@app.command()
def ledger(
    store: Path = _STORE,
    head: str | None = typer.Option(None, help="A digest the chain must contain."),
) -> None:
    """Show every decision and check the chain. Exit code 1 when it does not hold."""
    from modelward.adaptive_pipeline.ledger import Ledger

    book = Ledger(_open(store))
    for entry in book.entries():
        typer.echo(f"{entry.number:4d} {entry.kind:10s} {entry.body}")
    check = book.verify(head)
    if not check:
        typer.echo(f"broken at entry {check.broken}: {check.detail}", err=True)
        raise typer.Exit(1)
    typer.echo(f"the chain of {check.entries} entries holds, head {check.head}")
