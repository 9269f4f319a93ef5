"""core.config: whatever a file holds, the outcome is a model or an `InvalidConfigError`, and soon.

`MODELWARD_FUZZ_EXAMPLES=20000 pytest tests/core/test_config_fuzz.py` searches longer.
"""

import enum
import gc
import ipaddress
import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AnyUrl, ByteSize, Field, SecretBytes, SecretStr, model_validator

from modelward.core.config import Config, InvalidConfigError, RelativePath, dump, load, loads

EXAMPLES = int(os.environ.get("MODELWARD_FUZZ_EXAMPLES", "300"))
fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,  # time on the processor is asserted instead
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

SECRET = "s3cr3t"


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Leaf(Config):
    kind: Literal["leaf"]
    size: int = Field(gt=0)


class Branch(Config):
    kind: Literal["branch"]
    parts: tuple["Leaf | Branch", ...] = ()


class Login(Config):
    user: str = Field(max_length=10)
    password: SecretStr = Field(min_length=5)
    raw: SecretBytes | None = None

    @model_validator(mode="after")
    def _different(self) -> "Login":
        if self.user == self.password.get_secret_value():
            raise ValueError(f"the user {self.user} is the password")
        return self


class Rich(Config):
    name: str = Field("", pattern="^[a-z ]*$")
    count: int = 0
    rate: float = 0.5
    ratio: Decimal = Decimal(1)
    on: bool = False
    colour: Colour = Colour.RED
    level: Literal[1, 2, "high"] = 1
    day: date | datetime | None = None
    wait: timedelta = timedelta(0)
    size: ByteSize = ByteSize(0)
    key: uuid.UUID | None = None
    address: ipaddress.IPv4Address | ipaddress.IPv6Network | None = None
    url: AnyUrl | None = None
    data: RelativePath = Path("data")
    login: Login | None = None
    tree: Annotated[Leaf | Branch, Field(discriminator="kind")] | None = None
    any_of: int | list[Leaf | Branch] | dict[int, float] | SecretStr | None = None
    pairs: tuple[tuple[int, str], ...] = ()
    names: frozenset[str] = frozenset()
    table: dict[Colour, dict[str, list[float]]] | None = None
    anything: Any = None


VALID = """\
# a job
name: a job
count: &n 12
rate: 1e-3
colour: green
level: high
day: 2024-01-31
wait: 12.5
key: 12345678-1234-5678-1234-567812345678
address: 10.0.0.1
url: http://example.org/${PATH_PART:-x}
data: ../data
login: {user: ada, password: "s3cr3t-${TOKEN}"}
tree:
  kind: branch
  parts:
    - {kind: leaf, size: *n}
    - kind: branch
any_of: [{kind: leaf, size: 1}]
pairs: [[1, a], [2, 'b']]
names: [x, "\\u00e9"]
table: {red: {a: [.5, 1e5]}}
anything: |
  text
    deeper
"""
ENVIRON = {"TOKEN": "t0ken", "X": "[1, 2]", "EMPTY": ""}


@contextmanager
def within_a_second() -> Iterator[None]:
    gc.disable()  # a collection of the test's own large heap is not the reader's time
    start = time.process_time()
    try:
        yield
        assert time.process_time() - start < 1.0
    finally:
        gc.enable()


def read(text: str | bytes, **environ: str) -> Rich | InvalidConfigError:
    """Read a text and check what holds of every outcome."""
    with within_a_second():
        try:
            model = loads(text, Rich, source="fuzz.yaml", base="/base", environ=ENVIRON | environ)
        except InvalidConfigError as error:
            check(error, text)
            return error
        assert isinstance(dump(model), str)
        return model


def check(error: InvalidConfigError, text: str | bytes) -> None:
    assert error.problems
    assert error.__cause__ is None
    assert error.__context__ is None
    lines = str(error).split("\n")
    assert len(lines) == len(error.problems)
    seen = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    breaks = sum(seen.count(c) for c in "\n\r\x85\u2028\u2029")
    for line, problem in zip(lines, error.problems, strict=True):
        assert line.isprintable()
        assert line.startswith(f"fuzz.yaml:{problem.line}:{problem.column}: ")
        assert 1 <= problem.line <= breaks + 1
        assert 1 <= problem.column <= len(seen) + 1


def test_the_valid_file_is_valid() -> None:
    model = read(VALID)
    assert isinstance(model, Rich)
    assert model.login is not None
    assert model.login.password.get_secret_value() == "s3cr3t-t0ken"
    assert model.data == Path("/base/../data")


@fuzz
@given(st.binary(max_size=200))
def test_bytes(data: bytes) -> None:
    read(data)


