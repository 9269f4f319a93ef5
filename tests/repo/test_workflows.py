"""The workflows are valid, pinned, and write nothing they were not given leave to."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_workflow_follows_the_published_schema(path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", path],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_actions_are_pinned_and_rights_are_narrow(path: Path) -> None:
    text = path.read_text("utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    used = re.findall(r"uses: (\S+)", text)
    assert used
    assert [u for u in used if not re.search(r"@[0-9a-f]{40}$", u) and not u.startswith("./")] == []
    assert content["permissions"] == {"contents": "read"}
    for name, job in content["jobs"].items():
        assert "uses" in job or job.get("timeout-minutes"), f"{name} may run for ever"


def test_bill_of_materials_is_valid_and_whole() -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    answer = subprocess.run(
        [sys.executable, ROOT / ".ci" / "sbom.py"], capture_output=True, text=True, check=True
    )
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(answer.stdout) is None
    document = json.loads(answer.stdout)
    names = {c["name"] for c in document["components"]}
    assert {"modelward-core", "torch", "mlflow", "evidently", "numpy", "pydantic"} <= names
    assert {d for each in document["dependencies"] for d in each["dependsOn"]} <= names
    assert answer.stderr == "", "all of it is installed here"
