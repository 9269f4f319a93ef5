"""The command `modelward validation run`."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from modelward.validation.configuration import Job
    from modelward.validation.study import Study

_SAVED_EACH = 5.0
"""Seconds between two savings: what a sudden end of the machine can cost."""


def run(
    config: Annotated[Path, typer.Argument(help="The job (YAML).")],
    fresh: Annotated[bool, typer.Option(help="Forget a study that is already there.")] = False,
) -> None:
    """Run a job: ask the system, learn where it fails, and write study, report and record.

    A job that was ended goes on where it stood.
    """
    from modelward.validation.command import write
    from modelward.validation.configuration import load_job

    job = load_job(config)
    path = job.folder / "study.json"
    study = _study(job, path, fresh=fresh)
    system = job.system.make()
    saver = _Saver(study, path)
    workers = 1 if job.system.callable else job.workers
    budget = job.budget - min(job.budget, study.n_told)
    with contextlib.ExitStack() as stack:
        if hasattr(system, "close"):
            stack.callback(system.close)
        pool = stack.enter_context(ThreadPoolExecutor(workers)) if workers > 1 else None
        stack.callback(saver.save)

        if budget:
            study.run(
                system,
                budget=budget,
                batch=workers,
                executor=pool,
                stop=job.rule(),
                watch=saver.save_if_due,
                pending=True,
            )
        left = job.certify - study.certificate().n if study.frozen else job.certify
        if left > 0:
            study.certify(system, n=left, batch=workers, executor=pool, watch=saver.save_if_due)
    write(path, job.folder)


def _study(job: Job, path: Path, *, fresh: bool) -> Study:
    from modelward.core.errors import StateError
    from modelward.validation.study import Study

    study = job.study()
    if fresh or not path.exists():
        return study
    old = Study.load(path)
    same = (old.domain.to_dict(), old.outputs, old.settings) == (
        study.domain.to_dict(),
        study.outputs,
        study.settings,
    )
    if not same:
        raise StateError(
            f"expected the study in {path} to have the features, outputs and settings of the job, "
            "got others",
            hint="choose another folder, or forget it with --fresh.",
        )
    typer.echo(f"going on after {old.n_told} runs in {path}")
    return old


class _Saver:
    """Writes the study now and then, and at the end."""

    def __init__(self, study: Study, path: Path) -> None:
        self.study, self.path = study, path
        self._last = time.monotonic()

    def save_if_due(self, _: Study) -> None:
        if time.monotonic() - self._last > _SAVED_EACH:
            self.save()

    def save(self) -> None:
        self.study.save(self.path)
        self._last = time.monotonic()
