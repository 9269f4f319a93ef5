"""Run every example in full, and hold the last line of each to what it says: its figures, and `ok`."""

import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def figures(line: str) -> dict[str, object]:
    """Read the last line of an example; an empty mapping where it is none."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def run(example: Path) -> bool:
    """Run one example, showing what it prints; tell whether all went well."""
    began, last = time.monotonic(), ""
    print(f"== {example.relative_to(ROOT)}", flush=True)
    with subprocess.Popen(
        [sys.executable, "-u", example], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as running:
        for line in running.stdout or ():
            print(line, end="", flush=True)
            last = line
    fine = running.returncode == 0 and figures(last).get("ok") is True
    verdict = "ok" if fine else f"NOT OK (exit {running.returncode})"
    print(f"== {example.stem}: {verdict}, {time.monotonic() - began:.0f} s", flush=True)
    return fine


if __name__ == "__main__":
    chosen = [ROOT / "examples" / f"{name}.py" for name in sys.argv[1:]]
    failed = [e.stem for e in chosen or sorted((ROOT / "examples").glob("*.py")) if not run(e)]
    sys.exit(f"not ok: {', '.join(failed)}" if failed else 0)
