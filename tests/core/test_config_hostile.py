"""core.config: files made to hang, exhaust or mislead the reader, and paths that are no files."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelward.core.config import Config, InvalidConfigError, load, loads

MIB = 1 << 20
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc and /dev")


class Free(Config):
    value: Any = None


def refusal(source: str | bytes | Path) -> str:
    with pytest.raises(InvalidConfigError) as caught:
        load(source, Free) if isinstance(source, Path) else loads(source, Free, source="c")
    return str(caught.value)


# --- paths ----------------------------------------------------------------------------------------


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "none.yaml"
    expected = f"{file}:1:1: cannot be read: No such file or directory; allowed: a YAML file"
    assert refusal(file) == expected


@linux
def test_folders_pipes_and_devices_are_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "cannot be read: Is a directory" in refusal(tmp_path)
    for path in (pipe, Path("/dev/zero")):
        assert "is not a regular file" in refusal(path)


def test_a_name_that_no_file_can_have_and_one_that_is_not_utf8(tmp_path: Path) -> None:
    assert "the name holds a NUL character" in refusal(Path("a\0b"))
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.yaml")
    assert r"\udcff.yaml:1:1: cannot be read" in refusal(Path(name))


@linux
def test_a_file_without_a_length_is_still_read_within_the_limit() -> None:
    # Files of /proc say they are empty.
    assert Path("/proc/self/status").stat().st_size == 0
    assert "/proc/self/status:" in refusal(Path("/proc/self/status"))


# --- size and encoding ----------------------------------------------------------------------------


def test_one_mebibyte_is_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    text = "value: 1 #"
    file.write_text(text + "x" * (MIB - len(text)), encoding="utf-8")
    assert load(file, Free).value == 1
    with file.open("a", encoding="utf-8") as more:
        more.write("x")
    assert "the file is over 1 MiB; allowed: at most 1,048,576 bytes" in refusal(file)
    assert "over 1 MiB" in refusal("é" * (MIB // 2 + 1))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("value: é".encode("utf-16"), "c:1:1: the file is in UTF-16; save it as UTF-8"),
        ("value: é".encode("utf-32"), "c:1:1: the file is in UTF-32; save it as UTF-8"),
        ("value: é".encode("utf-16-be"), "c:1:1: character U+0000 cannot stand in a YAML file"),
        (b"value: 1\r\nb: \xe9t\xe9", "c:2:4: byte 0xE9 is not UTF-8; save the file as UTF-8"),
        ("# é\nvalue: é".encode() + b"\xc3", "c:2:9: byte 0xC3 is not UTF-8"),
        (b"value: \xed\xa0\x80", "c:1:8: byte 0xED is not UTF-8"),
        ("value: \ud800", "c:1:8: byte 0xED is not UTF-8"),
        ("a: b\n\n  \0", "c:3:3: character U+0000"),
        ("a: \x1b[31m", "c:1:4: character U+001B"),
        ("a: \x7f", "c:1:4: character U+007F"),
        ("a: \uffff", "c:1:4: character U+FFFF"),
    ],
)
def test_encodings(data: str | bytes, expected: str) -> None:
    assert refusal(data).startswith(expected)


def test_a_byte_order_mark_of_utf8_is_read_over() -> None:
    assert loads(b"\xef\xbb\xbfvalue: 1", Free).value == 1
    assert "c:1:1: " in refusal(b"\xef\xbb\xbf\x00")


# --- limits ---------------------------------------------------------------------------------------


def test_depth() -> None:
    assert loads("value: " + "[" * 63 + "]" * 63, Free).value != []
    assert "nested too deep; allowed: at most 64 levels" in refusal("value: " + "[" * 64 + "]" * 64)


def test_depth_is_counted_with_aliases_filled_in() -> None:
    chain = "".join(f"- &a{i + 1} [{'[' * 9}*a{i}{']' * 9}]\n" for i in range(6))
    assert len(loads(f"value:\n- &a0 x\n{chain}", Free).value) == 7
    deeper = f"- &a7 [{'[' * 9}*a6{']' * 9}]\n"
    assert "nested too deep" in refusal(f"value:\n- &a0 x\n{chain}{deeper}")


def test_nodes_are_counted_with_aliases_filled_in() -> None:
    lists = "[" + "1," * 19_998 + "]"  # with the list and the mapping around it 20,000
    assert len(loads(f"value: {lists}", Free).value) == 19_998
    assert "too many values" in refusal(f"value: [{lists}, 1]")
    laughs = "value:\n- &a [1,1,1,1,1,1,1,1,1,1]\n"
    names = "abcdefghij"
    for old, new in itertools.pairwise(names):
        laughs += f"- &{new} [{', '.join([f'*{old}'] * 10)}]\n"
    assert "c:6:" in refusal(laughs)
    assert "too many values; allowed: at most 20,000, aliases filled in" in refusal(laughs)


def test_text_is_counted_with_aliases_and_variables_filled_in() -> None:
    half = "x" * (MIB // 2)
    assert len(loads(f"value: [{half}]", Free).value[0]) == MIB // 2
    assert "too much text" in refusal(f"value: [&a {half}, *a]")
    with pytest.raises(InvalidConfigError, match="too much text"):
        loads("value: " + "${X}" * 3, Free, environ={"X": half})


def test_many_tag_directives() -> None:
    few = "".join(f"%TAG !a{i}! b\n" for i in range(64))
    assert loads(f"{few}---\nvalue: 1", Free).value == 1
    assert "too many %TAG lines" in refusal(f"{few}%TAG !b! b\n---\nvalue: 1")


PROBE = """
import json, time
from pathlib import Path
from typing import Annotated, Any, Literal
from pydantic import Field, SecretStr
from modelward.core.config import Config, InvalidConfigError, RelativePath, load

