"""Every example is run by a test in short form, and by `make examples` in full."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_run_by_a_test(name: str) -> None:
    tests = [p for p in (ROOT / "tests").rglob("test_*.py") if p != Path(__file__)]
    assert any(name in path.read_text("utf-8") for path in tests)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_says_at_its_end_whether_it_is_right(name: str) -> None:
    text = (ROOT / "examples" / f"{name}.py").read_text("utf-8")
    assert '"ok"' in text
    assert 'if __name__ == "__main__":' in text
