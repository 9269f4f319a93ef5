"""Tables of models and incidents, as more than one view shows them; sorted and paged by links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from modelward.core.pages import Block, Html, Prose, Table
from modelward.monitoring.fleet.records import Incident, ModelStatus
from modelward.monitoring.fleet.store.views import STATES
from modelward.monitoring.fleet.summary import StatusPage
from modelward.monitoring.outputs.dashboard.addresses import address, link, shown
from modelward.monitoring.outputs.dashboard.render import part
from modelward.monitoring.outputs.dashboard.views import cells

COLUMNS = (
    ("model", "name"),
    ("state", "state"),
    ("expected loss a day", "expected_loss"),
    ("performance", ""),
    ("lost", "lost"),
    ("drifted", "drifted"),
    ("moved the furthest", "largest_change"),
    ("failed checks", "failures"),
    ("group", "group"),
    ("owner", "owner"),
    ("newest window", "window"),
)
"""The columns of the fleet's table, and what `Fleet.statuses` sorts them by."""
_WORDS_FIRST = {"name", "group", "owner"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of a table of models; the same in every link on the page but for one thing."""

    path: str = "/"
    search: str = ""
    state: str = ""
    group: str = ""
    sort: str = "expected_loss"
    descending: bool = True
    page: int = 1
    rows: int = 50

    @property
    def offset(self) -> int:
        """How many models come before this page."""
        return (self.page - 1) * self.rows

    @property
    def address(self) -> str:
        """The address of exactly this."""
        plain = Asked()
        return address(
            self.path,
            search=self.search,
            state=self.state,
            group=self.group,
            sort=None if self.sort == plain.sort else self.sort,
            order=None if self.descending else "ascending",
            page=None if self.page == 1 else self.page,
        )

    def kept(self) -> list[tuple[str, str]]:
        """Give what a search keeps of the order."""
        order = [] if self.descending else [("order", "ascending")]
        return [("sort", self.sort), *order]


def find_form(asked: Asked, groups: Sequence[str]) -> Html:
    """Give the form that searches the table."""
    return Html(
        part(
            "find.html",
            path=asked.path,
            search=asked.search,
            state=asked.state,
            states=STATES,
            group=asked.group,
            groups=[(name, cells.cut(name, 60)) for name in groups if name],
            kept=asked.kept(),
        )
    )


def models_table(page: StatusPage, asked: Asked, caption: str) -> list[Block]:
    """Give a page of the table of models, with the way to the others."""
    if not page.rows:
        return [Prose("No model is like that.")]
    columns = [_heading(text, by, asked) for text, by in COLUMNS]
    return [Table(caption, columns, [_row(s) for s in page.rows]), pager(page, asked)]


def incidents_table(incidents: Sequence[Incident], caption: str) -> Table:
    """Give a table of incidents."""
    return Table(
        caption,
        ("what", "models", "since", "expected loss a day", "before it", "what to do"),
        [
            (
                link(cells.cut(i.title), "/incident", id=i.id),
                len(i.members),
                cells.when(i.first.start),
                cells.number(i.expected_loss),
                cells.words(i.before[0].text) if i.before else None,
                cells.words(i.suggestion + (" (silenced)" if i.silenced_until else "")),
            )
            for i in incidents
        ],
    )


def _row(status: ModelStatus) -> list[object]:
    model, performance = status.model, status.performance
    features = f"{len(status.drifted)} of {status.features}" if status.features else None
    worst = f"{cells.cut(status.worst, 60)} ({status.largest_change:.2f})" if status.worst else None
    return [
        link(model.name, "/model", name=model.name),
        cells.state(status.state),
        cells.number(status.expected_loss),
        cells.performance(performance),
        cells.number(performance.lost) if performance else None,
        cells.whole(features),
        worst,
        len(status.failures) or None,
        shown(model.group) if model.group else None,
        shown(model.owner) if model.owner else None,
        cells.when(status.window.end) if status.window else None,
    ]


def _heading(text: str, by: str, asked: Asked) -> Markup | str:
    """Give a column's heading: a link that sorts by it, and turns the order round the second time."""
    if not by:
        return text
    sorted_now = asked.sort == by
    descending = not asked.descending if sorted_now else by not in _WORDS_FIRST
    there = replace(asked, sort=by, descending=descending, page=1)
    if not sorted_now:
        return Markup('<a href="{}">{}</a>').format(there.address, text)
    arrow, said = ("▼", "descending") if asked.descending else ("▲", "ascending")
    return Markup(
        '<a class="sorted" href="{}">{} <span aria-hidden="true">{}</span>'
        '<span class="hidden"> (sorted, {})</span></a>'
    ).format(there.address, text, arrow, said)


def pager(page: StatusPage, asked: Asked) -> Html:
    """Give the way to the pages of models before and after."""
    last = page.offset + len(page.rows)
    return ways(
        "Pages of the table",
        (page.offset + 1, last, page.total),
        before=replace(asked, page=asked.page - 1).address if asked.page > 1 else "",
        after=replace(asked, page=asked.page + 1).address if last < page.total else "",
    )


def ways(label: str, place: tuple[int, int, int], *, before: str, after: str) -> Html:
    """Give where one is in a table (first row, last row, all rows), and the ways from there."""
    first, last, total = place
    return Html(
        part(
            "pager.html",
            label=label,
            first=first,
            last=last,
            total=total,
            before=before,
            after=after,
        )
    )
