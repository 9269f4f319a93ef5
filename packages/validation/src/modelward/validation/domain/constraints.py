"""Constraints between features, written as expressions and read by a parser of our own.

The text goes through Python's grammar (`ast.parse`, which runs nothing) and then through a list of
the node types that are allowed: comparisons, `and`, `or`, `not`, `in`, arithmetic, and a few
functions of numbers. Anything else is refused, so a text from a stranger can compute but not act.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modelward.core.errors import ConfigError
from modelward.validation.domain.features import Bools

LONGEST, MOST_NODES = 2_000, 300

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: np.mod,
    ast.Pow: lambda a, b: np.power(np.asarray(a, dtype=np.float64), b),
}
_FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "abs": (np.abs, 1),
    "sqrt": (np.sqrt, 1),
    "exp": (np.exp, 1),
    "log": (np.log, 1),
    "sin": (np.sin, 1),
    "cos": (np.cos, 1),
    "min": (np.minimum, 2),
    "max": (np.maximum, 2),
}


@dataclass(frozen=True)
class Constraint:
    """A condition that every point must meet, over the features' names.

    Allowed: numbers, texts, names of features, `+ - * / % **`, comparisons (also chained), `in` and
    `not in` a list, `and`, `or`, `not`, and `abs sqrt exp log sin cos min max`. A point where it
    cannot be computed (the root of a negative number) does not meet it.

    Raises `ConfigError`, saying where, for any other expression.

    >>> limit = Constraint("speed < 120 or weather != 'snow'")
    >>> sorted(limit.names)
    ['speed', 'weather']
    >>> columns = {"speed": np.array([130, 130]), "weather": np.array(["snow", "sun"], dtype=object)}
    >>> limit.holds(columns).tolist()
    [False, True]
    """

    text: str
    names: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", frozenset(_check(self.text, self._tree())))

    def holds(self, columns: Mapping[str, np.ndarray[Any, Any]]) -> Bools:
        """Tell at which of n points it holds, given the features' columns of shape (n,)."""
        n = len(next(iter(columns.values())))
        with np.errstate(all="ignore"):
            answer = _value(self._tree(), columns)
        return np.asarray(np.broadcast_to(np.asarray(answer, dtype=object) == True, (n,)))  # noqa: E712

    def _tree(self) -> ast.expr:
        if not isinstance(self.text, str) or not 0 < len(self.text) <= LONGEST:
            raise ConfigError(
                f"expected a constraint of 1 to {LONGEST} characters, got {str(self.text)[:60]!r}"
            )
        try:
            return ast.parse(self.text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ConfigError(
                f"expected a condition such as 'a < 2 * b', got {self.text[:80]!r}: {error}"
            ) from error


def _check(text: str, tree: ast.expr) -> set[str]:
    """Give the names used; raise for what is not allowed, or yields no truth value."""
    if sum(1 for _ in ast.walk(tree)) > MOST_NODES:
        raise ConfigError(f"expected a constraint of at most {MOST_NODES} parts, got more")
    if not isinstance(tree, ast.Compare | ast.BoolOp) and not (
        isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not)
    ):
        raise ConfigError(
            f"expected a condition such as 'a < 2 * b', got {text!r}, which is not true or false"
        )
    names: set[str] = set()
    _walk(text, tree, names)
    if not names:
        raise ConfigError(f"expected a constraint on features, got {text!r}, which names none")
    return names


def _walk(text: str, node: ast.AST, names: set[str]) -> None:
    if isinstance(node, ast.Call):
        _check_call(text, node)
        children: list[ast.AST] = list(node.args)
    elif isinstance(node, ast.Name):
        names.add(node.id)
        return
    elif isinstance(node, ast.Constant):
        if not isinstance(node.value, int | float | str | bool):
            raise _refuse(text, node)
        return
    else:
        _check_node(text, node)
        children = [c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)]
    for child in children:
        _walk(text, child, names)


def _check_node(text: str, node: ast.AST) -> None:
    fine = isinstance(node, ast.BoolOp | ast.List | ast.Tuple | ast.Set)
    if isinstance(node, ast.Compare):
        sets = [
            isinstance(right, ast.List | ast.Tuple | ast.Set)
            for op, right in zip(node.ops, node.comparators, strict=True)
            if isinstance(op, ast.In | ast.NotIn)
        ]
        fine = all(sets) and all(isinstance(op, (*_COMPARE, ast.In, ast.NotIn)) for op in node.ops)
    elif isinstance(node, ast.BinOp):
        fine = type(node.op) in _ARITHMETIC
    elif isinstance(node, ast.UnaryOp):
        fine = isinstance(node.op, ast.Not | ast.USub | ast.UAdd)
    if not fine:
        raise _refuse(text, node)


def _check_call(text: str, node: ast.Call) -> None:
    known = isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS
    if not known or node.keywords:
        raise _refuse(text, node)
    assert isinstance(node.func, ast.Name)  # noqa: S101 - for the type checker
    arity = _FUNCTIONS[node.func.id][1]
    if len(node.args) != arity:
        raise ConfigError(
            f"expected {arity} arguments of {node.func.id} in the constraint {text!r}"
        )


def _refuse(text: str, node: ast.AST) -> ConfigError:
    part = ast.get_source_segment(text.strip(), node) or type(node).__name__
    return ConfigError(
        f"expected only comparisons and arithmetic in the constraint {text!r}, got {part!r}",
        hint=f"allowed functions: {', '.join(sorted(_FUNCTIONS))}.",
    )


def _value(node: ast.expr, columns: Mapping[str, Any]) -> Any:  # noqa: PLR0911 - one line a node type
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return columns[node.id]
    if isinstance(node, ast.BinOp):
        return _ARITHMETIC[type(node.op)](_value(node.left, columns), _value(node.right, columns))
    if isinstance(node, ast.BoolOp):
        both = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        parts = [np.asarray(_value(part, columns), dtype=bool) for part in node.values]
        return both.reduce(np.broadcast_arrays(*parts))
    if isinstance(node, ast.UnaryOp):
        inner = _value(node.operand, columns)
        if isinstance(node.op, ast.Not):
            return np.logical_not(np.asarray(inner, dtype=bool))
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.Call):
        assert isinstance(node.func, ast.Name)  # noqa: S101 - checked before
        return _FUNCTIONS[node.func.id][0](*[_value(part, columns) for part in node.args])
    assert isinstance(node, ast.Compare)  # noqa: S101 - nothing else passes the check
    return _compare(node, columns)


def _compare(node: ast.Compare, columns: Mapping[str, Any]) -> Any:
    holds: Any = True
    left = _value(node.left, columns)
    for op, part in zip(node.ops, node.comparators, strict=True):
        if isinstance(part, ast.List | ast.Tuple | ast.Set):
            found: Any = False
            for item in part.elts:
                found = np.logical_or(found, _equal(left, _value(item, columns)))
            holds = np.logical_and(
                holds, found if isinstance(op, ast.In) else np.logical_not(found)
            )
            continue
        right = _value(part, columns)
        if isinstance(op, ast.Eq):
            step = _equal(left, right)
        elif isinstance(op, ast.NotEq):
            step = np.logical_not(_equal(left, right))
        else:
            step = _COMPARE[type(op)](left, right)
        holds, left = np.logical_and(holds, step), right
    return holds


def _equal(left: Any, right: Any) -> Any:
    return np.asarray(left, dtype=object) == np.asarray(right, dtype=object)
