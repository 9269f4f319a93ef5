"""Running the study: trial by trial, side by side, each kept as soon as it is done."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

from tqdm.auto import tqdm

from modelward.core.errors import DataError
from modelward.core.evidence import digest
from modelward.monitoring.study import along
from modelward.monitoring.study.data import ANNOTATED, river
from modelward.monitoring.study.result import StudyResult
from modelward.monitoring.study.rules import RULES
from modelward.monitoring.study.scenarios import SCENARIOS
from modelward.monitoring.study.windows import REFERENCE_ROWS, window_trial

Experiment = Literal["windows", "streams", "annotated"]
FILE = "trials.jsonl"
NAMES = tuple(scenario.name for scenario in SCENARIOS)


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial: which experiment, on what, with how many rows (0 for streams), and the seed."""

    experiment: Experiment
    subject: str
    n: int
    seed: int

    def run(self) -> list[dict[str, Any]]:
        """Give one row a rule."""
        if self.experiment == "windows":
            return window_trial(self.subject, self.n, self.seed)
        if self.experiment == "streams":
            return along.stream_trial(self.subject, self.seed)
        return along.annotated_trial(self.subject, self.seed)


class Study:
    """The study of drift methods: rules by scenarios by sizes by seeds, and streams by seeds.

    It needs the extra `monitoring[river]`. Trials are kept in a folder one by one; a run that was cut
    off goes on where it was, and one with more seeds adds to what is there. The same settings give the
    same decisions on every machine; only the times differ. The default takes about ten minutes on two
    cores.
    """

    def __init__(
        self,
        *,
        sizes: Sequence[int] = (100, 500, 2_000),
        repeats: int = 12,
        stream_repeats: int = 12,
        scenarios: Sequence[str] = NAMES,
        streams: Sequence[str] = tuple(along.STREAMS),
        series: Sequence[str] = ANNOTATED,
        seed: int = 0,
    ) -> None:
        known = set(NAMES) | set(along.STREAMS) | set(ANNOTATED)
        strange = sorted({*scenarios, *streams, *series} - known)
        if strange or min(sizes, default=0) < 20 or min(repeats, stream_repeats) < 1:
            raise DataError(
                "expected known scenarios and streams, sizes >= 20 and repeats >= 1, got "
                f"{strange or (tuple(sizes), repeats, stream_repeats)}"
            )
        self.sizes, self.seed = tuple(sizes), seed
        self.repeats, self.stream_repeats = repeats, stream_repeats
        self.scenarios, self.streams, self.series = tuple(scenarios), tuple(streams), tuple(series)

    @classmethod
    def short(cls, *, seed: int = 0) -> Study:
        """Give a study that shows in some seconds that everything runs; its figures mean little."""
        return cls(
            sizes=(200,),
            repeats=2,
            stream_repeats=1,
            scenarios=("one column moved", "concept"),
            streams=("mean, at once",),
            series=("UKCoalEmploy",),
            seed=seed,
        )

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every trial, those of the largest windows first."""
        seeds = range(self.seed, self.seed + self.repeats)
        along_seeds = range(self.seed, self.seed + self.stream_repeats)
        return (
            *(
                Trial("windows", name, n, at)
                for n, name, at in product(sorted(self.sizes)[::-1], self.scenarios, seeds)
            ),
            *(Trial("streams", name, 0, at) for name, at in product(self.streams, along_seeds)),
            *(Trial("annotated", name, 0, self.seed) for name in self.series),
        )

    def run(self, folder: str | Path, *, jobs: int = 2) -> StudyResult:
        """Run what is not there yet, `jobs` trials side by side, and give the result.

        Raises `MissingPackageError` without river.
        """
        import joblib

        river("datasets")
        path = Path(folder) / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        done = dict(_kept(path))
        left = [trial for trial in self.trials if trial not in done]
        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
        found = parallel(joblib.delayed(_run)(trial) for trial in left)
        with path.open("a", encoding="utf-8") as file:
            if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
                file.write("\n")  # a line that was cut off stays by itself, and is passed over
            bar = tqdm(found, total=len(left), desc="trials", disable=None)
            for trial, rows in bar:
                line = {"version": version(), **asdict(trial), "rows": rows}
                file.write(json.dumps(line) + "\n")
                file.flush()
                done[trial] = rows
        return StudyResult.of({trial: done[trial] for trial in self.trials})


def version() -> str:
    """Give the digest of what decides the outcome of a trial; trials of another study do not count."""
    constants = [REFERENCE_ROWS, along.WARM_UP, along.BEFORE, along.AFTER, along.STEP]
    return digest({"rules": [rule.name for rule in RULES], "constants": constants})[:23]


def _run(trial: Trial) -> tuple[Trial, list[dict[str, Any]]]:
    return trial, trial.run()


def _kept(path: Path) -> Iterator[tuple[Trial, list[dict[str, Any]]]]:
    if not path.exists():
        return
    for line in path.read_text("utf-8").splitlines():
        try:
            found = json.loads(line)
            same = found.pop("version") == version()
            rows = found.pop("rows")
            trial = Trial(**found)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # cut off while it was written: the trial is run again
        if same:
            yield trial, rows
