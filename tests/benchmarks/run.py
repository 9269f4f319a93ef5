"""Run every benchmark, keep its figures, and write the table of the documentation from them.

Each `bench_*.py` prints, as its last line, one JSON object of figures. The full form writes
`docs/benchmarks/<name>.json` and `docs/benchmarks/index.md`; the short form (MODELWARD_BENCH=short)
only proves that the benchmarks still run.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "benchmarks"
SHORT = os.environ.get("MODELWARD_BENCH") == "short"


def run(script: Path) -> dict[str, object]:
    answer = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        sys.exit(f"{script.name} failed:\n{answer.stdout}{answer.stderr}")
    figures: dict[str, object] = json.loads(answer.stdout.splitlines()[-1])
    return figures


def table(results: dict[str, tuple[str, dict[str, object]]]) -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    machine = f"{cores} cores, {platform.machine()}, Python {platform.python_version()}"
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`: do not edit. Ratios are between two things measured in the same run;",
        f"absolute times are of one machine ({machine}) and say little about another.",
    ]
    for name, (title, figures) in results.items():
        lines += ["", f"## {title}", "", f"`python tests/benchmarks/bench_{name}.py`", ""]
        lines += ["| figure | value |", "| --- | ---: |"]
        for key, value in figures.items():
            shown = f"{value:.4g}" if isinstance(value, float) else value
            lines.append(f"| {key.replace('_', ' ')} | {shown} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    results = {}
    for script in sorted(Path(__file__).parent.glob("bench_*.py")):
        name = script.stem.removeprefix("bench_")
        title = script.read_text("utf-8").split('"""')[1].splitlines()[0].rstrip(".")
        figures = run(script)
        print(f"{title}: {json.dumps(figures)}", flush=True)
        results[name] = (title, figures)
        if not SHORT:
            FOLDER.mkdir(parents=True, exist_ok=True)
            (FOLDER / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    if not SHORT:
        (FOLDER / "index.md").write_text(table(results), "utf-8")


if __name__ == "__main__":
    main()
