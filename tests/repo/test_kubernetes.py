"""The manifests of the example: what they ask of the command is there, and they ask for no rights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner

from modelward.core.command import app

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((ROOT / "examples/kubernetes/validation.yaml").read_text("utf-8"))
)


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [manifest for manifest in MANIFESTS if manifest["kind"] == kind]


def test_containers_run_commands_that_are_there_and_are_given_no_rights() -> None:
    dockerfile = (ROOT / "packages/validation/deploy/Dockerfile").read_text("utf-8")
    user = int(re.search(r"--uid (\d+)", dockerfile)[1])  # type: ignore[index]
    settings = (
        ROOT / "packages/validation/src/modelward/validation/server/settings.py"
    ).read_text()
    for deployment in of_kind("Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] == user
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            command, *options = container["args"]
            shown = CliRunner().invoke(
                app, ["validation", command, "--help"], env={"COLUMNS": "200"}
            )
            assert shown.exit_code == 0, command
            assert all(o in shown.output for o in options if o.startswith("--")), options
            assert all(f'"{entry["name"]}"' in settings for entry in container["env"])
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]


def test_what_refers_to_another_finds_it() -> None:
    labels = [d["spec"]["template"]["metadata"]["labels"] for d in of_kind("Deployment")]
    for deployment, own in zip(of_kind("Deployment"), labels, strict=True):
        assert deployment["spec"]["selector"]["matchLabels"].items() <= own.items()
    (service,) = of_kind("Service")
    chosen = [d for d in of_kind("Deployment")
              if service["spec"]["selector"].items() <= d["spec"]["template"]["metadata"]["labels"].items()]  # fmt: skip
    assert [d["metadata"]["name"] for d in chosen] == ["validation-server"]
    ports = {p["name"] for p in chosen[0]["spec"]["template"]["spec"]["containers"][0]["ports"]}
    assert {p["targetPort"] for p in service["spec"]["ports"]} <= ports
    (ingress,) = of_kind("Ingress")
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"]["name"] == service["metadata"]["name"]
    (policy,) = of_kind("NetworkPolicy")
    assert all(
        policy["spec"]["podSelector"]["matchLabels"].items() <= own.items() for own in labels
    )
