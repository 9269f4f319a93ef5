"""core.config: what a file means, what comes out, and what an editor is told."""

import enum
import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    Field,
    PydanticUserError,
    SecretStr,
    ValidationError,
    create_model,
)
from typing_extensions import TypedDict

from modelward.core.config import (
    Config,
    InvalidConfigError,
    RelativePath,
    dump,
    load,
    loads,
    scalars,
    schema,
)
from modelward.core.errors import ConfigError


class Free(Config):
    value: Any = None


class Numbers(Config):
    i: int = 0
    f: float = 0.0
    b: bool = False
    s: str = ""
    d: date | None = None


def value(text: str, **environ: str) -> Any:
    return loads(f"value: {text}", Free, environ=environ).value


def problem_of(text: str, model: type[Config] = Free, **environ: str) -> Any:
    with pytest.raises(InvalidConfigError) as caught:
        loads(text, model, source="c.yaml", environ=environ)
    assert len(caught.value.problems) == 1, str(caught.value)
    return caught.value.problems[0]


# --- the meaning of scalars -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [  # the table of YAML 1.2.2, section 10.3.2, and what 1.1 read otherwise
        *((t, None) for t in ("", "~", "null", "Null", "NULL")),
        *((t, True) for t in ("true", "True", "TRUE")),
        *((t, False) for t in ("false", "False", "FALSE")),
        *((t, int(t)) for t in ("0", "7", "+12", "-19", "010")),
        ("0o17", 15),
        ("0xFf", 255),
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        ("-.5", -0.5),
        ("+12e03", 12000.0),
        ("3.", 3.0),
        (".inf", float("inf")),
        ("+.INF", float("inf")),
        ("-.Inf", float("-inf")),
        ("1e999", float("inf")),
        *((t, t) for t in ("yes", "No", "on", "off", "y", "12:30:45", "1_000", "2024-01-31")),
        *(
            (t, t)
            for t in ("nullx", "tRue", "0b1", "-0x1", "0o8", "1e", ".", "-", "+", "e5", "1.2.3")
        ),
        *((f"'{t}'", t) for t in ("1", "true", "", "null", "1e5")),
        ('"\\x41\\u00e9"', "Aé"),
    ],
)
def test_scalars_follow_the_core_schema(text: str, expected: Any) -> None:
    if text == "-":
        assert scalars.resolve(text) == text
    else:
        found = value(text)
        assert found == expected
        assert type(found) is type(expected)


def test_nan_is_a_float() -> None:
    assert str(value(".nan")) == "nan"


def test_strings_that_look_like_something_else_become_it_where_the_field_wants_it() -> None:
    read = loads("{i: '1_000', f: '1e-3', b: off, d: 2024-01-31}", Numbers)
    assert read == Numbers(i=1000, f=0.001, b=False, d=date(2024, 1, 31))


def test_a_number_of_too_many_digits_is_refused_and_never_converted() -> None:
    assert len(str(value("9" * 1000))) == 1000
    problem = problem_of(f"value: {'9' * 1001}")
    assert problem.found == "a number of 1,001 characters"
    assert "quote it" in problem.hint
    assert value(f"'{'9' * 1001}'") == "9" * 1001


@pytest.mark.parametrize("text", [".inf", "-.inf", ".nan", "nan", "1e999"])
def test_infinity_and_nan_only_where_a_field_allows_them(text: str) -> None:
    assert problem_of(f"f: {text}", Numbers).allowed == "finite number"

    class Open(Config):
        f: float = Field(allow_inf_nan=True)

    assert not -1e308 < loads(f"f: {text}", Open).f < 1e308


plain_text = st.text(
    st.characters(
        exclude_categories=["Cs", "Cc"], exclude_characters="\x7f\ufeff\ufffe\uffff\u2028\u2029\x85"
    ),
    max_size=20,
).filter(lambda t: "${" not in t)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | plain_text,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(plain_text, inner, max_size=5),
    max_leaves=30,
)


