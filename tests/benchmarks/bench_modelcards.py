"""Model cards: validating cold and warm, three views, and a catalogue.

`validate` cold is a whole process with one small card, against one that only starts Python and imports
the command's framework. Warm, 10,000 cards are parsed and held against the default ruleset, against
PyYAML's C loader with no positions and jsonschema over the same schema.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jsonschema
import yaml

from modelward.modelcards import card_page, json_schema, load_ruleset, parse, validate, verify
from modelward.modelcards.catalogue.site import catalogue

SHORT = os.environ.get("MODELWARD_BENCH") == "short"
N = 1_000 if SHORT else 10_000
REPEATS = 3 if SHORT else 11
SMALL = """\
model_details:
  name: Facial Detection
  version: {name: 0.0.%d, date: 2022-06-01}
  description: |
    # Face Detection

    Finds faces in a picture, and returns a box around each with the places of its landmarks. It does
    not tell who they are, and must not be used for that.
  owners: [{name: Vision, contact: vision@example.org}]
model_parameters:
  data:
    - {name: training, description: "# From the stream"}
    - {name: testing, description: "# Held back"}
quantitative_analysis:
  performance_metrics:
    - {type: recall, value: 0.90, slice: day, confidence_interval: {lower_bound: 0.88, upper_bound: 0.92}}
    - {type: recall, value: 0.71, slice: night}
considerations:
  limitations: [{description: Faces in the dark.}]
"""


def seconds(*command: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def cold(folder: Path) -> dict[str, float]:
    card = folder / "modelcard.yaml"
    card.write_text(SMALL % 1)
    program = [sys.executable, "-m", "modelward.core.command", "card", "validate", str(card)]
    bare = [sys.executable, "-c", "import typer"]
    for command in (program, bare):
        seconds(*command)
    pairs = [(seconds(*program), seconds(*bare)) for _ in range(REPEATS)]
    return {
        "validate_one_card_cold_s": statistics.median(a for a, _ in pairs),
        "python_and_typer_alone_s": statistics.median(b for _, b in pairs),
    }


def warm() -> dict[str, float]:
    texts = [SMALL % i for i in range(N)]
    ruleset = load_ruleset("default")
    validate(parse(texts[0]), [ruleset])
    start = time.perf_counter()
    for text in texts:
        assert validate(parse(text), [ruleset])
    ours = time.perf_counter() - start
    few = texts[: max(1, N // 20)]
    validator = jsonschema.Draft202012Validator(json_schema())
    start = time.perf_counter()
    for text in few:
        assert validator.is_valid(yaml.load(text, Loader=yaml.CBaseLoader))
    floor = (time.perf_counter() - start) * N / len(few)
    return {
        f"validate_{N}_cards_warm_s": ours,
        "pyyaml_and_jsonschema_on_as_many_s": floor,
        "times_as_fast": floor / ours,
    }


def views() -> dict[str, float]:
    """Draw a card of about 27 kB, parsed and verified before, for each audience."""
    prose = "A sentence of a card with *some* emphasis, and a [link](https://example.org). " * 8
    metrics = "".join(
        f"  - {{type: m{i}, value: 0.{i + 10}, slice: part {i % 5}, unit: share, "
        "confidence_interval: {lower_bound: 0.05, upper_bound: 0.9, level: 0.95}}\n"
        for i in range(40)
    )
    text = "".join(f"    ## Part {i}\n\n    {prose}\n\n" for i in range(32))
    card = (
        f"model_details:\n  name: large\n  documentation: |\n{text}"
        f"quantitative_analysis:\n  performance_metrics:\n{metrics}"
    )
    document = parse(card)
    result = verify(document)
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        for audience in ("engineer", "risk", "public"):
            card_page(document, result, audience=audience).render()
        times.append(time.perf_counter() - start)
    return {
        "card_of_kB": len(card) / 1000,
        "three_views_warm_ms": 1000 * statistics.median(times[1:]),
    }


def site(folder: Path) -> dict[str, float]:
    cards = folder / "cards"
    for i in range(N):
        home = cards / f"{i // 100}" / f"{i}"
        home.mkdir(parents=True)
        (home / "modelcard.yaml").write_text(SMALL % i)
    start = time.perf_counter()
    made = catalogue(cards, folder / "site")
    first = time.perf_counter() - start
    start = time.perf_counter()
    again = catalogue(cards, folder / "site")
    assert (made.written, again.written) == (N, 0)
    return {
        f"catalogue_of_{N}_s": first,
        "unchanged_again_s": time.perf_counter() - start,
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        figures: dict[str, float] = cold(Path(folder)) | warm() | views() | site(Path(folder))
    print(json.dumps({key: round(value, 4) for key, value in figures.items()}))


if __name__ == "__main__":
    main()
