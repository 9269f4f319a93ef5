"""Editing a card's file: what was not changed stays byte for byte, comments and all."""

from __future__ import annotations

import copy
import io
import logging
from collections.abc import Iterator
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.util import load_yaml_guess_indent

from modelward.core.errors import DataError
from modelward.modelcards.codecs import yaml as plain

logger = logging.getLogger(__name__)
_WIDE = 1 << 16


def edit(text: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    r"""Give `text`, which reads as `before`, changed to read as `after`.

    The file is changed one top-level section at a time: a section whose content is the same keeps
    its bytes, the others keep their comments, order and quotes. Where aliases tie sections together,
    all of the file is written anew, comments kept. What comes out is read back: an edit that YAML
    does not allow in place gives a plain file, and a warning in the log.

    >>> text = "a:  1.10  # one\nb: [1,  2]\n"
    >>> edit(text, {"a": 1.1, "b": [1, 2]}, {"a": 1.1, "b": [1, 2, 3]})
    'a:  1.10  # one\nb: [1, 2, 3]\n'
    """
    if before == after:
        return text
    for way in (_edit_sections, _rewrite):
        try:
            edited = way(text, before, after)
            if edited is not None and plain.parse(edited).content == after:
                return edited
        except (DataError, YAMLError) as error:
            logger.debug("%s cannot edit this card: %s", way.__name__, error)
    logger.warning("the card is written anew, without its comments: it cannot be edited in place")
    return plain.write(after)


def patched(content: Any, before: Any, after: Any) -> Any:
    """Give `content` with the difference between `before` and `after` made in it too.

    >>> patched({"a": 1, "b": None}, {"a": 1}, {"a": 2, "c": 3})
    {'a': 2, 'b': None, 'c': 3}
    """
    result = copy.deepcopy(content)
    _change(result, before, after)
    return result


def _edit_sections(text: str, before: dict[str, Any], after: dict[str, Any]) -> str | None:
    sections = list(_sections(text))
    if not sections or _has_aliases(text):
        return None
    changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    changed |= before.keys() ^ after.keys()
    parts = [text[: sections[0][1]]]
    for key, start, end in sections:
        part = text[start:end]
        if key in changed:
            part = _rewrite(part, _only(before, key), _only(after, key))
        parts.append(part)
    known = {key for key, _, _ in sections}
    new = {key: value for key, value in after.items() if key in changed - known}
    if new:
        parts.append("" if "".join(parts).endswith("\n") else "\n")
        parts.append(_as_lines_of(text, plain.write(new)))
    return "".join(parts)


def _only(content: dict[str, Any], key: str) -> dict[str, Any]:
    return {key: content[key]} if key in content else {}


def _sections(text: str) -> Iterator[tuple[str, int, int]]:
    """Give key, start and end (in characters) of each top-level entry of a block mapping.

    Nothing is given for another kind of document, or one with a merge at the top.
    """
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        return
    keys = [key for key, _ in root.value]
    if any(key.start_mark.column or key.tag != "tag:yaml.org,2002:str" for key in keys):
        return
    starts = [key.start_mark.index for key in keys]
    for key, start, end in zip(keys, starts, [*starts[1:], len(text)], strict=True):
        yield str(key.value), start, end


def _has_aliases(text: str) -> bool:
    return any(
        isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.SafeLoader)
    )


def _rewrite(text: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    """Change a whole text, keeping comments, order, quotes and the indentation of its lists."""
    lines = text.replace("\r\n", "\n")  # ruamel would keep the \r of comments, and of them only
    _, indent, offset = load_yaml_guess_indent(lines)
    editor = YAML()
    editor.preserve_quotes = True
    editor.width = _WIDE
    editor.indent(mapping=2, sequence=indent or 2, offset=offset or 0)
    tree = editor.load(lines)
    if tree is None or not after:
        return plain.write(after) if after else ""
    _change(tree, before, after)
    stream = io.StringIO()
    editor.dump(tree, stream)
    return _as_lines_of(text, stream.getvalue())


def _as_lines_of(text: str, new: str) -> str:
    return new.replace("\n", "\r\n") if "\r\n" in text else new


def _change(tree: Any, before: Any, after: Any) -> None:
    """Change a tree in place by the difference of two contents."""
    if isinstance(after, dict):
        for key in before.keys() - after.keys():
            tree.pop(key, None)
        for key, value in after.items():
            if key not in before or before[key] != value:
                _change_item(tree, key, before.get(key), value)
        return
    for position, value in enumerate(after[: len(before)]):
        if before[position] != value:
            _change_item(tree, position, before[position], value)
    del tree[len(after) :]
    tree.extend(after[len(before) :])


def _change_item(tree: Any, key: Any, before: Any, after: Any) -> None:
    for kind in (dict, list):
        if isinstance(before, kind) and isinstance(after, kind) and isinstance(tree[key], kind):
            _change(tree[key], before, after)
            return
    tree[key] = after
