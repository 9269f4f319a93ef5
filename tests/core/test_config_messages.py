"""core.config: what is said of a mistake, and that no secret is in it."""

import enum
import os
import pickle
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    Discriminator,
    Field,
    SecretStr,
    Tag,
    ValidationError,
    create_model,
    field_validator,
)
from typing_extensions import TypeAliasType

from modelward.core.config import (
    Config,
    InvalidConfigError,
    loads,
)
from modelward.core.errors import ConfigError


def problem_of(text: str, model: type[Config], **environ: str) -> Any:
    with pytest.raises(InvalidConfigError) as caught:
        loads(text, model, source="c.yaml", environ=environ)
    assert len(caught.value.problems) == 1, str(caught.value)
    return caught.value.problems[0]


class Circle(Config):
    kind: Literal["circle"]
    radius: float = Field(gt=0)


class Square(Config):
    kind: Literal["square"]
    side: float


class Mode(enum.Enum):
    FAST = "fast"
    EXACT = "exact"


class Inner(Config):
    algorithm: str
    threshold: float = 0.5
    mode: Mode = Mode.FAST

    @field_validator("threshold")
    @classmethod
    def _odd(cls, threshold: float) -> float:
        if threshold == 13:
            raise ValueError("13 brings bad luck")
        return threshold


class Rich(Config):
    detector: Inner | None = None
    shape: Annotated[Circle | Square, Field(discriminator="kind")] | None = None
    shapes: tuple[Circle | Square, ...] = ()
    either: int | list[str] = 0
    table: dict[str, dict[int, int]] | None = None
    pair: tuple[int, str] = (0, "")
    name: str = ""
    aliased: int = Field(0, alias="the-alias")
    token: SecretStr = SecretStr("")
    ends: bool = False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "detector:\n  algoritm: psi\n  algorithm: psi",
            "2:3: detector.algoritm: unknown key; did you mean 'algorithm'? allowed: algorithm, threshold, mode",
        ),
        (
            "detector: {algorithm: x, zzz: 1}",
            "1:26: detector.zzz: unknown key; allowed: algorithm, threshold, mode",
        ),
        (
            "detector:\n\n  mode: fast",
            "3:3: detector.algorithm: a required key is missing; allowed: str",
        ),
        (
            "detector: {algorithm: x, threshold: high}",
            "1:37: detector.threshold: found string 'high'; allowed: number",
        ),
        (
            "detector: {algorithm: x, threshold: 13}",
            "1:37: detector.threshold: found int 13; allowed: 13 brings bad luck",
        ),
        (
            "detector: {algorithm: x, mode: exakt}",
            "1:32: detector.mode: found string 'exakt'; did you mean 'exact'? allowed: 'fast' or 'exact'",
        ),
        (
            "detector: psi",
            "1:11: detector: found string 'psi'; allowed: a mapping with the keys algorithm, threshold, mode",
        ),
        (
            "shape: {kind: circle, radius: 0}",
            "1:31: shape.radius: found int 0; allowed: greater than 0",
        ),
        (
            "shape: {kind: circle, radius: 1, side: 2}",
            "1:34: shape.side: unknown key; allowed: kind, radius",
        ),
        (
            "shape: {kind: cirle}",
            "1:8: shape: found a mapping of 1 key; did you mean 'circle'? allowed: 'kind' one of 'circle', 'square'",
        ),
        (
            "shape: {radius: 1}",
            "1:8: shape: found a mapping of 1 key; allowed: a mapping with the key 'kind'",
        ),
        ("either: x", "1:9: either: found string 'x'; allowed: integer or list"),
        (
            "table: {a: {1: 2}}",
            "1:13: table.a: a key that is not a string; quote it; allowed: strings as keys",
        ),
        ("table: {a: {'1': x}}", "1:18: table.a['1']: found string 'x'; allowed: integer"),
        ("table: {a: {x: 1}}", "1:13: table.a.x: found the key; allowed: integer"),
        ("pair: [1]", "1:7: pair: found a list of 1 item; allowed: tuple[int, str]"),
        ("pair: [x, y]", "1:8: pair[0]: found string 'x'; allowed: integer"),
        ("name: 1.10", "1:7: name: found float 1.10; quote it; allowed: string"),
        ("name:", "1:6: name: found null; allowed: string"),
        ("? name", "1:7: name: found null; allowed: string"),
        ("name: {}", "1:7: name: found a mapping of 0 keys; allowed: string"),
        ("the-alias: x", "1:12: ['the-alias']: found string 'x'; allowed: integer"),
        (
            "aliased: 1",
            "1:1: aliased: unknown key; did you mean 'the-alias'? allowed: detector, shape, shapes, either, table, pair, name, the-alias, token, ends",
        ),
        ("ends: 2", "1:7: ends: found int 2; allowed: boolean, unable to interpret input"),
        ("ends: true\nends: false", "2:1: ends: the key is given twice, first on line 1"),
        (
            "shapes: &a [*a]",
            "1:13: shapes[0]: an alias of the value it stands in; write the value out",
        ),
        (
            "name: *a",
            "1:7: name: an alias without an anchor before it; quote a text that begins with *",
        ),
        ("name: !x a", "1:7: name: a YAML tag; remove it; quote a text that begins with !"),
        ("!!map {name: a}", "1:1: a YAML tag; remove it; quote a text that begins with !"),
        ("name: ! a", "1:7: name: a YAML tag; remove it; quote a text that begins with !"),
        ("<<: {name: a}", "1:1: a merge key (<<); write the keys out"),
        ("? [a]\n: 1", "1:3: a key that is not a string; quote it; allowed: strings as keys"),
        (
            "- 1",
            "1:1: found a list of 1 item; allowed: a mapping with the keys detector, shape, shapes, either, table, pair, name, the-alias, token, ends",
        ),
        (
            "name: a\n---\nname: b",
            "2:1: a second document begins here; allowed: one document in a file",
        ),
        (
            "name: [${X}]",
            "1:9: name: not valid YAML: while parsing a flow sequence, did not find expected ',' or ']'; inside [ ] and { } write \"${NAME}\" in quotes",
        ),
        (
            "name: 'a",
            "1:9: name: not valid YAML: while scanning a quoted scalar, found unexpected end of stream",
        ),
    ],
)
def test_messages(text: str, expected: str) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        loads(text, Rich, source="c.yaml")
    assert str(caught.value) == f"c.yaml:{expected}"


