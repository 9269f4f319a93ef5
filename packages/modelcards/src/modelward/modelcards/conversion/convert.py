"""Reading a card of any format, and writing it in any other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelward.core.errors import DataError
from modelward.modelcards.codecs import cyclonedx, huggingface, mct, sagemaker, yaml
from modelward.modelcards.codecs.document import Document, Place, dotted
from modelward.modelcards.codecs.exact import exact_content
from modelward.modelcards.codecs.json import load_json
from modelward.modelcards.conversion.loss import Conversion, Loss, shown
from modelward.modelcards.conversion.pointers import flatten, pointer
from modelward.modelcards.conversion.taking import Taker
from modelward.modelcards.conversion.target import Target

Reader = Callable[[bytes, Path], Document]
READERS: dict[str, Reader] = {
    "yaml": lambda data, source: yaml.parse(data.decode("utf-8"), source),
    "mct": mct.read_mct,
    "verifyml": mct.read_verifyml,
    "huggingface": huggingface.read_huggingface,
    "cyclonedx": cyclonedx.read_cyclonedx,
    "sagemaker": sagemaker.read_sagemaker,
}
FORMATS = tuple(READERS)
"""The formats cards can be read from and written to."""
SUFFIXES = {"yaml": ".yaml", "mct": ".json", "verifyml": ".proto", "huggingface": ".md",
            "cyclonedx": ".cdx.json", "sagemaker": ".json"}  # fmt: skip
_OWN = {(huggingface.SECTION,), (cyclonedx.SECTION,), (sagemaker.SECTION,), ("schema_version",)}
"""What reading adds on its own: sections of formats, and the schema's version."""
_CHOSEN = {(cyclonedx.SECTION, "rest", "/specVersion")}
_BY_SUFFIX = {".md": "huggingface", ".markdown": "huggingface", ".proto": "verifyml",
              ".pb": "verifyml", ".binpb": "verifyml", ".xml": "cyclonedx"}  # fmt: skip
_VERIFYML_ONLY = ("explainability_analysis", "fairness_analysis")


def read_card(path: str | Path, form: str | None = None) -> Document:
    """Read a card of any format; `form` is one of `FORMATS` (default: told by the file).

    Raises `DataError` for another format, for a file that is none of them, and beyond the limits that
    cards have.
    """
    source = Path(path)
    data = yaml.read_bytes(source)
    try:
        return READERS[_known(form or format_of(source, data))](data, source)
    except UnicodeDecodeError as error:
        raise DataError(f"expected a readable UTF-8 file {source}, got: {error}") from error


def format_of(source: Path, data: bytes) -> str:
    """Tell the format of a file by its name and its first keys."""
    suffix = source.suffix.lower()
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if suffix != ".json" and data.lstrip()[:1] != b"{":
        return "yaml"
    content = load_json(data.decode("utf-8"), source)
    signs = {
        "cyclonedx": ("bomFormat",),
        "verifyml": _VERIFYML_ONLY,
        "sagemaker": sagemaker.SECTIONS,
    }
    return next((form for form, keys in signs.items() if any(k in content for k in keys)), "mct")


def convert(
    document: Document, to: str, *, carry: bool = True, version: str | None = None
) -> Conversion:
    """Write a card in another format, and name each field that this drops or changes.

    `to` is one of `FORMATS`. What was written is read back and held against the card: what does not
    come back is a loss, so that none can be forgotten. With `carry`, what the target has no field of
    its own for is put where the target allows what it does not know (properties in CycloneDX, front
    matter in a README, custom details in SageMaker), and read back from there; the Model Card Toolkit
    and VerifyML allow nothing. `version` is CycloneDX's (default: the one the card was read from, or
    1.6). Raises `DataError` for a format or version it does not know.

    >>> from modelward.modelcards.codecs.yaml import parse
    >>> card = parse("model_details: {name: scenes, version: {name: 1.10}, status: draft}")
    >>> print(convert(card, "mct"))
    mct: 1 fields dropped, 0 carried
    dropped: model_details.status = draft
    """
    if _known(to) == "yaml":
        return Conversion("yaml", document.written or yaml.write(exact_content(document)))
    content = exact_content(document)
    card = Taker(content)
    target = _target(to, card, version)
    missing, added = _not_back(content, to, target.write({}))
    left = card.left()
    losses = [_loss(place, value, place not in left) for place, value in missing.items()]
    if carry and target.carrier:
        gone: dict[Place, Any] = dict.fromkeys(added)
        carried = {pointer(place): value for place, value in {**gone, **missing}.items()}
        losses = [replace(loss, fate="carried", reason=target.carrier) for loss in losses]
        return Conversion(to, target.write(carried), (*losses, *target.cut))
    return Conversion(to, target.write({}), (*losses, *target.cut))


def _target(to: str, card: Taker, version: str | None) -> Target:
    if to == "mct":
        return Target(mct.write_mct(card))
    if to == "verifyml":
        return Target(mct.write_verifyml(card))
    if to == "huggingface":
        return huggingface.write_huggingface(card)
    return (
        sagemaker.write_sagemaker(card)
        if to == "sagemaker"
        else cyclonedx.write_cyclonedx(card, version)
    )


def _not_back(content: Any, to: str, written: str | bytes) -> tuple[dict[Place, Any], list[Place]]:
    """Read back what was written: which leaves of the card are not as they were, and which are new."""
    data = written if isinstance(written, bytes) else written.encode("utf-8")
    again = flatten(exact_content(READERS[to](data, Path(f"card{SUFFIXES[to]}"))))
    before = flatten(content)
    missing = {
        place: value
        for place, value in before.items()
        if not (to == "cyclonedx" and place in _CHOSEN)
        and _says(value)
        and not _same(value, again.get(place))
    }
    added = [p for p, v in again.items() if p not in before and p[:1] not in _OWN and _says(v)]
    return missing, added


def _says(value: Any) -> bool:
    return value not in ({}, [], None, "")


def _same(value: Any, again: Any) -> bool:
    """Let a number come back as text; the texts `None` and `True` are neither nothing nor true."""
    if again is None or isinstance(value, bool) or isinstance(again, bool):
        return value is again
    return str(value) == str(again)


def _loss(place: Place, value: Any, taken: bool) -> Loss:
    reason = "it is written in another form" if taken else ""
    return Loss(dotted(place), "changed" if taken else "dropped", shown(value), reason)


def _known(form: str) -> str:
    if form not in READERS:
        raise DataError(f"expected a format of {', '.join(FORMATS)}, got {form!r}")
    return form
