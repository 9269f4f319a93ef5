"""Prometheus text: what the format's own readers read back is what was set."""

from __future__ import annotations

import math
import os
import shutil
import struct
import subprocess
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from modelward.core.errors import DataError
from modelward.core.metrics import Exposition, Family

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def read(text: bytes) -> dict[str, dict[tuple[str, ...], float]]:
    """The values by family and label values, as prometheus-client's parser reads them."""
    families: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found = families.setdefault(sample.name, {})
            key = tuple(sample.labels.values())
            assert key not in found
            found[key] = sample.value
    return families


def same(a: float, b: float) -> bool:
    return struct.pack("d", a) == struct.pack("d", b) or (math.isnan(a) and math.isnan(b))


def one(**fields: Any) -> tuple[Exposition, Family]:
    exposition = Exposition()
    settings = {"name": "a_ratio", "help": "A.", "labels": ["model"]} | fields
    return exposition, exposition.gauge(**settings)


def test_text_is_what_prometheus_client_writes() -> None:
    registry, exposition = CollectorRegistry(), Exposition()
    theirs = Gauge(
        "shop_error_ratio", "Wrong\nanswers \\ all.", ["model", "team"], registry=registry
    )
    ours = exposition.gauge("shop_error_ratio", "Wrong\nanswers \\ all.", labels=["model", "team"])
    values = {("fraud", 'a"b'): 0.25, ("churn", "c\\d\n"): math.nan, ("x", "é"): -math.inf}
    for (model, team), value in values.items():
        theirs.labels(model, team).set(value)
        ours.add([(model, team)], value)
    count = exposition.counter("shop_requests_total", "Requests.")
    count.add([()], 12)
    Counter("shop_requests", "Requests.", registry=registry).inc(12)
    lines = [x for x in generate_latest(registry).splitlines() if b"_created" not in x]
    assert exposition.render().splitlines() == lines


@given(st.dictionaries(st.tuples(texts, texts), st.floats(), min_size=1, max_size=20))
def test_hostile_labels_and_any_number_come_back(series: dict[tuple[str, str], float]) -> None:
    exposition, family = one(labels=["model", "slice"])
    family.add(list(series), list(series.values()))
    found = read(exposition.render())["a_ratio"]
    assert found.keys() == series.keys()
    assert all(same(float(found[key]), value) for key, value in series.items())


@pytest.mark.parametrize(
    "hostile",
    [
        '"} 1\nfake_metric 2\n# ',
        "\\",
        '\\"',
        "\\n",
        "a\nb",
        "\r\n",
        "{}=,#",
        " ",
        "",
        "🦊 ﷺ \u2028 \x00",
    ],
)
def test_hostile_names_stay_in_their_label(hostile: str) -> None:
    exposition, family = one()
    family.add([(hostile,), ("other",)], [1.0, 2.0])
    assert read(exposition.render()) == {"a_ratio": {(hostile,): 1.0, ("other",): 2.0}}


def test_numbers_are_written_as_prometheus_wants_them() -> None:
    exposition, family = one()
    values = [math.nan, math.inf, -math.inf, 0.1, 1e300, 5e-324, -0.0, 3.0]
    family.add([(str(i),) for i in range(len(values))], values)
    written = [line.split()[-1] for line in exposition.render().decode().splitlines()[2:]]
    assert written[:3] == ["NaN", "+Inf", "-Inf"]
    assert all(same(float(text), value) for text, value in zip(written, values, strict=True))