def test_all_mistakes_come_at_once_in_the_order_of_the_file() -> None:
    text = "name: 1\nzzz: 2\nends: !t yes\ndetector:\n  threshold: x\neither: ${NONE}\n"
    with pytest.raises(InvalidConfigError) as caught:
        loads(text, Rich, environ={})
    found = [(p.line, p.path) for p in caught.value.problems]
    assert found == [
        (1, "name"),
        (2, "zzz"),
        (3, "ends"),
        (5, "detector.algorithm"),
        (5, "detector.threshold"),
        (6, "either"),
    ]


def test_the_members_of_a_union_of_models_are_told_apart_by_name() -> None:
    with pytest.raises(InvalidConfigError) as caught:
        loads("shapes: [{kind: circle, radius: -1}]", Rich)
    by_path = {p.path: p for p in caught.value.problems}
    assert by_path["shapes[0].radius"].found in {"found int -1", "unknown key"}
    assert by_path["shapes[0].kind"].allowed == "'square'"
    assert by_path["shapes[0].side"].found == "a required key is missing"


def test_a_thousand_mistakes_are_counted_and_a_hundred_shown() -> None:
    text = "\n".join(f"k{i}: 1" for i in range(1000))
    with pytest.raises(InvalidConfigError) as caught:
        loads(text, Rich)
    assert len(caught.value.problems) == 101
    assert caught.value.problems[-1].found == "900 more problems, not listed"


