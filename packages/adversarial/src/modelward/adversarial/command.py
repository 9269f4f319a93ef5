"""The command `modelward adversarial`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Attack object detectors and score what is left, in COCO mAP.", no_args_is_help=True
)


@app.command()
def models() -> None:
    """List the detectors that can be had offline, and where they are kept."""
    from modelward.adversarial.zoo.cache import cache_folder

    typer.echo("small    compact YOLOv3, trained here on drawn circles, squares and triangles")
    folder = cache_folder()
    kept = sorted(folder.glob("*.pt")) if folder.is_dir() else []
    typer.echo(f"\ncache: {folder} ({len(kept)} trained)")


@app.command()
def attacks() -> None:
    """List the attacks with their default settings."""
    from modelward.adversarial.attacks import ATTACKS

    for name, kind in ATTACKS.items():
        summary = (kind.__doc__ or "").splitlines()[0]
        typer.echo(f"{name:<8} {summary}\n{'':<8} {kind()!r}")  # type: ignore[call-arg]


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
    from modelward.core.evidence import Artifact

    try:
        chosen = [make_attack(name, eps=eps / 255) for name in ("noise", "fgsm", "pgd")]
        result = assess(small_detector(), chosen, Shapes(n=n, seed=seed), seed=seed)
    except ModelwardError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error
    page = result.to_page().save(folder / "assessment.html")
    artifact = Artifact.of(page, root=folder, media_type="text/html", alt_text="The report.")
    record = result.to_evidence(artifacts=[artifact]).save(folder / "assessment.evidence.json")
    typer.echo(str(result))
    typer.echo(f"report {page}\nrecord {record}")
