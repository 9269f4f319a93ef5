"""The rules of the house that a reviewer should not have to look for."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["adaptive_pipeline", "adversarial", "core", "modelcards", "monitoring", "validation"]
LIBRARIES = [name for name in NAMES if name != "core"]
PYPROJECTS = {
    name: tomllib.loads((ROOT / "packages" / name / "pyproject.toml").read_text("utf-8"))
    for name in NAMES
}


def sources(name: str) -> list[Path]:
    return sorted((ROOT / "packages" / name / "src").rglob("*.py"))


def tracked() -> list[Path]:
    answer = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in answer.stdout.splitlines() if (ROOT / line).is_file()]


def test_the_six_packages_and_the_one_that_names_them() -> None:
    found = {p.name for p in (ROOT / "packages").iterdir() if p.is_dir()}
    assert found == {*NAMES, "modelward"}


def test_the_package_that_names_the_others_names_them_all_at_this_version() -> None:
    path = ROOT / "packages" / "modelward" / "pyproject.toml"
    project = tomllib.loads(path.read_text("utf-8"))["project"]
    version = PYPROJECTS["core"]["project"]["version"]
    extras = project["optional-dependencies"]
    libraries = [name.replace("_", "-") for name in LIBRARIES]
    assert project["version"] == version
    assert project["dependencies"] == [f"modelward-core=={version}"]
    assert extras.pop("all") == [f"modelward[{','.join(libraries)}]"]
    assert extras == {name: [f"modelward-{name}=={version}"] for name in libraries}


@pytest.mark.parametrize("name", NAMES)
def test_namespace_has_no_init(name: str) -> None:
    # One __init__.py at the namespace's level makes every sibling unimportable.
    assert not (ROOT / "packages" / name / "src" / "modelward" / "__init__.py").exists()
    package = ROOT / "packages" / name / "src" / "modelward" / name
    assert (package / "__init__.py").is_file()
    assert (package / "py.typed").is_file()


def test_tests_are_no_packages() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


@pytest.mark.parametrize("name", NAMES)
def test_one_version_and_exact_sibling_pins(name: str) -> None:
    version = PYPROJECTS["core"]["project"]["version"]
    project = PYPROJECTS[name]["project"]
    assert project["version"] == version
    every = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    siblings = [d for d in every if d.startswith("modelward-")]
    assert all(
        re.fullmatch(r"modelward-core(\[[a-z,]+\])?==" + re.escape(version), d) for d in siblings
    )
    assert bool(siblings) == (name != "core")


@pytest.mark.parametrize("name", NAMES)
def test_metadata(name: str) -> None:
    project = PYPROJECTS[name]["project"]
    assert project["name"] == "modelward-" + name.replace("_", "-")
    assert project["license"] == "MIT"
    assert (ROOT / "packages" / name / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    readme = (ROOT / "packages" / name / "README.md").read_text("utf-8")
    assert "pip install ./packages/core" in readme
    assert not re.search(r"pip install (--upgrade )?modelward", readme), "never by bare name"


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {n.split(".")[1] for n in names if n.startswith("modelward.")}


@pytest.mark.parametrize("name", NAMES)
def test_libraries_import_core_and_never_each_other(name: str) -> None:
    offenders = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in sources(name)
        if (found := imported(path) - {name, "core"})
    }
    assert offenders == {}


def code_lines(path: Path) -> int:
    """Lines that hold code: no blank lines, comments or docstrings."""
    text = path.read_text("utf-8")
    prose: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            prose |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    held: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in layout | {tokenize.ENDMARKER}:
            held |= set(range(token.start[0], token.end[0] + 1))
    return len(held - prose)


def test_core_does_not_grow() -> None:
    # docs/decisions/005 says why it is larger than was aimed at; this keeps it from growing more.
    assert sum(code_lines(p) for p in sources("core")) <= 3_750


def test_files_are_short() -> None:
    lengths = {
        str(p.relative_to(ROOT)): len(p.read_text("utf-8").splitlines())
        for p in tracked()
        if p.suffix == ".py" and p.relative_to(ROOT).parts[0] in {"packages", "examples", "tests"}
    }
    assert {name: n for name, n in lengths.items() if n > 500} == {}, "split by what they are about"
    code = sorted(n for name, n in lengths.items() if name.startswith("packages/"))
    assert code[len(code) // 2] <= 150


def test_no_machine_paths() -> None:
    places = (str(ROOT), f"{Path.home()}/")
    texts = [
        p for p in tracked() if p.suffix in {".py", ".md", ".toml", ".yml", ".yaml", ".html", ""}
    ]
    offenders = [
        str(p.relative_to(ROOT))
        for p in texts
        if p != Path(__file__) and any(x in p.read_text("utf-8", errors="replace") for x in places)
    ]
    assert offenders == []


def test_workflow_calls_the_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for caller in (".github/workflows/ci.yml", ".ci/run"):
        called = set(
            re.findall(
                r"make (?:--no-print-directory )?([a-z]+)", (ROOT / caller).read_text("utf-8")
            )
        )
        assert {"install", "lint", "types", "docs", "demo", "bench", "test"} <= called <= targets