class Leaf(Config):
    kind: Literal["leaf"] = "leaf"
    size: int = Field(gt=0)
    token: SecretStr = SecretStr("")
class Branch(Config):
    kind: Literal["branch"]
    parts: list["Leaf | Branch"] = []
class Model(Config):
    value: Any = None
    number: int = 0
    table: dict[str, int | SecretStr] = {}
    paths: list[RelativePath] = []
    either: list[int | bool | list[float] | Leaf | Branch] = []
    tokens: list[Annotated[SecretStr, Field(min_length=9)]] = []
    tree: list[Annotated[Leaf | Branch, Field(discriminator="kind")]] = []

Path("0.yaml").write_text("number: x")  # loads what a first call loads
environ = {"BIG": "x" * 131072}
for file in sorted(Path().glob("*.yaml")):
    # Not ru_maxrss: it never falls, and a child of a large process starts with its parent's.
    Path("/proc/self/clear_refs").write_text("5")
    cpu = 9.0
    for _ in range(3):  # what else runs here makes a processor slower, and never faster
        start = time.process_time()
        try:
            load(file, Model, environ=environ)
            outcome = ["read"]
        except InvalidConfigError as error:
            outcome = str(error).splitlines()
        cpu = min(cpu, time.process_time() - start)
        if cpu < 0.5:
            break
    peak = next(l for l in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in l)
    print(json.dumps([file.stem, outcome, cpu, int(peak.split()[1]) / 1024]), flush=True)