@given(json_values, st.sampled_from([None, 2]))
def test_json_is_read_as_json_reads_it(document: Any, indent: int | None) -> None:
    text = json.dumps({"value": document}, ensure_ascii=False, indent=indent)
    assert loads(text, Free).value == json.loads(text)["value"]


@given(json_values)
def test_what_dump_writes_is_read_back(document: Any) -> None:
    assert loads(dump(Free(value=document)), Free).value == document


@pytest.mark.parametrize(
    "text", ["1e5", "0o7", "~", ".nan", "${X}", "$${X}", "<<", "2024-01-01", "no"]
)
def test_dump_keeps_strings_that_look_like_something_else(text: str) -> None:
    assert loads(dump(Free(value={text: [text]})), Free).value == {text: [text]}


@pytest.mark.parametrize(
    "text", ["", "\n# only a comment\n", "---\n", "---\n...\n", "{}", "\ufeff"]
)
def test_an_empty_file_is_an_empty_mapping(text: str) -> None:
    assert loads(text, Free) == Free()
    assert problem_of(text, create_model("M", __base__=Config, a=int)).path == "a"


def test_aliases_repeat_a_value_without_sharing_it() -> None:
    read = loads("value: {a: &x [1], b: *x}", Free).value
    assert read == {"a": [1], "b": [1]}
    assert read["a"] is not read["b"]


def test_an_anchor_may_be_set_again_and_stand_on_a_key() -> None:
    assert value("[&a 1, *a, &a 2, *a, {&k key: *k}]") == [1, 1, 2, 2, {"key": "key"}]


def test_yaml_of_either_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelward.core.config.nodes._Loader", yaml.SafeLoader)
    assert value("[1, 'a', *x]".replace("*x", "{b: true}")) == [1, "a", {"b": True}]
    problem = problem_of("value:\n  - [1, !t 2]\n")
    assert (problem.line, problem.column, problem.path) == (2, 9, "value[0][1]")
    assert problem_of("value: [1\nx: }").found.startswith("not valid YAML: ")


# --- variables ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${HOST}", "db"),
        ("http://${HOST}:${PORT}/x", "http://db:80/x"),
        ("${NONE:-fall back}", "fall back"),
        ("${NONE:-}", ""),
        ("${EMPTY}", ""),
        ("${EMPTY:-full}", "full"),
        ("${HOST:-other}", "db"),
        ("'${HOST}'", "db"),
        ('"${HOST}"', "db"),
        ("$${HOST}", "${HOST}"),
        ("$HOST costs $5", "$HOST costs $5"),
        ("${NESTED}", "${HOST}"),
        ("[ '${HOST}' ]", ["db"]),
    ],
)
def test_variables(text: str, expected: Any) -> None:
    environ = {"HOST": "db", "PORT": "80", "EMPTY": "", "NESTED": "${HOST}"}
    assert value(text, **environ) == expected


def test_the_field_decides_what_a_variable_is() -> None:
    text = "{i: '${X}', f: '${X}', b: '${X}', s: '${X}'}"
    assert loads(text, Numbers, environ={"X": "1"}) == Numbers(i=1, f=1.0, b=True, s="1")


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELWARD_TEST_X", "42")
    assert loads("i: ${MODELWARD_TEST_X}", Numbers).i == 42


@given(plain_text)
def test_a_variable_cannot_change_the_structure(content: str) -> None:
    for hostile in (
        content,
        f"{content}\nother: 1",
        f"[{content}]",
        "{a: 1}",
        "!!x y",
        "*a",
        "# c",
    ):
        assert value("${X}", X=hostile) == hostile


def test_keys_hold_no_variables() -> None:
    assert value("{'${X}': 1}") == {"${X}": 1}


@pytest.mark.parametrize(
    "text", ["${}", "${1A}", "${A", "${A-b}", "${A:-${B}}", "${A B}", "${A:-{}}"]
)
def test_a_malformed_variable(text: str) -> None:
    problem = problem_of(f"value: '{text}'")
    assert problem.found == "a malformed ${ in the text"
    assert "$${" in problem.hint


