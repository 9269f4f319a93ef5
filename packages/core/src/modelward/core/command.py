"""The `modelward` command: one door, behind which each installed package puts its own commands."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from modelward.core import __version__
from modelward.core.errors import ModelwardError

GROUP = "modelward.commands"
"""Entry-point group by which a package adds commands: `name = "package.command:app"`."""


def installed_commands() -> dict[str, EntryPoint]:
    """Give the entry points of the installed commands by name; none of them is loaded.

    >>> "doctor" in installed_commands()
    True
    """
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name)}


class InstalledCommands(TyperGroup):
    """A group whose commands are the installed entry points, each loaded when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the group's interface
        """Name the installed commands."""
        return list(installed_commands())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Load one command; one that cannot be loaded says so and leaves the others alone."""
        entry = installed_commands().get(cmd_name)
        if entry is None:
            return None
        try:
            command = typer.main.get_command(entry.load())
        except Exception as error:  # a stranger's package must not break the others
            command = typer.main.get_command(_broken(entry, error))
        command.name = cmd_name
        return command


def _broken(entry: EntryPoint, error: Exception) -> typer.Typer:
    reason = f"cannot be loaded from {entry.value}: {type(error).__name__}: {error}"
    app = typer.Typer()

    passing = {"ignore_unknown_options": True, "allow_extra_args": True}

    @app.command(help=f"({reason})", context_settings=passing)
    def fail() -> None:
        typer.echo(f"error: {reason}", err=True)
        raise typer.Exit(2)

    return app


app = typer.Typer(
    cls=InstalledCommands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Guard a machine-learning model through its life. Each installed package adds commands.",
)


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", help="Show the version and stop."),
) -> None:
    if version:
        typer.echo(f"modelward {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command. An error of ours ends it with one message and exit code 2, no traceback."""
    try:
        app()
    except ModelwardError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