def test_the_real_prometheus_reads_it() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        reason = "no promtool on this machine (Debian: apt-get install prometheus)"
        (pytest.fail if os.environ.get("MODELWARD_REQUIRE_SERVICES") == "1" else pytest.skip)(
            reason
        )
    exposition, family = one(name="shop_error_ratio", labels=["model", "slice"])
    names = ['"} 1\nfake 2', "\\", '\\"', "a\nb", "{}=,#", "", "🦊", "plain", "1"]
    values = [math.nan, math.inf, -math.inf, 0.1, 1e300, 5e-324, -0.0, 3.0, 1e-5]
    family.add([(each, each) for each in names], values)
    exposition.counter("shop_requests_total", "All \\ requests\nso far.").add([()], 1e17)
    exposition.gauge("shop_empty_ratio", "No series yet.", labels=["model"])
    answer = subprocess.run(
        [promtool, "check", "metrics"],
        input=exposition.render(),
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert (answer.returncode, answer.stdout + answer.stderr) == (0, b"")


def test_setting_adding_and_removing() -> None:
    exposition, family = one()
    family.add([("a",), ("b",), ("c",)], [1, 2, 3])
    assert read(exposition.render())["a_ratio"] == {("a",): 1, ("b",): 2, ("c",): 3}
    family.set([4, 5, 6])
    family.set([7], series=[("b",)])
    assert read(exposition.render())["a_ratio"] == {("a",): 4, ("b",): 7, ("c",): 6}
    family.remove([("a",)])
    family.add([("d",)], 9)
    family.set(8, series=[("c",)])
    assert read(exposition.render())["a_ratio"] == {("b",): 7, ("c",): 8, ("d",): 9}
    assert family.series == (("b",), ("c",), ("d",))
    assert family.values.tolist() == [7, 8, 9]
    family.add([("a",)], 1)
    family.set(0)
    assert set(read(exposition.render())["a_ratio"].values()) == {0}
    family.remove(family.series)
    assert len(family) == 0
    family.set([])
    assert read(exposition.render()) == {}


def test_what_was_handed_in_or_out_cannot_change_the_values() -> None:
    exposition, family = one()
    values = np.array([1.0, 2.0])
    family.add([("a",), ("b",)], values)
    family.set(values)
    values[:] = 9
    family.values[:] = 9
    assert family.values.tolist() == [1, 2]
    assert read(exposition.render())["a_ratio"] == {("a",): 1, ("b",): 2}


def test_text_of_unchanged_families_is_kept() -> None:
    exposition, family = one()
    other = exposition.gauge("b_ratio", "B.")
    family.add([("a",)], 1)
    other.add([()], 1)
    exposition.render()
    kept = family._text
    other.set(2)
    exposition.render()
    assert kept is not None
    assert family._text is kept


@pytest.mark.slow
def test_ten_thousand_models_of_twenty_series() -> None:
    exposition = Exposition()
    models = [(f"model-{i}",) for i in range(10_000)]
    values = np.random.default_rng(0).normal(size=(20, len(models)))
    families = [
        exposition.gauge(f"fleet_figure_{k}_ratio", "A figure.", labels=["model"])
        for k in range(20)
    ]
    for family, row in zip(families, values, strict=True):
        family.add(models, row)
    found = read(exposition.render())
    assert len(found) == 20
    for k, row in enumerate(values.tolist()):
        assert found[f"fleet_figure_{k}_ratio"] == dict(zip(models, row, strict=True))


def test_a_scrape_sees_each_set_whole() -> None:
    exposition, family = one()
    family.add([(str(i),) for i in range(500)], 0)
    done = threading.Event()
    failures: list[str] = []

    def write(start: int) -> None:
        for k in range(start, start + 150):
            with exposition.lock:  # re-entrant: two calls as one
                family.set(np.full(500, k))
                family.add([(f"new-{k}",)], k)
                family.remove([(f"new-{k}",)])

    def scrape() -> None:
        while not done.is_set():
            found = set(read(exposition.render())["a_ratio"].values())
            if len(found) != 1:
                failures.append(f"a torn scrape: {found}")

    writers = [threading.Thread(target=write, args=(k * 1_000,)) for k in range(3)]
    scraper = threading.Thread(target=scrape)
    for thread in (scraper, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    scraper.join()
    assert failures == []
    assert len(family) == 500


def test_a_scrape_waits_for_who_holds_the_lock() -> None:
    exposition, error = one()
    rows = exposition.gauge("b_rows", "B.")
    for family, series in ((error, ("a",)), (rows, ())):
        family.add([series], 0)
    found: list[bytes] = []
    scraper = threading.Thread(target=lambda: found.append(exposition.render()))
    with exposition.lock:
        error.set(1)
        scraper.start()
        scraper.join(timeout=0.2)
        assert found == []
        rows.set(1)
    scraper.join()
    assert read(found[0]) == {"a_ratio": {("a",): 1}, "b_rows": {(): 1}}


def test_beside_a_registry() -> None:
    registry = CollectorRegistry()
    exposition = Exposition(registry=registry)
    exposition.gauge("fleet_error_ratio", "E.", labels=["model"]).add([("a",)], 0.5)
    exposition.counter("fleet_windows_total", "W.").add([()], 3)
    Gauge("process_queue_rows", "Q.", registry=registry).set(4)
    assert read(exposition.render()) == {
        "fleet_error_ratio": {("a",): 0.5},
        "fleet_windows_total": {(): 3},
        "process_queue_rows": {(): 4},
    }
    for make in (
        lambda: Gauge("fleet_error_ratio", "E.", registry=registry),
        lambda: Counter("fleet_windows_total", "W.", registry=registry),
    ):
        with pytest.raises(ValueError, match="Duplicated timeseries"):
            make()
    with pytest.raises(
        DataError, match="that the registry does not have, got 'process_queue_rows'"
    ):
        exposition.gauge("process_queue_rows", "Q.")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "a:b"}, "expected letters, digits and underscores, no digit first, got 'a:b'"),
        ({"name": "1a"}, "no digit first, got '1a'"),
        ({"name": ""}, "no digit first, got ''"),
        ({"name": "a\n"}, "no digit first, got 'a\\n'"),
        ({"name": "é"}, "got 'é'"),
        ({"name": "a_total"}, "'a_total', whose ending stands for another type"),
        ({"name": "a_bucket"}, "whose ending stands for another type"),
        ({"help": " "}, "expected a help text for 'a_ratio', got none"),
        ({"help": "\ud800"}, "expected text that UTF-8 can write"),
        ({"labels": ["model", "model"]}, "expected label names, each once"),
        ({"labels": "model"}, "expected label names, each once"),
        ({"labels": ["a-b"]}, "got 'a-b'"),
        ({"labels": ["__name__"]}, "a label that Prometheus does not reserve, got '__name__'"),
        ({"labels": ["le"]}, "does not reserve, got 'le'"),
    ],
)
def test_declarations_are_checked(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        one(**fields)
    assert message in str(caught.value)


def test_names_are_declared_once() -> None:
    exposition, _ = one(name="a_ratio")
    exposition.counter("requests_total", "R.")
    with pytest.raises(DataError, match="got 'a_ratio' beside 'a_ratio'"):
        exposition.gauge("a_ratio", "A.")
    with pytest.raises(DataError, match="got 'requests' beside 'requests_total'"):
        exposition.gauge("requests", "R.")
    with pytest.raises(DataError, match="Hint: call it 'errors_total'"):
        exposition.counter("errors", "E.")


@pytest.mark.parametrize(
    ("series", "values", "message"),
    [
        ([("a",)], 1, "expected new series of 'a_ratio', got ('a',) again"),
        ([("b",), ("b",)], 1, "got ('b',) again"),
        ([("b", "c")], 1, "expected 1 texts, the values of the labels ('model',)"),
        (["b"], 1, "got 'b'"),
        ([(3,)], 1, "got (3,)"),
        ([(None,)], 1, "got (None,)"),
        ([("\ud800",)], 1, "expected text that UTF-8 can write"),
        ([("b",)], [1, 2], "expected 1 values of 'a_ratio' or one, got the shape (2,)"),
        ([("b",)], [[1]], "got the shape (1, 1)"),
    ],
)
def test_a_refused_addition_adds_nothing(series: Any, values: Any, message: str) -> None:
    exposition, family = one()
    family.add([("a",)], 1)
    before = exposition.render()
    with pytest.raises(DataError) as caught:
        family.add(series, values)
    assert message in str(caught.value)
    assert exposition.render() == before
    family.add([("b",)], 2)
    assert read(exposition.render())["a_ratio"] == {("a",): 1, ("b",): 2}


def test_unknown_series_and_wrong_counts() -> None:
    _, family = one()
    family.add([("a",), ("b",)], 1)
    for change in (
        lambda: family.set(1, series=[("c",)]),
        lambda: family.remove([("a",), ("c",)]),
    ):
        with pytest.raises(DataError, match=r"expected a series of 'a_ratio', got \('c',\)"):
            change()
    with pytest.raises(DataError, match="expected 2 values of 'a_ratio' or one"):
        family.set([1, 2, 3])
    assert family.values.tolist() == [1, 1]
    count = Exposition().counter("a_total", "A.", labels=["model"])
    with pytest.raises(DataError, match=r"expected counts >= 0 for 'a_total', got -1\.0"):
        count.add([("a",)], [-1])


def test_the_clients_absence_is_told_with_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    one()  # needs none
    with pytest.raises(ImportError, match=r"pip install './packages/core\[prometheus\]'"):
        Exposition(registry=object()).gauge("a_ratio", "A.")
