"""The example with three clients, run as a person runs it; and the files that ship the server."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import yaml


@pytest.mark.slow
def test_the_example_loses_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its clients are processes that import it by name.
    monkeypatch.syspath_prepend(str(root / "examples"))
    example = importlib.import_module("validation_server")
    figures = example.main(18, tmp_path / "run")
    assert figures["ok"], figures
    assert (figures["runs"], figures["lost"], figures["given_twice"]) == (18, 0, 0)
    assert len((tmp_path / "run" / "runs.csv").read_text("utf-8").splitlines()) == 19


def test_the_compose_file_names_what_there_is(root: Path) -> None:
    folder = root / "packages" / "validation" / "deploy"
    content = yaml.safe_load((folder / "compose.yaml").read_text("utf-8"))
    assert set(content["services"]) == {"server", "worker", "database"}
    build = content["services"]["server"]["build"]
    context = (folder / build["context"]).resolve()
    assert (context / build["dockerfile"]).is_file()
    dockerfile = (folder / "Dockerfile").read_text("utf-8")
    for path in re.findall(r"^COPY (\S+)", dockerfile, re.MULTILINE):
        assert (context / path).is_dir()
    from modelward.validation.command import app

    commands = {(c.name or c.callback.__name__).replace("_", "-") for c in app.registered_commands}
    for service in ("server", "worker"):
        assert content["services"][service]["command"][0] in commands
    secrets = {name for s in content["services"].values() for name in s["secrets"]}
    assert secrets == set(content["secrets"])
    ignored = (folder / ".gitignore").read_text("utf-8").split()
    assert {Path(s["file"]).name for s in content["secrets"].values()} == set(ignored)
