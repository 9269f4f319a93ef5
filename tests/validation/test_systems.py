"""Systems under test that hang, crash the interpreter, or talk nonsense: each is an outcome."""

import http.server
import json
import os
import select
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from typer.testing import CliRunner

from modelward.core.config import InvalidConfigError
from modelward.core.errors import ConfigError
from modelward.validation import FeatureContinuous, GaussianProcess, Output, Study
from modelward.validation.command import app
from modelward.validation.configuration import load_job
from modelward.validation.systems import (
    CallableSystem,
    CommandSystem,
    HttpSystem,
    Retrying,
    SystemFailed,
)

CODE = """
import os, time

def brake(speed):
    if speed > 90:
        os._exit(3)
    if speed > 80:
        os.kill(os.getpid(), 11)
    if speed > 70:
        time.sleep(600)
    if speed > 60:
        raise ValueError("too fast")
    return {"distance": 2 * speed}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "under_test.py").write_text(CODE)
    return tmp_path


def test_a_callable_may_crash_its_process_and_goes_on(folder):
    system = CallableSystem("under_test:brake", seconds=20, folder=folder)
    try:
        assert system(speed=10) == {"distance": 20}
        with pytest.raises(SystemFailed, match=r"the process ended \(exit 3\)"):
            system(speed=95)
        with pytest.raises(SystemFailed, match="SIGSEGV"):
            system(speed=85)
        with pytest.raises(SystemFailed, match="ValueError: too fast"):
            system(speed=65)
        system.seconds = 0.5
        with pytest.raises(SystemFailed, match=r"no answer within 0\.5 seconds"):
            system(speed=75)
        system.seconds = 20
        assert system(speed=11) == {"distance": 22}
    finally:
        system.close()


@pytest.mark.parametrize("target", ["under_test:nothing", "no_module:f", "under_test"])
def test_a_callable_that_is_not_there_is_named(folder, target):
    with pytest.raises(ConfigError, match="expected a function module:function"):
        CallableSystem(target, folder=folder)


def python(code, **settings):
    return CommandSystem([sys.executable, "-c", code], **settings)


def test_a_command_line_gets_values_as_arguments_and_on_its_input():
    assert python("print('noise'); print({x} * 2)")(x=1.5) == 3.0
    code = "import json, sys; v = json.load(sys.stdin); print(json.dumps(dict(y=v['x'])))"
    assert python(code)(x="two words; rm") == {"y": "two words; rm"}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; sys.exit('it broke')", "exit 1: it broke"),
        ("import os; os.kill(os.getpid(), 9)", "exit -9"),
        ("print('hello')", "expected a JSON number or object, got 'hello'"),
        ("pass", "expected a JSON number or object, got ''"),
        ("print([1])", "expected a JSON number or object"),
    ],
)
def test_a_command_that_gives_no_number_failed(code, message):
    with pytest.raises(SystemFailed, match=message):
        python(code)(x=1)


def test_a_command_that_is_late_is_killed_with_its_children(tmp_path):
    code = (
        "import subprocess, sys, time; "
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(p.pid)); time.sleep(600)"
    )
    with pytest.raises(SystemFailed, match="no answer within"):
        python(code, seconds=6)(x=1)
    assert ended(int((tmp_path / "pid").read_text()), seconds=20)


def ended(pid, *, seconds):
    """Wait until a process that is no child of ours has ended; tell whether it did in time."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], seconds)[0])  # readable once it has ended
    finally:
        os.close(process)


def test_a_command_that_does_not_exist_failed():
    with pytest.raises(SystemFailed, match="does not start"):
        CommandSystem(["/no/such/program"])(x=1)


