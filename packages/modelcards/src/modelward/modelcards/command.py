"""`modelward card`: create, validate, verify, show, compare and convert model cards."""

from __future__ import annotations

import functools
from collections.abc import Callable

import typer

from modelward.core.errors import StateError
from modelward.modelcards.commands import checking, making, showing

app = typer.Typer(
    help="Create, validate, verify, show, compare and convert model cards.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _told(command: Callable[..., None]) -> Callable[..., None]:
    """Let a file that cannot be read or written be said in a line, with exit code 2."""

    @functools.wraps(command)
    def run(*arguments: object, **options: object) -> None:
        try:
            command(*arguments, **options)
        except OSError as error:
            if isinstance(error, ConnectionError):
                raise  # an error of ours, which says more
            place = error.filename or "the output"
            raise StateError(
                f"expected to read or write {place}, got: {error.strerror or error}",
                hint="check that the folder is there, and that it may be written.",
            ) from error

    return run


for entry in (
    making.init,
    making.create,
    checking.validate,
    checking.verify,
    showing.render,
    showing.diff,
    showing.convert,
    showing.coverage,
    showing.catalogue,
    showing.schema,
):
    app.command()(_told(entry))
