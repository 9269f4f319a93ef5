"""Windows: the rows each policy chooses, against a plain reading of the log, on both databases."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import create_engine, insert, text

from modelward.adaptive_pipeline import LastN, ReservoirRecent, Signal, SinceDrift, Store
from modelward.adaptive_pipeline.losses import squared
from modelward.adaptive_pipeline.retrainer import windows
from modelward.adaptive_pipeline.store import schema
from modelward.core.errors import ConfigError, DataError

ANY = Signal(trigger="manual", reason="r")
POSTGRES = os.environ.get(
    "MODELWARD_TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1/postgres"
)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        store = Store(f"sqlite:///{tmp_path / 'windows.db'}")
        yield store
        store.close()
        return
    name = f"windows_{uuid.uuid4().hex}"
    engine = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except Exception as error:
        if os.environ.get("MODELWARD_REQUIRE_SERVICES") == "1":
            pytest.fail(f"required here, and missing: PostgreSQL ({error})")
        pytest.skip(f"no PostgreSQL at {POSTGRES}")
    store = Store(engine.url.set(database=name).render_as_string(hide_password=False))
    yield store
    store.close()
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


def serve(store: Store, n: int, **row: Any) -> None:
    """Record n requests whose feature x is their own number."""
    first = store.served() + 1
    rows = [
        {
            "request_id": f"r{seq}",
            "at": float(seq),
            "row": row or {"x": float(seq)},
            "version": "1",
            "prediction": 0,
        }
        for seq in range(first, first + n)
    ]
    with store.transaction() as tx:
        tx.execute(insert(schema.predictions), rows)


def join(store: Store, *labels: tuple[int, int, Any], late: bool = False) -> None:
    """Join labels as (seq, revision, label), in this order."""
    rows = [
        {"seq": seq, "revision": revision, "label": label, "at": 0.0, "late": late}
        for seq, revision, label in labels
    ]
    with store.transaction() as tx:
        tx.execute(insert(schema.joined), rows)


def test_each_request_counts_once_with_its_newest_label(database: Store) -> None:
    serve(database, 60)
    rng = np.random.default_rng(3)
    log = [(int(seq), revision, 0) for seq in range(1, 61) for revision in range(3) if seq % 5]
    log = [(s, r, 100 * s + r) for s, r, _ in rng.permutation(log).tolist() if r == 0 or s % 3 == 0]
    log = [entry for entry in log if entry[0] != 42] + [(42, 7, 4_207)]
    join(database, *log[:-5])
    join(database, *log[-5:], late=True)
    # The oracle: a plain reading of the log.
    newest: dict[int, tuple[int, int]] = {}
    for seq, revision, label in log:
        newest[seq] = max(newest.get(seq, (-1, 0)), (revision, label))
    data, until = windows.load(database, LastN(n=1_000), ANY)
    assert until == len(log)
    assert data.seq == tuple(sorted(newest))
    assert data.y.tolist() == [newest[seq][1] for seq in data.seq]
    assert data.X["x"].tolist() == [float(seq) for seq in data.seq]
    assert windows.count(database, LastN(n=1_000), ANY) == len(newest)


def test_the_same_position_gives_the_same_window_whatever_comes_after(database: Store) -> None:
    serve(database, 80)
    join(database, *[(seq, 0, seq % 2) for seq in range(1, 81, 2)])
    policies = [
        SinceDrift(minimum=20),
        LastN(n=30, minimum=20),
        ReservoirRecent(recent=10, reservoir=10, minimum=20),
    ]
    before = [windows.load(database, policy, ANY) for policy in policies]
    join(database, *[(seq, 0, 1) for seq in range(2, 81, 2)], *[(seq, 1, 9) for seq in (1, 41, 79)])
    for policy, (data, until) in zip(policies, before, strict=True):
        again, _ = windows.load(database, policy, ANY, until=until)
        assert again.sha256 == data.sha256
        assert windows.load(database, policy, ANY)[0].sha256 != data.sha256


def test_policies_choose_by_labelled_requests(database: Store) -> None:
    serve(database, 200)
    labelled = [seq for seq in range(1, 191) if seq % 3]
    join(database, *[(seq, 0, 1) for seq in labelled])

    def chosen(policy: Any, since: int | None = None) -> list[int]:
        signal = Signal(trigger="t", reason="r", since=since)
        data, _ = windows.load(database, policy, signal)
        assert windows.count(database, policy, signal) == len(data.seq)
        return list(data.seq)

    assert chosen(SinceDrift(minimum=25)) == labelled[-25:]
    since = [seq for seq in labelled if seq >= 100]
    assert chosen(SinceDrift(minimum=25), since=100) == since
    assert chosen(SinceDrift(minimum=25, maximum=30), since=100) == since[-30:]
    assert chosen(LastN(n=50, minimum=25), since=180) == labelled[-50:]
    both = chosen(ReservoirRecent(recent=30, reservoir=40, minimum=25))
    assert both[-30:] == labelled[-30:]
    assert len(both) == 70
    assert set(both[:40]) <= set(labelled[:-30])
    assert both == chosen(ReservoirRecent(recent=30, reservoir=40, minimum=25))
    assert both != chosen(ReservoirRecent(recent=30, reservoir=40, minimum=25, seed=1))
    few = ReservoirRecent(recent=30, reservoir=4_000, minimum=25)
    assert chosen(few) == labelled


def test_the_reservoir_draws_each_older_request_and_pair_equally_often(store: Store) -> None:
    """Chi-square of inclusions over 400 seeds: 150 requests, and the pairs of neighbours."""
    n, drawn, seeds = 150, 30, 400
    serve(store, n + 1)
    join(store, *[(seq, 0, 1) for seq in range(1, n + 2)])
    taken = np.zeros((seeds, n))
    for seed in range(seeds):
        policy = ReservoirRecent(recent=1, reservoir=drawn, minimum=20, seed=seed)
        chosen = policy.choose(ANY, windows._labelled(None))
        with store.reading() as tx:
            rows = sorted(row.seq for row in tx.execute(chosen))
        assert len(rows) == drawn + 1
        taken[seed, np.array(rows[:-1]) - 1] = 1
    # Without replacement the counts of one seed are dependent: variance p(1-p) n/(n-1) a cell.
    p = drawn / n
    chi2 = ((taken.sum(0) - seeds * p) ** 2).sum() / (seeds * p * (1 - p))
    assert n - 5 * np.sqrt(2 * n) < chi2 < n + 5 * np.sqrt(2 * n)
    pair = p * (drawn - 1) / (n - 1)
    for gap in (1, 2, 50):
        together = (taken[:, gap:] * taken[:, :-gap]).sum()
        expected = seeds * (n - gap) * pair
        assert abs(together - expected) < 5 * np.sqrt(expected)


def test_the_draw_changes_slowly_as_the_log_grows(store: Store) -> None:
    policy = ReservoirRecent(recent=20, reservoir=50, minimum=20)
    serve(store, 1_000)
    join(store, *[(seq, 0, 1) for seq in range(1, 901)])
    before = set(windows.load(store, policy, ANY)[0].seq[:50])
    join(store, *[(seq, 0, 1) for seq in range(901, 1_001)])
    after = set(windows.load(store, policy, ANY)[0].seq[:50])
    # Only what comes in pushes out: about a tenth of 50 places.
    assert all(seq > 880 for seq in after - before)
    assert len(after - before) < 20


def test_rows_that_do_not_go_together_are_named(store: Store) -> None:
    policy = LastN(n=25, minimum=20)
    with pytest.raises(DataError, match="expected labelled requests in the window, got none"):
        windows.load(store, policy, ANY)
    serve(store, 30, x=1.0, old=2)
    serve(store, 10, x=1.0, new=2)
    join(store, *[(seq, 0, 1) for seq in range(1, 41)])
    with pytest.raises(
        DataError, match=r"got request 16 with missing \['new'\] and unknown \['old'\]"
    ):
        windows.load(store, policy, ANY)
    serve(store, 20, x=1.0, new="two")
    join(store, *[(seq, 0, 1) for seq in range(41, 61)])
    with pytest.raises(
        DataError, match=r"column 'new' to be all text, all numbers .* got int, str"
    ):
        windows.load(store, policy, ANY)
    serve(store, 25, x=1, new=True)
    join(store, *[(seq, 0, "up" if seq % 2 else 0.5) for seq in range(61, 86)])
    with pytest.raises(DataError, match=r"the labels to be all text.* got float, str"):
        windows.load(store, policy, ANY)


def test_a_label_that_gives_no_loss_does_not_keep_a_training_from_beginning(store: Store) -> None:
    serve(store, 40)
    join(store, *[(seq, 0, float(seq)) for seq in range(1, 41) if seq not in {5, 9}])
    join(store, (5, 0, "n/a"), (9, 0, 1e308), (7, 1, "n/a"))
    data, until = windows.load(store, LastN(n=100, minimum=20), ANY, loss=squared)
    assert data.seq == tuple(seq for seq in range(1, 41) if seq not in {5, 7, 9})
    assert data.y.tolist() == [float(seq) for seq in data.seq]
    join(store, (5, 1, 5.0))  # corrected
    assert 5 in windows.load(store, LastN(n=100, minimum=20), ANY, loss=squared)[0].seq
    again, _ = windows.load(store, LastN(n=100, minimum=20), ANY, loss=squared, until=until)
    assert again.sha256 == data.sha256


def test_whole_and_broken_numbers_go_together(store: Store) -> None:
    serve(store, 10, x=1, y=True, z="a")
    serve(store, 10, x=1.5, y=False, z="b")
    join(store, *[(seq, 0, seq / 2 if seq % 2 else seq) for seq in range(1, 21)])
    data, _ = windows.load(store, LastN(n=20, minimum=20), ANY)
    assert [str(kind) for kind in data.X.dtypes] == ["float64", "bool", "object"]
    assert data.y.dtype == float


def test_reading_a_window_looks_at_no_row_outside_it(store: Store) -> None:
    serve(store, 300)
    with store.transaction() as tx:
        tx.execute(text("UPDATE predictions SET row = 'not JSON' WHERE seq <= 280"))
    join(store, *[(seq, 0, 1) for seq in range(1, 301)])
    data, _ = windows.load(store, LastN(n=20, minimum=20), ANY)
    assert data.seq == tuple(range(281, 301))


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(ConfigError, match="at least 20 labelled requests, got 3"):
        SinceDrift(minimum=3)
    with pytest.raises(ConfigError, match="a minimum of at most the window's 30 rows, got 50"):
        SinceDrift(minimum=50, maximum=30)
    with pytest.raises(ConfigError, match="at most the window's 100 rows, got 150"):
        LastN(n=100)
    with pytest.raises(ConfigError, match="expected recent >= 1 and reservoir >= 0"):
        ReservoirRecent(recent=500, reservoir=-1)
