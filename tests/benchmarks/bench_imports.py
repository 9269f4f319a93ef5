"""Import and start-up times above bare Python.

Each statement runs in a fresh interpreter, in turn with an empty one; the figures are medians of the
differences, in seconds.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time

REPEATS = 3 if os.environ.get("MODELWARD_BENCH") == "short" else 11
STATEMENTS = {
    f"import modelward.{name}": f"import modelward.{name}"
    for name in (
        "core",
        "adaptive_pipeline",
        "monitoring",
        "adversarial",
        "validation",
        "modelcards",
    )
} | {
    "from modelward.core.evidence import Evidence": "from modelward.core.evidence import Evidence",
    "modelward --help": "import sys; sys.argv[1:] = ['--help']; "
    "from modelward.core.command import app; app(standalone_mode=False)",
}


def seconds(statement: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    figures = {}
    for name, statement in STATEMENTS.items():
        seconds(statement)  # byte code is compiled once
        pairs = [(seconds("pass"), seconds(statement)) for _ in range(REPEATS)]
        figures[f"{name}, s"] = round(statistics.median(b - a for a, b in pairs), 4)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
