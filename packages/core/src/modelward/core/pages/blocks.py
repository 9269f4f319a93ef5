"""What a page is made of: a tree of small value objects, drawn by the templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from markupsafe import Markup

from modelward.core.errors import DataError

Status = Literal["good", "warning", "bad", "neutral"]
"""How something stands; drawn as a word and a sign, never by colour alone."""

STATUSES = ("good", "warning", "bad", "neutral")


def _check_status(status: str) -> None:
    if status not in STATUSES:
        raise DataError(f"expected a status of {', '.join(STATUSES)}, got {status!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Prose:
    """Paragraphs of plain text, separated by blank lines. Escaped."""

    text: str

    @property
    def paragraphs(self) -> list[str]:
        """The paragraphs, trimmed."""
        return [p.strip() for p in self.text.split("\n\n") if p.strip()]


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence that must be seen, with its status."""

    text: str
    status: Status = "neutral"

    def __post_init__(self) -> None:
        _check_status(self.status)


@dataclass(frozen=True, slots=True)
class Tile:
    """One headline figure: a short label, the value as text, and a note below."""

    label: str
    value: str
    note: str = ""
    status: Status = "neutral"

    def __post_init__(self) -> None:
        _check_status(self.status)


@dataclass(frozen=True, slots=True)
class Tiles:
    """Headline figures side by side."""

    tiles: Sequence[Tile]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a caption. Numbers are right-aligned; cells are escaped.

    `rows` is a sequence of rows, each as long as `columns`. A cell may be a `Tile` (shown as its
    value with its status) or text, number, None. `highlight` gives a status by row number.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    highlight: dict[int, Status] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise DataError(
                    f"expected {len(self.columns)} cells in row {number} of the table "
                    f"'{self.caption}', got {len(row)}"
                )

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers, and are set to the right."""
        return [any(_is_number(row[i]) for row in self.rows) for i in range(len(self.columns))]


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture: markup from `svg`, `interactive` or a data URI from `image_uri`.

    `alt` says in words what the picture shows; it is required.
    """

    picture: Markup | str
    alt: str
    caption: str = ""

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise DataError(
                "expected a text in words for a figure, got none",
                hint="set alt to what the picture shows, for readers who cannot see it.",
            )
        if not isinstance(self.picture, Markup) and not self.picture.startswith(
            ("data:image/png;base64,", "data:image/jpeg;base64,")
        ):
            raise DataError(
                "expected a picture made by pages.svg, pages.interactive or pages.image_uri, "
                f"got {self.picture[:40]!r}",
            )


@dataclass(frozen=True, slots=True)
class Links:
    """A list of links, each (text, relative address, one line about it)."""

    items: Sequence[tuple[str, str, str]]

    def __post_init__(self) -> None:
        for text, address, _ in self.items:
            check_address(text, address)


def check_address(text: str, address: str) -> None:
    """Raise `DataError` unless an address is relative, or http(s) written in full."""
    relative = ":" not in address.split("/", maxsplit=1)[0] and not address.startswith("//")
    if not relative and not address.startswith(("https://", "http://")):
        raise DataError(
            f"expected a relative or http(s) address for the link '{text}', got {address!r}"
        )


@dataclass(frozen=True, slots=True)
class Html:
    """Markup a package drew with its own template (`environment`); trusted as it stands."""

    markup: Markup

    def __post_init__(self) -> None:
        if not isinstance(self.markup, Markup):
            raise DataError(
                "expected markupsafe.Markup, got plain text",
                hint="render it with an autoescaping template, or use Prose.",
            )


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands under it; sections nest, and set the heading's level."""

    title: str
    blocks: Sequence[Block]


Block = Prose | Notice | Tiles | Table | Figure | Links | Html | Section
