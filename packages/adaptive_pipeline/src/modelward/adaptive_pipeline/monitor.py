"""The monitor: the loss of each model version, over windows of the requests it scored."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, exists, func, select

from modelward.adaptive_pipeline.segments import Segments
from modelward.adaptive_pipeline.store.joining import Line
from modelward.adaptive_pipeline.store.schema import joined, losses, predictions, state, windows
from modelward.adaptive_pipeline.store.store import Store
from modelward.adaptive_pipeline.windows import EventWindow, Scored, Window
from modelward.core.errors import ConfigError
from modelward.core.metrics import Moments

__all__ = ["EventWindow", "Monitor", "Scored", "Window"]

_KEY = "monitor"
_LARGEST = 1e150  # what is larger would make the square overflow
_PAGE = 10_000  # losses held at once

# Made once: building a statement takes longer than running it.
_stretch = (bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger))
_recorded = select(losses.c.position).where(losses.c.position.between(*_stretch))
_other = joined.alias()
_revised = select(joined.c.seq).where(
    joined.c.position.between(*_stretch),
    exists().where(_other.c.seq == joined.c.seq, _other.c.revision != joined.c.revision),
)
"""Requests joined in a stretch of positions of which another revision is joined too."""
_timely = select(joined.c.seq).where(
    joined.c.seq.in_(bindparam("seqs", expanding=True)), joined.c.late.is_(False)
)
"""Those of some requests that were labelled in time."""
_length = select(state.c.value).where(state.c.key == _KEY)
_kept = select(windows).where(windows.c.start.in_(bindparam("starts", expanding=True)))
_keep = losses.insert()


class _Key(NamedTuple):
    version: str
    segment: str
    start: float


class Monitor:
    """Keeps the loss of every version on every labelled request, and sums it up by windows.

    A window holds the requests served within `window` seconds (event time), so that a label that
    comes late lands where its request was. It is mature when it ended more than `horizon` seconds
    before the joiner's watermark: then no label of it is still to come in time. `segments` names
    columns whose values are followed apart: the first 50 values of each, and all others together
    as `column=other`. A loss beyond 1e150 counts as 1e150 in the windows.

    A revised label corrects, however late: the windows it touches are summed again from the losses
    that stand, those of the highest revision. A request whose first label came late is in no window.

    Raises `ConfigError` for a `window` or `horizon` that is not above 0.

    >>> store = Store("sqlite://")
    >>> monitor = Monitor(store, window=60.0)
    >>> monitor.windows("1", mature=False)
    []
    """

    def __init__(
        self,
        store: Store,
        *,
        window: float = 3_600.0,
        horizon: float = 86_400.0,
        segments: Sequence[str] = (),
    ) -> None:
        for name, value in {"window": window, "horizon": horizon}.items():
            if not 0 < value < math.inf:
                raise ConfigError(f"expected a {name} above 0 seconds, got {value}")
        self.store = store
        self.window = float(window)
        self.horizon = float(horizon)
        self.segments = tuple(segments)
        self._agreed = False
        insert = store.insert(windows)
        self._upsert = insert.on_conflict_do_update(
            index_elements=list(windows.primary_key.columns),
            set_={name: insert.excluded[name] for name in ("n", "mean", "m2")},
        )

    # Writing ----------------------------------------------------------------------------------

    def record(self, scored: Sequence[Scored], *, connection: Connection) -> None:
        """Keep the losses of a batch of joins and add them to their windows.

        Joins that were recorded before change nothing. Raises `ConfigError` where the store has
        windows of another length.
        """
        new = self._unknown(scored, connection)
        if not new:
            return
        connection.execute(
            _keep,
            [
                {"position": one.position, "version": version, "loss": loss}
                for one in new
                for version, loss in one.losses.items()
            ],
        )
        segments = Segments.load(self.segments, connection)
        self._agree(connection)
        corrected = set(connection.execute(_revised, _span(new)).scalars())
        plain: dict[_Key, list[float]] = {}
        again: dict[float, set[_Key]] = {}
        for one in new:
            for key, loss in self._keys(one.at, segments.of(one.row), one.losses):
                if one.seq in corrected:
                    again.setdefault(key.start, set()).add(key)
                else:
                    plain.setdefault(key, []).append(loss)
        made = self._merge(plain, connection)
        for start, keys in again.items():
            made |= self._sum_again(start, keys, segments, connection)
        self._save(made, connection)
        segments.save(self.store, connection)

    def _agree(self, connection: Connection) -> None:
        """See once that the windows in the store are as long as these."""
        if self._agreed:
            return
        kept = connection.scalar(_length)
        if kept is None:
            self.store.save_state(_KEY, {"window": self.window}, connection=connection)
        elif kept["window"] != self.window:
            raise ConfigError(
                f"expected windows of {kept['window']:g} seconds, as this store has them, "
                f"got {self.window:g}",
                hint="keep the length for as long as you keep the store.",
            )
        self._agreed = kept is not None

    def _unknown(self, scored: Sequence[Scored], connection: Connection) -> list[Scored]:
        some = [one for one in scored if one.losses]
        if not some:
            return []
        known = set(connection.execute(_recorded, _span(some)).scalars())
        late = [one.seq for one in some if one.late]
        timely = {one.seq for one in some if not one.late}
        timely |= set(connection.execute(_timely, {"seqs": late}).scalars()) if late else set()
        return [one for one in some if one.position not in known and one.seq in timely]

    def _keys(
        self, at: float, segments: Iterable[str], by_version: Mapping[str, float]
    ) -> Iterator[tuple[_Key, float]]:
        start, names = self._start(at), list(segments)
        for version, loss in by_version.items():
            for segment in names:
                yield _Key(version, segment, start), max(-_LARGEST, min(loss, _LARGEST))

    def _start(self, at: float) -> float:
        return math.floor(at / self.window) * self.window

    def _merge(
        self, values: Mapping[_Key, list[float]], connection: Connection
    ) -> dict[_Key, Moments]:
        if not values:
            return {}
        starts = sorted({key.start for key in values})
        kept = {
            _Key(row.version, row.segment, row.start): Moments(row.n, row.mean, row.m2)
            for row in connection.execute(_kept, {"starts": starts})
        }
        return {key: kept.get(key, Moments()).update(found) for key, found in values.items()}

    def _sum_again(
        self, start: float, keys: set[_Key], segments: Segments, connection: Connection
    ) -> dict[_Key, Moments]:
        """Sum windows up from the losses that stand."""
        expired = Line.load(connection).expired
        if expired is not None and start < expired:
            return {}  # part of what it sums up may be deleted: it stays as it was
        slack = self.window * 1e-6  # what belongs to the window is decided by `_start`
        query = (
            select(
                predictions.c.at, losses.c.version, losses.c.loss, joined.c.seq, joined.c.revision
            )
            .join(joined, joined.c.position == losses.c.position)
            .join(predictions, predictions.c.seq == joined.c.seq)
            .where(
                predictions.c.at >= start - slack, predictions.c.at < start + self.window + slack
            )
        )
        if self.segments:
            query = query.add_columns(predictions.c.row)
        # Sorted here: asked for in order, SQLite goes through all joins.
        rows = sorted(connection.execute(query), key=lambda row: (row.seq, row.revision))
        standing = {(row.seq, row.version): row for row in rows}
        found: dict[_Key, list[float]] = {key: [] for key in keys}
        for (_, version), row in standing.items():
            names = segments.of(row.row if self.segments else {})
            for key, loss in self._keys(row.at, names, {version: row.loss}):
                if key in found:
                    found[key].append(loss)
        return {key: Moments.of(values) for key, values in found.items()}

    def _save(self, made: Mapping[_Key, Moments], connection: Connection) -> None:
        if not made:
            return
        rows = [key._asdict() | made[key].to_dict() for key in sorted(made)]
        connection.execute(self._upsert, rows)

    # Reading ----------------------------------------------------------------------------------

    def windows(self, version: str, segment: str = "", *, mature: bool = True) -> list[EventWindow]:
        """Give the windows of a version, oldest first: the mature ones, or all."""
        query = (
            select(windows)
            .where(windows.c.version == version, windows.c.segment == segment)
            .order_by(windows.c.start)
        )
        with self.store.reading() as tx:
            watermark = Line.load(tx).watermark
            length = (tx.scalar(_length) or {"window": self.window})["window"]
            rows = tx.execute(query).all()
        made = [
            EventWindow(
                version,
                segment,
                row.start,
                row.start + length,
                Moments(row.n, row.mean, row.m2),
            )
            for row in rows
        ]
        if not mature:
            return made
        limit = -math.inf if watermark is None else watermark - self.horizon
        return [each for each in made if each.end <= limit]

    def series(
        self, version: str, *, first: int = 1, last: int | None = None
    ) -> list[tuple[int, float]]:
        """Give (seq, loss) of a version on the requests `first` to `last`, in order of serving.

        Of a label that was revised, the highest revision counts.
        """
        return list(self._stream(version, first, last))

    def loss(self, version: str, *, first: int = 1, last: int | None = None) -> Moments:
        """Give the moments of a version's loss on the requests `first` to `last`."""
        moments, rows = Moments(), self._stream(version, first, last)
        while page := [loss for _, loss in islice(rows, _PAGE)]:
            moments = moments.update(page)
        return moments

    def by_count(self, version: str, *, size: int = 50, most: int | None = None) -> list[Window]:
        """Give windows of `size` labelled requests each, oldest first; the last may be shorter.

        Where there would be more than `most` of them, they are as much larger.
        """
        if size < 2:
            raise ConfigError(f"expected windows of at least 2 requests, got {size}")
        if most is not None:
            size = max(size, -(-self._count(version) // most))
        found: list[Window] = []
        rows = self._stream(version, 1, None)
        while part := list(islice(rows, size)):
            moments = Moments.of([loss for _, loss in part])
            found.append(Window(version, part[0][0], part[-1][0], moments))
        return found

    def versions(self) -> list[str]:
        """Name the versions that have a loss, in the order they first had one."""
        at = losses.c
        query = select(at.version).group_by(at.version).order_by(func.min(at.position), at.version)
        with self.store.reading() as tx:
            return list(tx.execute(query).scalars())

    def _stream(self, version: str, first: int, last: int | None) -> Iterator[tuple[int, float]]:
        """Read a series without holding it: a log may be longer than memory."""
        query = (
            select(joined.c.seq, losses.c.loss)
            .join(joined, joined.c.position == losses.c.position)
            .where(losses.c.version == version, joined.c.seq >= first)
            .order_by(joined.c.seq, joined.c.revision)
            .execution_options(yield_per=_PAGE)
        )
        if last is not None:
            query = query.where(joined.c.seq <= last)
        with self.store.reading() as tx:
            newest: tuple[int, float] | None = None
            for seq, loss in tx.execute(query):
                if newest is not None and newest[0] != seq:
                    yield newest
                newest = int(seq), float(loss)
            if newest is not None:
                yield newest

    def _count(self, version: str) -> int:
        query = select(func.count()).where(losses.c.version == version)
        with self.store.reading() as tx:
            return int(tx.scalar(query) or 0)


def _span(scored: Sequence[Scored]) -> dict[str, int]:
    places = [one.position for one in scored]
    return {"first": min(places), "last": max(places)}
