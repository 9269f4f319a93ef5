"""Gateway beside a bare FastAPI route and MLflow's own server.

All serve the same scikit-learn model from the same MLflow registry, with one worker on uvicorn
and uvloop; rounds of requests go to each in turn over one kept connection, and then over sixteen
at once. Figures are medians over the rounds. The gateway answers requests that arrive together by one
call of the model, which the other two do not: that is where its throughput comes from. "Unlimited" is
the gateway with `timeout=None`: the champion answers in the event loop, without a deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

SHORT = os.environ.get("MODELWARD_BENCH") == "short"
REQUESTS, ROUNDS = (60, 2) if SHORT else (1_000, 7)
COLUMNS = [f"f{number}" for number in range(8)]
ROW = {name: 0.1 * number for number, name in enumerate(COLUMNS)}

BARE = """
import sys, uvicorn
from fastapi import FastAPI, Request
import pandas as pd
from modelward.adaptive_pipeline import Registry
model = Registry(name="bench", tracking_uri=sys.argv[1]).load("1")
app = FastAPI()
@app.post("/predict")
async def predict(request: Request):
    body = await request.json()
    return {"prediction": float(model.predict(pd.DataFrame([body["row"]]))[0])}
uvicorn.run(app, port=int(sys.argv[2]), log_level="warning", access_log=False)
"""
OURS = """
import sys
from modelward.adaptive_pipeline import Gateway, Registry, Store
from modelward.adaptive_pipeline.gateway.app import create_app, serve
limit = {"timeout": None} if sys.argv[4:] else {}
registry = Registry(name="bench", tracking_uri=sys.argv[1])
gateway = Gateway(Store(sys.argv[3]), registry=registry, **limit)
serve(create_app(gateway), port=int(sys.argv[2]))
"""


def prepare(folder: Path) -> str:
    """Train the model and register it as version 1."""
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    from modelward.adaptive_pipeline import Registry

    uri = f"sqlite:///{folder / 'mlflow.db'}"
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 8)), columns=COLUMNS)
    registry = Registry(name="bench", tracking_uri=uri, artifacts=folder / "models")
    model = LinearRegression().fit(X, X.sum(axis=1))
    registry.register(model, alias="champion", columns=COLUMNS)
    return uri


@contextlib.contextmanager
def server(command: list[str], port: int, path: str, folder: Path) -> Iterator[None]:
    """Start a server and wait until it answers."""
    search = (
        f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # MLflow calls uvicorn
    )
    environment = {
        **os.environ,
        "PATH": search,
        "OMP_NUM_THREADS": "1",
        "MLFLOW_TRACKING_URI": URI,
    }
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            until, never = time.monotonic() + 120, threading.Event()
            while not answers(port, path):
                if process.poll() is not None or time.monotonic() > until:
                    sys.exit((folder / f"{port}.log").read_text("utf-8", errors="replace")[-3000:])
                never.wait(0.1)
            yield
        finally:
            process.terminate()
            process.wait(20)


def answers(port: int, path: str) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except OSError:
        return False


def times(port: int, path: str, body: bytes, n: int) -> list[float]:
    """Give the seconds of n requests over one kept connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    found = []
    for _ in range(n):
        begun = time.perf_counter()
        connection.request("POST", path, body, {"content-type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        found.append(time.perf_counter() - begun)
        if response.status != 200:
            sys.exit(f"{response.status}: {text[:500]!r}")
    connection.close()
    return found


def throughput(port: int, path: str, body: bytes, n: int) -> float:
    """Give requests a second over sixteen connections at once."""
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    message = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    return asyncio.run(_load(port, message, n))


async def _load(port: int, message: bytes, n: int) -> float:
    async def one(count: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(count):
            writer.write(message)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                sys.exit(head.decode())
            await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split()[0]))
        writer.close()
        await writer.wait_closed()

    begun = time.perf_counter()
    await asyncio.gather(*(one(n // 16) for _ in range(16)))
    return n // 16 * 16 / (time.perf_counter() - begun)


def free() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def main() -> None:
    global URI  # noqa: PLW0603 - the environment of the servers
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        URI = prepare(folder)
        ports = [free() for _ in range(4)]
        stores = [f"sqlite:///{folder / name}.db" for name in ("pipeline", "unlimited")]
        commands = [
            ([sys.executable, "-c", BARE, URI, str(ports[0])], "/docs"),
            ([sys.executable, "-c", OURS, URI, str(ports[1]), stores[0]], "/readyz"),
            (
                [
                    *[sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/bench/1"],
                    *["--env-manager", "local", "-p", str(ports[2]), "--workers", "1"],
                ],
                "/ping",
            ),
            ([sys.executable, "-c", OURS, URI, str(ports[3]), stores[1], "unlimited"], "/readyz"),
        ]
        bodies = [
            ("/predict", json.dumps({"row": ROW}).encode()),
            ("/predict", json.dumps({"row": ROW}).encode()),
            ("/invocations", json.dumps({"dataframe_records": [ROW]}).encode()),
            ("/predict", json.dumps({"row": ROW}).encode()),
        ]
        with contextlib.ExitStack() as stack:
            # MLflow's server last: it writes into the model's folder, which the gateway then refuses.
            for (command, path), port in sorted(
                zip(commands, ports, strict=True), key=lambda one: one[0][1] == "/ping"
            ):
                stack.enter_context(server(command, port, path, folder))
            p50: list[list[float]] = [[], [], [], []]
            p99: list[list[float]] = [[], [], [], []]
            rate: list[list[float]] = [[], [], [], []]
            for turn in range(ROUNDS + 1):
                for who in range(4):
                    found = sorted(times(ports[who], *bodies[who], REQUESTS))
                    speed = throughput(ports[who], *bodies[who], REQUESTS)
                    if turn:  # the first round warms up
                        p50[who].append(1000 * statistics.median(found))
                        p99[who].append(1000 * found[int(0.99 * len(found))])
                        rate[who].append(speed)
    names = ["bare", "gateway", "mlflow", "unlimited"]
    median = statistics.median
    figures = {
        **{f"{name}_p50_ms": median(p50[i]) for i, name in enumerate(names)},
        **{f"{name}_p99_ms": median(p99[i]) for i, name in enumerate(names)},
        **{f"{name}_requests_per_second": median(rate[i]) for i, name in enumerate(names)},
        "p50_above_bare_ms": median(b - a for a, b in zip(p50[0], p50[1], strict=True)),
        "p99_above_bare_ms": median(b - a for a, b in zip(p99[0], p99[1], strict=True)),
        "throughput_of_bare": median(b / a for a, b in zip(rate[0], rate[1], strict=True)),
        "throughput_of_mlflow": median(b / a for a, b in zip(rate[2], rate[1], strict=True)),
        "unlimited_p50_above_bare_ms": median(b - a for a, b in zip(p50[0], p50[3], strict=True)),
        "unlimited_p99_above_bare_ms": median(b - a for a, b in zip(p99[0], p99[3], strict=True)),
        "unlimited_throughput_of_bare": median(
            b / a for a, b in zip(rate[0], rate[3], strict=True)
        ),
    }
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


URI = ""

if __name__ == "__main__":
    main()
