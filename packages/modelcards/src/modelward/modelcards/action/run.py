"""The step of the action: check every card, tell GitHub, and give the exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from shutil import which
from typing import Any

from modelward.core.errors import ConfigError, ModelwardError, ServiceError
from modelward.core.files import write_whole
from modelward.modelcards.action.comment import PullRequest
from modelward.modelcards.action.inputs import Inputs, read_inputs
from modelward.modelcards.action.summary import COMMENT_BYTES, SUMMARY_BYTES, summary
from modelward.modelcards.codecs.document import Document
from modelward.modelcards.commands.checking import FAILED, OK, UNREACHABLE, UNREADABLE, each_card
from modelward.modelcards.outputs.report import Checked, Report, write_report
from modelward.modelcards.outputs.standing import findings_of
from modelward.modelcards.rules.finding import SEVERITIES, Severity
from modelward.modelcards.rules.ruleset import Ruleset, load_ruleset
from modelward.modelcards.rules.validation import validate
from modelward.modelcards.verification.checking import verify

_TIMEOUT_S = 10.0


class Job:
    """One run of the action, in the environment GitHub gives."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.inputs: Inputs = read_inputs(environment)
        self.event = _event(environment.get("GITHUB_EVENT_PATH", ""))
        self.rules: list[Ruleset] = [load_ruleset(name) for name in self.inputs.rules]
        self.folder = Path(environment.get("RUNNER_TEMP") or ".") / "modelward-report"
        self.codes = {OK}
        self.notes: list[str] = []
        self.changes: list[str] = []

    def run(self) -> int:
        """Check all cards, and give the exit code."""
        checked, broken = each_card(self.inputs.modelcard, self.check)
        report = Report(tuple(checked), self.fail_on())
        if broken:
            self.codes.add(UNREADABLE)
        if report.failures:
            self.codes.add(FAILED)
        if not self.inputs.unreachable_fails and UNREACHABLE in self.codes:
            self.codes.discard(UNREACHABLE)
            self.notes.append("Evidence that could not be had was let pass, as the workflow asks.")
        self.tell(report)
        order = (UNREADABLE, FAILED, UNREACHABLE)
        return next((code for code in order if code in self.codes), OK)

    def fail_on(self) -> Severity:
        """Give the lowest severity that fails."""
        asked: list[Severity] = [ruleset.fail_on for ruleset in self.rules] or ["error"]
        lowest = self.inputs.fail_on
        return max(asked, key=SEVERITIES.index) if lowest is None else lowest

    def check(self, document: Document) -> Checked:
        """Validate, verify and draw one card, and tell what has changed in it."""
        findings = list(validate(document, self.rules, fail_on=self.inputs.fail_on))
        note = ""
        if self.inputs.verify:
            result = verify(document, tracking_uri=self.inputs.tracking_uri)
            findings += findings_of(result)
            note = f"{result.count('verified')} of {len(result.claims)} claims verified"
            if any(claim.status == "unreachable" for claim in result.failures):
                self.codes.add(UNREACHABLE)
            if self.inputs.render:
                self.render(document, result)
        elif self.inputs.render:
            raise ConfigError("expected verify to be true for the input render, got false")
        self.compare(document)
        return Checked(str(document.source), tuple(findings), note)

    def render(self, document: Document, result: Any) -> None:
        """Draw the pages of one card."""
        from modelward.modelcards.catalogue.entry import page_name
        from modelward.modelcards.render.html import card_page

        name = Path(page_name(document.source.as_posix())).stem
        for audience in self.inputs.render:
            target = self.folder / "pages" / f"{name}-{audience}.html"
            card_page(document, result, audience=audience).save(target)

    def compare(self, document: Document) -> None:
        """Compare a card with the one the pull request is against, where git has it."""
        from modelward.modelcards.codecs.yaml import parse
        from modelward.modelcards.comparison.diff import diff

        base = str(((self.event.get("pull_request") or {}).get("base") or {}).get("sha") or "")
        git = which("git")
        if not git or len(base) != 40 or not set(base) <= set("0123456789abcdef"):
            return
        name = document.source.name
        folder = str(document.source.resolve().parent)
        try:
            answer = subprocess.run(  # noqa: S603 - a commit of hexadecimal digits and the card's name
                [git, "-C", folder, "show", f"{base}:./{name}"],
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
            if answer.returncode == 0:
                before = parse(answer.stdout.decode("utf-8"), document.source)
                found = diff(before, document)
                if found.changes:
                    self.changes.append(found.to_markdown())
        except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError, ModelwardError):
            self.notes.append(f"{name} could not be compared with the one before.")

    def tell(self, report: Report) -> None:
        """Tell GitHub: annotations, summary, comment, outputs."""
        print(write_report(report, "github"))  # noqa: T201 - the runner reads what a step prints
        sarif = write_whole(self.folder / "modelcards.sarif", write_report(report, "sarif"))
        if self.inputs.comment:
            self.comment(report)
        if target := self.environment.get("GITHUB_STEP_SUMMARY"):
            text = summary(report, self.notes, self.changes, SUMMARY_BYTES)
            with Path(target).open("a", encoding="utf-8") as stream:
                stream.write(text)
        valid = not report.failures and self.codes == {OK}
        outputs = {
            "valid": "true" if valid else "false",
            "findings": str(len(report.findings)),
            "report": str(sarif),
            "pages": str(self.folder / "pages") if self.inputs.render else "",
        }
        if target := self.environment.get("GITHUB_OUTPUT"):
            with Path(target).open("a", encoding="utf-8") as stream:
                for name, value in outputs.items():
                    end = uuid.uuid4().hex  # nothing in a value can end it early
                    stream.write(f"{name}<<{end}\n{value}\n{end}\n")

    def comment(self, report: Report) -> None:
        """Keep the comment up to date; where that is not possible, the summary says so."""
        number = (self.event.get("pull_request") or {}).get("number")
        if not isinstance(number, int):
            self.notes.append("No comment: this is no pull request.")
            return
        if not self.inputs.token:
            self.notes.append("No comment: there is no token.")
            return
        request = PullRequest(
            self.environment.get("GITHUB_API_URL", "https://api.github.com"),
            self.environment.get("GITHUB_REPOSITORY", ""),
            number,
            self.inputs.token,
        )
        try:
            request.comment(summary(report, self.notes, self.changes, COMMENT_BYTES))
        except ServiceError as error:
            self.notes.append(f"No comment: {error.fact}")


def _event(path: str) -> dict[str, Any]:
    try:
        content = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def main(environment: Mapping[str, str] | None = None) -> int:
    """Run the step. An error of ours becomes one annotation, and exit code 2."""
    given = os.environ if environment is None else environment
    try:
        if given.get("GITHUB_EVENT_NAME") == "pull_request_target":
            raise ConfigError(
                "expected the event pull_request, got pull_request_target: it would run a fork's "
                "cards and rules with the secrets of this repository"
            )
        return Job(given).run()
    except (ModelwardError, OSError) as error:
        text = str(error).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        print(f"::error title=model cards::{text}")  # noqa: T201
        return UNREADABLE


if __name__ == "__main__":
    sys.exit(main())