@pytest.fixture
def address():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            values = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = 500 if values["x"] > 2 else 200
            body = b"nonsense" if values["x"] > 1 else json.dumps({"y": values["x"] * 2}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_an_http_address_answers_with_numbers(address):
    system = HttpSystem(address, seconds=20)
    assert system(x=0.5) == {"y": 1.0}
    with pytest.raises(SystemFailed, match="got 'nonsense'"):
        system(x=1.5)
    with pytest.raises(SystemFailed, match="status 500"):
        system(x=3)
    with pytest.raises(SystemFailed, match="ConnectionError"):
        HttpSystem("http://127.0.0.1:9/", seconds=20)(x=1)
    with pytest.raises(ConfigError, match="expected an address"):
        HttpSystem("ftp://x")


def test_retries_are_for_surroundings_that_fail():
    tries = []

    def busy(**values):
        tries.append(values)
        if len(tries) < 3:
            raise SystemFailed("busy")
        return 1.0

    assert Retrying(busy, retries=2)(x=1) == 1.0
    tries.clear()
    with pytest.raises(SystemFailed, match="busy"):
        Retrying(busy, retries=1)(x=1)


JOB = """
name: braking
features:
  - {kind: continuous, name: speed, lower: 0, upper: 100}
outputs:
  - {name: distance, threshold: 100}
system: {callable: "under_test:brake", seconds: 1}
budget: 14
settings: {seed: 1, number_of_instances: 1, initial: 8}
folder: out
"""


def test_a_job_runs_from_its_file_and_goes_on_where_it_stood(folder):
    path = folder / "job.yml"
    path.write_text(JOB.replace("time.sleep(600)", ""))
    done = CliRunner().invoke(app, ["run", str(path)])
    assert done.exit_code == 0, done.output
    study = Study.load(folder / "out" / "study.json")
    assert study.n_told == 14
    crashes = {run.crash.split("(")[0] for run in study.told if run.crash}
    assert any("the process ended" in crash for crash in crashes)
    assert {"validation.html", "validation.evidence.json"} <= {
        path.name for path in (folder / "out").iterdir()
    }
    path.write_text(JOB.replace("budget: 14", "budget: 16"))
    done = CliRunner().invoke(app, ["run", str(path)])
    assert "going on after 14 runs" in done.output
    assert Study.load(folder / "out" / "study.json").n_told == 16
    path.write_text(JOB.replace("seed: 1", "seed: 2"))
    done = CliRunner().invoke(app, ["run", str(path)])
    assert "to have the features, outputs and settings of the job" in str(done.exception)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("callable:", "command: [x], callable:"), "expected one of callable, command and http"),
        (("budget: 14", "budget: 0"), "job.yml:8"),
        (("kind: continuous", "kind: discrete"), "job.yml:4"),
        (("budget: 14", "bugdet: 14"), "bugdet"),
    ],
)
def test_mistakes_in_the_file_are_named_by_line(folder, change, message):
    path = folder / "job.yml"
    path.write_text(JOB.replace(*change))
    with pytest.raises(InvalidConfigError, match=message):
        load_job(path)


def square(x):
    return x * x


def study():
    return Study(
        [FeatureContinuous("x", 0, 1)],
        [Output("y", threshold=0.5)],
        models=[GaussianProcess()],
        seed=1,
    )


def test_an_executor_has_a_batch_under_way_and_no_point_twice():
    gate, most, busy, lock = threading.Barrier(3), [0], [0], threading.Lock()

    def slow(x):
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        gate.wait(timeout=60)  # passes only while three run at once
        with lock:
            busy[0] -= 1
        return x * x

    s = study()
    with ThreadPoolExecutor(3) as pool:
        s.run(slow, budget=21, batch=3, executor=pool, stop_early=False)
    assert most[0] == 3
    assert s.n_told == 21
    assert len({run.values["x"] for run in s.runs}) == 21


def test_joblib_runs_the_batches_and_agrees_with_running_here():
    from joblib import Parallel

    here, there = study(), study()
    here.run(square, budget=12, batch=4, stop_early=False)
    parallel = Parallel(n_jobs=2, backend="threading")
    there.run(square, budget=12, batch=4, executor=parallel, stop_early=False)
    assert [r.values for r in here.runs] == [r.values for r in there.runs]


def runs_elsewhere(backend):
    """Run a study here and by a backend of joblib: the same points, in other processes."""
    from joblib import Parallel, parallel_config

    def square(x):  # not importable: it travels by value
        return {"y": x * x, "process": os.getpid()}

    outputs = [Output("y", threshold=0.5), Output("process", threshold=0, orientation="upper")]
    here, there = (
        Study([FeatureContinuous("x", 0, 1)], outputs, models=[GaussianProcess()], seed=1)
        for _ in range(2)
    )
    here.run(square, budget=8, batch=4, stop_early=False)
    with parallel_config(backend=backend, n_jobs=2):  # a single job would be run here
        there.run(square, budget=8, batch=4, executor=Parallel(), stop_early=False)
    assert [run.values for run in here.runs] == [run.values for run in there.runs]
    assert os.getpid() not in {run.results["process"] for run in there.told}


def test_processes_of_joblib_run_the_batches():
    runs_elsewhere("loky")


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.filterwarnings("ignore")  # Ray's own
@pytest.mark.usefixtures("without_ray")
def test_a_ray_cluster_runs_the_batches(monkeypatch):
    """`joblib.parallel_config(backend="ray")` moves the runs to a cluster, and nothing else."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    ray = pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        register_ray()
        runs_elsewhere("ray")
    finally:
        ray.shutdown()


def test_an_executor_that_is_none_is_named():
    with pytest.raises(ConfigError, match="an executor with `submit`"):
        study().run(square, budget=4, executor="ray")
