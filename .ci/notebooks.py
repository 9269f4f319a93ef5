"""Make the notebooks from their scripts: convert (jupytext), run (nbclient), keep what came out.

`python .ci/notebooks.py` makes those in examples/notebooks anew, in full. `--short --out FOLDER NAME`
runs one in short form into another folder, which is also where it runs: so the tests use it.
"""

import argparse
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from tqdm.auto import tqdm

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "examples" / "notebooks"
QUIET = {
    "TQDM_DISABLE": "1",
    "DO_NOT_TRACK": "1",
    "JUPYTER_PLATFORM_DIRS": "1",
    "MODELWARD_EXAMPLES_FOLDER": str(SCRIPTS.parent),
}


def make(script: Path, folder: Path) -> Any:
    """Give the notebook of a script, run in a folder; raises where a cell does."""
    notebook = jupytext.read(script)
    notebook.metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }
    client = NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(folder)}})
    client.execute()
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"  # the same each time it is made
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


def local(notebook: Any, folder: Path) -> str:
    """Write a notebook without a word of where on this machine it was made."""
    text = nbformat.writes(notebook)
    places = {str(folder.resolve()): ".", str(ROOT): ".", str(Path.home()): "~"}
    for place, instead in places.items():
        text = text.replace(json.dumps(place)[1:-1], instead)
    return re.sub(r"[ \t]+(\\n)", r"\1", text) + "\n"


def main() -> None:
    """Make all notebooks, or those named."""
    parser = argparse.ArgumentParser(description="Make the notebooks from their scripts.")
    parser.add_argument("names", nargs="*", help="of scripts in examples/notebooks; default: all")
    parser.add_argument("--out", type=Path, default=SCRIPTS, help="where to write them")
    parser.add_argument("--short", action="store_true", help="in short form, left where it ran")
    parser.add_argument(
        "--within", type=Path, help="the folder to run in; default: one for the time"
    )
    chosen = parser.parse_args()
    os.environ.update(QUIET | ({"MODELWARD_EXAMPLES": "short"} if chosen.short else {}))
    names = chosen.names or sorted(path.stem for path in SCRIPTS.glob("*.py"))
    for name in tqdm(names, "notebooks", disable=None):
        with tempfile.TemporaryDirectory() as scratch:
            usual = chosen.out if chosen.short else Path(scratch)
            folder = (chosen.within or usual).resolve()
            text = local(make(SCRIPTS / f"{name}.py", folder), folder)
        (chosen.out / f"{name}.ipynb").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