def test_long_and_strange_keys_and_values_stay_readable() -> None:
    with pytest.raises(InvalidConfigError) as caught:
        loads(f'{{{"k" * 500}: 1, "a\\0\\nb": 2, either: "{"v" * 500}"}}', Rich)
    for line in str(caught.value).splitlines():
        assert len(line) < 300
        assert line.isprintable()
    assert caught.value.problems[1].path == "['a\\x00\\nb']"


def test_the_position_of_an_aliased_mistake_is_where_its_text_stands() -> None:
    class Two(Config):
        a: str
        b: int

    problem = problem_of("a: &x word\nb: *x", Two)
    assert (problem.line, problem.column, problem.path) == (1, 4, "b")


@given(
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(0, 6),
    st.sampled_from(["é", "😀", "\t", "a"]),
)
def test_lines_and_columns_are_those_an_editor_shows(
    before: int, at: int, indent: int, mark: str
) -> None:
    class Lists(Config):
        values: list[int]

    lines = ["7"] * 31
    lines[at] = "x"
    text = f"# {mark}\n" * before + "values:\n" + "\n".join(" " * indent + f"- {x}" for x in lines)
    problem = problem_of(text, Lists)
    assert (problem.line, problem.column) == (before + at + 2, indent + 3)
    flow = f"{{values: [{', '.join(lines)}]}}"
    assert problem_of(flow, Lists).column == flow.index("x") + 1
    wide = f"values: ['{mark * 3}', 1]"
    assert problem_of(wide.replace("1]", "x]").replace(f"'{mark * 3}'", "2"), Lists).line == 1


def test_type_aliases_tags_and_recursive_types_are_followed() -> None:
    Json = TypeAliasType("Json", "dict[str, Json] | list[Json] | int")

    class Left(Config):
        token: SecretStr

    class Right(Config):
        size: Annotated[int, Field(gt=0)]

    def side(given: Any) -> str:
        return "left" if isinstance(given, dict) and "token" in given else "right"

    Side = Annotated[
        Annotated[Left, Tag("left")] | Annotated[Right, Tag("right")], Discriminator(side)
    ]

    class Shapes(Config):
        json_: Json | None = Field(None, alias="json")
        sides: list[Side] | None = None
        open: tuple[int, ...] = ()

    assert loads("json: {a: [1, {b: 2}]}", Shapes).json_ == {"a": [1, {"b": 2}]}
    with pytest.raises(InvalidConfigError) as caught:
        loads("json: {a: [1, x]}", Shapes)
    assert {p.path for p in caught.value.problems} >= {"json.a[1]"}
    assert problem_of("sides: [{size: 0}]", Shapes).path == "sides[0].size"
    assert problem_of("sides: [{}]", Shapes).allowed == "int"
    assert (
        problem_of("{}", create_model("M", __base__=Config, a=Json | tuple[Side, ...])).allowed
        == "Json or tuple[Left or Right, ...]"
    )
    assert problem_of("sides: [{token: abc, x: 1}]", Shapes).allowed == "token"
    assert problem_of("open: [1, 2, x]", Shapes).path == "open[2]"


def test_the_error_is_a_config_error_and_travels_between_processes() -> None:
    with pytest.raises(ConfigError) as caught:
        loads("nam: a", Rich)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert copy.problems == caught.value.problems


def test_a_check_over_several_fields_and_one_that_breaks() -> None:
    class Schedule(Config):
        warmup: int
        epochs: int

        def model_post_init(self, _: Any) -> None:
            if self.warmup > self.epochs:
                raise ValueError("warmup must not be longer than epochs")
            _ = self.epochs / self.warmup

    class Plan(Config):
        schedule: Schedule
        name: str = ""

    problem = problem_of("schedule:\n  warmup: 3\n  epochs: 2", Plan)
    assert (problem.line, problem.path) == (2, "schedule")
    assert problem.allowed == "warmup must not be longer than epochs"
    broken = problem_of("schedule: {warmup: 0, epochs: 2}", Plan)
    assert broken.found.startswith(
        "the model's own check broke with ZeroDivisionError in test_config_messages.py"
    )
    # With another mistake in the file, a check over the whole is a consequence and left out.
    assert problem_of("schedule: {warmup: 3, epochs: 2}\nname: !x a", Plan).path == "name"


