"""A pipeline that lives through a world and may be killed at any moment; run it again to go on.

`python killed_pipeline.py STORE_URL REGISTRY_FILE`: prints `ready` once it works.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from modelward.adaptive_pipeline import (
    AdaptivePipeline,
    Arbiter,
    Comparison,
    Inline,
    Label,
    Performance,
    SinceDrift,
    Store,
)
from modelward.adaptive_pipeline.kinds import described
from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold, World, learn
from modelward.core.files import write_whole

WORLD = World(shift=200, n=460, delay=10)


class FileRegistry(MemoryRegistry):
    """Keeps thresholds in one JSON file, written whole."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        if path.exists():
            kept = json.loads(path.read_text("utf-8"))
            x = described(["x"])
            self.models = {n: (Threshold(cut), x, tags) for n, (cut, tags) in kept[0].items()}
            self.aliases = kept[1]
        else:
            self.register(Threshold(0.5), alias="champion", columns=["x"])

    def _keep(self) -> None:
        models = {n: (model.cut, tags) for n, (model, _, tags) in self.models.items()}
        write_whole(self.path, json.dumps([models, self.aliases]))

    def register(self, model: Any, **more: Any) -> Any:
        made = super().register(model, **more)
        self._keep()
        return made

    def promote(self, number: str) -> None:
        super().promote(number)
        self._keep()

    def retire(self) -> None:
        super().retire()
        self._keep()


def main(url: str, registry: Path) -> None:
    pipeline = AdaptivePipeline(
        store=Store(url),
        registry=FileRegistry(registry),
        train=learn,
        triggers=[Performance(reference=150)],
        window=SinceDrift(minimum=80),
        comparison=Comparison(minimum=60, maximum=400),
        arbiter=Arbiter(cooldown=100),
        executor=Inline(),
        watch=100,
        clock=lambda: 0.0,
    )
    print("ready", flush=True)  # noqa: T201 - for the test that waits
    first = pipeline.store.served()
    # What was due may not have been sent: it is sent again, which changes nothing where it was.
    pipeline.labels([Label(f"r{row}", int(WORLD.y[row])) for row in range(first - WORLD.delay)])
    WORLD.run(pipeline, start=first)
    pipeline.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
