"""The command `modelward adversarial`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Attack object detectors and score what is left, in COCO mAP.", no_args_is_help=True
)
Config = Annotated[Path, typer.Argument(help="The configuration, YAML.")]


@app.command()
def models() -> None:
    """List the families of detectors, those that can be had offline, and where they are kept."""
    from modelward.adversarial.detectors.loading import FAMILIES
    from modelward.adversarial.zoo.cache import cache_folder
    from modelward.adversarial.zoo.small import SMALL

    typer.echo(f"families: {', '.join(FAMILIES)}\n\nwith saved_model: zoo, trained here:")
    for family, what in SMALL.items():
        typer.echo(f"  {family:<8} {what}")
    folder = cache_folder()
    kept = sorted(folder.glob("*.pt")) if folder.is_dir() else []
    typer.echo(f"\ncache: {folder} ({len(kept)} trained)")


@app.command()
def attacks() -> None:
    """List the attacks with their default settings."""
    from modelward.adversarial.attacks.registry import ATTACKS

    for name, kind in ATTACKS.items():
        summary = (kind.__doc__ or "").splitlines()[0]
        typer.echo(f"{name:<8} {summary}\n{'':<8} {kind()!r}")  # type: ignore[call-arg]


@app.command()
def create(config: Config) -> None:
    """Make adversarial images as `create-attack` of a configuration says, and keep them."""
    _run(config, "create")


@app.command()
def transfer(config: Config) -> None:
    """Show adversarial images to another detector as `transfer` of a configuration says."""
    _run(config, "transfer")


@app.command()
def assess(config: Config) -> None:
    """Run the matrix that `assess` of a configuration says, and write its report; goes on after a kill."""
    _run(config, "assess")


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="What `assess` wrote.")],
) -> None:
    """Print an assessment, and write its page and record anew."""
    from modelward.adversarial.results import Assessment

    result = Assessment.load(folder)
    typer.echo(str(result))
    typer.echo(f"report {result.save(folder)}")


def _run(path: Path, kind: str) -> None:
    from modelward.adversarial.configuration import Task, load_config
    from modelward.adversarial.modes import run

    config = load_config(path)
    chosen = config.model_copy(update={"task": Task.model_validate({"type": kind})})
    typer.echo(str(run(type(config).model_validate(chosen))))


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the report and the record go.")] = Path(
        "modelward-runs/adversarial"
    ),
    eps: Annotated[float, typer.Option(help="Largest move of a pixel, in grey levels of 255.")] = 8,
    n: Annotated[int, typer.Option(min=2, help="Fresh drawn images to attack.")] = 48,
    seed: Annotated[int, typer.Option(min=0, help="Seed of images and attacks.")] = 1,
) -> None:
    """Attack the small detector by noise, FGSM and PGD, and write the report."""
    from modelward.adversarial import Shapes, assess, make_attack, small_detector
    from modelward.core.errors import ModelwardError

    try:
        chosen = [make_attack(name, eps=eps / 255) for name in ("noise", "fgsm", "pgd")]
        result = assess(small_detector(), chosen, Shapes(n=n, seed=seed), seed=seed)
    except ModelwardError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error
    page = result.save(folder)
    typer.echo(str(result))
    typer.echo(f"report {page}\nrecord {folder / 'assessment.evidence.json'}")