def test_what_a_check_says_stays_on_its_line() -> None:
    class Echo(Config):
        a: str

        @field_validator("a")
        @classmethod
        def _echo(cls, a: str) -> str:
            raise ValueError(f"bad\n{a * 300}")

    allowed = problem_of('a: "\\e[31m"', Echo).allowed
    assert allowed.startswith("bad\\n\\x1b[31m")
    assert len(allowed) < 1500


def test_a_default_that_the_model_itself_refuses() -> None:
    class Bad(Config):
        a: int = Field("x")  # type: ignore[assignment]

    problem = problem_of("{}", Bad)
    assert (problem.path, problem.found, problem.allowed) == ("a", "found the default", "integer")


# --- secrets --------------------------------------------------------------------------------------


class Account(Config):
    user: str = ""
    password: SecretStr = Field(SecretStr("x" * 8), min_length=8)
    keys: dict[str, SecretStr] | None = None
    either: SecretStr | int = 0
    maybe: list[int] | dict[str, SecretStr] | None = None
    number: int = 0

    @field_validator("password", mode="before")
    @classmethod
    def _talks(cls, password: Any) -> Any:
        if isinstance(password, str) and "@" in password:
            raise ValueError(f"no @ in {password!r}")
        return password


class Service(Config):
    account: Account
    accounts: tuple[Account | int, ...] = ()


@pytest.mark.parametrize(
    "text",
    [
        "account: {password: S3}",
        "account: {password: '${VAR}'}",
        "account: {password: '${UNSET:-S3cr}'}",
        "account: {password: S3cret@home}",
        'account: {password: "S3cret\'\\"\\n@home"}',
        "account: {password: [S3cret]}",
        "account: {password: {S: S3cret}}",
        "account: {pasword: S3cret}",
        "account: S3cret",
        "account: [S3cret]",
        "accounts: [S3cret]",
        "account: {keys: S3cret}",
        "account: {keys: {a: [S3cret]}}",
        "account: {keys: {a: 1e5, b: S3cret}}",
        "account: {either: [S3cret]}",
        "account: {maybe: S3cret}",
        "account: {maybe: [S3cret]}",
        "account: {maybe: {a: {b: S3cret}}}",
        "account: {number: &a S3cret, password: *a}",
        "account: {password: !S3cret S3cret}",
        "account: {password: *S3cret}",
        "account: {password: '${S3cret'}",
        "account: {password: S3cret, password: S3cret}",
        "S3cret",
        "- S3cret",
    ],
)
def test_a_secret_is_never_repeated(text: str) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        loads(text, Service, environ={"VAR": "S3"})
    error: BaseException | None = caught.value
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    shown = f"{error!s} {error!r} {caught.value.problems!r}"
    assert "S3" not in shown


def test_the_value_of_a_variable_is_not_shown_but_its_name_is() -> None:
    problem = problem_of("account: {number: '${VAR}'}", Service, VAR="S3cret")
    assert problem.found == "found string '${VAR}'"


def test_what_a_model_says_is_shown_where_it_holds_no_secret() -> None:
    class Login(Config):
        user: str
        password: SecretStr

        @field_validator("user")
        @classmethod
        def _lower(cls, user: str) -> str:
            if user != user.lower():
                raise ValueError("write the user in small letters")
            return user

    assert (
        problem_of("{user: Ada, password: lovelace}", Login).allowed
        == "write the user in small letters"
    )
    held = problem_of("{user: Ada, password: letters}", Login).allowed
    assert held == "a value that passes its check (whose message holds a secret and is left out)"


def test_no_secret_in_the_error_of_a_model_made_by_hand() -> None:
    with pytest.raises(ValidationError) as caught:
        Account(password="S3")  # type: ignore[arg-type]
    assert "S3" not in str(caught.value)


def test_the_home_of_the_process_is_left_alone() -> None:
    class One(Config):
        i: int

    before = dict(os.environ)
    assert loads("i: ${X:-1}", One).i == 1
    assert dict(os.environ) == before
