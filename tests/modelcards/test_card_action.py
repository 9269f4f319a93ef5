"""The GitHub Action: its steps run with a made-up GitHub around them, on a loopback server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelward.modelcards import read
from modelward.modelcards.action.run import main
from modelward.modelcards.action.summary import COMMENT_BYTES, MARKER, summary
from modelward.modelcards.outputs.report import Checked, Report
from modelward.modelcards.rules.finding import Finding


class GitHub(ThreadingHTTPServer):
    """Keeps comments, and answers as GitHub does; `deny` is a status for writing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.deny = 0

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: GitHub

    def answer(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        assert self.headers["Authorization"] == "Bearer secret-token"
        length = int(self.headers.get("Content-Length") or 0)
        content = json.loads(self.rfile.read(length)) if length else None
        code, found = 200, self.server.comments
        if self.command != "GET" and self.server.deny:
            code, found = self.server.deny, []
        elif self.command == "POST":
            entry = {"id": 100 + len(found), "body": content["body"], "user": {"type": "Bot"}}
            found.append(entry)
        elif self.command == "PATCH":
            number = int(self.path.rpartition("/")[2])
            next(c for c in found if c["id"] == number)["body"] = content["body"]
        body = json.dumps(found if self.command == "GET" else {}).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = answer

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


Run = Callable[..., tuple[int, dict[str, str], str]]


@pytest.fixture
def run(tmp_path: Path, github: GitHub, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the step in a workspace, and give exit code, outputs and summary."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7, "base": {"sha": "0" * 40}}}))

    def step(**inputs: str) -> tuple[int, dict[str, str], str]:
        output, page = tmp_path / "output", tmp_path / "summary.md"
        for path in (output, page):
            path.unlink(missing_ok=True)
        environment = {
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(page),
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_API_URL": github.uri,
            "GITHUB_REPOSITORY": "owner/repo",
            "RUNNER_TEMP": str(tmp_path / "runner"),
            "INPUT_GITHUB_TOKEN": "secret-token",
        }
        given = {f"INPUT_{name.upper()}": value for name, value in inputs.items()}
        code = main(environment | given)
        outputs: dict[str, str] = {}
        lines = iter(output.read_text("utf-8").splitlines() if output.exists() else [])
        for line in lines:
            name, _, end = line.partition("<<")
            value = "\n".join(iter(lambda end=end: next(lines), end))  # type: ignore[misc]
            outputs[name] = value
        return code, outputs, page.read_text("utf-8") if page.exists() else ""

    return step


GOOD = "model_details: {name: m, description: d}\n"


def test_a_card_that_is_fine(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Path("modelcard.yaml").write_text(GOOD)
    code, outputs, page = run(verify="false")
    assert code == 0
    assert (outputs["valid"], outputs["findings"]) == ("true", "0")
    assert json.loads(Path(outputs["report"]).read_text())["version"] == "2.1.0"
    assert "✅ nothing fails" in page
    assert capsys.readouterr().out == "No findings.\n"


def test_false_is_false_and_nonsense_is_told(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    # In the older action 'false' disabled the default rules.
    Path("modelcard.yaml").write_text("model_details: {name: [1], description: d}\n")
    assert run(disable_default_rules="false", verify="false")[0] == 1
    assert run(disable_default_rules="true", verify="false")[0] == 0
    for name, value in (
        ("verify", "maybe"),
        ("fail_on", "loud"),
        ("render", "everyone"),
        ("unreachable", "x"),
    ):
        capsys.readouterr()
        assert run(**{name: value})[0] == 2
        printed = capsys.readouterr().out
        assert printed.startswith("::error title=model cards::expected ")
        assert value in printed


def test_annotations_name_the_file_many_cards_and_the_folder_of_rules(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a/b").mkdir(parents=True)
    Path("a/modelcard.yaml").write_text("model_details: {name: m, description: '# X'}\n")
    Path("a/b/modelcard.yaml").write_text("model_details: {name: [1], description: d}\n")
    Path("rules").mkdir()
    Path("rules/rules.yaml").write_text(
        "rules: {h: {given: $.model_details.description, severity: error, then: {function: template, functionOptions: {template: '# Y'}}}}\n"
    )
    code, outputs, page = run(modelcard="**/modelcard.yaml", rules="rules", verify="false")
    printed = capsys.readouterr().out
    assert code == 1
    assert "::error file=a/b/modelcard.yaml,line=1,col=23,title=schema::" in printed
    assert "::error file=a/modelcard.yaml,line=1,col=39,title=h::" in printed
    assert outputs["findings"] == "3"
    assert page.count("| ❌ |") == 3
    assert run(modelcard="nothing/*.yaml")[0] == 2


def test_a_broken_card_keeps_no_other_from_being_checked(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.yaml").write_text("a: [\n")
    Path("b.yaml").write_text("model_details: {name: [1], description: d}\n")
    code, outputs, _ = run(modelcard="a.yaml\nb.yaml\n", verify="false")
    assert (code, outputs["valid"]) == (2, "false")
    printed = capsys.readouterr().out
    assert "file=a.yaml,line=2,col=1,title=readable" in printed
    assert "file=b.yaml,line=1,col=23,title=schema" in printed


CLAIM = "quantitative_analysis: {performance_metrics: [{type: a, value: 1, source: {run: r, metric: a}}]}\n"


def test_evidence_that_cannot_be_had(run: Run) -> None:
    Path("modelcard.yaml").write_text(GOOD + CLAIM)
    code, outputs, page = run(mlflow_tracking_uri="http://127.0.0.1:9")
    assert (code, outputs["valid"]) == (3, "false")
    assert "claim-unreachable" in page
    code, outputs, page = run(mlflow_tracking_uri="http://127.0.0.1:9", unreachable="warn")
    assert (code, outputs["valid"]) == (0, "true")
    assert "let pass, as the workflow asks" in page
    assert (
        run(mlflow_tracking_uri="http://127.0.0.1:9", unreachable="warn", fail_on="warning")[0] == 1
    )


def test_pages_for_audiences(run: Run) -> None:
    Path("modelcard.yaml").write_text(GOOD)
    _, outputs, _ = run(render="public\nrisk")
    pages = sorted(path.name for path in Path(outputs["pages"]).iterdir())
    assert [name.rpartition("-")[2] for name in pages] == ["public.html", "risk.html"]


def test_one_comment_is_kept_up_to_date(run: Run, github: GitHub) -> None:
    Path("modelcard.yaml").write_text(GOOD)
    github.comments.append({"id": 1, "body": MARKER + " by a person", "user": {"type": "User"}})
    run(comment="true", verify="false")
    run(comment="true", verify="false")
    assert len(github.comments) == 2
    assert "nothing fails" in github.comments[1]["body"]
    assert github.comments[0]["body"].endswith("by a person")
    Path("modelcard.yaml").write_text("model_details: {name: [1], description: d}\n")
    run(comment="true", verify="false")
    assert "1 findings fail" in github.comments[1]["body"]
    writes = [line for line in github.asked if not line.startswith("GET")]
    assert writes == [
        "POST /repos/owner/repo/issues/7/comments",
        "PATCH /repos/owner/repo/issues/comments/101",
        "PATCH /repos/owner/repo/issues/comments/101",
    ]


@pytest.mark.parametrize("status", [401, 403, 404, 500, 302])
def test_where_the_token_may_not_write_the_summary_says_so(
    run: Run, github: GitHub, status: int
) -> None:
    Path("modelcard.yaml").write_text(GOOD)
    github.deny = status
    code, _, page = run(comment="true", verify="false")
    assert code == 0, "a fork's pull request is not failed for it"
    assert f"No comment: expected a comment on the pull request, got {status}" in page
    assert github.comments == []


def test_without_a_pull_request_or_token_there_is_no_comment(
    run: Run, github: GitHub, tmp_path: Path
) -> None:
    Path("modelcard.yaml").write_text(GOOD)
    assert "there is no token" in run(comment="true", verify="false", github_token="")[2]
    (tmp_path / "event.json").write_text("{}")
    assert "this is no pull request" in run(comment="true", verify="false")[2]
    assert github.asked == []


def test_secrets_are_not_given_to_the_cards_of_a_fork(capsys: pytest.CaptureFixture[str]) -> None:
    assert main({"GITHUB_EVENT_NAME": "pull_request_target"}) == 2
    assert "got pull_request_target" in capsys.readouterr().out


def test_what_has_changed_since_the_base_is_told(run: Run, tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    card = GOOD + "considerations: {limitations: [{description: Only by day.}]}\n"
    Path("modelcard.yaml").write_text(card)
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "x")
    event = {"pull_request": {"number": 7, "base": {"sha": git("rev-parse", "HEAD")}}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    assert "What has changed" not in run(verify="false")[2]
    Path("modelcard.yaml").write_text(GOOD)
    page = run(verify="false")[2]
    assert "### What has changed" in page
    assert "Only by day." in page
    assert "removed" in page


def test_summaries_stay_within_what_github_takes() -> None:
    many = tuple(
        Finding("r" * 50, "error", "p" * 200, "<b> @team | x" * 40, "f" * 100, n, 1)
        for n in range(5000)
    )
    text = summary(Report((Checked("f", many),)), ["note"], ["c" * 100_000], COMMENT_BYTES)
    assert len(text.encode()) <= COMMENT_BYTES
    assert text.startswith(MARKER)
    assert "cut here" in text
    assert "<b>" not in text
    assert "@team" not in text
    short = summary(Report((Checked("f", many),)), [], [], 10 << 20)
    assert "Only the first 200 are shown here" in short


@pytest.mark.parametrize(
    ("name", "schema"),
    [("action.yml", "github-actions"), ("example-workflow.yml", "github-workflows")],
)
def test_the_files_keep_the_schemas_of_github(root: Path, name: str, schema: str) -> None:
    from importlib.resources import files

    import jsonschema_rs

    text = (files("check_jsonschema") / f"builtin_schemas/vendor/{schema}.json").read_text("utf-8")
    # `on` is text in YAML 1.2
    content = read(root / "packages/modelcards/action" / name).content
    errors = [
        f"{e.instance_path}: {e.message}"
        for e in jsonschema_rs.Draft7Validator(json.loads(text)).iter_errors(content)
    ]
    assert errors == []


def test_the_action_is_composite_pinned_and_hands_over_every_input(root: Path) -> None:
    action = yaml.safe_load((root / "packages/modelcards/action/action.yml").read_text("utf-8"))
    workflow = yaml.safe_load(
        (root / "packages/modelcards/action/example-workflow.yml").read_text("utf-8")
    )
    assert action["runs"]["using"] == "composite"
    step = action["runs"]["steps"][1]
    handed = {name.removeprefix("INPUT_") for name in step["env"]}
    assert handed == {name.upper().replace("-", "_") for name in action["inputs"]}
    for one in action["runs"]["steps"]:
        assert "${{" not in one["run"], "an expression in a script would be run as code"
    assert workflow["permissions"]["contents"] == "read"
    uses = [s["uses"] for s in workflow["jobs"]["cards"]["steps"] if "uses" in s]
    for used in uses:
        assert used.startswith("./") or len(used.partition("@")[2].split()[0]) == 40, used


def test_the_step_runs_as_a_process_and_loads_nothing_of_the_repository(tmp_path: Path) -> None:
    (tmp_path / "modelcard.yaml").write_text(GOOD)
    (tmp_path / "yaml.py").write_text("raise SystemExit('ran')\n")
    (tmp_path / "typer.py").write_text("raise SystemExit('ran')\n")
    command = [sys.executable, "-I", "-m", "modelward.modelcards.action.run"]
    environment = {
        **os.environ,
        "INPUT_VERIFY": "false",
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_EVENT_NAME": "push",
    }
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_EVENT_PATH"):
        environment.pop(name, None)
    answer = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stdout) == (0, "No findings.\n"), answer.stderr


def test_hooks_for_pre_commit_find_cards(root: Path) -> None:
    import re

    hooks = yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert [hook["id"] for hook in hooks] == ["modelward-card-validate", "modelward-card-verify"]
    for hook in hooks:
        assert re.search(hook["files"], "models/a/modelcard.yaml")
        assert re.search(hook["files"], "fraud_model_card.yml")
        assert not re.search(hook["files"], "rules.yaml")
