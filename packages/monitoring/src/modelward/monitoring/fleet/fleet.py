"""The fleet: the catalogue of models, their windows, and what is decided of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from modelward.core.errors import DataError
from modelward.monitoring.decisions.result import DriftResult, FeatureDrift
from modelward.monitoring.fleet.judging import Judge
from modelward.monitoring.fleet.measuring import Settings
from modelward.monitoring.fleet.records import (
    Event,
    Incident,
    Model,
    ModelStatus,
    Performance,
    Window,
    instant,
)
from modelward.monitoring.fleet.result import FleetResult
from modelward.monitoring.fleet.store import catalogue, events, incidents, plans, recording, views
from modelward.monitoring.fleet.store.database import Database
from modelward.monitoring.fleet.store.packing import pack_sketch, unpack_features
from modelward.monitoring.fleet.store.schema import windows as windows_table
from modelward.monitoring.fleet.summary import FleetSummary, StatusPage
from modelward.monitoring.infrastructure.records import ResourceSample, WorkflowRun
from modelward.monitoring.sketch.table import Sketch

if TYPE_CHECKING:
    import pandas as pd

    from modelward.monitoring.decisions.comparison import Control
    from modelward.monitoring.fleet.files import RecordedFiles
    from modelward.monitoring.fleet.registry import SyncReport


class Fleet:
    """Many models in one database: who they are, what came, what was decided.

    `url` is a SQLAlchemy URL: `sqlite:///fleet.db`, `sqlite://` for one in memory,
    `postgresql+psycopg://user@host/database` or `mysql+pymysql://user@host/database`. With
    `make=False` a database without a fleet is refused. `now` is the clock by which a model is silent
    (default: the machine's).

    Raises `ConfigError` for another kind of URL, `StateError` for a database of a later version,
    `DataError` for one without a fleet where none is to be made. When the database does not answer,
    any call raises `ServiceError`; what was not written then is written by the next call.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> def rows(mean):
    ...     return pd.DataFrame({"age": rng.normal(mean, 1, 500)})
    >>> fleet = Fleet("sqlite://")
    >>> for name in ("churn", "fraud"):
    ...     fleet.add(Model(name), rows(0))
    >>> today = Window.of("2026-03-01", hours=24)
    >>> fleet.record("churn", today, rows(0))
    >>> fleet.record("fraud", today, rows(1))
    >>> fleet.assess(today).alarmed
    ('fraud',)
    >>> fleet.incidents()[0].title
    "fraud: 'age' drifted"
    """

    def __init__(
        self,
        url: str,
        *,
        make: bool = True,
        busy_timeout: float = 30.0,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.database = Database(url, make=make, busy_timeout=busy_timeout)
        self.now = now or (lambda: datetime.now(UTC))

    # The catalogue.

    def add(self, model: Model, reference: Sketch | pd.DataFrame | None = None) -> None:
        """Add a model, or replace what is known of it; without a reference, the one there stays.

        Raises `DataError` for names that no database can hold, and for an unusable reference.
        """
        if reference is not None and not isinstance(reference, Sketch):
            reference = Sketch.fit(reference)
        self.add_many([(model, reference)])

    def add_many(self, models: Iterable[tuple[Model, Sketch | None]]) -> int:
        """Add models with their references, a hundred a transaction; give how many."""
        return catalogue.add_models(self.database, models, at=self.now())

    def model(self, name: str) -> Model:
        """Give a model. Raises `DataError` where there is none of this name."""
        with self.database.reading() as tx:
            return catalogue.one_model(tx, name)[1]

    def models(self) -> tuple[Model, ...]:
        """Give all models, in the order of their names."""
        with self.database.reading() as tx:
            return tuple(catalogue.all_models(tx).values())

    def remove(self, name: str) -> None:
        """Forget a model and all that was kept of it."""
        with self.database.writing() as tx:
            catalogue.remove_model(tx, name)
            incidents.forget_member(self.database, tx, name)

    def reference(self, name: str) -> Sketch:
        """Give the reference of a model. Raises `DataError` where it has none."""
        with self.database.reading() as tx:
            found = catalogue.reference_of(tx, name)
        if found is None:
            raise DataError(
                f"expected a reference of '{name[:80]}', got none",
                hint="fleet.add(model, reference) keeps one.",
            )
        return found

    def sync_mlflow(
        self,
        *,
        tracking_uri: str,
        registry_uri: str | None = None,
        alias: str | None = "champion",
        pattern: str = "",
        references: bool = True,
    ) -> SyncReport:
        """Fill the catalogue from an MLflow model registry.

        Of each registered model (whose name is LIKE `pattern`, e.g. `fraud-%`): the version with the
        `alias`, else the newest; its training run, and the reference that `log_reference` put there;
        owner, group, task, metric, traffic, criticality and silent_after from tags of these names,
        with or without `modelward.` before; all tags besides. What the registry does not say stays
        as it is. Another version than before becomes a deployment event.

        Each page of models is kept whole; when MLflow or the database is gone in the middle
        (`ServiceError`), the next call goes on, and nothing is there twice.
        """
        from modelward.monitoring.fleet.registry import sync

        return sync(
            self.database,
            tracking_uri=tracking_uri,
            registry_uri=registry_uri,
            alias=alias,
            pattern=pattern,
            references=references,
            now=self.now,
        )

    def tell_mlflow(self, *, tracking_uri: str) -> int:
        """Write what is known of each model to its version and run in MLflow; give how many.

        As `modelward.monitoring.outputs.mlflow.log_statuses`. Raises `ServiceError` when MLflow does
        not answer; what was told stays, and telling it again changes nothing.
        """
        from modelward.monitoring.outputs.mlflow import log_statuses

        told, offset = 0, 0
        while page := self.statuses(sort="name", descending=False, offset=offset, limit=500).rows:
            told += log_statuses(page, tracking_uri=tracking_uri)
            offset += len(page)
        return told

    # Windows.

    def record(
        self,
        model: str,
        window: Window,
        data: Sketch | pd.DataFrame | None = None,
        *,
        performance: Performance | None = None,
        failures: Sequence[str] = (),
    ) -> None:
        """Keep what came for a model in a window; the same again changes nothing.

        `data` is a table, which is sketched on the reference's grid, or its sketch. What is not given
        stays as it was recorded before, so labels may come later than the data; `failures`, in words,
        come with the data (`QualityResult.failures`). Raises `DataError` for a model that is not in
        the catalogue, and for an unusable table.
        """
        if data is not None and not isinstance(data, Sketch):
            data = self._sketched(model, data)
        self.record_many([(model, window, data, performance, tuple(failures))])

    def record_many(
        self,
        recordings: Iterable[
            tuple[str, Window, Sketch | None]
            | tuple[str, Window, Sketch | None, Performance | None]
            | tuple[str, Window, Sketch | None, Performance | None, tuple[str, ...]]
        ],
    ) -> int:
        """Keep many windows, a hundred a transaction; give how many.

        Each is (model, window, sketch), and where known performance and failures after it.
        """
        packed = (_packed(*each) for each in recordings)
        return recording.record_windows(self.database, packed, at=self.now())

    def record_files(
        self,
        files: Mapping[str, str | Path],
        window: Window,
        *,
        again: bool = False,
        jobs: int = -1,
    ) -> RecordedFiles:
        """Sketch Parquet files, one a model, in parallel, and keep them as the models' windows.

        `jobs` is as in joblib (-1: all processors), and `joblib.parallel_config(backend="ray")` (or
        `"dask"`) around the call moves the work to a cluster, which must see the files. What was
        recorded before is passed over unless `again` is on: a call that was cut off goes on. A file
        that cannot be read becomes a failure of its model's window. Raises `DataError` for models
        that are not in the catalogue.
        """
        from modelward.monitoring.fleet.files import record_files

        return record_files(self.database, files, window, again=again, jobs=jobs, now=self.now)

    def sketch(self, model: str, window: Window) -> Sketch:
        """Give what was kept of a model within a window, added up: hours to a day, days to a week.

        Raises `DataError` where nothing was.
        """
        with self.database.reading() as tx:
            number, _ = catalogue.one_model(tx, model)
            parts = plans.kept_sketches(tx, number, window)
        if not parts:
            raise DataError(f"expected data of '{model[:80]}' within {window}, got none")
        return plans.added_up(parts)

    def windows(self, model: str) -> tuple[Window, ...]:
        """Give the windows that were recorded for a model, the oldest first."""
        table = windows_table.c
        with self.database.reading() as tx:
            number, _ = catalogue.one_model(tx, model)
            query = windows_table.select().where(table.model_id == number)
            rows = tx.execute(query.order_by(table.ended, table.began)).all()
        return tuple(Window(row.began, row.ended) for row in rows)

    def forget(self, *, before: datetime | str | float) -> int:
        """Delete what is older than a moment, and give how many windows that were.

        That is: windows that ended before it, what was decided of them, and events, runs and looks
        at machines from before it. References and incidents stay.
        """
        with self.database.writing() as tx:
            events.forget_events(tx, instant(before))
            return recording.forget_windows(tx, instant(before))

    # Decisions.

    def assess(
        self,
        window: Window | None = None,
        *,
        q: float = 0.05,
        smallest_shift: float = 0.05,
        control: Control = "benjamini_hochberg",
        level: float = 0.95,
        smallest_loss: float = 0.05,
        wait: float = 600.0,
        **more: Any,
    ) -> FleetResult:
        """Judge the windows of all models together, keep the decisions, and bring incidents up to date.

        Without a window, the newest of each model; with one, what was kept within it, added up. The
        rate `q` of false alarms holds for the whole list, of drift and of performance alike
        (`smallest_loss` is the share of its baseline that a loss must be to matter). The rest is as
        for `modelward.monitoring.assess`.

        What cannot be compared is 'cannot say', with the reason. An assessment that was cut off is
        gone on with by the next call, and nothing is there twice. One at a time: another waits up to
        `wait` seconds and then raises `StateError`. Raises `DataError` where nothing was recorded.
        """
        settings = Settings(
            q=q,
            smallest_shift=smallest_shift,
            control=control,
            level=level,
            smallest_loss=smallest_loss,
        )
        judge = Judge(self.database, now=self.now)
        return judge.assess(window, settings, wait=wait, more=more)

    def statuses(
        self,
        *,
        search: str = "",
        group: str | None = None,
        state: str = "",
        failing: bool = False,
        sort: str = "expected_loss",
        descending: bool = True,
        offset: int = 0,
        limit: int = 100,
    ) -> StatusPage:
        """Give one page of the fleet's table, searched, sorted and cut in the database.

        `search` looks for each of its words in names, owners and groups, whatever their case; `state`
        is one of alarmed, cannot say, silent, new, steady; with `failing` only those whose data failed
        an expectation are shown; `sort` is one of expected_loss, name, owner, group, traffic,
        criticality, window, rows, features, drifted, cannot_say, failures, largest_change,
        smallest_q, lost, state. Among equals alarms come first.
        """
        with self.database.reading() as tx:
            return views.status_page(
                tx,
                now=self.now(),
                search=search,
                group=group,
                state=state,
                failing=failing,
                sort=sort,
                descending=descending,
                offset=offset,
                limit=limit,
            )

    def status(self, name: str) -> ModelStatus:
        """Give what is known of one model as of its newest assessed window."""
        with self.database.reading() as tx:
            return views.one_status(tx, name, now=self.now())

    def history(self, name: str, limit: int = 200) -> tuple[ModelStatus, ...]:
        """Give what was decided of a model in its newest windows, the oldest first."""
        with self.database.reading() as tx:
            return views.history(tx, name, limit=limit)

    def drift(self, name: str, window: Window | None = None) -> DriftResult:
        """Give the kept decision on a window, with both sketches; the newest without one.

        Raises `DataError` where the window was not assessed.
        """
        with self.database.reading() as tx:
            rows = views.details(tx, name, window=window)
            if not rows:
                raise DataError(
                    f"expected an assessed window of '{name[:80]}', got "
                    f"{'none' if window is None else window}",
                    hint="fleet.assess() judges what was recorded.",
                )
            judged = Window(rows[0].began, rows[0].ended)
            parts = plans.kept_sketches(tx, rows[0].model_id, judged)
            reference = catalogue.reference_of(tx, name)
        return _drift(name, judged, rows[0], reference, parts)

    def feature_history(
        self, name: str, feature: str, limit: int = 200
    ) -> tuple[tuple[Window, FeatureDrift], ...]:
        """Give what was decided of one feature in the model's newest windows, the oldest first."""
        with self.database.reading() as tx:
            rows = views.details(tx, name, limit=limit)
        found = [
            (Window(row.began, row.ended), each)
            for row in reversed(rows)
            for each in unpack_features(row.detail)
            if each.feature == feature
        ]
        if rows and not found:
            raise DataError(f"expected a feature of '{name[:80]}', got {feature[:80]!r}")
        return tuple(found)

    def incidents(self, *, open: bool | None = True) -> tuple[Incident, ...]:  # noqa: A002
        """Give the open incidents (or the closed ones, or with None all), the costliest first."""
        with self.database.reading() as tx:
            return incidents.read_incidents(tx, is_open=open)

    def silence(self, incident_id: str, until: datetime | str | float | None) -> None:
        """Do not tell an incident until a moment; None ends the silence."""
        moment = None if until is None else instant(until)
        with self.database.writing() as tx:
            incidents.silence_incident(tx, incident_id, moment)

    def summary(self) -> FleetSummary:
        """Give how many models are in which state, by group, and when they were last judged."""
        with self.database.reading() as tx:
            return views.fleet_summary(tx, now=self.now())

    # What happened around them.

    def tell(self, event: Event) -> None:
        """Keep an event; the same again is kept once."""
        with self.database.writing() as tx:
            events.tell_events(self.database, tx, [event])

    def events(
        self,
        model: str | None = None,
        since: datetime | str | float | None = None,
        limit: int = 200,
    ) -> tuple[Event, ...]:
        """Give events, the newest first; of a model: its own and those that concern all."""
        moment = None if since is None else instant(since)
        with self.database.reading() as tx:
            return events.read_events(tx, model=model, since=moment, limit=limit)

    def workflow(self, run: WorkflowRun) -> None:
        """Keep a run of a workflow; the same run again replaces what was known of it."""
        with self.database.writing() as tx:
            events.keep_runs(self.database, tx, [run], now=self.now())

    def workflows(
        self,
        name: str | None = None,
        since: datetime | str | float | None = None,
        limit: int = 1_000,
    ) -> tuple[WorkflowRun, ...]:
        """Give runs of workflows, the newest first."""
        moment = None if since is None else instant(since)
        with self.database.reading() as tx:
            return events.read_runs(tx, name=name, since=moment, limit=limit)

    def resource(self, sample: ResourceSample) -> None:
        """Keep a look at a machine."""
        with self.database.writing() as tx:
            events.keep_samples(self.database, tx, [sample])

    def resources(
        self,
        host: str | None = None,
        since: datetime | str | float | None = None,
        limit: int = 1_000,
    ) -> tuple[ResourceSample, ...]:
        """Give looks at machines, the newest first."""
        moment = None if since is None else instant(since)
        with self.database.reading() as tx:
            return events.read_samples(tx, host=host, since=moment, limit=limit)

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Fleet({self.database.name!r})"

    def _sketched(self, model: str, data: Any) -> Sketch:
        with self.database.reading() as tx:
            reference = catalogue.reference_of(tx, model)
        # Without a reference nothing can be compared; what came is kept all the same.
        return Sketch.fit(data) if reference is None else reference.empty().add(data)


def _packed(
    model: str,
    window: Window,
    sketch: Sketch | None,
    performance: Performance | None = None,
    failures: tuple[str, ...] = (),
) -> recording.Packed:
    return recording.Packed(
        model=model,
        window=window,
        content=None if sketch is None else pack_sketch(sketch),
        rows=0 if sketch is None else sketch.rows,
        performance=performance,
        failures=tuple(failures),
    )


def _drift(
    name: str, window: Window, row: Any, reference: Sketch | None, parts: Sequence[Sketch]
) -> DriftResult:
    nothing = Sketch(kinds={}, columns={}, rows=0)
    how: Mapping[str, Any] = row.summary
    return DriftResult(
        model=name,
        window=str(window),
        reference_rows=how["reference_rows"],
        current_rows=row.row_count,
        features=unpack_features(row.detail),
        q=how["q"],
        smallest_shift=how["smallest_shift"],
        control=how["control"],
        level=how["level"],
        reference=reference or nothing,
        current=plans.added_up(parts) if parts else nothing,
    )