@settings(fuzz, max_examples=min(EXAMPLES, 2000))
@given(st.binary(max_size=100))
def test_bytes_of_a_file(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "fuzz.yaml"
        file.write_bytes(data)
        with suppress(InvalidConfigError):
            load(file, Rich)


TOKENS = [
    *"[]{},:?-#&*!|>'\"%@`\\$~=<",
    *(" ", "  ", "\n", "\n  ", "\n    ", "\n- ", "\n  - ", "\t", "\r", "\r\n", "\x85", "\u2028"),
    *(": ", "? ", "- ", "&a ", "*a", "&b ", "*b", "<<: ", "<<: *a", "!!python/object:os.system ", "!t "),
    *("!!binary ", "!<tag:x> ", "---\n", "...\n", "%YAML 1.2\n", "%TAG ! x\n", "|\n", ">-\n  ", "|9\n", '"\\'),
    *("\\u0000", "\\ud800", "\\x41", "\0", "\x1b", "\ufeff", "\ud800", "\uffff", "é", "😀", "\U0010ffff"),
    *("null", "true", ".inf", ".nan", "1e999", "-1e-999", "0x" + "f" * 50, "9" * 400, "9" * 5000, "0o7", "1_0"),
    *("${", "}", "${X}", "${TOKEN}", "${EMPTY:-", "${NONE}", "$${", "${X:-${X}}", "[" * 70, "{" * 70, "[[]," * 20),
    *("name", "count: ", "rate: ", "day: ", "wait: ", "size: ", "login: ", "tree: ", "any_of: ", "pairs: ", "table: "),
    *("kind: ", "leaf", "branch", "parts: ", "user: ", "password: ", "red: ", "anything: ", "data: ", "url: ", "level: "),
    *("2024-01-31", "P1D", "1e400", "99999999999-01-01", "http://[", "10.0.0.1", "1 GiB", "~", "~x/", "/", "a" * 300),
]  # fmt: skip


@fuzz
@given(st.lists(st.sampled_from(TOKENS), max_size=40).map("".join))
def test_nasty_tokens(text: str) -> None:
    read(text)


@fuzz
@given(st.sampled_from(list(Rich.model_fields)), st.lists(st.sampled_from(TOKENS), max_size=12))
def test_nasty_values_of_a_field(field: str, tokens: list[str]) -> None:
    read(f"{field}: {''.join(tokens)}")


nasty_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**900), 10**900)
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["leaf", "branch", "red", "${X}", "${NONE}", "1", "P1D", "1e400", "2024-01-31"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*Rich.model_fields, "kind", "size", "parts", "user", "password", "red", "1", "[key]"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)  # fmt: skip


def written(value: Any) -> str:
    """Write a value as YAML in which every string is quoted, without what YAML cannot hold."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(k)}: {written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{min(ord(c), 0xD7FF):08x}" if ord(c) < 0xE000 else c for c in value if ord(c) < 0xE000) + '"'  # fmt: skip
    return {None: "null", True: "true", False: "false"}.get(value, repr(value))


@fuzz
@given(st.dictionaries(st.sampled_from(list(Rich.model_fields)), nasty_values, max_size=6))
def test_values_of_wrong_types(document: dict[str, Any]) -> None:
    outcome = read(written(document))
    if isinstance(outcome, InvalidConfigError):
        assert not any(problem.found.startswith("not valid YAML") for problem in outcome.problems)


@st.composite
def mutations(draw: st.DrawFn) -> str:
    text = VALID
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 0, 1, 1, 2, 5, 40])))
        other = draw(st.integers(0, len(text)))
        piece = draw(st.sampled_from([*TOKENS, "", text[other : other + 30]]))
        text = text[:start] + piece + text[end:]
    return text


@fuzz
@given(mutations())
def test_mutations_of_a_valid_file(text: str) -> None:
    read(text)


@fuzz
@given(nasty_values, st.sampled_from(["plain", "list", "map", "login", "variable"]), nasty_values)
def test_no_message_repeats_a_secret(other: Any, form: str, user: Any) -> None:
    password: Any = {
        "plain": SECRET,
        "list": [SECRET, other],
        "map": {"password": SECRET, "kind": other},
        "variable": "${SECRET}",
    }.get(form, "")
    login: Any = SECRET if form == "login" else {"user": user, "password": password, "raw": other}
    for text in (
        written({"login": login, "any_of": password, "tree": other, "zzz": 1}),
        written({"login": login}),
        written({"any_of": {"1": SECRET}, "login": [login]}),
    ):
        outcome = read(text, SECRET=SECRET)
        assert SECRET not in f"{outcome} {outcome!r} {getattr(outcome, 'problems', '')}"


@pytest.mark.parametrize("name", ["SafeLoader", "CSafeLoader"])
@settings(fuzz, max_examples=max(EXAMPLES // 5, 50))
@given(text=mutations() | st.lists(st.sampled_from(TOKENS), max_size=15).map("".join))
def test_either_parser(name: str, text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("modelward.core.config.nodes._Loader", getattr(__import__("yaml"), name))
        read(text)
