"""Run every benchmark, keep its figures, and write the table of the documentation from them.

Each `bench_*.py` prints, as its last line, one JSON object of figures. The full form writes
`docs/benchmarks/<name>.json` and `docs/benchmarks/index.md`; the short form (MODELWARD_BENCH=short)
only proves that the benchmarks still run. `run.py gateway joiner` runs these two and keeps the rest.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
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


def main(wanted: list[str]) -> None:
    """Run the benchmarks named (all, where none is) and write the table of all that are kept."""
    scripts = {p.stem.removeprefix("bench_"): p for p in sorted(HERE.glob("bench_*.py"))}
    if unknown := set(wanted) - set(scripts):
        sys.exit(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(scripts)}")
    for name in wanted or scripts:
        start = time.perf_counter()
        figures = run(scripts[name])
        seconds = time.perf_counter() - start
        print(f"{title(scripts[name])} ({seconds:.0f} s): {json.dumps(figures)}", flush=True)
        if not SHORT:
            FOLDER.mkdir(parents=True, exist_ok=True)
            (FOLDER / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    if not SHORT:
        kept = {name: FOLDER / f"{name}.json" for name in scripts}
        results = {
            name: (title(scripts[name]), json.loads(path.read_text("utf-8")))
            for name, path in kept.items()
            if path.is_file()
        }
        (FOLDER / "index.md").write_text(table(results), "utf-8")


def title(script: Path) -> str:
    return script.read_text("utf-8").split('"""')[1].splitlines()[0].rstrip(".")


if __name__ == "__main__":
    main(sys.argv[1:])