"""


def fill(piece: str, before: str = "", after: str = "") -> str:
    return before + piece * ((MIB - len(before) - len(after)) // len(piece)) + after


def numbered(piece: str, n: int, before: str = "") -> str:
    return before + "".join(piece.format(i) for i in range(n))


LAUGHS = "value:\n- &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"- &a{i + 1} [{','.join([f'*a{i}'] * 10)}]\n" for i in range(30)
)
BOMBS = {
    "billion laughs": (LAUGHS, "too many values"),
    "quadratic alias": (fill("*a,", f"paths: [&a {'x' * 500_000},", "]"), "too much text"),
    "many aliases of one word": (fill("- *a\n", "paths:\n- &a x\n"), "too many values"),
    "open lists": ("[" * MIB, "nested too deep"),
    "open mappings": ("{" * MIB, "nested too deep"),
    "dashes": (fill("- "), "nested too deep"),
    "question marks": (fill("? "), "nested too deep"),
    "empty items": (fill("-\n"), "too many values"),
    "empty lists": (fill("[],", "either: [", "]"), "too many values"),
    "long plain scalar": (fill("x", "value: "), "read"),
    "long plain scalar of words": (fill("x ", "value: ", "x"), "read"),
    "long quoted scalar": (fill("\\n", 'value: "', '"'), "read"),
    "long folded scalar": (fill(" a\n\n", "value: >\n"), "read"),
    "long quotes never closed": (fill("x\n ", 'value: "'), "not valid YAML"),
    "long key": (fill("k", "", ": 1"), "not valid YAML"),
    "long number": (fill("9", "value: "), "a number of"),
    "long hexadecimal number": (fill("f", "number: 0x"), "a number of"),
    "long number in quotes": (fill("9", "number: '", "'"), "exceeded maximum size"),
    "long comment": (fill("# "), "read"),
    "empty lines": (fill("\n"), "read"),
    "widest characters": (fill("😀", "value: ")[: MIB // 4], "read"),
    "100,000 keys": (numbered("k{}: 1\n", 100_000)[:MIB], "too many values"),
    "19,000 keys of a table": (numbered(" k{}: 1\n", 19_000, "table:\n"), "read"),
    "19,000 wrong keys of a table": (numbered(" k{}: []\n", 19_000, "table:\n"), "more problems"),
    "19,000 unknown keys": (numbered("k{}: 1\n", 19_000), "more problems"),
    "19,000 like keys": (numbered("value{}: 1\n", 19_000), "more problems"),
    "19,000 wrong members of a union": (numbered("x,", 19_000, "either: [") + "]", "more problems"),
    "9,000 wrong models": (
        numbered("{{size: 0}},", 9_000, "either: [") + "]",
        "more problems",
    ),
    "6,000 wrong models by kind": (
        numbered("{{kind: leaf, sizes: {}}},", 6_000, "tree: [") + "]",
        "more problems",
    ),
    "19,000 wrong secrets": (numbered("k{},", 19_000, "tokens: [") + "]", "(hidden)"),
    "depth by aliases": (
        "value:\n- &a0 x\n"
        + "".join(f"- &a{i + 1} {'[' * 60}*a{i}{']' * 60}\n" for i in range(30)),
        "nested too deep",
    ),
    "a deep tree": (
        "tree: [" + "{kind: branch, parts: [" * 31 + "x" + "]}" * 31 + "]",
        "tree[0].parts[0]",
    ),
    "19,000 keys twice": ("k: 1\n" * 19_000, "more problems"),
    "19,000 tags": (numbered("- !t 1\n", 19_000, "value:\n"), "more problems"),
    "anchors": (numbered("- &a{} 1\n", 19_000, "value:\n"), "read"),
    "tag directives": (numbered("%TAG !a{}! b\n", 50_000)[:MIB], "too many %TAG lines"),
    "tag directives of a second document": (
        numbered("%TAG !a{}! b\n", 50_000, "a: 1\n...\n")[:MIB],
        "too many %TAG lines",
    ),
    "documents": (fill("--- a\n...\n"), "a second document"),
    "variables": (fill("${BIG}", "value: '", "'"), "too much text"),
    "malformed variables": (fill("${", "value: '", "'"), "a malformed ${"),
    "half variables": (fill("${A:-", "value: '", "'"), "a malformed ${"),
    "missing variables": (numbered("- ${{X{}}}\n", 19_000, "value:\n"), "more problems"),
    "bytes that are not UTF-8": ("\udcff" * MIB, "is not UTF-8"),
}


@pytest.fixture(scope="module")
def bombed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[list[str], float, float]]:
    """Read all bombs in one process of their own: messages, seconds of processor, peak MiB."""
    folder = tmp_path_factory.mktemp("bombs")
    for name, (text, _) in BOMBS.items():
        (folder / f"{name}.yaml").write_bytes(text.encode("utf-8", "surrogateescape"))
    ran = subprocess.run(
        [sys.executable, "-c", PROBE],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    figures = [json.loads(line) for line in ran.stdout.splitlines()]
    return {name: (outcome, cpu, peak) for name, outcome, cpu, peak in figures}


@linux
@pytest.mark.parametrize("name", BOMBS)
def test_no_file_takes_a_second_or_200_mebibytes(
    name: str, bombed: dict[str, tuple[list[str], float, float]]
) -> None:
    outcome, cpu, peak = bombed[name]
    assert any(BOMBS[name][1] in line for line in outcome), outcome[:3]
    assert cpu < 1.0
    assert peak < 200
    assert sum(map(len, outcome)) < 100_000


def test_the_reason_to_stop_is_told_after_a_hundred_other_mistakes() -> None:
    with pytest.raises(InvalidConfigError) as caught:
        loads("value:\n" + "- !t 1\n" * 200 + "- [", Free)
    assert len(caught.value.problems) == 102
    assert "not valid YAML" in caught.value.problems[100].found
    assert caught.value.problems[101].found == "100 more problems, not listed"
