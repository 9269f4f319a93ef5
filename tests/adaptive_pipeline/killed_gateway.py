"""A gateway on uvicorn that may be killed at any moment, and is there again at once.

`python killed_gateway.py STORE_URL DURABILITY PORT`: for each line on stdin, forks a process that serves
(all is imported by then) and prints its id, after the one before has ended.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg  # noqa: F401 - imported once, before the first fork
import uvicorn  # noqa: F401

from modelward.adaptive_pipeline import Gateway, Scorer, Serving, Store
from modelward.adaptive_pipeline.gateway.app import create_app, serve


class Double(Scorer):
    """Says twice `x`, without pandas."""

    def score_many(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        return [2 * row["x"] for row in rows]


def run(url: str, durability: Any, port: int) -> None:
    serving = Serving(Double("1", lambda _: [], ("x",)))
    serve(create_app(Gateway(Store(url), serving, durability=durability)), port=port)


def main() -> None:
    url, durability, port = sys.argv[1:]
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            run(url, durability, int(port))
            os._exit(0)
        print(child, flush=True)  # noqa: T201 - for the test that kills it
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