def test_every_missing_variable_is_named() -> None:
    with pytest.raises(InvalidConfigError) as caught:
        loads("value:\n  a: ${A}\n  b: x${B}y${C}", Free, source="c.yaml", environ={})
    assert str(caught.value).splitlines() == [
        f"c.yaml:{line}:6: value.{key}: environment variable '{name}' is not set; set it, or write ${{{name}:-default}}"
        for line, key, name in [(2, "a", "A"), (3, "b", "B"), (3, "b", "C")]
    ]


# --- models, paths, output ------------------------------------------------------------------------


class Job(Config):
    name: str = "job"
    data: RelativePath = Path("data")
    extra: tuple[RelativePath, ...] = ()


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    file = folder / "job.yaml"
    file.write_text("extra: [../x, /absolute, ~/y]", encoding="utf-8")
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.chdir(tmp_path)
    for path in (file, str(file), "deep/job.yaml"):
        job = load(path, Job)
        assert job.extra == (folder / ".." / "x", Path("/absolute"), Path("/home/ada/y"))
        assert job.data == folder / "data"  # the default too
    assert Job().data == Path("data")
    assert loads("data: a", Job).data == Path("a")
    assert loads("data: a", Job, base="deep").data == folder / "a"


def test_a_home_folder_that_is_not_known() -> None:
    problem = problem_of("extra: [~no-such-user-here/a]", Job)
    assert problem.allowed == "the home folder that ~ stands for is not known"


def test_models_are_frozen_and_closed() -> None:
    job = loads("name: a", Job)
    with pytest.raises(ValidationError):
        job.name = "b"
    with pytest.raises(ValidationError):
        Job(nam="a")  # type: ignore[call-arg]


def test_a_model_that_would_read_over_unknown_keys_is_refused() -> None:
    class Inner(BaseModel):
        a: int = 0

    class Outer(Config):
        inner: dict[str, list[Inner | None]] | None = None

    with pytest.raises(
        TypeError, match=r"got Inner; derive it from modelward\.core\.config\.Config"
    ):
        loads("", Outer)
    with pytest.raises(TypeError, match="got Inner"):
        loads("", Inner)

    class Loose(TypedDict):
        a: int

    with pytest.raises(TypeError, match="got Loose"):
        loads("", create_model("Holder", __base__=Config, a=(Loose, ...)))


def test_a_mistake_in_the_model_is_not_blamed_on_the_file() -> None:
    unfinished = create_model("Unfinished", __base__=Config, a="NoSuchType")
    with pytest.raises(PydanticUserError, match="not fully defined"):
        loads("a: 1", unfinished)


def test_dump_masks_secrets_and_reads_back() -> None:
    class Login(Config):
        user: str
        password: SecretStr
        folder: RelativePath = Path("ä")

    login = Login(user="ada", password=SecretStr("lovelace"))
    assert "lovelace" not in dump(login)
    assert "lovelace" not in repr(login)
    assert loads(dump(login), Login).user == "ada"
    assert "ä" in dump(login)


def test_the_schema_fits_the_files_that_load_reads() -> None:
    class Kind(enum.Enum):
        A = "a"

    class Step(Config):
        rate: float = Field(gt=0)
        on: bool = True

    class Plan(Config):
        kind: Kind
        steps: list[Step]
        n: int | None = None

    described = schema(Plan)
    jsonschema.Draft202012Validator.check_schema(described)
    check = jsonschema.Draft202012Validator(described)
    for text in ("{kind: a, steps: [{rate: 1}], n: '${N:-3}'}", "{kind: a, steps: [], n: null}"):
        assert check.is_valid(yaml.safe_load(text))
        loads(text, Plan, environ={})
    for text in (
        "{kind: b, steps: []}",
        "{kind: a, steps: [{rate: 0}]}",
        "{kind: a, steps: [{rate: 1, of: true}]}",
        "{kind: a, steps: [], n: many}",
        "{kind: a, steps: [{rate: 1, on: 'maybe'}]}",
    ):
        assert not check.is_valid(yaml.safe_load(text))
        with pytest.raises(ConfigError):
            loads(text, Plan)
